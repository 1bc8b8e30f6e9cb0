"""What is asked of the token endpoints of Google and Microsoft, and what their answers mean."""

import base64
import json
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from dragoman.auth import aws, entra, google, oauth
from dragoman.auth.renewal import Renewing
from dragoman.auth.sigv4 import Scope
from dragoman.clock import Clock
from dragoman.errors import Failure

CLOCK = Clock(lambda: 1_800_000_000.5, lambda: 1.0)
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()


class Endpoint:
    """Remembers what was asked, and answers."""

    def __init__(self, status: int = 200, body: bytes = b'{"access_token":"t","expires_in":60}'):
        self.answer = status, body
        self.asked: list[tuple[str, str, Mapping[str, str], dict[str, str]]] = []

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        form = {name: one for name, (one,) in parse_qs(body.decode()).items()}
        self.asked.append((method, url, headers, form))
        return self.answer


def service_account(**fields: Any) -> str:
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "a-project",
            "client_email": "gateway@a-project.iam.gserviceaccount.com",
            "private_key": PEM,
            "private_key_id": "k1",
            "token_uri": "https://tokens.example/token",
            **fields,
        }
    )


def decoded(part: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(part + "=="))


async def test_a_service_account_signs_a_claim():
    endpoint = Endpoint()
    fetch = google.fetch(google.credentials(service_account()), endpoint, CLOCK)
    assert await fetch() == ("t", 60)
    ((method, url, headers, form),) = endpoint.asked
    assert (method, url) == ("POST", "https://tokens.example/token")
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claim, signature = form["assertion"].split(".")
    assert decoded(head) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert decoded(claim) == {
        "iss": "gateway@a-project.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://tokens.example/token",
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
    }
    KEY.public_key().verify(
        base64.urlsafe_b64decode(signature + "=="),
        f"{head}.{claim}".encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )


async def test_a_user_sends_the_refresh_token():
    endpoint = Endpoint()
    held = google.credentials(
        '{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}'
    )
    await google.fetch(held, endpoint, CLOCK)()
    ((_, url, _, form),) = endpoint.asked
    assert url == "https://oauth2.googleapis.com/token"
    assert form == {
        "grant_type": "refresh_token",
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
    }
    assert f"{held!r}{held}" == "******"


async def test_the_metadata_server_is_asked_in_its_own_way():
    endpoint = Endpoint()
    await google.from_metadata(endpoint)()
    ((method, url, headers, form),) = endpoint.asked
    assert (method, headers, form) == ("GET", {"metadata-flavor": "Google"}, {})
    assert url.startswith("http://metadata.google.internal/computeMetadata/v1/")


async def test_an_application_of_entra():
    endpoint = Endpoint(body=b'{"access_token":"t","expires_in":"3599"}')
    application = entra.Application("a-tenant", "c", "s")
    assert await entra.fetch(application, endpoint)() == ("t", 3599)
    ((_, url, _, form),) = endpoint.asked
    assert url == "https://login.microsoftonline.com/a-tenant/oauth2/v2.0/token"
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "c",
        "client_secret": "s",
        "scope": "https://ai.azure.com/.default",
    }
    assert repr(application) == "***"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is not the file of a service_account or an authorized_user"),
        ('{"type":"external_account"}', "look at type"),
        ('{"type":"service_account","client_email":"a"}', "is not the file of"),
    ],
)
def test_a_file_that_is_no_credential(text: str, words: str):
    with pytest.raises(ValueError, match=words):
        google.credentials(text)


def test_a_private_key_that_cannot_sign():
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for key, words in (("nothing", "cannot be read"), (other.decode(), "is not an RSA key")):
        held = google.credentials(service_account(private_key=key))
        with pytest.raises(ValueError, match=words) as caught:
            google.fetch(held, Endpoint(), CLOCK)
        assert key not in str(caught.value)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    for name in [one for one in sys.modules if one.startswith(("cryptography.hazmat.pr", "botoc"))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"pip install 'dragoman\[vertex\]'"):
        google.fetch(google.credentials(service_account()), Endpoint(), CLOCK)
    with pytest.raises(ValueError, match=r"pip install 'dragoman\[bedrock\]'"):
        aws.found_by_botocore("")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error":"invalid_grant","error_description":"Bad Request"}', "upstream_refused"),
        (401, b"no", "upstream_refused"),
        (429, b"", "upstream_fault"),
        (500, b"<html>", "upstream_fault"),
        (200, b"{}", "upstream_fault"),
        (200, b'{"access_token":"a\\nb"}', "upstream_fault"),
    ],
)
async def test_no_token(status: int, body: bytes, kind: str):
    with pytest.raises(Failure) as caught:
        await oauth.granted(Endpoint(status, body), "https://tokens.example", {"a": "secret"})
    assert caught.value.kind == kind
    assert f"https://tokens.example answered {status}" in caught.value.detail
    assert "secret" not in caught.value.detail


async def test_a_bearer_that_was_refused():
    now = 0.0
    clock = Clock(lambda: now, lambda: now)
    endpoint = Endpoint()

    async def fetch():
        return await oauth.granted(endpoint, "https://tokens.example", {})

    bearer = oauth.Bearer(Renewing(fetch, clock))
    lines = await bearer("POST", "/x", b"", b"")
    assert lines == b"authorization: Bearer t\r\n"
    assert not bearer.refused(lines)
    now = 61.0
    assert bearer.refused(lines)


async def test_keys_that_botocore_finds(monkeypatch: pytest.MonkeyPatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    file.write_text(
        "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = s\naws_session_token = t\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fresh = await aws.found_by_botocore("work")()
    assert tuple(fresh.value) == ("AKIDWORK", "s", "t")
    with pytest.raises(ValueError, match="nobody"):
        aws.found_by_botocore("nobody")
    with pytest.raises(Failure) as caught:
        await aws.found_by_botocore("")()
    assert caught.value.detail == "botocore finds no AWS credentials"
    signature = aws.Signature(
        Renewing(aws.found_by_botocore("work"), CLOCK),
        Scope("us-east-1", "bedrock"),
        aws.Origin("bedrock.example", ""),
        CLOCK,
    )
    lines = await signature("POST", "/model/x/invoke", b"", b"{}" * aws.LARGE_BYTES)
    assert b"x-amz-security-token: t\r\n" in lines
    assert not signature.refused(lines)

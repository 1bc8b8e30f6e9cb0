"""Google credentials: a service account's key, a user's refresh token, or the metadata server.

A service account signs a claim with its private key and trades it for an access token (RFC 7523);
a user's refresh token is traded as it is; on Google's own machines the metadata server hands
tokens out (sources: Google's documentation of server-to-server OAuth and of the metadata server).
Signing takes RSA, which the package ``cryptography`` does; it is an extra.
"""

import importlib
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from dragoman.auth.oauth import Ask, granted, read
from dragoman.auth.renewal import Fresh
from dragoman.clock import Clock
from dragoman.codec import jsonio

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
METADATA_URL = (
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
)
_CLAIM_S = 3600
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_MISSING = "service accounts need the package cryptography: pip install 'dragoman[vertex]'"

Fetch = Callable[[], Awaitable[Fresh[str]]]


class ServiceAccount(Struct, tag_field="type", tag="service_account", frozen=True):
    """A key file of the kind that Google's console makes."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = ""

    def __repr__(self) -> str:
        return "***"


class AuthorizedUser(Struct, tag_field="type", tag="authorized_user", frozen=True):
    """What ``gcloud auth application-default login`` leaves behind."""

    client_id: str
    client_secret: str
    refresh_token: str

    def __repr__(self) -> str:
        return "***"


_credentials: jsonio.Decoder[ServiceAccount | AuthorizedUser] = jsonio.Decoder(
    ServiceAccount | AuthorizedUser
)


def credentials(text: str) -> ServiceAccount | AuthorizedUser:
    """A credential file's text. Raises ``ValueError``, whose words hold nothing of the text."""
    try:
        return _credentials.decode(text.encode())
    except jsonio.Malformed:
        raise ValueError("is not JSON") from None
    except jsonio.Mismatch as error:
        place = error.path or "the file"
        raise ValueError(
            f"is not the file of a service_account or an authorized_user: look at {place}"
        ) from None


def fetch(
    held: ServiceAccount | AuthorizedUser, ask: Ask, clock: Clock, token_url: str = ""
) -> Fetch:
    """What trades a credential for access tokens; ``token_url`` in the place of its own.

    Raises ``ValueError`` for a private key that cannot be used, and where ``cryptography`` is not
    installed.
    """
    if isinstance(held, AuthorizedUser):
        url = token_url or TOKEN_URL
        form = {
            "grant_type": "refresh_token",
            "client_id": held.client_id,
            "client_secret": held.client_secret,
            "refresh_token": held.refresh_token,
        }
        return lambda: granted(ask, url, form)
    url = token_url or held.token_uri or TOKEN_URL
    sign = _signer(held.private_key)

    async def trade() -> Fresh[str]:
        assertion = _assertion(held, url, int(clock.wall()), sign)
        return await granted(ask, url, {"grant_type": _JWT_BEARER, "assertion": assertion})

    return trade


def from_metadata(ask: Ask, url: str = "") -> Fetch:
    """What asks the metadata server of the machine."""
    url = url or METADATA_URL

    async def asked() -> Fresh[str]:
        status, body = await ask("GET", url, {"metadata-flavor": "Google"}, b"")
        return read(url, status, body)

    return asked


def _assertion(
    held: ServiceAccount, audience: str, now: int, sign: Callable[[bytes], bytes]
) -> str:
    head = {"alg": "RS256", "typ": "JWT"}
    if held.private_key_id:
        head["kid"] = held.private_key_id
    claim = {
        "iss": held.client_email,
        "scope": SCOPE,
        "aud": audience,
        "iat": now,
        "exp": now + _CLAIM_S,
    }
    signed = b"%b.%b" % (_base64(jsonio.encode(head)), _base64(jsonio.encode(claim)))
    return (b"%b.%b" % (signed, _base64(sign(signed)))).decode()


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _signer(private_key: str) -> Callable[[bytes], bytes]:
    """RSASSA-PKCS1-v1_5 with SHA-256."""
    try:
        serialization: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")
        hashes: Any = importlib.import_module("cryptography.hazmat.primitives.hashes")
        padding: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.padding")
        rsa: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.rsa")
    except ImportError:
        raise ValueError(_MISSING) from None
    try:
        key: Any = serialization.load_pem_private_key(private_key.encode(), None)
    except (ValueError, TypeError):
        raise ValueError("the private_key of the service account cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the private_key of the service account is not an RSA key")
    return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())

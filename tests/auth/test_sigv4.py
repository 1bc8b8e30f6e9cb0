"""Our signatures are botocore's, for any path, query, body, credential and moment."""

import hashlib
from datetime import UTC, datetime
from unittest import mock

from botocore import auth as oracle
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from dragoman.auth.sigv4 import AwsKey, Message, Scope, lines

plain = st.text("abcXYZ019-_.~", min_size=1, max_size=12)
segments = st.lists(
    st.text("abcXYZ019-_~%:;@,=+$&", min_size=1, max_size=12), min_size=1, max_size=5
)
secrets = st.text("abcXYZ019/+", min_size=1, max_size=40)
queries = st.lists(st.tuples(plain, plain), max_size=3, unique_by=lambda pair: pair[0])


def signed_by_botocore(
    key: AwsKey, url: str, body: bytes, moment: datetime
) -> tuple[dict[str, str], str]:
    request = AWSRequest(
        method="POST", url=url, headers={"content-type": "application/json"}, data=body
    )
    credentials = Credentials(key.access_key, key.secret_key, key.token or None)
    with mock.patch.object(oracle, "get_current_datetime", return_value=moment):
        oracle.SigV4Auth(credentials, "bedrock", "eu-west-1").add_auth(request)
    return dict(request.headers.items()), request.headers["Authorization"]


@given(
    segments,
    queries,
    st.binary(max_size=50),
    st.builds(AwsKey, plain, secrets, st.one_of(st.just(""), secrets)),
    st.integers(946_684_800, 4_102_444_800),
)
def test_signatures_are_those_of_the_sdk(
    path: list[str], query: list[tuple[str, str]], body: bytes, key: AwsKey, wall: int
):
    host = "bedrock-runtime.eu-west-1.amazonaws.com"
    target = "/" + "/".join(path)
    if query:
        target += "?" + "&".join(f"{name}={value}" for name, value in query)
    _, expected = signed_by_botocore(
        key, f"https://{host}{target}", body, datetime.fromtimestamp(wall, UTC)
    )
    message = Message("POST", host, target, "application/json", hashlib.sha256(body).hexdigest())
    made = lines(key, Scope("eu-west-1", "bedrock"), message, wall).decode()
    assert f"authorization: {expected}\r\n" in made
    assert ("x-amz-security-token: " in made) is bool(key.token)


def test_a_key_is_derived_once_a_day_and_credential():
    scope = Scope("eu-west-1", "bedrock")
    first = scope.key("secret", "20261120")
    assert scope.key("secret", "20261120") is first
    assert scope.key("secret", "20261121") != first
    assert scope.key("other", "20261120") != first
    for day in range(10):
        scope.key("secret", f"2026120{day}")
    assert scope.key("secret", "20261120") == first


def test_a_credential_is_not_printed():
    key = AwsKey("AKIDEXAMPLE", "the secret", "the token")
    assert f"{key!r} {key} {[key]}" == "*** *** [***]"

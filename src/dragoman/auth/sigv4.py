"""AWS Signature Version 4: what proves to AWS who sends a request, without sending the secret.

A request is written in one canonical way, hashed, and signed with a key that is derived from the
secret for one day, one region and one service. Signed are the host, the content type and every
``x-amz-`` header, which AWS asks for; other headers are left out, because proxies on the way may
change them and nothing depends on them (source: AWS's documentation of the signing process;
botocore is the tests' oracle).
"""

import hashlib
import hmac
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_KEYS_KEPT = 8


class AwsKey(NamedTuple):
    """A credential; ``token`` is a session's, empty for a user's own key."""

    access_key: str
    secret_key: str
    token: str = ""

    def __repr__(self) -> str:
        return "***"


class Message(NamedTuple):
    """What is signed of a request."""

    method: str
    host: str
    """As the ``host`` header says it."""
    target: str
    """Path and query as they stand in the request line."""
    content_type: str
    body_sha256: str
    """Of the body, 64 hexadecimal digits."""


class Scope:
    """A region and a service, with the keys derived for them: one a day and credential."""

    __slots__ = ("_keys", "region", "service")

    def __init__(self, region: str, service: str) -> None:
        self.region = region
        self.service = service
        self._keys: deque[tuple[str, str, bytes]] = deque(maxlen=_KEYS_KEPT)

    def key(self, secret: str, day: str) -> bytes:
        """The signing key of a day (``20261120``)."""
        for known_day, known_secret, derived in self._keys:
            if known_day == day and hmac.compare_digest(known_secret.encode(), secret.encode()):
                return derived
        derived = f"AWS4{secret}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            derived = _hmac(derived, part)
        self._keys.appendleft((day, secret, derived))
        return derived


def lines(key: AwsKey, scope: Scope, message: Message, wall: float) -> bytes:
    """The header lines that authenticate a request sent at ``wall`` seconds since 1970."""
    moment = datetime.fromtimestamp(wall, UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {"content-type": message.content_type, "host": message.host, "x-amz-date": moment}
    if key.token:
        signed["x-amz-security-token"] = key.token
    names = ";".join(signed)
    day = moment[:8]
    place = f"{day}/{scope.region}/{scope.service}/aws4_request"
    canonical = _canonical(message, signed, names)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _hmac(
        scope.key(key.secret_key, day), f"{_ALGORITHM}\n{moment}\n{place}\n{digest}"
    ).hex()
    token = f"x-amz-security-token: {key.token}\r\n" if key.token else ""
    return (
        f"x-amz-date: {moment}\r\n{token}authorization: {_ALGORITHM} "
        f"Credential={key.access_key}/{place}, SignedHeaders={names}, Signature={signature}\r\n"
    ).encode("latin-1")


def _canonical(message: Message, signed: dict[str, str], names: str) -> str:
    """The canonical request; ``signed`` is in the order of its names."""
    path, _, query = message.target.partition("?")
    encoded = _encoded(path)
    # By name, then by value: "=" sorts behind digits, so whole pairs would come out otherwise.
    pairs = sorted(pair.partition("=") for pair in query.split("&")) if query else ()
    arguments = "&".join(f"{name}={value}" for name, _, value in pairs)
    headers = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in signed.items())
    return "\n".join((message.method, encoded, arguments, headers, names, message.body_sha256))


@lru_cache(maxsize=256)
def _encoded(path: str) -> str:
    """A path in the canonical request; there are as many as there are models.

    What is encoded already is encoded once more: so do all services but S3.
    """
    return quote(path, safe="/~")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")

"""AWS credentials, and the signature of every request (``account.Signer``).

Keys are those of the configuration, or what botocore finds: environment, profiles, single
sign-on, the roles of containers and instances. botocore is an extra, imported when an account asks
for it; it works in threads, because it reads files and talks to metadata services.
"""

import asyncio
import hashlib
import importlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from dragoman.auth.renewal import Fresh, Renewing
from dragoman.auth.sigv4 import AwsKey, Message, Scope, lines
from dragoman.clock import Clock
from dragoman.errors import Failure

LARGE_BYTES = 256 * 1024
"""The hash of a larger body is computed in a thread."""
ASKED_AGAIN_S = 60.0
"""How long a key that botocore gave is used; botocore itself knows when to renew it."""
_MISSING = "needs the package botocore: pip install 'dragoman[bedrock]'"
_CONTENT_TYPE = re.compile(rb"^content-type:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_REFUSED = "The upstream refused the gateway's own account."


class Origin(NamedTuple):
    """Where requests of an account go."""

    host: str
    """As the ``host`` header says it."""
    path: str
    """What is put before every path."""


class Signature:
    """Signs requests for one service in one region."""

    def __init__(
        self, key: AwsKey | Renewing[AwsKey], scope: Scope, origin: Origin, clock: Clock
    ) -> None:
        self._key = key
        self._scope = scope
        self._origin = origin
        self._clock = clock
        self._used: AwsKey | None = None

    async def __call__(self, method: str, path: str, headers: bytes, body: bytes) -> bytes:
        """The lines of a signature. Raises ``upstream_refused`` where there is no key."""
        key = self._key
        if isinstance(key, Renewing):
            key = self._used = await key.get()
        digest = (
            await asyncio.to_thread(_sha256, body) if len(body) > LARGE_BYTES else _sha256(body)
        )
        found = _CONTENT_TYPE.search(headers)
        content_type = found[1].decode("latin-1") if found else "application/json"
        message = Message(method, self._origin.host, self._origin.path + path, content_type, digest)
        return lines(key, self._scope, message, self._clock.wall())

    def refused(self, lines: bytes) -> bool:
        """Whether, after these lines were refused, others can be had."""
        key, used = self._key, self._used
        return isinstance(key, Renewing) and used is not None and key.refused(used)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def found_by_botocore(profile: str) -> Callable[[], Awaitable[Fresh[AwsKey]]]:
    """What asks botocore for a key; ``profile`` is one of AWS's configuration files, or empty.

    Raises ``ValueError`` where botocore is not installed or the profile does not exist.
    """
    try:
        session_module: Any = importlib.import_module("botocore.session")
        errors: Any = importlib.import_module("botocore.exceptions")
    except ImportError:
        raise ValueError(_MISSING) from None
    session: Any = session_module.Session(profile=profile or None)
    try:
        session.get_scoped_config()
    except errors.ProfileNotFound as error:
        raise ValueError(str(error)) from None

    def ask() -> AwsKey:
        try:
            held = session.get_credentials()
            frozen = held.get_frozen_credentials() if held is not None else None
        except errors.BotoCoreError as error:
            raise Failure("upstream_refused", _REFUSED, detail=f"botocore: {error}") from None
        if frozen is None:
            detail = "botocore finds no AWS credentials"
            raise Failure("upstream_refused", _REFUSED, detail=detail)
        return AwsKey(frozen.access_key, frozen.secret_key, frozen.token or "")

    async def fetch() -> Fresh[AwsKey]:
        return Fresh(await asyncio.to_thread(ask), ASKED_AGAIN_S)

    return fetch

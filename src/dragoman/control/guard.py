"""Who may ask: whoever holds ``admin.key``. Nothing else of a request is looked at before."""

import hmac
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dragoman.auth.keys import digest
from dragoman.dialects.registry import CHAT
from dragoman.errors import Failure


class Guard:
    """Lets requests with the right bearer key through, answers all others 401."""

    def __init__(self, app: ASGIApp, key: Callable[[], bytes]) -> None:
        """``key`` gives the digest of the admin key in force."""
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._allows(scope):
            await _REFUSED(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _allows(self, scope: Scope) -> bool:
        """Compared are digests, in constant time: neither length nor text can be found out."""
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1 or given[0][:7].lower() != b"bearer ":
            return False
        return hmac.compare_digest(digest(given[0][7:].strip().decode("latin-1")), self._key())


_REFUSED = Response(
    CHAT.error_body(
        Failure(
            "unauthenticated",
            "The admin API wants the admin key: `Authorization: Bearer <admin.key>`.",
        )
    ),
    401,
    {"www-authenticate": "Bearer"},
    media_type="application/json",
)

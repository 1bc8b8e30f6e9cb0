"""Cross-origin access for browsers, for configured origins only (the Fetch standard, §3.2).

With no origin configured nothing of this exists: no header, no preflight, no cost. An origin that
is not configured gets no permission, and its preflight goes to the handler like any other OPTIONS
request. Credentials mode (cookies) is never allowed: the key travels in a header.
"""

from collections.abc import Mapping, Sequence

METHODS = "GET, HEAD, POST, OPTIONS"
EXPOSED = ", ".join(
    (
        "x-request-id",
        "request-id",
        "x-conversation-id",
        "retry-after",
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
        "x-dragoman-account",
        "x-dragoman-attempts",
        "x-dragoman-explain",
        "x-dragoman-warnings",
    )
)
MAX_AGE_S = 7200
"""How long a browser may remember a preflight; browsers cap it themselves at about this."""

_VARY = "vary: origin\r\n"


class Cors:
    """The permissions of the configured origins; ``*`` stands for every origin."""

    __slots__ = ("_any", "_lines")

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._lines = {origin: _allowed(origin) for origin in origins}

    def lines(self, headers: Mapping[str, str]) -> str:
        """Header lines for an ordinary answer, each with its CR LF."""
        origin = headers.get("origin")
        if origin is None:
            return "" if self._any else _VARY
        allowed = self._allowed(origin)
        return f"{allowed}access-control-expose-headers: {EXPOSED}\r\n" if allowed else _VARY

    def preflight(self, method: str, headers: Mapping[str, str]) -> list[tuple[str, str]] | None:
        """Headers of the answer to a preflight request; None if the request is none, or not
        permitted.

        Beside these, the answer carries :meth:`lines`.
        """
        if method != "OPTIONS" or "access-control-request-method" not in headers:
            return None
        if not self._allowed(headers.get("origin", "")):
            return None
        return [
            ("access-control-allow-methods", METHODS),
            # Official browser clients send a dozen headers of their own; a key is still needed.
            ("access-control-allow-headers", headers.get("access-control-request-headers", "*")),
            ("access-control-max-age", str(MAX_AGE_S)),
            ("vary", "access-control-request-headers"),
        ]

    def _allowed(self, origin: str) -> str:
        if not origin:
            return ""
        return "access-control-allow-origin: *\r\n" if self._any else self._lines.get(origin, "")


def _allowed(origin: str) -> str:
    return f"access-control-allow-origin: {origin}\r\n{_VARY}"

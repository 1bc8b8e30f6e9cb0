"""OAuth 2 token endpoints: a form goes there, an access token comes back (RFC 6749 §5).

Google's and Microsoft's speak the same language. What they refuse is the operator's to mend, so
the client hears only that the gateway's account was refused; the endpoint's words go to the log.
"""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode

from msgspec import Struct

from dragoman.auth.renewal import Fresh, Renewing
from dragoman.codec import jsonio
from dragoman.errors import Failure

_SHORTEST_S = 1.0
_LONGEST_S = 86_400.0


class Ask(Protocol):
    """Sends one request to a token endpoint."""

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """Status and body of the answer. Raises :class:`Failure` where there is none."""
        ...


class _Granted(Struct):
    access_token: str
    expires_in: float | str = 3600.0


class _Refused(Struct):
    error: str = ""
    error_description: str = ""


_granted = jsonio.Decoder(_Granted)
_refused = jsonio.Decoder(_Refused)


async def granted(ask: Ask, url: str, form: Mapping[str, str]) -> Fresh[str]:
    """The access token that a form is worth.

    Raises ``upstream_refused`` for a credential that is not taken, ``upstream_fault`` for an
    endpoint that does not work, and what ``ask`` raises.
    """
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    status, body = await ask("POST", url, headers, urlencode(form).encode())
    return read(url, status, body)


def read(url: str, status: int, body: bytes) -> Fresh[str]:
    """An endpoint's answer as a token. Raises as :func:`granted` does."""
    told = _granted.attempt(body) if status == 200 else None
    if told is not None and told.access_token.isascii() and told.access_token.isprintable():
        return Fresh(told.access_token, _life(told.expires_in))
    refused = _refused.attempt(body) or _Refused()
    said = f"{refused.error} {refused.error_description}".strip()
    kind = "upstream_refused" if 400 <= status < 500 and status != 429 else "upstream_fault"
    raise Failure(
        kind,
        "The upstream refused the gateway's own account."
        if kind == "upstream_refused"
        else "The upstream failed to answer.",
        detail=f"{url} answered {status} {said[:500]}".rstrip(),
    )


def _life(said: float | str) -> float:
    try:
        life_s = float(said)
    except ValueError:
        return 3600.0
    return min(max(life_s, _SHORTEST_S), _LONGEST_S)


class Bearer:
    """Signs with an access token (``account.Signer``)."""

    def __init__(self, token: Renewing[str]) -> None:
        self._token = token

    async def __call__(self, method: str, path: str, headers: bytes, body: bytes) -> bytes:
        """The ``authorization`` line. Raises what getting a token raises."""
        return _line(await self._token.get())

    def refused(self, lines: bytes) -> bool:
        """Whether, after these lines were refused, others can be had."""
        return self._token.refused(lines[len(_START) : -2].decode("latin-1"))


_START = b"authorization: Bearer "


def _line(token: str) -> bytes:
    return b"%b%b\r\n" % (_START, token.encode("latin-1"))

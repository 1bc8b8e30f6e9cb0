"""Failures on order: the ``x-simulate`` header.

The header holds directives separated by commas, ``name``, ``name=number`` or either followed by
``@account``, which limits the directive to one account. A directive for another account is read and
ignored, so one header can make one account of a pool fail and leave the others well.

    x-simulate: 529@account-a, slow=200, pace=20
"""

import re
from enum import Enum
from typing import NamedTuple

from dragoman.simulator.problem import ApiError

MAX_HEADER_CHARS = 1024
_MAX_NUMBER = 86_400_000
_DIRECTIVE = re.compile(r"^([a-z0-9-]+)(?:=([A-Za-z0-9._-]{1,64}))?(?:@([A-Za-z0-9._-]{1,128}))?$")


class Ending(Enum):
    """How an answer ends."""

    WHOLE = "whole"
    """As it should."""
    RESET = "reset"
    """The connection is torn down."""
    CUT = "cut"
    """The connection is closed in the middle of the body."""
    END = "end"
    """The body ends properly, but too early."""
    STALL = "stall"
    """Nothing more is said and the connection stays open."""
    ERROR = "error"
    """An ``error`` event, then the end."""


class Faults(NamedTuple):
    """What to do to one answer. Counts are in events; ``None``: not at all."""

    status: int = 0
    """Answer with this error status; 0: no."""
    retry_after_s: int | None = None
    html: bool = False
    """The error is a proxy's HTML page."""
    ending: Ending = Ending.WHOLE
    after: int | None = None
    """Events before ``ending``; ``None``: not even a response head."""
    delay_ms: int = 0
    """Silence before the first byte."""
    pace: float | None = None
    """Events per second; ``None``: the default; 0: as fast as possible."""
    bind: bool = False
    """Thinking blocks must come back behind the very prefix they were made for."""
    once: str | None = None
    """A label: the rest holds only for the first request of the account that carries it."""


NONE = Faults()

STATUSES: dict[str, tuple[int, str]] = {
    "400": (400, "Simulated: the request was refused."),
    "401": (401, "invalid x-api-key"),
    "402": (402, "Your credit balance is too low to access the Anthropic API."),
    "403": (403, "Your API key does not have permission to use the specified resource."),
    "404": (404, "Not Found"),
    "413": (413, "Request exceeds the maximum size"),
    "429": (
        429,
        "This request would exceed your organization's rate limit. Please try again later.",
    ),
    "500": (500, "Internal server error"),
    "502": (502, "Bad Gateway"),
    "503": (503, "Service Unavailable"),
    "504": (504, "Request timed out"),
    "529": (529, "Overloaded"),
}
"""Directives that are a status, with the message of the error body."""

_ENDINGS: dict[str, Ending] = {
    "reset": Ending.RESET,
    "truncate": Ending.CUT,
    "end": Ending.END,
    "stall": Ending.STALL,
    "error": Ending.ERROR,
}
_WITHOUT_NUMBER = frozenset(("reset", "stall"))
"""Endings that may come before anything was sent."""
KNOWN = (*STATUSES, *_ENDINGS, "slow", "pace", "retry-after", "html", "bind", "once")
"""Names of all directives."""


def parse(header: str, account: str) -> Faults:
    """Read the header for one account. Raises ApiError (400) that names what is known."""
    if not header:
        return NONE
    if len(header) > MAX_HEADER_CHARS:
        raise ApiError(f"x-simulate: longer than {MAX_HEADER_CHARS} characters")
    faults = NONE
    for written in header.split(","):
        text = written.strip()
        if not text:
            continue
        match = _DIRECTIVE.match(text)
        if match is None:
            raise _unknown(text)
        name, value, scope = match.groups()
        changed = _apply(faults, name, value)
        if scope is None or scope == account:
            faults = changed
    return faults


def _apply(faults: Faults, name: str, value: str | None) -> Faults:
    if name in STATUSES:
        _none_expected(name, value)
        return faults._replace(status=STATUSES[name][0])
    if name in _ENDINGS:
        if value is None and name in _WITHOUT_NUMBER:
            return faults._replace(ending=_ENDINGS[name], after=None)
        return faults._replace(ending=_ENDINGS[name], after=int(_number(name, value)))
    if name in ("html", "bind"):
        _none_expected(name, value)
        return faults._replace(bind=True) if name == "bind" else _page(faults)
    if name == "once":
        return faults._replace(once=value or "")
    return _measured(faults, name, value)


def _page(faults: Faults) -> Faults:
    return faults._replace(status=502, html=True)


def _measured(faults: Faults, name: str, value: str | None) -> Faults:
    match name:
        case "slow":
            return faults._replace(delay_ms=int(_number(name, value)))
        case "pace":
            return faults._replace(pace=_number(name, value))
        case "retry-after":
            return faults._replace(retry_after_s=int(_number(name, value)))
        case _:
            raise _unknown(name)


def _none_expected(name: str, value: str | None) -> None:
    if value is not None:
        raise ApiError(f"x-simulate: {name} takes no value")


def _number(name: str, value: str | None) -> float:
    if value is None or not re.fullmatch(r"\d{1,8}(\.\d{1,3})?", value):
        raise ApiError(f"x-simulate: {name} needs a number, as in {name}=5")
    return min(float(value), _MAX_NUMBER)


def _unknown(text: str) -> ApiError:
    known = ", ".join(KNOWN)
    return ApiError(f"x-simulate: unknown directive {text[:40]!r}; known are {known}")


def error_of(faults: Faults) -> ApiError:
    """The error answer that ``faults.status`` asks for."""
    message = next(text for status, text in STATUSES.values() if status == faults.status)
    return ApiError(message, status=faults.status, retry_after_s=faults.retry_after_s)


def without_trouble(faults: Faults) -> Faults:
    """What a ``once`` leaves after its first time: the pace, and what is no trouble."""
    return Faults(pace=faults.pace, bind=faults.bind)


HTML = b"""<!DOCTYPE html>
<html lang="en-US">
<head><title>api.anthropic.com | 502: Bad gateway</title></head>
<body>
<h1>Bad gateway <span>Error code 502</span></h1>
<p>The web server reported a bad gateway error. (simulated)</p>
</body>
</html>
"""
"""What a proxy in front of the API answers when the API is away."""

"""What an upstream's error means to us (protocol.md §2c, §5e).

The status says whose fault it is. Faults of the account (its credential, its credit, its rate
limit) and of the upstream are told to the client in our own words, because upstream's words are
about an account that is not the client's; they stand in ``detail`` for the log. What the client's
own request caused keeps upstream's status and message. Bodies that are not JSON (a proxy's HTML)
are told by their status alone.
"""

import math
import re
from email.utils import parsedate_to_datetime

from msgspec import Struct

from dragoman.carriers.anthropic.limits import limits, reset_s
from dragoman.carriers.anthropic.wire import ErrorBody
from dragoman.carriers.statuses import BY_STATUS
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.events import UpstreamError
from dragoman.hub.request import Request

LONGEST_RETRY_S = 600.0
"""A longer ``retry-after`` is taken for this."""
_LONGEST_MESSAGE = 2000


class _Body(Struct):
    error: ErrorBody


_bodies = jsonio.Decoder(_Body)

_REJECTED = frozenset({400, 404, 422})

_BY_TYPE = {
    "authentication_error": "upstream_refused",
    "billing_error": "upstream_unpaid",
    "permission_error": "upstream_refused",
    "rate_limit_error": "upstream_throttled",
    "overloaded_error": "upstream_overloaded",
    "timeout_error": "upstream_timeout",
    "request_too_large": "request_too_large",
    "invalid_request_error": "upstream_rejected",
    "not_found_error": "upstream_rejected",
}

_WORDS = {
    "upstream_refused": "The upstream refused the gateway's own account.",
    "upstream_unpaid": "The upstream refused the gateway's own account.",
    "upstream_throttled": "The upstream's rate limit is reached. Try again later.",
    "upstream_overloaded": "The upstream is overloaded. Try again later.",
    "upstream_timeout": "The upstream took too long to answer.",
    "upstream_fault": "The upstream failed to answer.",
    "upstream_nonsense": "The upstream answered with something that is not a message.",
    "request_too_large": "The request is larger than the upstream accepts.",
    "model_not_found": "The model does not exist, or the gateway's accounts have no access to it.",
}

_TOO_LONG = re.compile(
    r"prompt is too long|exceed context limit|context window|maximum context length", re.IGNORECASE
)
_NO_CREDIT = re.compile(
    r"credit balance is too low|reached your specified \w+ usage limits|spend(ing)? (limit|cap)",
    re.IGNORECASE,
)
"""400s and 429s that speak of the account's money: it will be a while, and another account may
well serve the request."""
_DISABLED = re.compile(
    r"organization has been disabled|(api key|account) (is|has been) disabled", re.IGNORECASE
)
"""400s that speak of the account's standing."""
_A_MODEL = re.compile(r"\bmodels?\b|\bclaude-", re.IGNORECASE)
"""A permission error with these words is about a model, and the account may have others."""
_PLACE = re.compile(rf"((?:{'|'.join(Request.__struct_fields__)})(?:\.[A-Za-z0-9_]+)*): ")
"""Upstream opens a message about one field with its path."""


def read_error(status: int, headers: dict[str, str], body: bytes) -> Failure:
    """An answer whose status is not 2xx. ``headers`` have lower-case names."""
    told = _told(body)
    detail = f"{status} {told.type}: {told.message}" if told else f"{status} {body[:200]!r}"
    if told and status in _REJECTED:
        failure = _rejected(told)
        failure.detail = detail
        if bytes(told.details)[:1] == b"{":
            failure.details = bytes(told.details)
        if failure.kind == "upstream_rejected":
            failure.status = status
        return failure
    kind = BY_STATUS.get(status) or ("upstream_fault" if status >= 400 else "upstream_nonsense")
    if status in _REJECTED:  # and not in upstream's own words: something else answered
        kind = "upstream_nonsense"
    if told:
        kind = _narrowed(kind, told)
    wait_s = _retry_after(headers)
    if wait_s is None and status == 429:
        wait_s = _until_whole(headers)
    return _said(kind, detail, wait_s)


def stream_failure(error: UpstreamError) -> Failure:
    """An ``error`` event: there is no status, its type says it all."""
    told = ErrorBody(error.type, error.message)
    detail = f"{error.type}: {error.message}"
    kind = _BY_TYPE.get(error.type, "upstream_fault")
    if kind == "upstream_rejected":
        failure = _rejected(told)
        failure.detail = detail
        return failure
    return _said(_narrowed(kind, told), detail)


def _narrowed(kind: str, told: ErrorBody) -> str:
    """What upstream's words add to a status or type."""
    if kind == "upstream_throttled" and _NO_CREDIT.search(told.message):
        # A tier's spending cap: there is no use in coming back soon.
        return "upstream_unpaid"
    if told.type == "permission_error" and _A_MODEL.search(told.message):
        return "model_not_found"
    return kind


def _said(kind: str, detail: str, retry_after_s: float | None = None) -> Failure:
    """A failure in our own words."""
    param = "model" if kind == "model_not_found" else None
    return Failure(kind, _WORDS[kind], param=param, detail=detail, retry_after_s=retry_after_s)


def _told(body: bytes) -> ErrorBody | None:
    try:
        return _bodies.decode(body).error
    except (jsonio.Malformed, jsonio.Mismatch):
        return None


def _rejected(told: ErrorBody) -> Failure:
    message = told.message[:_LONGEST_MESSAGE] or "The upstream rejected the request."
    if _NO_CREDIT.search(message):
        return _said("upstream_unpaid", "")
    if _DISABLED.search(message):
        return _said("upstream_refused", "")
    if _TOO_LONG.search(message):
        return Failure("context_length", message, param="messages")
    if told.type == "not_found_error" and "model" in message:
        return Failure("model_not_found", message, param="model")
    place = _PLACE.match(message)
    return Failure("upstream_rejected", message, param=place[1] if place else None)


def _retry_after(headers: dict[str, str]) -> float | None:
    """Seconds until a retry makes sense, 0 to :data:`LONGEST_RETRY_S`; ``None`` when not said."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if not math.isnan(seconds):
            return min(max(seconds, 0.0), LONGEST_RETRY_S)
    return _until_date(headers)


def _until_whole(headers: dict[str, str]) -> float | None:
    """When the limit that was reached is whole again, where only that is said."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    wait_s = reset_s(limits(head.encode("latin-1", "replace")))
    return None if wait_s is None else min(wait_s, LONGEST_RETRY_S)


def _until_date(headers: dict[str, str]) -> float | None:
    """An HTTP date counts from upstream's own ``date``: our clock may differ from theirs."""
    try:
        until = parsedate_to_datetime(headers["retry-after"])
        said = parsedate_to_datetime(headers["date"])
        seconds = (until - said).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_S)

"""What an error of an OpenAI-compatible server means to us (protocol.md §5e, read backwards).

The body is OpenAI's ``{"error": {message, type, code, param}}``, or what a framework says by itself
(``{"detail": …}``, ``{"message": …}``, a text). Whose fault it is follows from the status first and
from the code where the status says too little. Faults of the account and of the upstream are told
in our own words, upstream's stand in ``detail`` for the log.
"""

import math
import re
from typing import Any, cast

from msgspec import Raw

from dragoman.carriers.openai.limits import duration_s, limits, reset_s
from dragoman.carriers.statuses import BY_STATUS
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.events import UpstreamError

ALARM = re.compile(rb"error|\[DONE\]|insufficient_system_resource")
"""What stands in every event of a stream that may be an error; an end may come too early."""
LONGEST_RETRY_S = 600.0
"""A longer ``retry-after`` is taken for this."""
_LONGEST_MESSAGE = 2000

_BY_STATUS = {**BY_STATUS, 524: "upstream_timeout"}
_REJECTED = frozenset({400, 404, 409, 422})
_BY_CODE = {
    "context_length_exceeded": "context_length",
    "insufficient_quota": "upstream_unpaid",
    "billing_hard_limit_reached": "upstream_unpaid",
    "insufficient_balance": "upstream_unpaid",
    "invalid_api_key": "upstream_refused",
    "authentication_error": "upstream_refused",
    "account_deactivated": "upstream_refused",
    "permission_error": "upstream_refused",
    "model_not_found": "model_not_found",
    "DeploymentNotFound": "model_not_found",
    "rate_limit_exceeded": "upstream_throttled",
    "rate_limit_error": "upstream_throttled",
    "engine_overloaded_error": "upstream_overloaded",
    "overloaded": "upstream_overloaded",
    "overloaded_error": "upstream_overloaded",
    "insufficient_system_resource": "upstream_overloaded",
    "stream_truncated": "upstream_truncated",
    "timeout": "upstream_timeout",
    "invalid_request_error": "upstream_rejected",
    "BadRequestError": "upstream_rejected",
    "server_error": "upstream_fault",
}
"""By ``code`` or ``type``, where it is known."""

_WORDS = {
    "upstream_refused": "The upstream refused the gateway's own account.",
    "upstream_unpaid": "The upstream refused the gateway's own account.",
    "upstream_throttled": "The upstream's rate limit is reached. Try again later.",
    "upstream_overloaded": "The upstream is overloaded. Try again later.",
    "upstream_timeout": "The upstream took too long to answer.",
    "upstream_fault": "The upstream failed to answer.",
    "upstream_truncated": "The upstream's stream ended before its answer was complete.",
    "upstream_nonsense": "The upstream answered with something that is not a message.",
    "request_too_large": "The request is larger than the upstream accepts.",
    "model_not_found": "The model does not exist, or the gateway's accounts have no access to it.",
}
_TOO_LONG = re.compile(
    r"context[ _](length|window)|maximum context|prompt is too long|too many tokens|input.{0,20}"
    r"longer than the model",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(r"insufficient (balance|credit|quota)|exceeded your current quota", re.I)
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,200}(not (exist|found|available|supported)|no access)|no such model"
    r"|not a valid model|unknown model",
    re.IGNORECASE | re.DOTALL,
)
_LIMIT_FIRST = re.compile(
    r"maximum (?:context length|input length|number of tokens)[^\d]{0,40}(\d+).*?(?<!\d)(\d+)",
    re.IGNORECASE | re.DOTALL,
)
_OWN_WORDS = re.compile(r"prompt is too long: \d+ tokens > \d+ maximum")


class _Told:
    """What an error body says."""

    def __init__(self, value: Any) -> None:
        fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        inner = fields.get("error", fields if fields else value)
        if isinstance(inner, dict):
            fields = cast("dict[str, Any]", inner)
            said = fields.get("message", fields.get("detail", fields.get("msg")))
        else:
            said = inner
        self.message = said if isinstance(said, str) else jsonio.encode(said).decode()
        self.type = _text(fields.get("type"))
        self.code = _text(fields.get("code"))
        self.param = _text(fields.get("param"))

    @property
    def kind(self) -> str | None:
        """By code or type; ``None`` where they are unknown."""
        found = _BY_CODE.get(self.code) or _BY_CODE.get(self.type)
        if found in (None, "upstream_rejected", "upstream_throttled") and _NO_CREDIT.search(
            self.message
        ):
            return "upstream_unpaid"
        return found


def read_error(status: int, headers: dict[str, str], body: bytes) -> Failure:
    """An answer whose status is not 200. ``headers`` have lower-case names."""
    try:
        told = _Told(jsonio.decode(body))
    except jsonio.Malformed:
        told = None
    if told is None:
        kind = _BY_STATUS.get(status) or ("upstream_fault" if status >= 500 else "")
        detail = f"{status} {body[:200]!r}"
        return _said(kind or "upstream_nonsense", detail, _wait_s(status, headers))
    detail = f"{status} {told.code or told.type}: {told.message[:_LONGEST_MESSAGE]}"
    if status in _REJECTED:
        failure = _rejected(told, status)
        failure.detail = detail
        return failure
    kind = _BY_STATUS.get(status) or ("upstream_fault" if status >= 400 else "upstream_nonsense")
    if told.kind == "upstream_unpaid" and status in (403, 429):
        kind = "upstream_unpaid"
    if status == 403 and _NO_MODEL.search(told.message):
        kind = "model_not_found"
    return _said(kind, detail, _wait_s(status, headers))


def error_event(raw: Raw) -> UpstreamError:
    """The ``error`` member of a chunk or of a body sent as 200. ``raw`` is JSON."""
    try:
        told = _Told(jsonio.decode(raw))
    except jsonio.Malformed:
        return UpstreamError("server_error", "")
    for word in (told.code, told.type):
        if word in _BY_CODE or word.isdecimal():
            return UpstreamError(word, told.message)
    return UpstreamError(told.type or told.code or "server_error", told.message)


def stream_failure(error: UpstreamError) -> Failure:
    """An error inside a stream: its code, which may be an HTTP status, or its type says it all."""
    detail = f"{error.type}: {error.message[:_LONGEST_MESSAGE]}"
    told = _Told({"message": error.message, "type": error.type})
    kind = told.kind
    if kind is None and error.type.isdecimal() and len(error.type) == 3:
        status = int(error.type)
        kind = "upstream_rejected" if status in _REJECTED else _BY_STATUS.get(status)
    if kind in ("upstream_rejected", "context_length", "model_not_found"):
        failure = _rejected(told, 400)
        failure.detail = detail
        return failure
    return _said(kind or "upstream_fault", detail)


def _rejected(told: _Told, status: int) -> Failure:
    """A request that upstream does not take, which is mostly the client's doing."""
    message = told.message[:_LONGEST_MESSAGE] or "The upstream rejected the request."
    kind = told.kind
    if kind == "context_length" or _TOO_LONG.search(message):
        return Failure("context_length", _in_claudes_words(message), param="messages")
    if kind == "model_not_found" or _NO_MODEL.search(message):
        return Failure("model_not_found", message, param="model")
    if kind in ("upstream_refused", "upstream_unpaid", "upstream_throttled", "upstream_overloaded"):
        return _said(kind, "")
    if status == 404:
        # A path that is not there: the account's address is wrong.
        return _said("upstream_nonsense", "")
    failure = Failure("upstream_rejected", message, param=told.param or None)
    failure.status = status
    return failure


def _in_claudes_words(message: str) -> str:
    """A complaint about the length of a prompt so that clients of Claude understand it, too: they
    shorten the conversation when they read these words (protocol.md §6a)."""
    found = _LIMIT_FIRST.search(message)
    if _OWN_WORDS.search(message) or found is None:
        return message
    most, asked = int(found[1][:18]), int(found[2][:18])
    if asked <= most:
        return message
    return f"prompt is too long: {asked} tokens > {most} maximum. {message}"


def _said(kind: str, detail: str, retry_after_s: float | None = None) -> Failure:
    param = "model" if kind == "model_not_found" else None
    return Failure(kind, _WORDS[kind], param=param, detail=detail, retry_after_s=retry_after_s)


def _wait_s(status: int, headers: dict[str, str]) -> float | None:
    """Seconds until a retry makes sense, 0 to :data:`LONGEST_RETRY_S`; ``None`` when not said."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if not math.isnan(seconds):
            return min(max(seconds, 0.0), LONGEST_RETRY_S)
    found = duration_s(headers.get("retry-after", ""))
    if found is None and status == 429:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        found = reset_s(limits(head.encode("latin-1", "replace")))
    return None if found is None else min(found, LONGEST_RETRY_S)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:200]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""

"""Failures in Anthropic's shape (protocol.md §2c, interface.md §4)."""

import re

from msgspec import UNSET, Raw, Struct, UnsetType

from dragoman.codec import jsonio
from dragoman.dialects.chat import Parsed
from dragoman.dialects.messages.estimate import estimate
from dragoman.errors import Failure

_BY_STATUS = {404: "not_found_error", 409: "conflict_error", 413: "request_too_large"}
"""Types of an upstream's own statuses, where the failure's row names another."""
FINAL = frozenset({401, 402, 403})
"""Statuses with which a client is told not to come back: Claude Code tries a 401 for a minute
otherwise (protocol.md §10)."""


class _Error(Struct, omit_defaults=True):
    type: str
    message: str
    details: Raw | UnsetType = UNSET


class _Body(Struct, omit_defaults=True):
    error: _Error
    request_id: str | UnsetType = UNSET


def status(failure: Failure) -> int:
    """The HTTP status: the table's, but for what has a number of its own in this API (529)."""
    row = failure.row
    return (
        row.anthropic_status
        if row.anthropic_status and failure.status == row.status
        else (failure.status)
    )


def error_body(failure: Failure) -> bytes:
    """A whole answer's body."""
    row = failure.row
    kind = row.anthropic_type
    if kind == "invalid_request_error":
        kind = _BY_STATUS.get(failure.status, kind)
    error = _Error(kind, failure.message)
    if failure.details:
        error.details = Raw(failure.details)
    body = _Body(error)
    if failure.request_id:
        body.request_id = failure.request_id
    return b'{"type":"error",%b' % jsonio.encode(body)[1:]


def error_event(failure: Failure) -> bytes:
    """The last event of a stream that fails; no ``message_stop`` follows it."""
    return b"event: error\ndata: %b\n\n" % error_body(failure)


_MOST = re.compile(r"maximum (?:context length|input length)[^0-9]{0,40}([0-9]+)", re.IGNORECASE)
_GIVEN = re.compile(
    r"(?:resulted in|requested|input of|has|contains)[^0-9]{0,20}([0-9]+)", re.IGNORECASE
)
_WORDS = re.compile(r"prompt is too long|exceed context limit")


def localize(failure: Failure, parsed: Parsed) -> Failure:
    """Say it as Anthropic would, where clients act upon the words: Claude Code shortens its
    conversation when it reads ``prompt is too long: N tokens > M maximum`` (protocol.md §6a)."""
    if failure.kind == "context_length" and not _WORDS.search(failure.message):
        most, given = _MOST.search(failure.message), _GIVEN.search(failure.message)
        limit = int(most[1]) if most else parsed.model.context_tokens
        count = max(int(given[1]) if given else estimate(parsed), limit + 1)
        failure.message = f"prompt is too long: {count} tokens > {limit} maximum"
    return failure


_INDEX = re.compile(r"\[(\d+)\]")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")


def mismatch(error: jsonio.Mismatch) -> Failure:
    """A wrong shape in Anthropic's words: the path, a colon, what is wrong there."""
    path, reason = error.path, error.reason
    missing = _MISSING.match(reason)
    kind = "invalid_type"
    if missing is not None:
        path = f"{path}.{missing[1]}" if path else missing[1]
        reason, kind = "Field required", "missing_parameter"
    dotted = _INDEX.sub(r".\1", path)
    words = f"{dotted}: {reason}" if dotted else f"The request body must be a JSON object: {reason}"
    return Failure(kind, words, param=path or None)

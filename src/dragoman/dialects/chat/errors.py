"""Failures in OpenAI's shape (protocol.md §4b, interface.md §4)."""

from msgspec import Struct

from dragoman.codec import jsonio
from dragoman.errors import Failure


class _Error(Struct):
    message: str
    type: str
    param: str | None
    code: str | None


class _Body(Struct):
    error: _Error


def error_body(failure: Failure) -> bytes:
    """A whole answer's body."""
    row = failure.row
    return jsonio.encode(
        _Body(_Error(failure.message, row.openai_type, failure.param, row.openai_code))
    )


def error_event(failure: Failure) -> bytes:
    """The last event of a stream that fails: neither ``finish_reason`` nor ``[DONE]`` follows
    it."""
    return b"data: %b\n\n" % error_body(failure)

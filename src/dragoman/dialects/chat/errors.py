"""Failures in OpenAI's shape (protocol.md §4b, interface.md §4)."""

import re

from msgspec import Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat import places
from dragoman.dialects.chat.parsed import JsonMode, Parsed
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


_INDEXED = re.compile(r"(messages|tools)\.(\d+)")
_EFFORT = re.compile(r"thinking\b|output_config\.effort\b")
_SEARCH = re.compile(r"\.web_search_\d+\b")
"""After the index of a tool: the kind of it."""
_RENAMED = {
    "stop_sequences": "stop",
    "system": "messages",
    "output_config.format": "response_format",
    "metadata.user_id": "user",
}


def localize(failure: Failure, parsed: Parsed) -> Failure:
    """Point an upstream's complaint about its own request at the client's (protocol.md §5e).

    ``failure.param`` is changed from a path in the Messages request to one in the client's request.
    """
    path = failure.param
    if path is None or failure.kind not in ("upstream_rejected", "unsupported_here"):
        return failure
    found = _INDEXED.match(path)
    if found is not None and parsed.searches and _SEARCH.match(path, found.end()):
        failure.param = "web_search_options"
    elif found is not None:
        failure.param = _place(path, parsed)
    elif path == "max_tokens":
        failure.param = parsed.limit_name
    elif _EFFORT.match(path):
        failure.param = parsed.effort_name
    elif path.startswith("tool_choice"):
        failure.param = "function_call" if parsed.legacy else "tool_choice"
    else:
        for theirs, ours in _RENAMED.items():
            if path == theirs or path.startswith(f"{theirs}."):
                failure.param = ours
    return failure


def _place(path: str, parsed: Parsed) -> str:
    if path.startswith("messages"):
        return places.of_message(path, parsed)
    if parsed.json_mode is JsonMode.TOOL:
        return "response_format"
    return places.of_tool(path, parsed)

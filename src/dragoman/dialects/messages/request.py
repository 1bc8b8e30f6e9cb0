"""``POST /v1/messages``, read as far as the house has to know it.

To an upstream that speaks this protocol the client's bytes go up as they came, so most of them are
never looked into: the model, what names the conversation, whether it streams, and how large it is.
What another protocol needs, and what predicts the prompt cache, is read when somebody asks
(:class:`~dragoman.dialects.messages.later.Later`).
"""

import re

from msgspec import Raw

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects.chat import Caching, Parsed, duplicates
from dragoman.dialects.messages.content import content, system
from dragoman.dialects.messages.errors import mismatch
from dragoman.dialects.messages.estimate import prompt_bytes
from dragoman.dialects.messages.later import Later
from dragoman.dialects.messages.shapes import ABSENT, Asked
from dragoman.errors import Failure
from dragoman.hub.recall import Recall
from dragoman.hub.request import Message, Request

_asked = jsonio.Decoder(Asked)
_MOST_MESSAGES = 100_000
_MARK = b'"cache_control"'
_SIGNED = re.compile(rb'"signature"\s*:\s*"[^"]')
"""Thinking that nobody signed has an empty one; anybody may read that."""
_REDACTED = b'"redacted_thinking"'
_FILE = b'"file_id"'
_MODEL, _MESSAGES, _STREAM = b'"model"', b'"messages"', b'"stream"'
_NOTHING = Raw(b"[]")
_NULL = b"null"


def parse(
    body: bytes,
    catalogue: Catalogue,
    *,
    strict: bool,
    caching: Caching = "auto",
    recall: Recall | None = None,
) -> Parsed:
    """A request for a message. Raises :class:`Failure` only.

    ``caching`` and ``recall`` change nothing: marks and thinking are the client's own here.
    """
    parsed = read(body, catalogue, strict=strict)
    if parsed.request.max_tokens < 0:
        raise Failure("missing_parameter", "max_tokens: Field required", param="max_tokens")
    return parsed


def parse_count(
    body: bytes,
    catalogue: Catalogue,
    *,
    strict: bool,
    caching: Caching = "auto",
    recall: Recall | None = None,
) -> Parsed:
    """A request for the length of a prompt: the same without ``max_tokens``."""
    parsed = read(body, catalogue, strict=strict)
    parsed.stream = parsed.request.stream = False
    return parsed


def read(body: bytes, catalogue: Catalogue, *, strict: bool) -> Parsed:
    """A request of either kind; ``max_tokens`` is -1 where there is none."""
    if not jsonio.is_utf8(body):
        raise _invalid_json("it is not UTF-8")
    try:
        asked = _asked.decode(body)
    except jsonio.Malformed as error:
        raise _invalid_json(str(error)) from None
    except jsonio.Mismatch as error:
        raise mismatch(error) from None
    _check(asked, body)
    model, wire_id, warning = catalogue.resolve(asked.model)
    limit = -1 if asked.max_tokens is None else asked.max_tokens
    request = Request(wire_id, limit, stream=asked.stream is True)
    try:
        _opening(request, asked)
    except jsonio.Mismatch as error:
        raise mismatch(error) from None
    except jsonio.Malformed as error:
        raise _invalid_json(str(error)) from None
    warnings = [("model", warning)] if warning else []
    named = asked.metadata.user_id or "" if asked.metadata is not None else ""
    parsed = Parsed(request, model, asked.model, request.stream, 1, False, warnings, "", "", named)
    parsed.raw = body
    parsed.prompt_bytes = prompt_bytes(body)
    # Not `in`: for bytes that raises and drops an exception before it looks.
    parsed.marked = body.find(_MARK) >= 0
    parsed.tied = bytes(asked.container) != _NULL or bytes(asked.fallback_credit_token) != _NULL
    parsed.bound = parsed.tied or _is_bound(body, org_locked=model.org_locked_thinking)
    parsed.later = Later(body, request, warnings, strict=strict)
    return parsed


def _check(asked: Asked, body: bytes) -> None:
    messages = asked.messages
    if not messages:
        words = "messages: at least one message is required"
        raise Failure("empty_array", words, param="messages")
    if len(messages) > _MOST_MESSAGES:
        words = f"messages: at most {_MOST_MESSAGES} messages are allowed"
        raise Failure("array_too_long", words, param="messages")
    if asked.thread is not ABSENT and bytes(asked.thread) != b"null":
        # The SDK sends the whole conversation instead when it reads this code.
        failure = Failure(
            "unsupported_parameter",
            "thread: this gateway keeps no conversations, send the full conversation without it.",
            param="thread",
        )
        failure.details = b'{"error_code":"thread_unsupported_request"}'
        raise failure
    _refuse_twice(body)


def _refuse_twice(body: bytes) -> None:
    """Raises ``invalid_json`` for a name that stands twice (``chat.duplicates``)."""
    once = body.count(_MODEL) < 2 and body.count(_MESSAGES) < 2 and body.count(_STREAM) < 2
    if once and not duplicates.escaped(body):
        return
    members = _members.decode(body)
    for name in ("messages", "tools", "system"):
        value = bytes(members.get(name, b""))
        at = body.find(value) if len(value) > 2 else -1
        if at >= 0:
            body = body[:at] + body[at + len(value) :]
    duplicates.refuse(body, _NOTHING)


def _opening(request: Request, asked: Asked) -> None:
    """What a conversation keeps from turn to turn, for its identity."""
    if asked.tools:
        request.tools = asked.tools
    if asked.system is not ABSENT and bytes(asked.system) != b"null":
        request.system = system(asked.system)
    for said in asked.messages:
        if said.role == "user":
            request.messages = [Message("user", content(said.content, "messages[0].content"))]
            break


def _is_bound(body: bytes, *, org_locked: bool) -> bool:
    """Whether it holds what only the account or the organisation can read that made it: signed
    thinking of some models, an uploaded file."""
    if body.find(_FILE) >= 0:
        return True
    return org_locked and (_REDACTED in body or _SIGNED.search(body) is not None)


_members = jsonio.Decoder(dict[str, Raw])


def _invalid_json(reason: str) -> Failure:
    return Failure("invalid_json", f"The request body is not valid JSON: {reason}.")

"""Answers: ``text_completion`` objects, whole and streamed.

Texts are JSON string literals, spliced and never decoded. Thinking and calls have no place here; a
prompt that is echoed stands before the text.
"""

from msgspec import Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.answer import WireUsage, finish_reason, wire_usage
from dragoman.dialects.chat.chunks import DONE, KEEPALIVE
from dragoman.dialects.chat.errors import error_event
from dragoman.dialects.chat.parsed import Parsed
from dragoman.dialects.chat.started import EMPTY_TEXT, started_blocks
from dragoman.errors import Failure
from dragoman.hub.events import (
    BlockStart,
    Event,
    MessageDelta,
    MessageStart,
    Ping,
    Reply,
    TextDelta,
)
from dragoman.hub.request import Text
from dragoman.hub.usage import Usage

_EMPTY = b'""'


class _Choice(Struct):
    text: Raw
    index: int
    logprobs: None
    finish_reason: str


class _Completion(Struct):
    id: str
    object: str
    created: int
    model: str
    choices: list[_Choice]
    usage: WireUsage


def _id(upstream_id: str) -> str:
    return "cmpl-" + upstream_id.removeprefix("msg_")


def _finish(stop_reason: str | None) -> str:
    return finish_reason(stop_reason, calls=False, legacy=False)


def reply(parsed: Parsed, messages: list[Reply], created: int, usage: Usage) -> bytes:
    """The answer's body. ``created`` is seconds since 1970, ``usage`` that of all choices."""
    choices: list[_Choice] = []
    for index, message in enumerate(messages):
        texts = [bytes(block.text) for block in message.content if isinstance(block, Text)]
        if parsed.prompts:
            texts.insert(0, parsed.prompts[index])
        text = Raw(jsonio.join(texts) if texts else _EMPTY)
        choices.append(_Choice(text, index, None, _finish(message.stop_reason)))
    whole = _Completion(
        _id(messages[0].id),
        "text_completion",
        created,
        parsed.client_model,
        choices,
        wire_usage(usage),
    )
    return jsonio.encode(whole)


def _opening(parsed: Parsed, created: int) -> bytes:
    return b'data: {"id":%b,"object":"text_completion","created":%d,"model":%b,"choices":[' % (
        jsonio.encode(parsed.reply_id or _id("")),
        created,
        jsonio.encode(parsed.client_model),
    )


class StreamWriter:
    """Events in, chunks out, for choice number ``index``. ``created`` is seconds since 1970."""

    __slots__ = ("_created", "_head", "_index", "_parsed", "_stop_reason", "_tail")

    plain = None

    def __init__(self, parsed: Parsed, created: int, index: int = 0) -> None:
        self._parsed = parsed
        self._created = created
        self._index = index
        self._head = b""
        """Empty until something is known of the answer."""
        usage = b',"usage":null' if parsed.include_usage else b""
        self._tail = b',"index":%d,"logprobs":null,"finish_reason":%%b}]%b}\n\n' % (index, usage)
        self._stop_reason: str | None = None

    def feed(self, events: list[Event]) -> bytes:
        """The chunks that the events of one read make."""
        parts: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta):
                self._text(event.text, parts)
            elif isinstance(event, MessageStart):
                if not self._parsed.reply_id:
                    self._parsed.reply_id = _id(event.id)
                self._begin(parts)
            elif isinstance(event, BlockStart):
                if event.kind == "text" and event.block != EMPTY_TEXT:
                    text = bytes(started_blocks.decode(event.block).text)
                    self._text(text if text[:1] == b'"' else _EMPTY, parts)
            elif isinstance(event, MessageDelta):
                self._stop_reason = event.stop_reason or self._stop_reason
            elif isinstance(event, Ping):
                parts.append(KEEPALIVE)
        return b"".join(parts)

    def _begin(self, parts: list[bytes]) -> None:
        if not self._head:
            self._head = _opening(self._parsed, self._created) + b'{"text":'
            if self._parsed.prompts:
                self._text(self._parsed.prompts[self._index], parts)

    def _text(self, literal: bytes, parts: list[bytes]) -> None:
        self._begin(parts)
        if literal != _EMPTY:
            parts += (self._head, literal, self._tail % b"null")

    def finish(self) -> bytes:
        """The last chunk of this choice, which says why it ends."""
        parts: list[bytes] = []
        self._begin(parts)
        reason = jsonio.encode(_finish(self._stop_reason))
        parts += (self._head, _EMPTY, self._tail % reason)
        return b"".join(parts)

    def close(self, usage: Usage) -> bytes:
        """The end of a stream of one choice. ``usage`` is what all its events said together."""
        return self.finish() + end_stream(self._parsed, self._created, usage)

    def fail(self, failure: Failure) -> bytes:
        """The end of a stream that breaks off."""
        return error_event(failure)


def end_stream(parsed: Parsed, created: int, usage: Usage) -> bytes:
    """The end of a whole stream: the usage chunk, if it was asked for, and ``[DONE]``."""
    if not parsed.include_usage:
        return DONE
    wire = jsonio.encode(wire_usage(usage))
    return b'%b],"usage":%b}\n\n%b' % (_opening(parsed, created), wire, DONE)

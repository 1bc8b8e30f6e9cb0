"""The bytes around a delta (protocol.md §4d): what is the same in all chunks of a stream, made
once."""

from dragoman.codec import jsonio
from dragoman.dialects.chat.answer import reply_id, wire_usage
from dragoman.dialects.chat.parsed import Parsed
from dragoman.hub.usage import Usage

DONE = b"data: [DONE]\n\n"
KEEPALIVE = b": keep-alive\n\n"
"""A comment: every SSE client skips it, and every proxy sees that the stream lives."""


class Frame:
    """The chunks of choice number ``index``. A text chunk is ``text_head``, a literal,
    ``text_tail``."""

    __slots__ = ("_before", "_end", "_tail", "text_head", "text_tail")

    def __init__(self, parsed: Parsed, created: int, index: int) -> None:
        # With usage asked for, every chunk but the last says that it has none.
        self._end = b',"usage":null}\n\n' if parsed.include_usage else b"}\n\n"
        self._before = b'%b,"choices":[{"index":%d,"delta":' % (_opening(parsed, created), index)
        self._tail = b',"logprobs":null,"finish_reason":null}]' + self._end
        self.text_head = self._before + b'{"content":'
        self.text_tail = b"}" + self._tail

    def delta(self, delta: bytes, parts: list[bytes]) -> None:
        """A chunk with this delta, a JSON object."""
        parts += (self._before, delta, self._tail)

    def content(self, literal: bytes, parts: list[bytes]) -> None:
        """A chunk of text, a JSON string literal; an empty one makes no chunk."""
        if literal != b'""':
            parts += (self.text_head, literal, self.text_tail)

    def finish(self, reason: str, parts: list[bytes]) -> None:
        """The last chunk of the choice."""
        end = b'{},"logprobs":null,"finish_reason":"%b"}]' % reason.encode()
        parts += (self._before, end, self._end)


def end_stream(parsed: Parsed, created: int, usage: Usage) -> bytes:
    """The end of a whole stream: the usage chunk, if it was asked for, and ``[DONE]``."""
    if not parsed.include_usage:
        return DONE
    return b'%b,"choices":[],"usage":%b}\n\n%b' % (
        _opening(parsed, created),
        jsonio.encode(wire_usage(usage)),
        DONE,
    )


def _opening(parsed: Parsed, created: int) -> bytes:
    return b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b' % (
        jsonio.encode(parsed.reply_id or reply_id("")),
        created,
        jsonio.encode(parsed.client_model),
    )

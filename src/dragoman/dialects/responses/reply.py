"""Whole answers: the events of a stream that nobody hears, and the response object at its end."""

from collections.abc import Iterator

from msgspec import UNSET, Raw

from dragoman.codec import jsonio
from dragoman.dialects.chat.parsed import Parsed
from dragoman.dialects.responses.stream import StreamWriter
from dragoman.hub.events import (
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    MessageDelta,
    MessageStart,
    Reply,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.hub.request import RedactedThinking, Text, Thinking, ToolUse
from dragoman.hub.usage import Usage

_NOTHING = Raw(b"{}")
_lists = jsonio.Decoder(list[Raw])
_fields = jsonio.Decoder(dict[str, Raw])


def reply(parsed: Parsed, messages: list[Reply], created: int, usage: Usage) -> bytes:
    """The answer's body. ``created`` is seconds since 1970. There is one message: Responses knows
    no ``n``."""
    writer = StreamWriter(parsed, created, heard=False)
    for message in messages:
        writer.feed(list(_events(message)))
    return writer.response(usage)


def _events(message: Reply) -> Iterator[Event]:
    """A whole message as the events that would have brought it."""
    yield MessageStart(message.id, message.model, message.usage)
    for index, block in enumerate(message.content):
        yield from _block(index, block)
        yield BlockStop(index)
    yield MessageDelta(
        message.stop_reason, message.stop_sequence, message.explanation, message.usage
    )


def _block(
    index: int, block: Text | Thinking | RedactedThinking | ToolUse | Raw
) -> Iterator[Event]:
    if isinstance(block, Text):
        yield TextDelta(index, bytes(block.text))
        if block.citations is not UNSET:
            for citation in _lists.attempt(block.citations) or ():
                yield CitationDelta(index, citation)
    elif isinstance(block, ToolUse):
        given = Raw(b'{"input":%b}' % bytes(block.input))
        yield BlockStart(index, "tool_use", given, block.id, block.name)
    elif isinstance(block, Thinking):
        yield ThinkingDelta(index, bytes(block.thinking))
        yield SignatureDelta(index, bytes(block.signature))
    elif isinstance(block, RedactedThinking):
        data = Raw(b'{"data":%b}' % bytes(block.data))
        yield BlockStart(index, "redacted_thinking", data)
    else:
        kind = (_fields.attempt(block) or {}).get("type", _NOTHING)
        if bytes(kind)[:1] == b'"':
            yield BlockStart(index, jsonio.text_of(kind), block)

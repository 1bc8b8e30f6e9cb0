"""A whole, non-streamed message (protocol.md §3, ``POST /v1/messages`` without ``stream``)."""

from msgspec import UNSET, Raw, Struct, UnsetType

from dragoman.carriers.anthropic.errors import stream_failure
from dragoman.carriers.anthropic.usage import read_usage
from dragoman.carriers.anthropic.wire import NULL, ErrorBody, StopDetails, string
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.events import Reply, UpstreamError
from dragoman.hub.request import RedactedThinking, Text, Thinking, ToolUse
from dragoman.hub.usage import WireUsage

_NOTHING = Raw(b"")


class WireBlock(Struct, gc=False):
    """Any block: the fields of all kinds we know, each kind using its own."""

    type: str
    text: Raw = _NOTHING
    citations: Raw | UnsetType = UNSET
    thinking: Raw = _NOTHING
    signature: Raw = Raw(b'""')
    data: Raw = _NOTHING
    id: str | None = None
    name: str | None = None
    input: Raw = Raw(b"{}")


class WireMessage(Struct, gc=False):
    type: str = "message"
    id: str = ""
    model: str = ""
    content: list[WireBlock] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    error: ErrorBody | None = None


class WireReply(WireMessage):
    usage: WireUsage | None = None


class _Usage(Struct, gc=False):
    usage: Raw = NULL


class _Contents(Struct, gc=False):
    content: list[Raw]


_replies = jsonio.Decoder(WireReply)
_messages = jsonio.Decoder(WireMessage)
_usages = jsonio.Decoder(_Usage)
_contents = jsonio.Decoder(_Contents)

Block = Text | Thinking | RedactedThinking | ToolUse | Raw

_KNOWN = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})


def read_reply(body: bytes) -> Reply:
    """A message. Raises :class:`Failure` ``upstream_nonsense``; an error sent as 200 raises as
    that error.
    """
    if not jsonio.is_utf8(body):
        raise _nonsense("not UTF-8", body)
    try:
        try:
            return _read(body)
        except jsonio.Malformed:
            return _read(jsonio.without_lone_surrogates(body))
    except jsonio.Malformed as error:
        raise _nonsense(str(error), body) from None
    except jsonio.Mismatch as error:
        raise _nonsense(f"{error.reason} at {error.path!r}", body) from None


def _read(body: bytes) -> Reply:
    message, usage = _decode(body)
    if message.error is not None:
        raise stream_failure(UpstreamError(message.error.type, message.error.message))
    if message.type != "message":
        raise jsonio.Mismatch("Expected a message", "type")
    blocks = message.content
    if blocks is None:
        raise jsonio.Mismatch("Missing content", "content")
    details = message.stop_details
    reply = Reply(
        message.id,
        message.model,
        _content(blocks, body),
        message.stop_reason,
        message.stop_sequence,
        details.explanation if details is not None else None,
        usage,
    )
    if message.stop_reason == "pause_turn":
        reply.raws = _contents.decode(body).content
    return reply


def _decode(body: bytes) -> tuple[WireMessage, WireUsage]:
    """A reply and its usage, which is read field by field if it is not what it should be."""
    try:
        message = _replies.decode(body)
    except jsonio.Mismatch as error:
        if not error.path.startswith("usage"):
            raise
        return _messages.decode(body), read_usage(_usages.decode(body).usage)
    return message, message.usage or WireUsage()


def _content(blocks: list[WireBlock], body: bytes) -> list[Block]:
    """The blocks; those of a kind we do not know as they came."""
    found: list[Block] = []
    raws: list[Raw] | None = None
    for at, block in enumerate(blocks):
        if block.type in _KNOWN:
            found.append(_block(block))
        else:
            if raws is None:
                raws = _contents.decode(body).content
            found.append(raws[at])
    return found


def _block(block: WireBlock) -> Text | Thinking | RedactedThinking | ToolUse:
    if block.type == "text":
        string(block.text, "content.text")
        citations = block.citations
        if citations is UNSET or bytes(citations) in (b"null", b"[]"):
            return Text(block.text)
        return Text(block.text, citations=citations)
    if block.type == "tool_use":
        if bytes(block.input)[:1] != b"{":
            raise jsonio.Mismatch("Expected `object`", "content.input")
        return ToolUse(block.id or "", block.name or "", block.input)
    if block.type == "thinking":
        string(block.thinking, "content.thinking")
        string(block.signature, "content.signature")
        return Thinking(block.thinking, block.signature)
    string(block.data, "content.data")
    return RedactedThinking(block.data)


def _nonsense(reason: str, body: bytes) -> Failure:
    return Failure(
        "upstream_nonsense",
        "The upstream answered with something that is not a message.",
        detail=f"{reason}: {body[:200]!r}",
    )


class _Counted(Struct, gc=False):
    input_tokens: int


_counts = jsonio.Decoder(_Counted)


def read_count(body: bytes) -> bytes | None:
    """An answer to ``count_tokens`` as it came; ``None`` where it is none (``registry.Count``)."""
    return None if _counts.attempt(body) is None else body

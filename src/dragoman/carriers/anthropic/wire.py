"""The shapes of Anthropic's events and replies (protocol.md §3), and how one becomes a hub event.

Shapes say only what is needed: fields we do not know are passed over, so that an API that grows
breaks nothing. Texts stay ``Raw``: JSON string literals, checked by their first byte.
"""

from typing import Annotated

from msgspec import Meta, Raw, Struct

from dragoman.carriers.anthropic.usage import read_usage
from dragoman.codec import jsonio
from dragoman.hub.events import (
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UpstreamError,
)

Index = Annotated[int, Meta(ge=0)]
NULL = Raw(b"null")


class MessageHead(Struct, gc=False):
    id: str = ""
    model: str = ""
    usage: Raw = NULL


class WireMessageStart(Struct, tag_field="type", tag="message_start", gc=False):
    message: MessageHead


class BlockHead(Struct, gc=False):
    type: str
    id: str | None = None
    name: str | None = None


class WireBlockStart(Struct, tag_field="type", tag="content_block_start", gc=False):
    index: Index
    content_block: Raw


class WireText(Struct, tag_field="type", tag="text_delta", gc=False):
    text: Raw


class WireThinking(Struct, tag_field="type", tag="thinking_delta", gc=False):
    thinking: Raw


class WireSignature(Struct, tag_field="type", tag="signature_delta", gc=False):
    signature: Raw


class WireInput(Struct, tag_field="type", tag="input_json_delta", gc=False):
    partial_json: Raw


class WireCitation(Struct, tag_field="type", tag="citations_delta", gc=False):
    citation: Raw


Delta = WireText | WireThinking | WireSignature | WireInput | WireCitation


class WireBlockDelta(Struct, tag_field="type", tag="content_block_delta", gc=False):
    index: Index
    delta: Delta


class WireBlockStop(Struct, tag_field="type", tag="content_block_stop", gc=False):
    index: Index


class StopDetails(Struct, gc=False):
    explanation: str | None = None


class Stop(Struct, gc=False):
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class WireMessageDelta(Struct, tag_field="type", tag="message_delta", gc=False):
    delta: Stop
    usage: Raw = NULL


class WireMessageStop(Struct, tag_field="type", tag="message_stop", gc=False):
    pass


class WirePing(Struct, tag_field="type", tag="ping", gc=False):
    pass


class ErrorBody(Struct, gc=False):
    type: str = "api_error"
    message: str = ""
    details: Raw = NULL


class WireError(Struct, tag_field="type", tag="error", gc=False):
    error: ErrorBody


WireEvent = (
    WireMessageStart
    | WireBlockStart
    | WireBlockDelta
    | WireBlockStop
    | WireMessageDelta
    | WireMessageStop
    | WirePing
    | WireError
)

_events: jsonio.Decoder[WireEvent] = jsonio.Decoder(WireEvent)
_block_heads = jsonio.Decoder(BlockHead)


def string(raw: Raw, path: str) -> bytes:
    """A literal that must be a JSON string. Raises :class:`~dragoman.codec.jsonio.Mismatch`."""
    literal = bytes(raw)
    if literal[:1] != b'"':
        raise jsonio.Mismatch("Expected `str`", path)
    return literal


def decode_event(data: bytes) -> Event:
    """One event's JSON. Raises :class:`jsonio.Malformed` and :class:`jsonio.Mismatch`."""
    event = _events.decode(data)
    if isinstance(event, WireBlockDelta):
        return _delta(event.index, event.delta)
    if isinstance(event, WireBlockStart):
        head = _block_heads.decode(event.content_block)
        return BlockStart(
            event.index, head.type, event.content_block, head.id or "", head.name or ""
        )
    if isinstance(event, WireBlockStop):
        return BlockStop(event.index)
    return _message_event(event)


def _message_event(
    event: WireMessageStart | WireMessageDelta | WireMessageStop | WirePing | WireError,
) -> Event:
    if isinstance(event, WireMessageStart):
        head = event.message
        return MessageStart(head.id, head.model, read_usage(head.usage))
    if isinstance(event, WireMessageDelta):
        stop = event.delta
        explanation = stop.stop_details.explanation if stop.stop_details else None
        return MessageDelta(
            stop.stop_reason, stop.stop_sequence, explanation, read_usage(event.usage)
        )
    if isinstance(event, WireMessageStop):
        return MessageStop()
    if isinstance(event, WirePing):
        return Ping()
    return UpstreamError(event.error.type, event.error.message)


def _delta(index: int, delta: Delta) -> Event:
    if isinstance(delta, WireText):
        return TextDelta(index, string(delta.text, "delta.text"))
    if isinstance(delta, WireInput):
        return InputDelta(index, string(delta.partial_json, "delta.partial_json"))
    if isinstance(delta, WireThinking):
        return ThinkingDelta(index, string(delta.thinking, "delta.thinking"))
    if isinstance(delta, WireSignature):
        return SignatureDelta(index, string(delta.signature, "delta.signature"))
    return CitationDelta(index, delta.citation)

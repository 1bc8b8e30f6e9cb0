"""Streamed answers: hub events → Anthropic's events (protocol.md §3), for upstreams that speak
something else.

What the official SDKs insist on: ``message_start`` first and once; blocks numbered from 0 without a
gap, one at a time, each with its start and its stop; ``message_delta`` with the reason and with
``usage.output_tokens``; ``message_stop`` last; every event under its name. A text costs two pieces
around the JSON string that upstream wrote.
"""

from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.dialects.chat import Parsed
from dragoman.dialects.messages.errors import error_event
from dragoman.dialects.messages.estimate import estimate, tokens
from dragoman.dialects.messages.usage import wire_usage
from dragoman.errors import Failure
from dragoman.hub.events import (
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    Unknown,
)
from dragoman.hub.usage import Usage

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
"""What is sent while upstream is silent; every client passes over it."""
_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b}\n\n'
)
_WRAPPING = 32
"""Bytes of a delta that are not its text, roughly."""
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_START = (
    b"event: content_block_start\n"
    b'data: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
)


class StreamWriter:
    """Events in, Anthropic's events out. There is one choice, ``index`` 0."""

    plain = None

    def __init__(self, parsed: Parsed, created: int, index: int = 0) -> None:
        self._parsed = parsed
        self._created = created
        self._started = False
        self._open: int | None = None
        """Upstream's number of the block that has no end yet."""
        self._count = 0
        """Blocks begun."""
        self._size = 0
        """Bytes of what was said."""
        self._reason: str | None = None
        self._sequence: str | None = None
        self._explanation: str | None = None

    def feed(self, events: list[Event]) -> bytes:
        """The bytes that the events of one read make."""
        parts: list[bytes] = []
        for event in events:
            if type(event) is TextDelta and event.index == self._open:
                literal = event.text
                if literal != b'""':
                    self._delta(b'{"type":"text_delta","text":%b}' % literal, parts)
            else:
                self._rare(event, parts)
        return b"".join(parts)

    def finish(self) -> bytes:
        """Nothing: the end of the one choice is the end of the stream."""
        return b""

    def close(self, usage: Usage) -> bytes:
        """The end of the stream. ``usage`` is what all its events said together."""
        parts: list[bytes] = []
        self._begin(MessageStart("", "", usage.wire()), parts)
        self._end_block(parts)
        if not usage.total:
            # Some servers never say, and a client that reckons with nothing never stops in time.
            told = Usage()
            told.input, told.output = estimate(self._parsed), tokens(self._size)
            usage = told
        delta = stop_fields(self._reason, self._sequence, self._explanation)
        parts.append(
            b'event: message_delta\ndata: {"type":"message_delta","delta":%b,"usage":%b}\n\n'
            % (delta, wire_usage(usage))
        )
        parts.append(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
        return b"".join(parts)

    def fail(self, failure: Failure) -> bytes:
        """The end of a stream that breaks off: the block that is open stays so."""
        return error_event(failure)

    def _rare(self, event: Event, parts: list[bytes]) -> None:
        if isinstance(event, MessageStart):
            self._begin(event, parts)
        elif isinstance(event, MessageDelta):
            self._reason = event.stop_reason or self._reason
            self._sequence = event.stop_sequence or self._sequence
            self._explanation = event.explanation or self._explanation
        elif isinstance(event, Ping):
            parts.append(PING)
        elif isinstance(event, BlockStart):
            self._start(event, parts)
        elif isinstance(event, BlockStop):
            if event.index == self._open:
                self._end_block(parts)
        elif isinstance(event, Unknown):
            name = event.name.replace("\n", "").replace("\r", "")
            parts.append(b"event: %b\ndata: %b\n\n" % (name.encode(), one_line(event.data)))
        else:
            self._piece(event, parts)

    def _begin(self, event: MessageStart, parts: list[bytes]) -> None:
        if self._started:
            return
        self._started = True
        usage = Usage()
        usage.fold(event.usage)
        if not usage.prompt:
            # Clients reckon with it before the end: an estimate serves them better than nothing.
            usage.input = estimate(self._parsed)
        self._parsed.reply_id = self._parsed.reply_id or reply_id(event.id)
        parts.append(
            b'event: message_start\ndata: {"type":"message_start","message":{"id":%b,'
            b'"type":"message","role":"assistant","model":%b,"content":[],"stop_reason":null,'
            b'"stop_sequence":null,"usage":%b}}\n\n'
            % (
                jsonio.encode(self._parsed.reply_id),
                jsonio.encode(self._parsed.client_model),
                wire_usage(usage),
            )
        )

    def _start(self, event: BlockStart, parts: list[bytes]) -> None:
        self._begin(MessageStart("", "", Usage().wire()), parts)
        self._end_block(parts)
        self._open = event.index
        self._count += 1
        parts.append(_START % (self._count - 1, one_line(bytes(event.block))))

    def _end_block(self, parts: list[bytes]) -> None:
        if self._open is not None:
            parts.append(_STOP % (self._count - 1))
            self._open = None

    def _piece(self, event: Event, parts: list[bytes]) -> None:
        """A piece of the open block; one of a block that is not open has no place."""
        if isinstance(event, InputDelta) and event.index == self._open:
            self._delta(
                b'{"type":"input_json_delta","partial_json":%b}' % event.partial_json, parts
            )
        elif isinstance(event, ThinkingDelta) and event.index == self._open:
            self._delta(b'{"type":"thinking_delta","thinking":%b}' % event.thinking, parts)
        elif isinstance(event, SignatureDelta) and event.index == self._open:
            self._delta(b'{"type":"signature_delta","signature":%b}' % event.signature, parts)
        elif isinstance(event, CitationDelta) and event.index == self._open:
            citation = one_line(bytes(event.citation))
            self._delta(b'{"type":"citations_delta","citation":%b}' % citation, parts)

    def _delta(self, delta: bytes, parts: list[bytes]) -> None:
        self._size += len(delta) - _WRAPPING
        parts.append(_DELTA % (self._count - 1, delta))


def reply_id(upstream: str) -> str:
    """An id as this API has them, from the upstream's own; the same gives the same."""
    if upstream.startswith("msg_"):
        return upstream
    tail = upstream.removeprefix("chatcmpl-").removeprefix("resp_")
    kept = "".join([one for one in tail if one.isascii() and (one.isalnum() or one in "_-")])
    return f"msg_{kept[:64] or 'dragoman'}"


def stop_fields(reason: str | None, sequence: str | None, explanation: str | None) -> bytes:
    """Why an answer ended, as the members of an object."""
    reason = reason or "end_turn"
    made: dict[str, object] = {"stop_reason": reason, "stop_sequence": sequence}
    if reason == "refusal":
        made["stop_details"] = {"type": "refusal", "category": None, "explanation": explanation}
    return jsonio.encode(made)


def one_line(data: bytes) -> bytes:
    """JSON as it may stand in one line of a stream."""
    return jsonio.compact(Raw(data)) if b"\n" in data or b"\r" in data else data

"""A stream of InvokeModelWithResponseStream, read into hub events.

Every frame of the kind ``chunk`` holds ``{"bytes": "<base64>"}``, and these bytes are one event of
an Anthropic stream. So frames are turned into server-sent events and read by Anthropic's reader:
one place knows what the events mean, with the same short way for pieces of text. Frames that are
exceptions become the error event that ends the stream. Padding beside ``bytes`` and frames of
unknown kinds are passed over.
"""

import re

from msgspec import Struct, field

from dragoman.carriers import anthropic
from dragoman.carriers.bedrock.errors import CORRUPT, stream_failure
from dragoman.codec import jsonio
from dragoman.codec.eventstream import Decoder, Frame
from dragoman.errors import Failure
from dragoman.hub.events import Event, UpstreamError

MAX_FRAME_BYTES = 8 * 1024 * 1024
"""The largest frame: an event of the size that a stream of server-sent events may have, too, in
base64 and with padding."""
_TYPE = re.compile(rb'\s*\{\s*"type"\s*:\s*"([a-z_]{1,64})"')
_NAME = re.compile(r"[a-z_]{1,64}")
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


class _Chunk(Struct):
    event: bytes = field(default=b"", name="bytes")
    """In base64, which the JSON library reads strictly."""


class _Event(Struct):
    type: str = ""


class _Exception(Struct):
    message: str = ""
    Message: str = ""
    originalMessage: str = ""


_chunks = jsonio.Decoder(_Chunk)
_exceptions = jsonio.Decoder(_Exception)
_events = jsonio.Decoder(_Event)


class Reader:
    """Bytes in, events out (``registry.Reader``).

    ``fast=False`` leaves out the short way of Anthropic's reader, for tests.
    """

    plain = None

    def __init__(self, *, fast: bool = True) -> None:
        self._frames = Decoder(MAX_FRAME_BYTES)
        self._reader = anthropic.Reader(fast=fast)
        self.done = False
        """Whether the stream's last event, its end or an error, has been read."""
        self._error: UpstreamError | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes; a frame that is none ends them as an error does."""
        events: list[Event] = []
        if self.done:
            return events
        try:
            for frame in self._frames.feed(data):
                self._take(frame, events)
                if self.done:
                    return events
            broken = self._frames.failure
        except Failure as failure:
            broken = failure
        if broken is not None:
            self._end(UpstreamError(CORRUPT, broken.detail), events)
        return events

    def close(self) -> None:
        """The bytes are at their end. Raises what broke, or ``upstream_truncated``."""
        if self._error is not None:
            raise stream_failure(self._error)
        if not self.done:
            self._frames.close()
        self._reader.close()

    def _take(self, frame: Frame, events: list[Event]) -> None:
        found = _read(frame)
        if isinstance(found, UpstreamError):
            self._end(found, events)
        elif found:
            events += self._reader.feed(found)
            if self._reader.done:
                self.done = True
                last = events[-1]
                self._error = last if isinstance(last, UpstreamError) else None
            if self._error is None:
                self._tell(found)

    def _tell(self, event: bytes) -> None:
        """A server-sent event that is not an error."""

    def _end(self, error: UpstreamError, events: list[Event]) -> None:
        self.done, self._error = True, error
        events.append(error)


class Framing(Reader):
    """The same, and the events themselves, for a client of the Messages API (``registry.Framing``):
    their JSON as it came, framed as server-sent events."""

    def __init__(self) -> None:
        super().__init__()
        self._told: list[bytes] = []

    def take(self) -> bytes:
        """What was read since the last time, without the error that ended it."""
        told, self._told = b"".join(self._told), []
        return told

    def _tell(self, event: bytes) -> None:
        self._told.append(event)


def _read(frame: Frame) -> bytes | UpstreamError:
    """A frame as a server-sent event, ``b""`` for one without meaning; or as an error."""
    kind = frame.text(":message-type")
    if kind == "exception":
        return UpstreamError(frame.text(":exception-type") or "unknown", _message(frame.payload))
    if kind == "error":
        return UpstreamError(frame.text(":error-code") or "unknown", frame.text(":error-message"))
    if frame.text(":event-type") != "chunk":
        return b""
    try:
        data = _chunks.decode(frame.payload).event
    except (jsonio.Malformed, jsonio.Mismatch) as error:
        return UpstreamError(CORRUPT, f"{error}: {frame.payload[:200]!r}")
    if not data:
        return b""
    # Line ends stand between the parts of a JSON text only, where a space means the same.
    data = data.translate(_LINE_ENDS)
    named = _TYPE.match(data)
    return b"event: %b\ndata: %b\n\n" % (named[1] if named else _type(data), data)


def _type(data: bytes) -> bytes:
    """An event's type, wherever it stands; clients pass over events without one."""
    kind = (_events.attempt(data) or _Event()).type
    return kind.encode() if _NAME.fullmatch(kind) else b""


def _message(payload: bytes) -> str:
    told = _exceptions.attempt(payload)
    if told is None:
        return payload[:200].decode("utf-8", "replace")
    return told.originalMessage or told.message or told.Message

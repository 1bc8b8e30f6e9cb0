"""An Anthropic event stream (protocol.md §3), read into hub events.

Nearly every event of a stream is a piece of text in one exact layout. One compiled pattern finds
those in a read's bytes and takes the JSON string as it stands; whatever the pattern does not
match goes through SSE framing and typed JSON. Both ways give the same events for any split of any
stream: the pattern accepts only what the long way would read in the same way.

Rules for streams that are not what they should be: a second ``message_start`` is dropped; an
event or a delta of an unknown kind becomes :class:`Unknown`; an event of a known kind with a
wrong shape is ``upstream_nonsense``; nothing after ``message_stop`` or ``error`` is read; a
stream without either is ``upstream_truncated``.
"""

import re

from dragoman.carriers.anthropic import wire
from dragoman.carriers.anthropic.errors import stream_failure
from dragoman.codec import jsonio, sse
from dragoman.errors import Failure
from dragoman.hub.events import (
    Event,
    InputDelta,
    MessageStart,
    MessageStop,
    TextDelta,
    ThinkingDelta,
    Unknown,
    UpstreamError,
)

_STRING = rb'"[^"\\\x00-\x1f]*+(?>(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*)"'
_INDEX = rb"(0|[1-9][0-9]{0,5})"
_COMMON = re.compile(
    rb'event: content_block_delta\r?\ndata: \{"type": ?"content_block_delta", ?"index": ?%b, ?'
    rb'"delta": ?\{"type": ?"(text_delta", ?"text|input_json_delta", ?"partial_json'
    rb'|thinking_delta", ?"thinking)": ?(%b)\} *\} *\r?\n\r?\n' % (_INDEX, _STRING)
)
"""A whole delta of text, input or thinking with its SSE framing, in the layouts that JSON libraries
write. Spaces before a brace are upstream's padding."""

_TEXT = re.compile(
    rb'event: content_block_delta\r?\ndata: \{"type": ?"content_block_delta", ?"index": ?%b, ?'
    rb'"delta": ?\{"type": ?"text_delta", ?"text": ?(%b)\} *\} *\r?\n\r?\n' % (_INDEX, _STRING)
)
"""The same of text alone, for a read that is nothing else."""

_KINDS: dict[bytes, type[TextDelta] | type[ThinkingDelta] | type[InputDelta]] = {
    b'text_delta","text': TextDelta,
    b'text_delta", "text': TextDelta,
    b'input_json_delta","partial_json': InputDelta,
    b'input_json_delta", "partial_json': InputDelta,
    b'thinking_delta","thinking': ThinkingDelta,
    b'thinking_delta", "thinking': ThinkingDelta,
}
"""What stands between the two names in :data:`_COMMON` → the event."""


class _Numbers(dict[bytes, int]):
    """What :func:`int` says, without asking it for the indices that every stream has."""

    def __missing__(self, digits: bytes) -> int:
        return int(digits)


_numbers = _Numbers({b"%d" % index: index for index in range(16)})

_DELTA = re.compile(
    rb'\s*\{\s*"type"\s*:\s*"content_block_delta"\s*,\s*"index"\s*:\s*%b\s*,\s*"delta"\s*:\s*\{\s*'
    rb'"type"\s*:\s*"(text_delta|thinking_delta|input_json_delta)"\s*,\s*'
    rb'"(text|thinking|partial_json)"\s*:\s*(%b)\s*\}\s*\}\s*' % (_INDEX, _STRING)
)
"""The data of a delta that holds half a surrogate pair, which the JSON library refuses."""

_DELTAS: dict[tuple[bytes, bytes], type[TextDelta] | type[ThinkingDelta] | type[InputDelta]] = {
    (b"text_delta", b"text"): TextDelta,
    (b"thinking_delta", b"thinking"): ThinkingDelta,
    (b"input_json_delta", b"partial_json"): InputDelta,
}


class Reader:
    """Bytes in, events out. ``feed`` raises :class:`Failure` ``upstream_nonsense``, nothing else.

    ``fast=False`` leaves out the pattern: for tests, which prove that it changes nothing.
    """

    def __init__(self, *, fast: bool = True) -> None:
        self._sse = sse.Decoder()
        self._fast = fast
        self._between = fast
        """Whether the pattern may be tried: the framing stands between two events."""
        self._started = False
        self.done = False
        """Whether the stream's last event, its end or an error, has been read."""
        self._error: UpstreamError | None = None

    def plain(self, data: bytes) -> bytes | None:
        """The text of a read that is one text delta and nothing else, as its JSON string."""
        found = _TEXT.fullmatch(data) if self._between else None
        if found is None:
            return None
        literal = found[2]
        return literal if literal.isascii() or jsonio.is_utf8(literal) else None

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes."""
        events: list[Event] = []
        at = _take_common(data, 0, events) if self._between else 0
        if at < len(data):
            self._take_others(data, at, events)
        return events

    def close(self) -> None:
        """The bytes are at their end.

        Raises :class:`Failure`: what an ``error`` event said, or ``upstream_truncated`` if the
        stream ended before its answer.
        """
        if self._error is not None:
            raise stream_failure(self._error)
        if not self.done:
            raise Failure(
                "upstream_truncated", "The upstream's stream ended before its answer was complete."
            )

    def _take_others(self, data: bytes, at: int, events: list[Event]) -> None:
        while at < len(data) and not self.done:
            framed, at = self._sse.take(data, at)
            if framed is not None:
                self._read(framed, events)
                if self._fast and not self.done:
                    at = _take_common(data, at, events)
        self._between = self._fast and not self.done and self._sse.between

    def _read(self, framed: sse.Event, events: list[Event]) -> None:
        event = read_event(framed)
        if event is None:
            return
        if isinstance(event, MessageStart):
            if self._started:
                return
            self._started = True
        elif isinstance(event, MessageStop):
            self.done = True
        elif isinstance(event, UpstreamError):
            self.done, self._error = True, event
        events.append(event)


def _take_common(data: bytes, at: int, events: list[Event]) -> int:
    """All common deltas that stand next to each other from ``at``; returns where they end."""
    size = len(data)
    while at < size and (found := _COMMON.match(data, at)):
        index, kind, literal = found.groups()
        if not literal.isascii() and not jsonio.is_utf8(literal):
            raise _nonsense("not UTF-8", literal)
        events.append(_KINDS[kind](_numbers[index], literal))
        at = found.end()
    return at


def read_event(framed: sse.Event) -> Event | None:
    """One framed event; ``None`` for what carries nothing (``[DONE]``).

    Raises :class:`Failure` ``upstream_nonsense``.
    """
    data = framed.data
    if data == b"[DONE]":
        return None
    if not jsonio.is_utf8(data):
        raise _nonsense("not UTF-8", data)
    try:
        return wire.decode_event(data)
    except jsonio.Mismatch as error:
        if error.path in ("type", "delta.type") and error.reason.startswith("Invalid value"):
            return Unknown(framed.name.decode("utf-8", "replace"), data)
        raise _nonsense(f"{error.reason} at {error.path!r}", data) from None
    except jsonio.Malformed as error:
        return _with_lone_surrogates(data, str(error))


def _with_lone_surrogates(data: bytes, reason: str) -> Event:
    """A delta's text is spliced, not decoded, so half a surrogate pair can pass as it is."""
    found = _DELTA.fullmatch(data)
    delta = _DELTAS.get((found[2], found[3])) if found else None
    if found is not None and delta is not None:
        return delta(int(found[1]), found[4])
    mended = jsonio.without_lone_surrogates(data)
    try:
        return wire.decode_event(mended)
    except (jsonio.Malformed, jsonio.Mismatch):
        raise _nonsense(reason, data) from None


def _nonsense(reason: str, data: bytes) -> Failure:
    return Failure(
        "upstream_nonsense",
        "The upstream sent an event that is not valid.",
        detail=f"{reason}: {data[:200]!r}",
    )

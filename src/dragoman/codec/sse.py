"""Server-sent events on bytes: lines end at CR, LF or CRLF and at nothing else.

Text decoders split lines at U+2028, U+0085 and others too, which cuts a model's text in two; so
nothing is decoded here. :class:`Decoder` is fed with a cursor, one event at a time: ``take(data,
at)`` reads up to the end of the next event and says where it stopped, which lets a caller try a
faster reading of the rest whenever the decoder stands between two events. What is not complete
waits inside; a stream delivered one byte at a time costs the same number of steps as its bytes.

Field rules are those of the HTML standard (§9.2.6), with one difference: an event without any
``data`` is dropped, and so is an event that the end of the stream cuts off.
"""

import re
from typing import NamedTuple

from dragoman.errors import Failure

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""The largest event taken from an upstream: its lines together."""

_LINE_END = re.compile(rb"[\r\n]")
_WHOLE = re.compile(rb"event: ?([^\r\n]*+)\r?\ndata: ?([^\r\n]*+)\r?\n\r?\n")
"""A whole event as nearly every server writes it: read in one step instead of line by line."""
_BOM = b"\xef\xbb\xbf"
_LF = 0x0A
_CR = 0x0D


class Event(NamedTuple):
    """``name`` is the ``event`` field, ``b""`` without one; ``data`` the ``data`` lines joined by
    LF.
    """

    name: bytes
    data: bytes


class Decoder:
    """Bytes in, events out. Raises :class:`Failure` ``upstream_nonsense`` for an event beyond the
    limit.
    """

    def __init__(self, limit_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit_bytes
        self._line = bytearray()
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self._first = True
        self._after_cr = False

    @property
    def between(self) -> bool:
        """Whether the decoder stands between two events, with nothing kept back."""
        return not (self._line or self._data or self._name)

    def take(self, data: bytes, at: int) -> tuple[Event | None, int]:
        """The next event of ``data`` from ``at``, and where to go on; ``None`` at the end of
        ``data``.
        """
        if self._after_cr and at < len(data):
            self._after_cr = False
            if data[at] == _LF:
                at += 1
        if self.between:
            whole = _WHOLE.match(data, at)
            if whole is not None and whole.end() - at <= self._limit:
                self._first = False
                return Event(whole[1], whole[2]), whole.end()
        while found := _LINE_END.search(data, at):
            end = found.start()
            line = data[at:end]
            at = end + 1
            if data[end] == _CR:
                if at == len(data):
                    self._after_cr = True
                elif data[at] == _LF:
                    at += 1
            event = self._take_line(line)
            if event is not None:
                return event, at
        self._keep(data[at:])
        return None, len(data)

    def _keep(self, part: bytes) -> None:
        self._line += part
        if len(self._line) + self._size > self._limit:
            raise Failure(
                "upstream_nonsense", f"The upstream sent an event larger than {self._limit} bytes."
            )

    def _take_line(self, line: bytes) -> Event | None:
        if self._line or len(line) + self._size > self._limit:
            self._keep(line)
            line = bytes(self._line)
            self._line.clear()
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        if field == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._size += len(value) + 1
        elif field == b"event":
            self._name = value.removeprefix(b" ")
            self._size += len(self._name)
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name, self._data
        self._name, self._size = b"", 0
        if not data:
            return None
        self._data = []
        return Event(name, data[0] if len(data) == 1 else b"\n".join(data))

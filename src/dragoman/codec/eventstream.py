"""AWS event-stream frames (``application/vnd.amazon.eventstream``), bytes → frames.

::

    ┌──────────┬─────────────┬─────────────┬─────────┬─────────┬─────────────┐
    │ total    │ headers     │ CRC32 of    │ headers │ payload │ CRC32 of    │
    │ length   │ length      │ these two   │         │         │ all before  │
    │ u32      │ u32         │ u32         │         │         │ u32         │
    └──────────┴─────────────┴─────────────┴─────────┴─────────┴─────────────┘

Both checksums are verified: the first before its lengths are believed, so that a broken length can
neither make us wait nor keep bytes without end. What is not complete waits inside; a frame that is
wrong ends the stream, and everything before it is handed out first, however the bytes were split
into reads (source: protocol.md §7 and the AWS SDKs, whose decoder is the tests' oracle).
"""

import struct
from binascii import crc32
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from dragoman.errors import Failure

MAX_FRAME_BYTES = 24 * 1024 * 1024
"""The largest frame taken; botocore's own bound for a payload."""
MAX_HEADERS_BYTES = 128 * 1024
"""The most bytes of headers in one frame, as the specification has it."""

HeaderValue = bool | int | bytes | str
"""Types 0 to 9 of the wire: booleans, integers of one to eight bytes, byte arrays, texts,
timestamps as milliseconds since 1970 (``int``) and UUIDs as their 16 bytes."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_OVERHEAD = _PRELUDE.size + _CRC.size
_TRUE, _FALSE, _BYTES, _TEXT, _UUID = 0, 1, 6, 7, 9
_INTEGERS = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),
}
_UUID_BYTES = 16


class Frame(NamedTuple):
    """One message: its headers by name, and its payload."""

    headers: Mapping[str, HeaderValue]
    """Frames whose headers are the same bytes share them."""
    payload: bytes

    def text(self, name: str) -> str:
        """A header that is a text; ``""`` where it is missing or is none."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class _Wrong(ValueError):
    """A frame that is not one."""


class Decoder:
    """Bytes in, frames out.

    A frame that is wrong (a checksum, a length, a header) is remembered in :attr:`failure` when
    the frames before it have been handed out; from then on ``feed`` and ``close`` raise it:
    :class:`Failure` ``upstream_nonsense``.
    """

    def __init__(self, limit_bytes: int = MAX_FRAME_BYTES) -> None:
        self._limit = limit_bytes
        self._rest = bytearray()
        self.failure: Failure | None = None
        """What made the stream unreadable."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes."""
        if self.failure is not None:
            raise self.failure
        rest = self._rest
        rest += data
        frames: list[Frame] = []
        at = 0
        try:
            while (end := self._end(at)) <= len(rest):
                frames.append(_frame(bytes(rest[at:end])))
                at = end
        except _Wrong as error:
            self.failure = Failure(
                "upstream_nonsense",
                "The upstream sent a frame that is not valid.",
                detail=str(error),
            )
            rest.clear()
            if not frames:
                raise self.failure from None
        del rest[:at]
        return frames

    def close(self) -> None:
        """The bytes are at their end. Raises ``upstream_truncated`` inside a frame."""
        if self.failure is not None:
            raise self.failure
        if self._rest:
            raise Failure(
                "upstream_truncated",
                "The upstream's stream ended before its answer was complete.",
                detail=f"{len(self._rest)} bytes of a frame that did not end",
            )

    def _end(self, at: int) -> int:
        """Where the frame at ``at`` ends; beyond what is there while its lengths are not."""
        rest = self._rest
        if len(rest) - at < _PRELUDE.size:
            return len(rest) + 1
        total, headers, told = _PRELUDE.unpack_from(rest, at)
        if crc32(rest[at : at + 8]) != told:
            raise _Wrong("the checksum of a frame's lengths does not fit")
        if not _OVERHEAD <= total <= self._limit:
            raise _Wrong(f"a frame of {total} bytes")
        if headers > min(total - _OVERHEAD, MAX_HEADERS_BYTES):
            raise _Wrong(f"{headers} bytes of headers in a frame of {total}")
        return at + total


def _frame(data: bytes) -> Frame:
    """A whole frame whose lengths have been checked."""
    (told,) = _CRC.unpack_from(data, len(data) - _CRC.size)
    if crc32(memoryview(data)[: -_CRC.size]) != told:
        raise _Wrong("the checksum of a frame does not fit")
    (length,) = _CRC.unpack_from(data, 4)
    end = _PRELUDE.size + length
    return Frame(_headers(data[_PRELUDE.size : end]), data[end : -_CRC.size])


@lru_cache(maxsize=64)
def _headers(data: bytes) -> Mapping[str, HeaderValue]:
    """Read once for all the frames of a stream, which have the same."""
    found: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name = _utf8(_piece(data, at + 1, name_end))
            kind = data[name_end]
            if name in found:
                raise _Wrong(f"the header {name!r} twice")
            found[name], at = _value(kind, data, name_end + 1)
    except (IndexError, struct.error):
        raise _Wrong("a header that does not end") from None
    return found


def _value(kind: int, data: bytes, at: int) -> tuple[HeaderValue, int]:
    """A header's value, and where the next header begins."""
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind in _INTEGERS:
        integer = _INTEGERS[kind]
        return integer.unpack_from(data, at)[0], at + integer.size
    if kind == _UUID:
        return _piece(data, at, at + _UUID_BYTES), at + _UUID_BYTES
    if kind not in (_BYTES, _TEXT):
        raise _Wrong(f"a header of type {kind}")
    (length,) = _LENGTH.unpack_from(data, at)
    start = at + _LENGTH.size
    piece = _piece(data, start, start + length)
    return (_utf8(piece) if kind == _TEXT else piece), start + length


def _piece(data: bytes, start: int, end: int) -> bytes:
    if end > len(data):
        raise IndexError
    return data[start:end]


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _Wrong("a header that is not UTF-8") from None

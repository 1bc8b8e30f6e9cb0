"""Content codings, undone piece by piece and never beyond a bound.

A few kilobytes of deflate can stand for gigabytes, so nothing here inflates more than
:data:`PIECE_BYTES` at a time, and the whole of one body is limited by who owns the
:class:`Inflater`.
"""

import zlib
from typing import Final

PIECE_BYTES: Final = 262144
"""The most that one call of :meth:`Inflater.next` returns."""

CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
"""RFC 9110 §8.4.1, without ``compress``."""

_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15


class BadCoding(ValueError):
    """The bytes are not of the coding their header names, or too many."""


class Inflater:
    """Compressed pieces in, decompressed pieces out.

    ``coding`` is one of :data:`CODINGS`. Output beyond ``limit_bytes`` raises :class:`BadCoding`.
    """

    __slots__ = ("_deflate", "_input", "_left", "_more", "_started", "_stream")

    def __init__(self, coding: str, limit_bytes: int) -> None:
        self._deflate = coding == "deflate"
        self._left = limit_bytes
        self._input = b""
        self._more = False
        self._started = False
        self._stream = zlib.decompressobj(_GZIP)

    def feed(self, data: bytes) -> None:
        """Add compressed bytes; call :meth:`next` until it returns nothing before adding more."""
        self._input += data

    def next(self) -> bytes:
        """The next bytes, ``b""`` when more input is needed. Raises :class:`BadCoding`."""
        while self._input or self._more:
            if not self._started or (self._stream.eof and self._input):
                self._start()
            stream = self._stream
            try:
                out = stream.decompress(self._input, PIECE_BYTES)
            except zlib.error as error:
                raise BadCoding(str(error)) from None
            self._input = stream.unused_data if stream.eof else stream.unconsumed_tail
            # Output cut off at the limit may still be pending although all input is consumed.
            self._more = len(out) == PIECE_BYTES and not stream.eof
            if out:
                self._left -= len(out)
                if self._left < 0:
                    raise BadCoding("the decompressed body is too large")
                return out
        return b""

    @property
    def finished(self) -> bool:
        """Whether the input may end here. No input at all is an empty body."""
        return not self._input and not self._more and (self._stream.eof or not self._started)

    def _start(self) -> None:
        # A gzip body may consist of several members (RFC 1952 §2.2), a deflate body may not.
        if self._started and self._deflate:
            raise BadCoding("bytes after the end of the deflate stream")
        self._started = True
        if self._deflate:
            # Some senders leave out the zlib wrapper (RFC 9110 §8.4.1.2): its first byte ends in 8.
            self._stream = zlib.decompressobj(_ZLIB if self._input[0] & 15 == 8 else _RAW)
        else:
            self._stream = zlib.decompressobj(_GZIP)

"""A request's body on its way in: counted, bounded, collected.

A body that arrives in the same read as its head never comes here. Any other is fed to a
:class:`SizedBody` (``Content-Length``) or a :class:`ChunkedBody`, which keep what belongs to the
body and give back what follows it. The connection feeds, ``Call.body`` takes. When the body is
refused or the client is too slow, ``failure`` says so and everything further is dropped unseen.
"""

from typing import Final

import httptools

from dragoman.errors import Failure
from dragoman.http.server_limits import ServerLimits

_SMALL_BYTES: Final = 4_096
_TAIL_BYTES: Final = 65_536

_CHUNKED_HEAD: Final = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
_END: Final = b"\r\n\r\n"
_MAX_FRAMING_BYTES: Final = 65_536
"""Chunk sizes, extensions and trailers may take this much, and :data:`_FRAMING_RATE` bytes a byte
of body."""
_FRAMING_RATE: Final = 16


class Pieces:
    """Bytes in order of arrival.

    Large pieces are kept as they came. Small ones are gathered, so that a body sent byte by byte
    costs its size in memory and not an object a byte.
    """

    __slots__ = ("_pieces", "_tail", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes | memoryview] = []
        self._tail = bytearray()
        self.size = 0
        """Bytes added, for life."""

    def add(self, data: bytes | memoryview) -> None:
        size = len(data)
        self.size += size
        if size >= _SMALL_BYTES:
            if self._tail:
                self._flush()
            self._pieces.append(data)
        else:
            self._tail += data
            if len(self._tail) >= _TAIL_BYTES:
                self._flush()

    def take(self) -> bytes:
        """Everything added since the last call, in one piece."""
        if self._tail:
            self._flush()
        pieces, self._pieces = self._pieces, []
        if len(pieces) == 1:
            return bytes(pieces[0])
        return b"".join(pieces)

    def drop(self) -> None:
        """Forget what was added."""
        self._pieces = []
        self._tail = bytearray()

    def _flush(self) -> None:
        self._pieces.append(bytes(self._tail))
        self._tail.clear()


class Body:
    """What the two framings have in common."""

    __slots__ = ("complete", "expected", "failure", "pieces", "since")

    def __init__(self, since: float) -> None:
        self.pieces = Pieces()
        self.complete = False
        self.failure: Failure | None = None
        self.expected = False
        """The client waits for ``100 Continue`` before it sends the body."""
        self.since = since
        """``mono()`` seconds from which the client may be expected to send."""

    def fail(self, failure: Failure) -> None:
        """End the body here; what follows on this connection cannot be understood any more."""
        if self.failure is None:
            self.failure = failure
            self.pieces.drop()

    def overdue(self, now: float, limits: ServerLimits) -> bool:
        """Whether more of it should have come by ``now`` (``mono()`` seconds)."""
        if self.failure is not None or self.expected:
            return False
        allowed_s = limits.body_grace_s + self.pieces.size / limits.min_body_bytes_per_s
        return now - self.since > allowed_s

    def feed(self, data: bytes | memoryview) -> bytes:
        """Take what belongs to the body, give back what follows it; sets ``complete`` or
        ``failure``."""
        raise NotImplementedError

    def skippable(self, limit_bytes: int) -> bool:
        """Whether the rest may be read and thrown away to keep the connection."""
        raise NotImplementedError


class SizedBody(Body):
    """A body with a ``Content-Length``, which the connection has already checked against the
    limit."""

    __slots__ = ("_left",)

    def __init__(self, size: int, since: float) -> None:
        super().__init__(since)
        self._left = size

    def feed(self, data: bytes | memoryview) -> bytes:
        if self.failure is not None:
            return b""
        left = self._left - len(data)
        if left > 0:
            self.pieces.add(data)
            self._left = left
            return b""
        self.complete = True
        if left == 0:
            self.pieces.add(data)
            return b""
        self.pieces.add(data[: self._left])
        return bytes(data[self._left :])

    def skippable(self, limit_bytes: int) -> bool:
        return not self.expected and self.failure is None and self._left <= limit_bytes


class ChunkedBody(Body):
    """A chunked body, decoded by a parser of its own. Trailers are checked, then dropped.

    llhttp does not say where in its input a message ended, and would go on to read the next
    request. But a chunked message can only end at CR LF CR LF, so the input is handed to it in
    pieces that end there.
    """

    __slots__ = ("_framing", "_kept", "_limit", "_parser")

    def __init__(self, limit_bytes: int, since: float) -> None:
        super().__init__(since)
        self._limit = limit_bytes
        self._framing = 0
        self._kept = b""
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(_CHUNKED_HEAD)

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        if self.failure is None:
            self.pieces.add(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.complete = True

    def feed(self, data: bytes | memoryview) -> bytes:
        if self.failure is not None:
            return b""
        data = self._kept + data if self._kept else bytes(data)
        size, begin = len(data), 0
        while (found := data.find(_END, begin)) >= 0:
            end = found + len(_END)
            self._parse(data[begin:end])
            if self.complete or self.failure is not None:
                return data[end:]
            begin = end
        # An end that is cut by the reads must stay in one piece.
        tail = data[max(begin, size - len(_END) + 1) :]
        end = size - len(tail) + len(tail.rstrip(_END))
        self._parse(data[begin:end])
        self._kept = data[end:]
        return b""

    def skippable(self, limit_bytes: int) -> bool:
        return False

    def _parse(self, data: bytes) -> None:
        before = self.pieces.size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(Failure("bad_request", f"Malformed chunked body: {error}."))
            return
        size = self.pieces.size
        self._framing += len(data) - (size - before)
        if size > self._limit:
            self.fail(too_large(self._limit))
        elif self._framing > _MAX_FRAMING_BYTES + _FRAMING_RATE * size:
            self.fail(Failure("bad_request", "More chunk framing than body."))


def too_large(limit_bytes: int) -> Failure:
    """The refusal of a body over the limit."""
    return Failure("request_too_large", f"The request body is larger than {limit_bytes} bytes.")

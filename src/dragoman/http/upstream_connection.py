"""One connection to an upstream: a protocol that turns socket reads into one response at a time.

llhttp (through httptools) parses; this module decides what the result means for the connection.
There is no task and no timer here. A read fills the buffer that all connections of a client
share, the parser
consumes it before the read callback returns, and whoever waits is woken at most once a read::

    IDLE ── begin ──► HEAD ── head complete ──► BODY ── last byte ──► DONE ── reset ──► IDLE
                        │                         │
                        └───── any failure ───────┴──► DEAD    (the socket is closed at once)

Body pieces wait in ``pieces`` until the reader takes them all, as one; while there is a ``sink``
they go there at the end of each read, without waking anybody. More than :data:`HIGH_WATER`
bytes waiting stop the socket's reads until then. ``quiet_s`` is the silence so far, as the owner's
sweep counts it.

RFC 9112 is the rule for framing: §6.3 for where a body ends, §8 for bodies that end too early.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from dragoman.errors import Failure
from dragoman.http.response_head import is_chunked

MAX_HEAD_BYTES: Final = 65536
"""The response head with the informational responses (1xx) before it."""
MAX_HEADERS: Final = 200
HIGH_WATER: Final = 65536
"""Bytes of one response that may wait for its reader before the socket is no longer read."""
READ_BYTES: Final = 16384
"""The most that one read takes from the socket."""
WRITE_AT_ONCE: Final = 65536
"""A body up to this size is copied behind its head and sent in one piece."""

IDLE: Final = 0
HEAD: Final = 1
BODY: Final = 2
DONE: Final = 3
DEAD: Final = 4

_HEAD_END: Final = b"\r\n\r\n"
_GIVEN_UP: Final = Failure("upstream_reset", "The connection to the upstream was given up.")


class Nonsense(Exception):
    """What arrived is not an HTTP response that this client accepts; the text says why."""


class _Stop(Exception):
    """Ends the parsing of a read from inside a parser callback: the response is complete."""


class Owner(Protocol):
    """The pool a connection belongs to."""

    buffer: memoryview
    """Where reads land. Shared: its content is consumed before the read callback returns."""
    plain: memoryview
    """Where decrypted bytes land, likewise."""

    def lost(self, connection: "UpstreamConnection") -> None:
        """The socket is closed."""
        ...

    def release(self, connection: "UpstreamConnection") -> None:
        """The response was read to its end."""
        ...


class UpstreamConnection(asyncio.BufferedProtocol):
    """A keep-alive connection, for one request at a time."""

    __slots__ = (
        "_head_only",
        "_paused",
        "_stall_s",
        "_unread",
        "bulky",
        "coded",
        "failure",
        "head",
        "head_room",
        "keep",
        "limit_s",
        "loop",
        "on_body",
        "owner",
        "parser",
        "pieces",
        "quiet_s",
        "sink",
        "state",
        "status",
        "transport",
        "waiter",
    )

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self.owner = owner
        self.loop = loop
        self.transport: asyncio.Transport
        self.state = IDLE
        self.waiter: asyncio.Future[None] | None = None
        self.failure = _GIVEN_UP
        self.status = 0
        self.head = b""
        """The response's head as it came; before it is complete, what came of it."""
        self.head_room = MAX_HEAD_BYTES
        self.pieces: list[bytes] = []
        self.on_body = self.pieces.append
        self.coded = False
        """The body has a content coding."""
        self.sink: Callable[[bytes], bool] | None = None
        """Where body bytes go at once instead of waiting; false when it has had enough."""
        self.keep = False
        self.bulky = False
        self.quiet_s = 0.0
        self.limit_s = 0.0
        self._stall_s = 0.0
        self._unread = 0
        self._paused = False
        self._head_only = False
        self.parser = HttpResponseParser(self)

    # What the client and the response use.

    def begin(
        self, head: bytes, body: bytes, limits_s: tuple[float, float], head_only: bool
    ) -> asyncio.Future[None]:
        """Send a request; the future is done when ``status`` or ``failure`` is set.

        ``limits_s`` are the seconds of silence allowed before the head and inside the body.
        """
        self.state = HEAD
        self.status = 0
        self.head_room = MAX_HEAD_BYTES
        self.head = b""
        self.quiet_s = 0.0
        self.limit_s, self._stall_s = limits_s
        self._head_only = head_only
        self.waiter = waiter = self.loop.create_future()
        self.write(head, body)
        return waiter

    def write(self, head: bytes, body: bytes) -> None:
        """Hand a request to the socket. A large body is not copied."""
        if len(body) > WRITE_AT_ONCE:
            self.bulky = True
            self.transport.writelines((head, body))
        else:
            self.transport.write(head + body)

    def wait(self) -> asyncio.Future[None]:
        """A future that is done when body bytes, the end or a failure arrive."""
        self.waiter = waiter = self.loop.create_future()
        return waiter

    def take(self) -> bytes:
        """Every body byte that arrived since the last call."""
        pieces = self.pieces
        data = b"".join(pieces)
        pieces.clear()
        self._unread = 0
        if self._paused:
            self._resume()
        return data

    def reset(self) -> None:
        """Forget a finished response, read or not."""
        self.state = IDLE
        self.quiet_s = 0.0
        self.pieces.clear()
        self._unread = 0
        if self._paused:
            self._resume()

    @property
    def went_stale(self) -> bool:
        """Whether the connection ended before a single byte of the response."""
        return self.head_room == MAX_HEAD_BYTES and self.failure.kind == "upstream_reset"

    @property
    def writing(self) -> bool:
        """Whether part of a large request still waits to be sent."""
        return self.bulky and self.transport.get_write_buffer_size() > 0

    def abort(self) -> None:
        """Close the socket now, whatever is going on."""
        if self.state == IDLE:
            self.owner.lost(self)
        if self.state != DONE:
            self.state = DEAD
        self.keep = False
        self.waiter = None
        self.transport.abort()

    def fail(self, kind: str, message: str, detail: str) -> None:
        """End the response with a failure and close the socket."""
        self.failure = Failure(kind, message, detail=detail)
        self.state = DEAD
        self._wake()
        self.transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.owner.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.feed(self.owner.buffer[:nbytes])

    def feed(self, data: memoryview) -> None:
        """Parse what one read brought, wake the reader, stop reading when it is behind."""
        state = self.state
        if state == BODY:
            self.quiet_s = 0.0
        elif state == HEAD:
            if len(data) > self.head_room:
                self._feed_long_head(data)
                return
            self.head_room -= len(data)
            self.head += data
        else:
            self.abort()
            return
        try:
            self.parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._stopped(error)
            return
        pieces, sink = self.pieces, self.sink
        if sink is None or not pieces:
            self._hold(state, len(data))
            return
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread = 0
        if not sink(body):
            self.sink = None
            self._wake()
        elif self.state != state:
            self._wake()

    def _hold(self, before: int, size: int) -> None:
        """Keep what a read of ``size`` bytes brought until the reader takes it."""
        if self.state != HEAD:
            self._unread += size
            if self._unread >= HIGH_WATER:
                self._fall_behind()
        waiter = self.waiter
        if waiter is not None and (self.pieces or self.state != before):
            self.waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def eof_received(self) -> None:
        self.ended(None)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended(exc)
        # The parser and its callbacks refer to each other.
        del self.parser
        self.owner.lost(self)

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.state == DONE:
            raise _Stop

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        # llhttp has checked every line; a callback for each would cost more than all the rest.
        head, end, rest = self.head.lstrip(b"\r\n").partition(_HEAD_END)
        if not end:
            raise Nonsense("a head without its empty line")
        if status < 200:
            if status < 100 or status == 101:
                raise Nonsense(f"status {status}")
            self.head = rest
            return
        count = head.count(b"\n")
        if count > MAX_HEADERS:
            raise Nonsense(f"{count} headers")
        self.head = head
        names = head.lower()
        # Not `in`: for bytes that raises and drops an exception before it looks.
        self.coded = names.find(b"\ncontent-encoding:") >= 0
        if names.find(b"\ntransfer-encoding:") >= 0 and not is_chunked(head):
            raise Nonsense("an unknown transfer coding")
        self.status = status
        self.quiet_s = 0.0
        self.limit_s = self._stall_s
        self._unread = 0
        self.state = BODY
        if self._head_only:
            # The parser cannot know that no body follows; such a connection is not used again.
            self.state = DONE
            self.keep = False
            raise _Stop

    def on_message_complete(self) -> None:
        if self.state == BODY:
            self.state = DONE
            # Right only in here: llhttp forgets the answer after the message.
            self.keep = self.parser.should_keep_alive()

    # Corners.

    def _wake(self) -> None:
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _resume(self) -> None:
        self._paused = False
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _fall_behind(self) -> None:
        if not self.pieces and self.state == BODY:
            self._nonsense("64 KiB of chunk framing without data")
        elif not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _feed_long_head(self, data: memoryview) -> None:
        # Up to the limit and not a byte further: the verdict must not depend on how reads fall.
        room = self.head_room
        if room:
            self.feed(data[:room])
        if self.state == HEAD:
            self._nonsense(f"a response head above {MAX_HEAD_BYTES} bytes")
        elif self.state == BODY:
            self.feed(data[room:])
        else:
            self.abort()

    def _stopped(self, error: HttpParserError | HttpParserUpgrade) -> None:
        if self.state == DONE:
            # A complete response, and then bytes nobody asked for.
            self.abort_after_response()
            return
        cause = error.__context__
        self._nonsense(str(cause) if isinstance(cause, Nonsense) else str(error))

    def abort_after_response(self) -> None:
        """Close the socket behind a response that is complete and may still be read."""
        self._wake()
        self.abort()

    def _nonsense(self, detail: str) -> None:
        self.fail("upstream_nonsense", "The upstream's answer is not valid HTTP.", detail)

    def ended(self, exc: Exception | None) -> None:
        """The stream is over, by a FIN if ``exc`` is None: what does that mean for the response?"""
        state = self.state
        if state == HEAD:
            detail = f"closed before the response head: {exc or 'end of stream'}"
            self.fail("upstream_reset", "The upstream closed the connection.", detail)
        elif state == BODY:
            if exc is not None:
                # Anything but an OSError is a bug of ours, and its text may quote the answer.
                why = exc if isinstance(exc, OSError) else type(exc).__name__
                detail = f"reset inside the response: {why}"
                self.fail("upstream_reset", "The upstream closed the connection.", detail)
            elif self.ends_with_stream():
                self.state = DONE
                self.keep = False
                self._wake()
            else:
                detail = "end of stream inside the response"
                self.fail("upstream_truncated", "The upstream's answer ended early.", detail)
        elif state == IDLE:
            self.state = DEAD
            self.owner.lost(self)
        self.keep = False

    def ends_with_stream(self) -> bool:
        """Whether the end of the stream is the end of the body (RFC 9112 §6.3, rule 8)."""
        names = self.head.lower()
        return b"\ncontent-length:" not in names and b"\ntransfer-encoding:" not in names

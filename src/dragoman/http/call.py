"""One request and the way to answer it: all that a handler sees of HTTP.

An answer is either whole (:meth:`Call.respond`) or a stream (:meth:`Call.begin`,
:meth:`Call.write`, :meth:`Call.end`). The head of a stream leaves with its first chunk, in one
system call, so until then (``sent`` is false) the handler may still change its mind and respond
with an error. When the client leaves, ``gone`` becomes true and the handler's task is cancelled;
from then on writing does nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from dragoman.errors import Failure
from dragoman.http import answer_head
from dragoman.http.body import Body, Pieces, too_large
from dragoman.http.idle import IdleWatch
from dragoman.http.inflate import CODINGS, PIECE_BYTES, BadCoding, Inflater
from dragoman.http.server_state import ServerState

_OPEN, _STREAMING, _DONE = range(3)
_RAW, _CHUNKED, _MUTE = range(3)

_LARGE_BYTES: Final = 65_536
_INFLATE_BYTES: Final = 65_536
_UNCOUNTED: Final = 1 << 62
_WITHOUT_BODY: Final = frozenset({204, 304})


class Wire(Protocol):
    """What a call needs of its connection."""

    state: ServerState
    transport: asyncio.Transport
    out_bytes: int
    """Bytes handed to the transport, for life: how the sweep sees that something was written."""
    last: bool
    """No request follows the current one on this connection."""
    unread: Body | None
    """The current request's body, while it is arriving."""

    def ask_for_body(self) -> None:
        """Send ``100 Continue`` if the client waits for it."""
        ...

    def answered(self) -> None:
        """The last byte of the answer was handed over."""
        ...

    def broke_off(self, graceful: bool) -> None:
        """The answer ends here, incomplete."""
        ...


class Call(Struct, eq=False):
    """One request. A struct, because filling in defaults is its makers' fastest code."""

    _wire: Wire
    method: str
    path: str
    query: str
    modern: bool
    """HTTP/1.1 rather than 1.0."""
    headers: dict[str, str]
    """Lower-case names; repeated ones joined by ``", "``."""
    peer: str
    """The client's address, without port."""
    started: float
    """``mono()`` seconds when the head was complete."""
    request_id: str

    gone: bool = False
    """The client left: a reset, a FIN before the first byte of the answer, or a stalled reader."""
    sent: bool = False
    """The head of the answer has been written."""
    paused: bool = False
    """More waits for the client than it should; :meth:`drained` tells when to go on."""
    drained_out: bool = False
    """The handler was cancelled because the server stops, not because the client left."""
    content: bytes | None = None
    """The body, when there is nothing to wait for or to decompress: the usual case of a small
    request. Otherwise None, and :meth:`body` is the way to get it."""
    lines: str = ""
    """Header lines for the answer that are ready to be sent, each with its CR LF: for what is of
    our own making or was checked when it came, for nobody checks them."""

    # For the connection.
    incoming: Body | None = None
    idle: IdleWatch | None = None
    task: asyncio.Task[None] | None = None
    entered: bool = False
    cors_lines: str = ""

    _stage: int = _OPEN
    _framing: int = _RAW
    _head: bytes = b""
    _piecewise: bool = False
    _reader: asyncio.Future[None] | None = None
    _drainers: list[asyncio.Future[None]] | None = None

    @property
    def draining(self) -> bool:
        """The server ends after the calls under way."""
        return self._wire.state.leaving

    # Reading.

    async def body(self) -> bytes:
        """The whole body, decompressed; ``content``, if that is not None.

        Raises Failure request_too_large, unsupported_media_type (an unknown coding), bad_request
        (malformed chunks or compression) or request_timeout.
        """
        if self.content is None:
            coding = self.headers.get("content-encoding", "identity").lower()
            if coding == "identity":
                self.content = await self._received()
            elif coding in CODINGS:
                self.content = await self._decoded(coding)
            else:
                raise Failure("unsupported_media_type", "Content-Encoding must be gzip or deflate.")
        return self.content

    async def _received(self) -> bytes:
        incoming = self.incoming
        if incoming is None:
            return b""
        if not incoming.complete:
            self._wire.ask_for_body()
        while not incoming.complete:
            if incoming.failure is not None:
                raise incoming.failure
            await self._arrival()
        return incoming.pieces.take()

    async def _decoded(self, coding: str) -> bytes:
        inflater = Inflater(coding, _UNCOUNTED)
        out = Pieces()
        self._piecewise = True
        try:
            if self.incoming is not None:
                await self._inflate_incoming(inflater, self.incoming, out)
        except BadCoding as error:
            raise Failure("bad_request", f"The body is not valid {coding}: {error}.") from None
        if not inflater.finished:
            raise Failure("bad_request", f"The {coding} body is cut short.")
        return out.take()

    async def _inflate_incoming(self, inflater: Inflater, incoming: Body, out: Pieces) -> None:
        if not incoming.complete:
            self._wire.ask_for_body()
        seen = 0
        while not incoming.complete or incoming.pieces.size > seen:
            if incoming.failure is not None:
                raise incoming.failure
            if incoming.pieces.size > seen:
                seen = incoming.pieces.size
                await self._inflate(inflater, incoming.pieces.take(), out)
            else:
                await self._arrival()

    async def _inflate(self, inflater: Inflater, data: bytes, out: Pieces) -> None:
        limit = self._wire.state.limits.max_body_bytes
        for begin in range(0, len(data), _INFLATE_BYTES):
            inflater.feed(data[begin : begin + _INFLATE_BYTES])
            while piece := inflater.next():
                out.add(piece)
                if out.size > limit:
                    raise too_large(limit)
                if len(piece) == PIECE_BYTES:
                    # A small input may be a large body: others get their turn in between.
                    await asyncio.sleep(0)

    async def _arrival(self) -> None:
        self._reader = self._wire.state.loop.create_future()
        await self._reader

    def body_arrived(self) -> None:
        """For the connection: more of ``incoming`` is there, or its end, or its failure."""
        incoming, reader = self.incoming, self._reader
        if reader is None or incoming is None or reader.done():
            return
        if incoming.complete or incoming.failure is not None or self._piecewise:
            reader.set_result(None)

    # Answering.

    def respond(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Send a whole answer; content-length is added (and the body left out) as the method and
        status want.

        Raises ValueError for a header that cannot be sent and RuntimeError after another answer.
        """
        if self.gone:
            return
        if self.sent or self._stage == _DONE:
            raise RuntimeError("the call is answered already")
        with_body = status not in _WITHOUT_BODY
        framing = f"content-length: {len(body)}\r\n" if with_body else ""
        data = answer_head.render(status, headers, self._ready(framing))
        self.sent = True
        self._stage = _DONE
        self._head = b""
        wire = self._wire
        if not with_body or self.method == "HEAD":
            body = b""
        wire.out_bytes += len(data) + len(body)
        if len(body) > _LARGE_BYTES:
            wire.transport.write(data)
            wire.transport.write(body)
        else:
            wire.transport.write(data + body)
        wire.answered()

    def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Begin a stream; its head leaves with the first chunk, or by itself within a sweep.

        Raises ValueError for a header that cannot be sent and RuntimeError after another answer.
        """
        if self.gone:
            return
        if self.sent or self._stage == _DONE:
            raise RuntimeError("the call is answered already")
        if self.modern:
            self._framing, framing = _CHUNKED, "transfer-encoding: chunked\r\n"
        else:
            # HTTP/1.0 knows no chunks: the end of the connection is the end of the stream.
            self._framing, framing = _RAW, ""
            self._wire.last = True
        self._head = answer_head.render(status, headers, self._ready(framing))
        if self.method == "HEAD":
            self._framing = _MUTE
        self._stage = _STREAMING

    def write(self, data: bytes) -> None:
        """Send one chunk; never blocks. Does nothing once the stream ended or the client left."""
        if self._stage != _STREAMING:
            if self._stage == _OPEN:
                raise RuntimeError("write() before begin()")
            return
        if not data:
            return
        if self._framing == _CHUNKED:
            data = b"%x\r\n%b\r\n" % (len(data), data)
            if not self._head:
                # What every event of every stream comes to.
                wire = self._wire
                wire.out_bytes += len(data)
                wire.transport.write(data)
                return
        elif self._framing == _MUTE:
            data = b""
        self._send(data)

    def end(self, data: bytes = b"") -> None:
        """Send ``data`` as the last chunk, if any, and the end of the stream, in one write."""
        if self._stage != _STREAMING:
            if self._stage == _OPEN:
                raise RuntimeError("end() before begin()")
            return
        if self._framing == _CHUNKED:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        elif self._framing == _MUTE:
            data = b""
        self._stage = _DONE
        self._send(data)
        self._wire.answered()

    def abort(self) -> None:
        """End the answer abnormally: the connection is closed, a begun stream without its last
        chunk."""
        if self._stage == _DONE:
            return
        self.flush()
        self._stage = _DONE
        # Without chunks only a reset tells the client that the answer is not whole.
        self._wire.broke_off(graceful=not self.sent or self._framing == _CHUNKED)

    def reset(self) -> None:
        """Tear the connection down with a TCP reset, now: what waits to be sent is lost.

        For a simulated upstream's failures; a gateway ends its answers with :meth:`abort`.
        """
        if self._stage == _DONE:
            return
        self._stage = _DONE
        self._wire.broke_off(graceful=False)

    async def drained(self) -> None:
        """Wait until less waits for the client; returns at once when not ``paused``."""
        while self.paused and self._stage != _DONE:
            waiter: asyncio.Future[None] = self._wire.state.loop.create_future()
            if self._drainers is None:
                self._drainers = [waiter]
            else:
                self._drainers.append(waiter)
            await waiter

    def on_idle(self, every_s: float, callback: Callable[[], None]) -> None:
        """Call back whenever nothing was written for ``every_s``, until the answer ends.

        The first wait counts from the request's arrival. Exact to the server's sweep.
        """
        if self._stage != _DONE:
            self.idle = IdleWatch(every_s, callback, self.started, self._wire.out_bytes)

    # For the connection.

    def flush(self) -> None:
        """Send the head of a stream that still waits for its first chunk."""
        if self._head:
            self._send(b"")

    def check_silence(self, now: float) -> None:
        """At every sweep: send a head that waits, call back who wants to hear of silence."""
        self.flush()
        wire, watch = self._wire, self.idle
        if watch is not None and not self.paused and watch.due(wire.out_bytes, now):
            # By the loop, so that an error in the callback stays its own.
            wire.state.loop.call_soon(self.run_idle_callback)

    def run_idle_callback(self) -> None:
        """Called back by the loop, so the answer may have ended since the sweep."""
        if self.idle is not None and self._stage != _DONE:
            self.idle.callback()

    def set_paused(self, paused: bool) -> None:
        """The transport's buffer is above or below its mark."""
        self.paused = paused
        if not paused and self._drainers is not None:
            drainers, self._drainers = self._drainers, None
            for waiter in drainers:
                if not waiter.done():
                    waiter.set_result(None)

    def lose(self) -> None:
        """The client left."""
        self.gone = True
        self.idle = None
        self._stage = _DONE
        self._head = b""
        self.set_paused(False)
        # A handler that has not begun sees `gone` before anything else.
        if self.entered and self.task is not None:
            self.task.cancel()

    def _send(self, data: bytes) -> None:
        wire = self._wire
        if self._head:
            data = self._head + data
            self._head = b""
            self.sent = True
        wire.out_bytes += len(data)
        wire.transport.write(data)

    def _ready(self, framing: str) -> str:
        """The header lines that are the server's own."""
        wire = self._wire
        state = wire.state
        if state.leaving:
            wire.last = True
        elif wire.unread is not None:
            skippable = wire.unread.skippable(state.limits.max_skipped_bytes)
            wire.last = wire.last or not skippable
        if wire.last:
            connection = "connection: close\r\n"
        else:
            connection = "" if self.modern else "connection: keep-alive\r\n"
        return (
            f"{framing}{state.date}x-request-id: {self.request_id}\r\n"
            f"{self.lines}{self.cors_lines}{connection}"
        )

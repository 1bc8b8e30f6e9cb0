"""One client connection: requests in, one after the other, and their life.

A connection is in one of five phases::

    WAITING ──first byte──▶ HEAD ──head complete──▶ BODY ──▶ BUSY ──answered──▶ WAITING
       │                                              (skipped when the body came along)
       └───────── from any of them: refusal, last answer, client gone ─────────▶ CLOSING

Only one request is read at a time: what a client sends ahead stays unread bytes until the answer
before it is complete, and beyond a bound it is not even received. So answers are in order without a
queue, and nothing of a second request is looked at where the first one ends badly.

There are no timers here. The server's sweep calls :meth:`Connection.check` when ``deadline`` has
passed; ``EVERY_SWEEP`` asks for every time. Most calls are over before the first sweep sees them.
"""

import asyncio
from typing import Final, cast

from dragoman.errors import Failure
from dragoman.http.body import Body, ChunkedBody, SizedBody, too_large
from dragoman.http.call import Call
from dragoman.http.closing import BODY, BUSY, CLOSING, EVERY_SWEEP, HEAD, WAITING, ClosingProtocol
from dragoman.http.request_head import Heads, is_hopeless, is_last, path_of, too_long
from dragoman.http.server_state import ServerState

_HEAD_END: Final = b"\r\n\r\n"
_CR: Final = 13
_SHORT_BYTES: Final = 16_384  # little enough to copy
_LONG: Final = (b"", b"", b"")
_NOTHING: Final = b""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_JSON: Final = (("content-type", "application/json"),)
_PROBES_S: Final = (0.0, 0.2, 0.4)


class Connection(ClosingProtocol):
    """The protocol object of one accepted socket."""

    __slots__ = (
        "_buffer",
        "_heads",
        "_reading_paused",
        "_searched",
        "_writing_paused",
        "peer",
        "unread",
    )

    def __init__(self, state: ServerState) -> None:
        super().__init__(state)
        self.peer = ""
        """The client's address, without port."""
        self.unread: Body | None = None
        """In BODY, where what is received goes; None otherwise."""
        self._buffer: bytes | bytearray = _NOTHING
        """In HEAD, an incomplete head; in BODY and BUSY, what came ahead of its turn."""
        self._heads = Heads(state.heads)
        self._searched = 0
        """How much of an incomplete head was searched for its end."""
        self._reading_paused = False
        self._writing_paused = False

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        state = self.state
        self.transport.set_write_buffer_limits(high=state.limits.max_buffered_write_bytes)
        name = cast("tuple[str, int] | str | None", transport.get_extra_info("peername"))
        self.peer = name[0] if name else ""
        state.connections.add(self)
        self.deadline = state.mono() + state.limits.head_timeout_s
        if state.draining:
            self.drain()
        elif not state.count_ip(self.peer):
            self._refuse(Failure("rate_limited", "Too many connections from this address."))

    def connection_lost(self, exc: Exception | None) -> None:
        state = self.state
        state.connections.discard(self)
        state.forget_ip(self.peer)
        self._phase = CLOSING
        self._buffer = _NOTHING
        self.unread = None
        if self._call is not None:
            self._leave(self._call)
        if state.leaving:
            state.quiet.set()

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == WAITING:
            # The usual request is short, comes in one piece, and takes the short way.
            head, end, rest = data.partition(_HEAD_END) if len(data) < _SHORT_BYTES else _LONG
            if end and data[0] != _CR and len(head) <= self.state.limits.max_head_bytes:
                self._start(head, rest)
            else:
                self._receive_head(data)
        elif phase == BODY:
            self._receive_body(data)
        elif phase == HEAD:
            buffer = cast(bytearray, self._buffer)
            buffer += data
            self._receive_head(buffer)
        elif phase == BUSY:
            self._receive_ahead(data)
        else:
            self._skip(data)

    def eof_received(self) -> bool:
        call = self._call
        if call is None:
            return False  # What waits to be sent is sent before the transport closes.
        if call.sent:
            # The client has said all it has to say and listens on. TLS has no such state.
            self.last = self._half_closed = True
            self._probe(call)
            return self.transport.can_write_eof()
        self._leave(call)
        return False

    def _probe(self, call: Call) -> None:
        """Find out whether the client still listens, which only writing to it can tell.

        A client that has closed both ways answers the first comment with a reset, and the second
        one fails: its request is cancelled within the second, not at the next event.
        """
        for delay_s in _PROBES_S:
            self.state.loop.call_later(delay_s, call.run_idle_callback)

    def pause_writing(self) -> None:
        self._writing_paused = True
        if self._call is not None:
            self._call.set_paused(True)

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._call is not None:
            self._call.set_paused(False)
        elif self._phase == BUSY:
            self.state.loop.call_soon(self._go_on)

    # Reading requests.

    def _receive_head(self, data: bytes | bytearray) -> None:
        """``data`` is all that has come of the next request, and perhaps more."""
        # One empty line before a request is tolerated (RFC 9112 §2.2).
        begin = 2 if data[0] == _CR and data.startswith(b"\r\n") else 0
        found = data.find(_HEAD_END, max(begin, self._searched))
        if found < 0:
            self._keep_head(data)
            return
        head = bytes(data[begin:found])
        rest = memoryview(data)[found + len(_HEAD_END) :]
        self._buffer = _NOTHING
        self._searched = 0
        if len(head) > self.state.limits.max_head_bytes:
            self._refuse(too_long(head, self.state.limits), path_of(head))
        else:
            self._start(head, rest)

    def _keep_head(self, data: bytes | bytearray) -> None:
        state = self.state
        if is_hopeless(data, self._searched):
            self._refuse(Failure("bad_request", "This is not HTTP/1.1."), path_of(bytes(data)))
        elif len(data) > state.limits.max_head_bytes:
            self._refuse(too_long(bytes(data), state.limits), path_of(bytes(data)))
        else:
            if self._phase == WAITING:
                self._phase = HEAD
                self._buffer = bytearray(data)
                if self.out_bytes:
                    # Of a new connection the acceptance counts, else the first byte.
                    self.deadline = state.mono() + state.limits.head_timeout_s
            self._searched = max(0, len(data) - len(_HEAD_END) + 1)

    def _start(self, head: bytes, rest: bytes | memoryview) -> None:
        """Begin the call of a complete head; ``rest`` is what came after it."""
        state = self.state
        try:
            line, headers = self._heads.read(head)
        except Failure as failure:
            self._refuse(failure, path_of(head))
            return
        ids = state.ids
        request_id = ids.pop() if ids else state.next_id()
        call = self._call = Call(self, *line, headers, self.peer, state.mono(), request_id)
        self.deadline = EVERY_SWEEP
        self._accepted_bytes = -1
        connection = headers.get("connection")
        if connection == "keep-alive":
            self.last = False
        else:
            self.last = not line.modern if connection is None else is_last(connection, line.modern)
        length = headers.get("content-length")
        if length is None and "transfer-encoding" not in headers:
            self._phase = BUSY
            call.content = _NOTHING
            if rest:
                self._receive_ahead(rest)
        elif (
            length is not None
            and int(length) == len(rest) <= state.limits.max_body_bytes
            and not (rest and "content-encoding" in headers)
        ):
            self._phase = BUSY
            call.content = bytes(rest)
        else:
            self._phase = BODY
            self._start_body(call, rest)
        if state.cors is not None and self._answer_preflight(call):
            return
        state.running += 1
        call.task = state.spawn(self._run(call))

    def _start_body(self, call: Call, rest: bytes | memoryview) -> None:
        limit = self.state.limits.max_body_bytes
        length = call.headers.get("content-length")
        if length is None:
            body: Body = ChunkedBody(limit, call.started)
        else:
            body = SizedBody(int(length), call.started)
            if int(length) > limit:
                body.fail(too_large(limit))
        expect = call.headers.get("expect", "").lower()
        body.expected = call.modern and not rest and expect == "100-continue"
        call.incoming = self.unread = body
        if rest:
            self._receive_body(rest)

    def _receive_body(self, data: bytes | memoryview) -> None:
        body = cast(Body, self.unread)
        body.expected = False
        rest = body.feed(data)
        call = self._call
        if body.complete:
            self.unread = None
            self._phase = BUSY
            if rest:
                self._receive_ahead(rest)
            if call is None:
                # It was answered before, and only kept the connection waiting.
                self._finish()
        if call is not None:
            call.body_arrived()

    def _receive_ahead(self, data: bytes | memoryview) -> None:
        """Keep what came before its turn, and stop reading beyond a bound."""
        if self._buffer:
            cast(bytearray, self._buffer).extend(data)
        else:
            self._buffer = bytearray(data)
        if len(self._buffer) > self.state.limits.max_pipelined_bytes and not self._reading_paused:
            self._reading_paused = True
            self.transport.pause_reading()

    # What a call needs.

    def ask_for_body(self) -> None:
        """Send ``100 Continue`` if the client waits for it and what it will send is wanted."""
        body = self.unread
        if body is not None and body.expected and body.failure is None:
            body.expected = False
            body.since = self.state.mono()
            self.out_bytes += len(_CONTINUE)
            self.transport.write(_CONTINUE)

    def answered(self) -> None:
        """The last byte of the answer was handed over."""
        call = cast(Call, self._call)
        self._call = None
        if call.idle is not None:
            call.idle = None
        if call.paused:
            call.set_paused(False)
        if self.last or self.state.draining:
            self._close(linger=self._phase != BUSY or bool(self._buffer))
        elif self._phase == BUSY:
            if self._buffer:
                self._finish()
            else:
                self._phase = WAITING

    def broke_off(self, graceful: bool) -> None:
        """The answer ends here, incomplete."""
        self._call = None
        if graceful:
            self._close(linger=False)
        else:
            self._reset()

    # The life of a call.

    async def _run(self, call: Call) -> None:
        state = self.state
        try:
            if not (call.gone or call.drained_out):
                call.entered = True
                await state.handler(call)
        finally:
            state.running -= 1
            if self._call is call:
                self._end_unanswered(call)
            if state.leaving:
                state.quiet.set()

    def _end_unanswered(self, call: Call) -> None:
        """The handler ended without an answer: its bug, or it was cancelled."""
        if call.sent:
            call.abort()
            return
        kind = "draining" if call.drained_out else "internal"
        failure = Failure(kind, "The request was not answered.")
        self.last = True
        failure.request_id = call.request_id
        call.respond(failure.status, _JSON, self.state.refuse(failure, call.path))

    def _answer_preflight(self, call: Call) -> bool:
        """Add cross-origin headers; true if the request was a preflight and is answered."""
        cors = self.state.cors
        if cors is None:
            return False
        call.cors_lines = cors.lines(call.headers)
        answer = cors.preflight(call.method, call.headers)
        if answer is None:
            return False
        call.respond(204, answer, b"")
        return True

    def _finish(self) -> None:
        """A request is read and answered: on to the next."""
        self.deadline = EVERY_SWEEP
        if self.state.draining:
            self._close(linger=bool(self._buffer))
        elif not self._buffer:
            self._phase = WAITING
        elif not self._writing_paused:
            # Not at once: an answer given inside this call would come back here, ever deeper.
            self.state.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Take the request that came ahead of its turn."""
        if self._phase != BUSY or self._call is not None or self._writing_paused:
            return
        data, self._buffer = self._buffer, _NOTHING
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        self._phase = WAITING
        if data:
            self._receive_head(bytes(data))

    def _refuse(self, failure: Failure, path: str = "") -> None:
        """Answer what no handler will see, and close."""
        state = self.state
        self._phase = CLOSING
        self.last = True
        call = Call(self, "", path, "", True, {}, self.peer, state.mono(), state.next_id())
        self._call = call
        failure.request_id = call.request_id
        call.respond(failure.status, _JSON, state.refuse(failure, path))

    def check(self, now: float) -> None:
        """Act on what has been due since ``now``, in ``mono()`` seconds."""
        phase = self._phase
        if phase == WAITING:
            self._check_waiting(now)
        elif phase == HEAD:
            self._refuse(Failure("request_timeout", "The request did not arrive in time."))
        elif phase == CLOSING:
            self._check_closing(now)
        elif not self._stalled(now):
            if phase == BODY:
                self._check_body(now)
            if self._call is not None:
                self._call.check_silence(now)

    def drain(self) -> None:
        """Close if nothing is under way; otherwise the answer under way is the last."""
        if self._phase == WAITING or (self._phase == BODY and self._call is None):
            self._close(linger=False)

    def _check_waiting(self, now: float) -> None:
        if self.deadline != EVERY_SWEEP:
            self._close(linger=False)
        elif self.transport.get_write_buffer_size():
            self._stalled(now)  # The last answer is still on its way.
        else:
            self.deadline = now + self.state.limits.keepalive_timeout_s

    def _check_body(self, now: float) -> None:
        body = cast(Body, self.unread)
        if body.overdue(now, self.state.limits):
            body.fail(Failure("request_timeout", "The request body did not arrive in time."))
            if self._call is None:
                self._close(linger=False)
            else:
                self._call.body_arrived()

"""How a connection ends: at a last answer, after a refusal, or because the client stopped
listening.

A socket that is closed while input is unread resets the connection, and the reset may overtake the
answer that was just sent. So where the client may still be sending, only our direction is closed,
and input is read and dropped until the client closes too, or for a bounded time.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from typing import Final

from dragoman.http.call import Call
from dragoman.http.server_state import ServerState

WAITING, HEAD, BODY, BUSY, CLOSING = range(5)
"""A connection's phases; :mod:`dragoman.http.connection` draws them."""

EVERY_SWEEP: Final = 0.0
NEVER: Final = float("inf")

_INT: Final = struct.Struct("i")
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class ClosingProtocol(asyncio.Protocol):
    """The part of a connection that knows how to end it."""

    __slots__ = (
        "_accepted_bytes",
        "_call",
        "_close_at",
        "_half_closed",
        "_phase",
        "_progress_at",
        "_skipped_bytes",
        "deadline",
        "last",
        "out_bytes",
        "state",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, state: ServerState) -> None:
        self.state = state
        self.deadline = NEVER
        """``mono()`` seconds from which the sweep has something to check here."""
        self.last = False
        """No request follows the current one."""
        self.out_bytes = 0
        """Handed to the transport, for life."""
        self._phase = WAITING
        self._call: Call | None = None
        self._accepted_bytes = -1
        self._progress_at = 0.0
        self._close_at = 0.0
        self._half_closed = False
        self._skipped_bytes = 0

    def end_call(self) -> None:
        """Cancel the handler that is running; the client has not left."""
        call = self._call
        if call is not None and call.task is not None:
            call.drained_out = True
            if call.entered:
                call.task.cancel()

    def abort(self) -> None:
        """Close at once; what waits to be sent is lost."""
        self._phase = CLOSING
        self.transport.abort()

    def _reset(self) -> None:
        """Close at once and let the client know that it was not the end: RST instead of FIN."""
        sock = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.abort()

    def _close(self, linger: bool) -> None:
        """Close once everything is sent; with ``linger``, once the client closes too."""
        self._phase = CLOSING
        self.deadline = EVERY_SWEEP
        self._accepted_bytes = -1
        transport = self.transport
        if not linger or self._half_closed or transport.is_closing():
            transport.close()
            return
        state = self.state
        self._close_at = state.mono() + state.limits.linger_timeout_s
        transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()

    def _skip(self, data: bytes) -> None:
        """Drop what arrives after the last answer."""
        self._skipped_bytes += len(data)
        if self._skipped_bytes > self.state.limits.max_body_bytes:
            self.transport.abort()

    def _leave(self, call: Call) -> None:
        """The client left while ``call`` was under way."""
        self._call = None
        self._phase = CLOSING
        call.lose()

    def _check_closing(self, now: float) -> None:
        if not self._stalled(now) and now >= self._close_at:
            self.transport.close()

    def _stalled(self, now: float) -> bool:
        """Whether the client has accepted nothing of what waits for it for too long; then it is cut
        off."""
        waiting = self.transport.get_write_buffer_size()
        accepted = self.out_bytes - waiting - (self._unacknowledged() if waiting else 0)
        if not waiting or accepted != self._accepted_bytes:
            self._accepted_bytes = accepted
            self._progress_at = now
            return False
        if now - self._progress_at < self.state.limits.write_timeout_s:
            return False
        if self._call is not None:
            self._leave(self._call)
        self._reset()
        return True

    def _unacknowledged(self) -> int:
        """Bytes in the kernel's send queue.

        The kernel takes nothing more from us until a third of its queue, of megabytes, is free
        again: without looking inside, a slow reader could not be told from one that stopped.
        """
        sock = self.transport.get_extra_info("socket")
        try:
            return _INT.unpack(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(_INT.size)))[0]
        except OSError:
            return 0

"""Listening, the sweep over all connections, and draining.

The HTTP/1.1 server in four layers: :mod:`request_head` and :mod:`body` turn bytes into a request,
:mod:`connection` keeps one client's connection in order, :mod:`call` is what a handler sees, and
this module owns the sockets and the one periodic timer.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from dragoman.clock import Clock
from dragoman.http.call import Call
from dragoman.http.connection import Connection
from dragoman.http.cors import Cors
from dragoman.http.server_limits import ServerLimits
from dragoman.http.server_state import Refuse, ServerState, Spawn, Swept

__all__ = ["Call", "Handler", "Server", "ServerLimits"]

Handler = Callable[[Call], Coroutine[Any, Any, None]]

_BACKLOG: Final = 1024
_LAST_WORDS_S: Final = 1.0
"""What a handler gets, once cancelled by a drain, to end its stream."""
_KEEPALIVE_IDLE_S: Final = 30
_KEEPALIVE_INTERVAL_S: Final = 10
_ABSENT_FAMILY: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Server:
    """An HTTP/1.1 server for one handler.

    The handler runs in a task of its own for each request, started by ``spawn``, and answers
    through its :class:`Call`. ``refuse`` renders the body of answers that are given before there is
    a call. Make it inside the running loop.
    """

    def __init__(  # noqa: PLR0913
        self,
        handler: Handler,
        limits: ServerLimits,
        *,
        clock: Clock,
        spawn: Spawn,
        refuse: Refuse,
        cors_origins: Sequence[str] = (),
    ) -> None:
        self._state = ServerState(handler, limits, clock, spawn, refuse)
        if cors_origins:
            self._state.cors = Cors(cors_origins)
        self._listeners: list[asyncio.AbstractServer] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._state.connections)

    @property
    def running(self) -> int:
        """Handlers that have not ended."""
        return self._state.running

    async def listen(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        reuse_port: bool = False,
    ) -> tuple[str, int]:
        """Listen on every address of ``host`` (``""``, ``::``: all) and return the first; port 0
        takes a free one.

        ``reuse_port`` lets several processes listen on one address. Raises OSError.
        """
        loop = self._state.loop
        # Two sockets rather than one for both: clients keep the addresses they have.
        wanted = None if host in ("", "::") else host
        sockets = _bind(
            await loop.getaddrinfo(wanted, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE),
            reuse_port,
            round(self._state.limits.write_timeout_s),
        )
        for sock in sockets:
            self._listeners.append(
                await loop.create_server(
                    self._accept,
                    sock=sock,
                    backlog=_BACKLOG,
                    ssl=tls,
                    ssl_handshake_timeout=self._state.limits.head_timeout_s if tls else None,
                )
            )
        if self._timer is None:
            self._sweep()
        return sockets[0].getsockname()[:2]

    async def turn_away(self, handler: Handler, timeout_s: float) -> None:
        """Announce a drain: until the calls under way have ended, ``timeout_s`` at most, new ones
        get this handler, and every answer is its connection's last.

        Whoever asks meanwhile is told so, instead of finding nobody there.
        """
        state = self._state
        state.leaving = True
        state.handler = handler
        await self._until(lambda: not state.running, timeout_s)

    async def drain(self, timeout_s: float) -> None:
        """Stop accepting, let calls end within ``timeout_s``, then cancel what is left.

        Idle connections are closed at once, answers under way are their connections' last. A
        handler cancelled here finds ``call.drained_out`` set and may still write and end its
        answer.
        """
        state = self._state
        state.leaving = state.draining = True
        self._stop_accepting()
        for connection in self._connections():
            connection.drain()
        await self._quiet(timeout_s)
        for connection in self._connections():
            connection.end_call()
        await self._quiet(_LAST_WORDS_S)
        await self.close()

    async def close(self) -> None:
        """Close everything at once; handlers are cancelled as by :meth:`drain`."""
        self._state.leaving = self._state.draining = True
        self._stop_accepting()
        for connection in self._connections():
            connection.end_call()
            connection.abort()
        await self._quiet(_LAST_WORDS_S)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _accept(self) -> Connection:
        return Connection(self._state)

    def _connections(self) -> list[Swept]:
        return list(self._state.connections)

    def _stop_accepting(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def _quiet(self, timeout_s: float) -> None:
        """Wait until no handler runs and no connection is open."""
        state = self._state
        await self._until(lambda: not (state.running or state.connections), timeout_s)

    async def _until(self, over: Callable[[], bool], timeout_s: float) -> None:
        state = self._state
        try:
            async with asyncio.timeout(timeout_s):
                while not over():
                    state.quiet.clear()
                    await state.quiet.wait()
        except TimeoutError:
            pass

    def _sweep(self) -> None:
        state = self._state
        self._timer = state.loop.call_later(state.limits.sweep_interval_s, self._sweep)
        state.refresh_date()
        now = state.mono()
        for connection in [one for one in state.connections if one.deadline <= now]:
            connection.check(now)


def _bind(
    addresses: Sequence[tuple[Any, ...]], reuse_port: bool, write_timeout_s: int
) -> list[socket.socket]:
    """A socket for each address, all on one port."""
    sockets: list[socket.socket] = []
    port = 0
    try:
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError as error:
                if error.errno in _ABSENT_FAMILY and len(addresses) > 1:
                    continue
                raise
            try:
                _set_options(sock, reuse_port, write_timeout_s)
                sock.bind((address[0], address[1] or port, *address[2:]))
            except OSError as error:
                sock.close()
                # `localhost` names ::1 even on a machine without IPv6.
                if error.errno in _ABSENT_FAMILY and len(addresses) > 1:
                    continue
                raise
            port = sock.getsockname()[1]
            sockets.append(sock)
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    if not sockets:
        raise OSError(errno.EADDRNOTAVAIL, "no address of this host can be bound")
    return sockets


def _set_options(sock: socket.socket, reuse_port: bool, write_timeout_s: int) -> None:
    """Options of a listening socket; the kernel hands them on to the accepted ones."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A client that vanished without a word (a pulled cable) is noticed by probes while nothing is
    # sent, and by the lack of acknowledgements while something is.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", _KEEPALIVE_INTERVAL_S),
        ("TCP_USER_TIMEOUT", write_timeout_s * 1000),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

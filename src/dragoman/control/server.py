"""The admin port: uvicorn, inside our own event loop and life.

Signals stay the process's own, and so do logs: uvicorn gets a socket that is bound already, says
nothing, and is told when to end.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp

MOST_CONNECTIONS = 64
"""Connections beyond these are answered 503."""
GRACE_S = 1
"""How long running admin requests may take to end."""
_BACKLOG = 64
_SILENT = 100
"""Above every level of the standard library's logging."""
_DATE_S = 1.0
"""How often uvicorn renews the date it answers with."""


class AdminServer:
    """One listening socket and what serves it."""

    def __init__(self, app: ASGIApp) -> None:
        self._server = _Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                loop="none",
                log_config=None,
                log_level=_SILENT,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None

    async def listen(
        self,
        address: tuple[str, int],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> tuple[str, int]:
        """Serve in a task of its own; the bound address. Raises OSError when it is taken."""
        host, port = address
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, where = found[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)
            sock.bind(where)
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
        self._socket = sock
        name = sock.getsockname()
        self._task = spawn(self._server.serve([sock]))
        await self._server.ready.wait()
        return name[0], name[1]

    async def close(self) -> None:
        """Accept nothing more, let running requests end for :data:`GRACE_S`."""
        self._server.should_exit = True
        self._server.over.set()
        if self._task is not None:
            # How it ended is the supervisor's business.
            await asyncio.wait((self._task,))
        if self._socket is not None:
            self._socket.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and without its ten looks a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.over = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.ready.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(_DATE_S):
                    await self.over.wait()

"""What all connections of one server share: its limits, its handler, its counters."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from typing import Any, Final, Protocol

from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.http.cors import Cors
from dragoman.http.request_head import RequestHeads
from dragoman.http.server_limits import ServerLimits

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
Refuse = Callable[[Failure, str], bytes]
"""Renders a refusal for a path (``""`` when it is not known) as a JSON body."""

_IDS_AT_ONCE: Final = 256
_ID_BYTES: Final = 12


class Swept(Protocol):
    """A connection, as the server's sweep and drain see it."""

    deadline: float
    """``mono()`` seconds from which :meth:`check` wants to be called."""

    def check(self, now: float) -> None:
        """Act on what has been due since."""
        ...

    def drain(self) -> None:
        """Close if nothing is under way."""
        ...

    def end_call(self) -> None:
        """Cancel the handler that is running; the client has not left."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class ServerState:
    """Shared by the connections of one server; ``handler`` is called once a request."""

    __slots__ = (
        "connections",
        "cors",
        "date",
        "draining",
        "handler",
        "heads",
        "ids",
        "leaving",
        "limits",
        "loop",
        "mono",
        "per_ip",
        "quiet",
        "refuse",
        "running",
        "spawn",
        "wall",
    )

    def __init__(
        self,
        handler: Callable[[Any], Coroutine[Any, Any, None]],
        limits: ServerLimits,
        clock: Clock,
        spawn: Spawn,
        refuse: Refuse,
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.mono = clock.mono
        self.wall = clock.wall
        self.spawn = spawn
        self.refuse = refuse
        self.cors: Cors | None = None
        self.heads = RequestHeads(limits)
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.connections: set[Swept] = set()
        self.per_ip: dict[str, int] = {}
        self.running = 0
        """Calls whose handler has not ended."""
        self.leaving = False
        """A drain is announced: every answer is its connection's last."""
        self.draining = False
        """No new connections, no further requests on those there are."""
        self.quiet = asyncio.Event()
        """Set whenever a handler or a connection ended while leaving."""
        self.date = ""
        """The ``date`` header line; refreshed by the sweep."""
        self.ids: list[str] = []
        """Request ids made ahead; :meth:`next_id` makes more."""
        self.refresh_date()

    def refresh_date(self) -> None:
        """RFC 9110 §6.6.1 wants the time in every answer; reading it for each would cost more than
        it tells."""
        self.date = f"date: {formatdate(self.wall(), usegmt=True)}\r\n"

    def next_id(self) -> str:
        """A new ``req_`` and 24 hexadecimal digits from the system's random source."""
        if not self.ids:
            text = os.urandom(_ID_BYTES * _IDS_AT_ONCE).hex()
            step = 2 * _ID_BYTES
            self.ids = [f"req_{text[i : i + step]}" for i in range(0, len(text), step)]
        return self.ids.pop()

    def count_ip(self, peer: str) -> bool:
        """Count a connection; False if its address has too many."""
        limit = self.limits.max_connections_per_ip
        if not limit:
            return True
        count = self.per_ip.get(peer, 0) + 1
        self.per_ip[peer] = count
        return count <= limit

    def forget_ip(self, peer: str) -> None:
        """Undo one :meth:`count_ip`."""
        if not self.limits.max_connections_per_ip:
            return
        count = self.per_ip[peer] - 1
        if count:
            self.per_ip[peer] = count
        else:
            del self.per_ip[peer]

"""Waiting for one's turn to be tried again: the asyncio side of :mod:`dragoman.retries`.

Nothing here costs anything until a request has failed at an account. While somebody waits one timer
runs, for the moment at which the next turn is due.
"""

import asyncio

from dragoman.clock import Clock
from dragoman.pool import Pool
from dragoman.retries import Retries, Ticket

_SOONEST_S = 0.005
RECOUNT_S = 0.05
"""How old the count of requests in flight may be: pools may be large."""
_LATEST_S = 0.1
"""Traffic earns turns, too, and nobody tells: so it is looked at this often."""


class Turns:
    """Who may try again, and when. One for the process: a reload changes nothing of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._retries = Retries()
        self._waiting: dict[Ticket, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._pool: Pool | None = None
        self._busy = 0
        """Requests at accounts, at ``_counted``."""
        self._counted = float("-inf")
        self.given = 0
        """Turns given since the start."""
        self.refused = 0
        """Requests that waited in vain."""

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """How many have been given a place and keep it still."""
        return self._retries.under_way

    async def take(self, key: str, pool: Pool, timeout_s: float) -> Ticket | None:
        """A turn, to be given back by :meth:`end`; ``None`` when none came in time."""
        self._pool = pool
        ticket = self._retries.ask(key)
        self._look()
        if ticket.granted:
            return ticket
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = turn
        self._watch()
        try:
            async with asyncio.timeout(timeout_s):
                await turn
        except TimeoutError:
            # A turn that came in the same moment counts.
            if ticket.granted:
                return ticket
            self.refused += 1
            return None
        except asyncio.CancelledError:
            self.end(ticket)
            raise
        finally:
            self._waiting.pop(ticket, None)
            if not ticket.granted:
                self._retries.leave(ticket)
            self._unwatch()
        return ticket

    def end(self, ticket: Ticket) -> None:
        """A retry was answered, or has failed: its place is free."""
        self._retries.leave(ticket)
        self._look()

    def due_s(self, key: str) -> float:
        """Seconds until there may be a turn for a key again."""
        return self._retries.due_s(key)

    def _look(self) -> None:
        pool = self._pool
        if pool is None:
            return
        now = self._clock.mono()
        if self._counted + RECOUNT_S <= now:
            self._counted = now
            self._busy = sum([account.in_flight for account in pool.snapshot()])
        for ticket in self._retries.grant(now, pool.sent, self._busy + self._retries.waiting):
            self.given += 1
            turn = self._waiting.get(ticket)
            if turn is not None and not turn.done():
                turn.set_result(None)

    def _watch(self) -> None:
        if self._timer is None:
            due_s = min(max(self._retries.due_s(), _SOONEST_S), _LATEST_S)
            self._timer = asyncio.get_running_loop().call_later(due_s, self._due)

    def _due(self) -> None:
        self._timer = None
        self._look()
        if self._retries.waiting:
            self._watch()

    def _unwatch(self) -> None:
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

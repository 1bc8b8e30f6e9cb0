"""The waiting room: requests for which every account is full or cooling just now.

A request waits until an account has room again or its cool-down is over, but no longer than
``routing.queue_timeout_s``; then it is told the honest time to come back. The room is fair between
keys: whoever sends a thousand requests waits behind himself, not others behind him, because each
time there is room the next key in turn gets it, with its oldest request. What has waited asks
``routing.plan`` again like any other request, so nobody waits for a place at one account while
another is free.

Nothing of this exists for a request that finds an account at once.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from dragoman.account import Account
from dragoman.clock import Clock
from dragoman.errors import Failure

T = TypeVar("T")

MOST_OF_A_KEY = 200
"""Requests of one key that may wait; more are refused at once."""
MOST = 5_000
"""Requests that may wait in all."""
_SOONEST_S = 0.005


class Room(NamedTuple):
    """What a waiting room needs to know."""

    accounts: Sequence[Account]
    clock: Clock
    timeout_s: float


class WaitingRoom:
    """Where requests wait for an account. Bound to one pool; a reload makes a new one."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._keys: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """Keys in the order of their turns, each with its waiting requests, oldest first."""
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def count(self) -> int:
        """How many wait."""
        return self._count

    async def wait(self, key: str, refused: Failure, attempt: Callable[[], T]) -> T:
        """What ``attempt`` gives once it no longer raises ``rate_limited``.

        ``refused`` is what it raised before. Raises what it raises at last: ``rate_limited`` after
        the time-out or when too many wait, any other failure at once.
        """
        until = self._room.clock.mono() + self._room.timeout_s
        first = True
        while True:
            left_s = until - self._room.clock.mono()
            if left_s <= 0 or not self._may_wait(key, refused, left_s):
                raise refused
            await self._turn(key, left_s, front=not first)
            first = False
            try:
                found = attempt()
            except Failure as again:
                refused = again
            else:
                # There may be room for more than one.
                self.next()
                return found

    def _may_wait(self, key: str, refused: Failure, left_s: float) -> bool:
        """Whether waiting can help: a request that would wait in vain is told so at once."""
        if refused.kind != "rate_limited" or self._is_crowded(key):
            return False
        return refused.retry_after_s is None or refused.retry_after_s <= left_s

    def _is_crowded(self, key: str) -> bool:
        return self._count >= MOST or len(self._keys.get(key, ())) >= MOST_OF_A_KEY

    async def _turn(self, key: str, left_s: float, *, front: bool) -> None:
        """Wait until it is this request's turn to ask again, or for ``left_s`` seconds.

        One that has had its turn and found nothing keeps it: it goes to the ``front``.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line = self._keys.setdefault(key, deque())
        if front:
            line.appendleft(turn)
            self._keys.move_to_end(key, last=False)
        else:
            line.append(turn)
        self._count += 1
        self._watch()
        try:
            async with asyncio.timeout(left_s):
                await turn
        except TimeoutError:
            return
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.next()
            raise
        finally:
            self._leave(key, turn)

    def _leave(self, key: str, turn: asyncio.Future[None]) -> None:
        self._count -= 1
        line = self._keys.get(key)
        if line is not None and turn in line:
            line.remove(turn)
        if not line:
            self._keys.pop(key, None)
        if not self._count:
            self._unwatch()

    def _watch(self) -> None:
        """Learn when an account has room again: by a request that ends, or by time."""
        for account in self._room.accounts:
            account.freed = self.next
        if self._timer is None:
            now = self._room.clock.mono()
            waits = [one.cool_until - now for one in self._room.accounts if one.cool_until > now]
            if waits:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(max(min(waits), _SOONEST_S), self._due)

    def _unwatch(self) -> None:
        for account in self._room.accounts:
            account.freed = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        """A cool-down is over: whoever waits may ask again, one of each key."""
        self._timer = None
        for _ in range(len(self._keys)):
            self.next()
        if self._count:
            self._watch()

    def next(self) -> None:
        """There is room for one: the oldest request of the key whose turn it is."""
        for key in list(self._keys):
            line = self._keys.pop(key)
            while line:
                turn = line.popleft()
                if not turn.done():
                    turn.set_result(None)
                    if line:
                        # To the end: the other keys come first now.
                        self._keys[key] = line
                    return

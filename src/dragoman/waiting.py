"""The waiting room: requests for which every account is full or cooling just now.

A request waits until an account has room again or its cool-down is over, but no longer than
``routing.queue_timeout_s``; then it is told the honest time to come back. The room is fair between
keys: whoever sends a thousand requests waits behind himself, not others behind him, because each
time there is room the next key in turn gets it, with its oldest request. What has waited asks
``routing.plan`` again like any other request, so nobody waits for a place at one account while
another is free. Who has his turn and finds nothing, because the room that came is at an account
that does not serve his model, keeps it and lets the next request of another model try: nobody
waits behind somebody who wants something else.

Nothing of this exists for a request that finds an account at once. The room outlives a reload:
who waits sees the changed accounts.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from dragoman.account import Account
from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.routing import SOON_S

T = TypeVar("T")

MOST_OF_A_KEY = 200
"""Requests of one key that may wait; more are refused at once."""
MOST = 5_000
"""Requests that may wait in all."""
_SOONEST_S = 0.005
_NOTHING: frozenset[str] = frozenset()


class Room(NamedTuple):
    """What a waiting room needs to know."""

    accounts: Callable[[], Sequence[Account]]
    """The accounts of this moment."""
    clock: Clock


class _Turn(NamedTuple):
    """One request that waits."""

    come: asyncio.Future[frozenset[str]]
    """Done when the request may ask again; says of which models others asked in vain just now."""
    model: str


class WaitingRoom:
    """Where requests wait for an account. One for the process."""

    def __init__(self, room: Room, timeout_s: float) -> None:
        self._room = room
        self.timeout_s = timeout_s
        """How long a request that comes now may wait."""
        self._keys: OrderedDict[str, deque[_Turn]] = OrderedDict()
        """Keys in the order of their turns, each with its waiting requests, oldest first."""
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0
        """What the timer waits for, ``mono()`` seconds."""

    @property
    def count(self) -> int:
        """How many wait."""
        return self._count

    async def wait(
        self, key: str, refused: Failure, attempt: Callable[[], T], model: str = ""
    ) -> T:
        """What ``attempt`` gives once it no longer raises ``rate_limited``.

        ``refused`` is what it raised before. Raises what it raises at last: ``rate_limited`` after
        the time-out or when too many wait, any other failure at once.
        """
        until = self._room.clock.mono() + self.timeout_s
        first = True
        tried = _NOTHING
        while True:
            left_s = until - self._room.clock.mono()
            if left_s <= 0 or not self._may_wait(key, refused, left_s):
                if not first:
                    self.next(tried)
                raise refused
            tried = await self._turn(key, model, (left_s, tried), front=not first)
            first = False
            try:
                found = attempt()
            except Failure as again:
                refused = again
                tried |= {model}
            else:
                # There may be room for more than one.
                self.next()
                return found

    def _may_wait(self, key: str, refused: Failure, left_s: float) -> bool:
        """Whether waiting can help: a request that would wait in vain is told so at once.

        Where accounts are only full, nobody knows when there is room: it may be at once.
        """
        if refused.kind != "rate_limited" or self._is_crowded(key):
            return False
        return refused.retry_after_s is None or refused.retry_after_s <= max(left_s, SOON_S)

    def _is_crowded(self, key: str) -> bool:
        return self._count >= MOST or len(self._keys.get(key, ())) >= MOST_OF_A_KEY

    async def _turn(
        self, key: str, model: str, asked: tuple[float, frozenset[str]], *, front: bool
    ) -> frozenset[str]:
        """Wait until it is this request's turn to ask again, or for some seconds.

        One that has had its turn and found nothing keeps it: it goes to the ``front``, and the
        turn goes on to whoever wants something else than was asked for in vain.
        """
        left_s, tried = asked
        turn = _Turn(asyncio.get_running_loop().create_future(), model)
        line = self._keys.setdefault(key, deque())
        if front:
            line.appendleft(turn)
            self._keys.move_to_end(key, last=False)
        else:
            line.append(turn)
        self._count += 1
        self._watch()
        if front:
            self.next(tried)
        try:
            async with asyncio.timeout(left_s):
                return await turn.come
        except TimeoutError:
            return _NOTHING
        except asyncio.CancelledError:
            if turn.come.done() and not turn.come.cancelled():
                self.next(turn.come.result())
            raise
        finally:
            self._leave(key, turn)

    def _leave(self, key: str, turn: _Turn) -> None:
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
        for account in self._room.accounts():
            account.freed = self.next
        now = self._room.clock.mono()
        ends = [one.cool_until for one in self._room.accounts() if one.cool_until > now]
        soonest = min(ends, default=0.0)
        if self._timer is not None and ends and soonest < self._due_at:
            # Somebody who failed since will be back before those who were away already.
            self._timer.cancel()
            self._timer = None
        if self._timer is None and ends:
            self._due_at = soonest
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(soonest - now, _SOONEST_S), self._due)

    def _unwatch(self) -> None:
        for account in self._room.accounts():
            account.freed = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def changed(self) -> None:
        """The accounts are others than before: whoever waits may ask again."""
        if self._count:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._due()

    def _due(self) -> None:
        """A cool-down is over: whoever waits may ask again, one of each key."""
        self._timer = None
        for _ in range(len(self._keys)):
            self.next()
        if self._count:
            self._watch()

    def next(self, tried: frozenset[str] = _NOTHING) -> None:
        """There is room for one: the oldest request of the key whose turn it is.

        Requests for models ``tried`` in vain just now are passed over.
        """
        for key, line in list(self._keys.items()):
            turn = next((one for one in line if _waits(one, tried)), None)
            if turn is None:
                continue
            line.remove(turn)
            turn.come.set_result(tried)
            if line:
                # The other keys come first now.
                self._keys.move_to_end(key)
            else:
                del self._keys[key]
            return


def _waits(turn: _Turn, tried: frozenset[str]) -> bool:
    return turn.model not in tried and not turn.come.done()

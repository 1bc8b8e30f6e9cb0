"""The waiting room: whose turn it is, and that no turn is lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.account import Account
from dragoman.clock import SYSTEM
from dragoman.errors import Failure
from dragoman.roster import Roster
from dragoman.routing import Wanted, plan
from dragoman.waiting import MOST_OF_A_KEY, Room, WaitingRoom
from tests.core.test_affinity_and_routing import account
from tests.leak_watch import leak_watch


@pytest.fixture(autouse=True)
async def no_leaks() -> AsyncIterator[None]:
    async with leak_watch():
        yield


class House:
    """Accounts that are full, and requests that wait for them."""

    def __init__(self, *accounts: Account, timeout_s: float = 20.0) -> None:
        self.accounts = list(accounts)
        self.room = WaitingRoom(Room(lambda: self.accounts, SYSTEM), timeout_s)
        self.served: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    def _plan(self, model: str) -> list[Account]:
        return plan(Wanted(model, 7, 3), Roster(self.accounts), SYSTEM.mono())

    async def _ask(self, key: str, name: str, model: str) -> None:
        try:
            order = self._plan(model)
        except Failure as refused:
            order = await self.room.wait(key, refused, lambda: self._take(model), model)
        else:
            order[0].in_flight += 1
        self.served.append(name)

    def _take(self, model: str) -> list[Account]:
        order = self._plan(model)
        order[0].in_flight += 1
        return order

    async def ask(self, key: str, name: str, model: str = "m") -> None:
        """One request, which waits by the time this returns."""
        before = self.room.count
        self.tasks.append(asyncio.create_task(self._ask(key, name, model)))
        async with asyncio.timeout(5):
            while self.room.count == before:  # noqa: ASYNC110 - a plain number
                await asyncio.sleep(0)

    async def settled(self) -> None:
        """Let everybody who was woken act."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def full(name: str, *models: str) -> Account:
    one = account(name, max_concurrency=1, in_flight=1)
    one.models = models or ("*",)
    return one


async def test_keys_take_turns_each_with_its_oldest() -> None:
    """R15, R18: who asks for much waits behind himself."""
    one = full("a")
    house = House(one)
    for number in range(4):
        await house.ask("greedy", f"greedy-{number}")
    await house.ask("modest", "modest-0")
    await house.ask("third", "third-0")
    for _ in range(6):
        one.release()
        await house.settled()
    assert house.served == [
        "greedy-0", "modest-0", "third-0", "greedy-1", "greedy-2", "greedy-3",
    ]  # fmt: skip


async def test_room_may_come_at_once_so_the_shortest_wait_is_one() -> None:
    one = full("a")
    house = House(one, timeout_s=0.9)
    await house.ask("key", "short")
    one.release()
    await house.settled()
    assert house.served == ["short"]


async def test_nobody_waits_behind_somebody_who_wants_another_account() -> None:
    """Room at one account goes to the first who can use it; the others keep their turns."""
    big, small = full("big", "big"), full("small", "small")
    house = House(big, small)
    await house.ask("one", "one-big", "big")
    await house.ask("one", "one-small", "small")
    await house.ask("two", "two-big", "big")
    await house.ask("two", "two-small", "small")
    small.release()
    await house.settled()
    assert house.served == ["one-small"]
    big.release()
    await house.settled()
    assert house.served == ["one-small", "two-big"], "the next key's turn"
    small.release()
    big.release()
    await house.settled()
    assert sorted(house.served[2:]) == ["one-big", "two-small"]
    assert house.room.count == 0


async def test_room_for_several_is_given_to_several() -> None:
    one = full("a")
    house = House(one)
    for number in range(3):
        await house.ask("k", str(number))
    one.max_concurrency = 3
    house.room.changed()
    await house.settled()
    assert (house.served, one.in_flight) == (["0", "1"], 3)
    one.release()
    await house.settled()
    assert house.served == ["0", "1", "2"]


async def test_a_new_account_is_seen() -> None:
    one = full("a")
    house = House(one)
    await house.ask("k", "0")
    await house.ask("k", "1")
    fresh = account("fresh", max_concurrency=1)
    house.accounts = [fresh]
    house.room.changed()
    await house.settled()
    assert house.served == ["0"]
    fresh.release()
    await house.settled()
    assert house.served == ["0", "1"]
    assert fresh.freed is None, "nobody waits any more"


async def test_a_short_cool_down_is_not_waited_for_behind_a_long_one() -> None:
    long, short = account("long", reason="upstream_refused", failures=1), full("short")
    long.cool_until = SYSTEM.mono() + 500
    house = House(long, short)
    await house.ask("k", "0")
    await house.ask("k", "1")
    short.cool_until = SYSTEM.mono() + 0.05
    short.reason = "upstream_throttled"
    short.release()
    async with asyncio.timeout(5):
        while not house.served:  # noqa: ASYNC110 - a plain list
            await asyncio.sleep(0.005)
    short.release()
    await house.settled()
    assert house.served == ["0", "1"]


async def test_who_leaves_when_his_turn_comes_gives_it_to_the_next() -> None:
    one = full("a")
    house = House(one)
    await house.ask("k", "0")
    await house.ask("k", "1")
    one.release()
    house.tasks[0].cancel()
    await house.settled()
    assert house.served == ["1"]
    await house.end()


async def test_a_key_that_fills_the_room_is_told_at_once() -> None:
    one = full("a")
    house = House(one)
    for number in range(MOST_OF_A_KEY):
        await house.ask("k", str(number))
    late = asyncio.create_task(house._ask("k", "late", "m"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert late.done(), "it does not wait"
    with pytest.raises(Failure, match="limit"):
        late.result()
    await house.ask("other", "welcome")
    await house.end()
    assert house.room.count == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from(["big", "small"]), st.booleans()),
        min_size=1,
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_no_turn_is_ever_lost(asked: list[tuple[str, str, bool]], chance: object) -> None:
    """Whoever leaves in whatever order: as long as accounts get free, all who stay are served."""

    async def play() -> None:
        big, small = full("big", "big"), full("small", "small")
        house = House(big, small)
        staying = 0
        for at, (key, model, leaves) in enumerate(asked):
            await house.ask(key, str(at), model)
            staying += not leaves
        for at, (_, _, leaves) in enumerate(asked):
            if leaves:
                # At the very moment at which somebody's turn comes.
                (big if at % 2 else small).release()
                house.tasks[at].cancel()
                await house.settled()
                (big if at % 2 else small).in_flight = 1
        for _ in range(len(asked)):
            for one in (big, small):
                one.in_flight = 1
                one.release()
            await house.settled()
        stayed = {str(at) for at, (_, _, leaves) in enumerate(asked) if not leaves}
        assert stayed <= set(house.served)
        assert house.room.count == 0
        assert (big.freed, small.freed) == (None, None)
        await house.end()

    asyncio.run(play())

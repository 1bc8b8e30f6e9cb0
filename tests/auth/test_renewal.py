"""Credentials are renewed once, ahead of their end, and failures are not repeated by everybody."""

import asyncio

import pytest

from dragoman.auth.renewal import PAUSE_S, YOUNG_S, Fresh, Renewing
from dragoman.clock import Clock
from dragoman.errors import Failure


class Endpoint:
    """Gives out t1, t2 … and can be held, and broken."""

    def __init__(self, life_s: float = 3600) -> None:
        self.now = 1000.0
        self.asked = 0
        self.life_s = life_s
        self.broken = False
        self.open = asyncio.Event()
        self.open.set()
        self.token = Renewing(self.fetch, Clock(lambda: self.now, lambda: self.now))

    async def fetch(self) -> Fresh[str]:
        self.asked += 1
        name = f"t{self.asked}"
        await self.open.wait()
        if self.broken:
            raise Failure("upstream_fault", "no", detail="down", retry_after_s=3)
        return Fresh(name, self.life_s)


async def test_fifty_at_once_cause_one_renewal():
    endpoint = Endpoint()
    endpoint.open.clear()
    waiting = [asyncio.create_task(endpoint.token.get()) for _ in range(50)]
    await asyncio.sleep(0)
    endpoint.open.set()
    assert await asyncio.gather(*waiting) == ["t1"] * 50
    assert endpoint.asked == 1


async def test_it_is_renewed_ahead_of_its_end_and_nobody_else_waits():
    endpoint = Endpoint()
    assert await endpoint.token.get() == "t1"
    endpoint.now += 3299
    assert await endpoint.token.get() == "t1"
    endpoint.now += 2
    endpoint.open.clear()
    renewing = asyncio.create_task(endpoint.token.get())
    await asyncio.sleep(0)
    assert await endpoint.token.get() == "t1"
    endpoint.open.set()
    assert await renewing == "t2"
    assert await endpoint.token.get() == "t2"
    assert endpoint.asked == 2


async def test_a_short_life_is_used_for_half_of_it():
    endpoint = Endpoint(life_s=20)
    await endpoint.token.get()
    endpoint.now += 9
    assert await endpoint.token.get() == "t1"
    endpoint.now += 2
    assert await endpoint.token.get() == "t2"


async def test_a_client_that_leaves_does_not_take_the_renewal_with_it():
    endpoint = Endpoint()
    endpoint.open.clear()
    first = asyncio.create_task(endpoint.token.get())
    second = asyncio.create_task(endpoint.token.get())
    await asyncio.sleep(0)
    first.cancel()
    endpoint.open.set()
    assert await second == "t2"
    assert first.cancelled() or first.cancelling()


async def test_when_renewing_fails_the_old_one_lives_on():
    endpoint = Endpoint()
    await endpoint.token.get()
    endpoint.now += 3301
    endpoint.broken = True
    for _ in range(5):
        assert await endpoint.token.get() == "t1"
    assert endpoint.asked == 2
    endpoint.now += PAUSE_S + 1
    assert await endpoint.token.get() == "t1"
    assert endpoint.asked == 3
    endpoint.now += 300
    with pytest.raises(Failure) as caught:
        await endpoint.token.get()
    assert (caught.value.kind, caught.value.detail) == ("upstream_fault", "down")
    endpoint.broken = False
    endpoint.now += PAUSE_S + 1
    assert await endpoint.token.get() == "t5"


async def test_a_failure_is_told_to_all_and_the_endpoint_is_left_alone():
    endpoint = Endpoint()
    endpoint.broken = True
    told = await asyncio.gather(*[endpoint.token.get() for _ in range(50)], return_exceptions=True)
    assert [(type(one), getattr(one, "retry_after_s", None)) for one in told] == [(Failure, 3)] * 50
    assert len({id(one) for one in told}) == 50
    assert endpoint.asked == 1
    endpoint.now += PAUSE_S + 1
    endpoint.broken = False
    assert await endpoint.token.get() == "t2"


async def test_what_was_refused_is_renewed_once_and_not_when_it_is_new():
    endpoint = Endpoint()
    await endpoint.token.get()
    assert not endpoint.token.refused("t1")
    endpoint.now += YOUNG_S
    assert endpoint.token.refused("t1")
    assert endpoint.token.refused("t1")
    assert await endpoint.token.get() == "t2"
    assert endpoint.token.refused("t1")
    assert await endpoint.token.get() == "t2"
    assert not endpoint.token.refused("t2")
    assert endpoint.asked == 2

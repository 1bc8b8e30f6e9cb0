"""A conversation that had to leave its home, seen from outside."""

from pathlib import Path
from typing import Any

import pytest

from dragoman.routing import Detour
from tests.gateway.harness import Harness, accounts, body, error, reply, running, said, stream
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

THROTTLED = error(429, "rate_limit_error", "slow down", "retry-after: 500")
LONG = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}


def detour(gateway: Harness) -> Detour:
    (found,) = gateway.app.pool.detours.values()
    return found


def left_s(gateway: Harness) -> float:
    return detour(gateway).until - gateway.app.clock.mono()


def warm_up(gateway: Harness) -> None:
    """Let every account's cool-down be over."""
    for account in gateway.app.pool.snapshot():
        account.cool_until = 0.0


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("n", [1, 2])
async def test_it_stays_where_it_went(streamed: bool, n: int, tmp_path: Path) -> None:
    """R1, R6: who is back does not get a conversation back whose cache is warm elsewhere."""
    answer = stream("Hello.") if streamed else reply()
    async with ScriptedUpstream([RECEIVE, answer] * 20) as upstream:
        async with running(tmp_path, accounts=accounts(*[upstream.url] * 5)) as gateway:
            places = {one.name: one for one in gateway.app.pool.snapshot()}
            at_home = (await gateway.chat(stream=streamed, n=n)).headers["x-dragoman-account"]
            assert not gateway.app.pool.detours
            places[at_home].cool_until = gateway.app.clock.mono() + 500
            away = (await gateway.chat(stream=streamed, n=n)).headers["x-dragoman-account"]
            assert away != at_home
            assert detour(gateway).account is places[away]
            warm_up(gateway)
            again = await gateway.chat(stream=streamed, n=n)
            assert again.headers["x-dragoman-account"] == away
            if streamed and n == 1:
                assert said(again.content) == "Hello."


@pytest.mark.parametrize(
    ("content", "ttl_s", "life_s"),
    [("Hello", 3600, 300), ([LONG], 3600, 3600), ([LONG], 60, 60), ("Hello", 60, 60)],
)
async def test_it_stays_for_as_long_as_its_cache_lives(
    content: Any, ttl_s: int, life_s: int, tmp_path: Path
) -> None:
    """R7: five minutes, or an hour where the request asks for it; ``affinity_ttl_s`` bounds it."""
    messages = [{"role": "user", "content": content}]
    async with ScriptedUpstream([RECEIVE, THROTTLED]) as bad:
        async with ScriptedUpstream([RECEIVE, reply()]) as good:
            pool = accounts(bad.url, good.url)
            pool[0]["priority"] = 1
            settings = {"affinity_ttl_s": ttl_s}
            async with running(tmp_path, accounts=pool, routing=settings) as gateway:
                assert (await gateway.chat(messages=messages)).status_code == 200
                assert life_s - 10 < left_s(gateway) <= life_s


async def test_without_affinity_nothing_is_remembered(tmp_path: Path) -> None:
    """R16: stickiness can be switched off."""
    async with ScriptedUpstream([RECEIVE, THROTTLED]) as bad:
        async with ScriptedUpstream([RECEIVE, reply()]) as good:
            pool = accounts(bad.url, good.url)
            pool[0]["priority"] = 1
            async with running(tmp_path, accounts=pool, routing={"affinity": False}) as gateway:
                assert (await gateway.chat()).status_code == 200
                assert not gateway.app.pool.detours


async def test_thinking_of_an_organisation_stays_there(tmp_path: Path) -> None:
    """R5: a failing account's sibling takes over before anybody else's, whatever the claims."""
    thought = [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": "Hello.",
            "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}],
        },
        {"role": "user", "content": "And then?"},
    ]
    async with ScriptedUpstream([RECEIVE, reply()] * 40) as upstream:
        pool = accounts(*[upstream.url] * 6)
        for number, one in enumerate(pool):
            one["organization"] = "odd" if number % 2 else "even"
        async with running(tmp_path, accounts=pool) as gateway:
            places = {one.name: one for one in gateway.app.pool.snapshot()}
            for number in range(8):
                asked = body(model="claude-sonnet-5-5", messages=thought)
                headers = {"x-conversation-id": str(number)}
                first = await gateway.chat(headers, **asked)
                home = places[first.headers["x-dragoman-account"]]
                home.cool_until = gateway.app.clock.mono() + 500
                second = await gateway.chat(headers, **asked)
                sibling = places[second.headers["x-dragoman-account"]]
                assert sibling is not home
                assert sibling.organization == home.organization
                warm_up(gateway)

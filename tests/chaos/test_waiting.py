"""Waiting for a turn: comments flow, and the end is honest."""

import asyncio
from pathlib import Path
from typing import Any

from dragoman.retries import FLOOR, WINDOW_S
from tests.chaos.rig import COMMENT, World, always, broken, until, well, whole, world
from tests.gateway.harness import error

FAULT = error(500, "api_error", "x")
QUICK = {"keepalive_s": 0.1}


def spend(gateway: World, beyond: float = 0.0) -> None:
    """Use up the retry budget, and more."""
    retries = gateway.app.gateway.turns._retries
    retries.grant(gateway.hand.clock.mono(), gateway.app.gateway.pool.sent, 0)
    retries.used = FLOOR * WINDOW_S + beyond


async def test_comments_flow_while_a_retry_waits_for_its_turn(tmp_path: Path) -> None:
    acts: list[Any] = [always(FAULT), well]
    async with world(tmp_path, *acts, ranked=True, server=QUICK) as gateway:
        spend(gateway, beyond=5)
        raw = await gateway.open()
        await raw.until(COMMENT)
        assert gateway.app.gateway.turns.count == 1
        gateway.hand.ahead_s += 10
        await raw.until(b"data: [DONE]")
        raw.reset()
        await until(gateway.quiet)
        (line,) = await gateway.ended()
        assert (line["account"], line["attempts"]) == ("b", 2)


async def test_whose_turn_does_not_come_hears_its_own_failure(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"ranked": True, "routing": {"queue_timeout_s": 0.2}}
    async with world(tmp_path, always(FAULT), well, **settings) as gateway:
        spend(gateway, beyond=20)
        answer = await gateway.chat()
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_fault")
        assert 5 <= int(answer.headers["retry-after"]) <= 8, "seven seconds' worth are missing"
        assert gateway.fakes[1].asked == 0
        await until(gateway.quiet)


async def test_a_stream_whose_turn_does_not_come_ends_with_its_error(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"ranked": True, "routing": {"queue_timeout_s": 1.5}}
    async with world(tmp_path, always(FAULT), well, server=QUICK, **settings) as gateway:
        spend(gateway, beyond=20)
        answer = await gateway.chat(stream=True)
        assert answer.content.startswith(COMMENT)
        assert broken(answer.content)


async def test_a_client_that_leaves_the_line_is_forgotten(tmp_path: Path) -> None:
    async with world(tmp_path, always(FAULT), well, ranked=True) as gateway:
        spend(gateway, beyond=20)
        raw = await gateway.open()
        await until(lambda: gateway.app.gateway.turns.count == 1)
        raw.reset()
        await until(gateway.quiet)
        assert gateway.app.gateway.turns._timer is None
        (line,) = await gateway.ended()
        assert line["outcome"] == "client_left"


async def test_turns_come_in_order(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"account": {"never_disable": True}, "ranked": True}
    async with world(tmp_path, always(FAULT), well, **settings) as gateway:
        spend(gateway, beyond=5)
        tasks = []
        for at in range(3):
            tasks.append(asyncio.create_task(gateway.chat({"x-request-id": f"request-{at}"})))
            await until(lambda at=at: gateway.app.gateway.turns.count == at + 1)
        gateway.hand.ahead_s += 10
        assert [(await task).status_code for task in tasks] == [200] * 3
        assert gateway.app.gateway.turns.given == 3


async def test_free_failures_need_no_turn(tmp_path: Path) -> None:
    """A 429 moves the request and never sleeps on it, whatever the budget."""
    throttled = error(429, "rate_limit_error", "slow")
    async with world(tmp_path, always(throttled), well, ranked=True) as gateway:
        spend(gateway, beyond=1000)
        assert whole((await gateway.chat(stream=True)).content)
        assert gateway.app.gateway.turns.given == 0

"""Requests for which no account has room: they wait, fairly and not for ever."""

import asyncio
from pathlib import Path
from typing import Any

from tests.gateway.harness import (
    KEY,
    Harness,
    accounts,
    chunks,
    error,
    reply,
    running,
    said,
    stream,
)
from tests.scripted_upstream import RECEIVE, Script, ScriptedUpstream

OTHER = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")
COMMENT = b": keep-alive\n\n"


class Gate:
    """Lets the answers of an upstream through one by one."""

    def __init__(self) -> None:
        self.passes = asyncio.Semaphore(0)

    def script(self, answer: bytes) -> Script:
        async def hold(_: Any) -> None:
            await self.passes.acquire()

        return [RECEIVE, hold, answer] * 20


async def waiting(gateway: Harness, count: int) -> None:
    async with asyncio.timeout(5):
        while gateway.app.gateway.waiting.count != count:  # noqa: ASYNC110 - a plain number
            await asyncio.sleep(0.005)


async def test_a_request_waits_for_room(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedUpstream(gate.script(reply())) as upstream:
        pool = accounts(upstream.url, max_concurrency=1)
        async with running(tmp_path, accounts=pool) as gateway:
            asked = [asyncio.create_task(gateway.chat()) for _ in range(3)]
            await waiting(gateway, 2)
            for _ in asked:
                gate.passes.release()
            assert [(await one).status_code for one in asked] == [200, 200, 200]
            assert len(upstream.connections) == 1, "never two at once"
            assert gateway.app.gateway.waiting.count == 0
            (account,) = gateway.app.gateway.pool.snapshot()
            assert (account.in_flight, account.freed) == (0, None)


async def test_waiting_ends_with_an_honest_429(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedUpstream(gate.script(reply())) as upstream:
        pool = accounts(upstream.url, max_concurrency=1)
        async with running(tmp_path, accounts=pool, routing={"queue_timeout_s": 1.2}) as gateway:
            first = asyncio.create_task(gateway.chat())
            while not upstream.requests:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.005)
            late = await gateway.chat()
            assert (late.status_code, late.headers["retry-after"]) == (429, "1")
            gate.passes.release()
            assert (await first).status_code == 200


async def test_nobody_waits_for_what_comes_too_late(tmp_path: Path) -> None:
    throttled = error(429, "rate_limit_error", "slow down", "retry-after: 30")
    async with ScriptedUpstream([RECEIVE, throttled]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            await gateway.chat()
            again = await gateway.chat()
            assert (again.status_code, again.headers["retry-after"]) == (429, "30")
            assert len(upstream.requests) == 1


async def test_a_cool_down_is_waited_for(tmp_path: Path) -> None:
    throttled = error(429, "rate_limit_error", "slow down", "retry-after: 1")
    async with ScriptedUpstream([RECEIVE, throttled, RECEIVE, reply()]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            assert (await gateway.chat()).status_code == 429
            assert (await gateway.chat()).status_code == 200


async def test_comments_flow_while_a_stream_waits(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedUpstream(gate.script(stream("Hello"))) as upstream:
        pool = accounts(upstream.url, max_concurrency=1)
        quick = {"keepalive_s": 0.2}
        async with running(tmp_path, accounts=pool, server=quick) as gateway:
            first = asyncio.create_task(gateway.chat(stream=True))
            while not upstream.requests:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.005)
            raw = await gateway.open()
            await raw.until(COMMENT)
            assert gateway.app.gateway.waiting.count == 1
            gate.passes.release()
            gate.passes.release()
            assert said((await first).content.replace(COMMENT, b"")) == "Hello"
            await raw.until(b"data: [DONE]")
            raw.reset()


async def test_a_stream_that_waited_in_vain_ends_with_its_error(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedUpstream(gate.script(reply())) as upstream:
        pool = accounts(upstream.url, max_concurrency=1)
        settings = {"server": {"keepalive_s": 0.2}, "routing": {"queue_timeout_s": 1.5}}
        async with running(tmp_path, accounts=pool, **settings) as gateway:
            first = asyncio.create_task(gateway.chat())
            while not upstream.requests:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.005)
            answer = await gateway.chat(stream=True)
            assert answer.content.startswith(COMMENT)
            (told,) = chunks(answer.content.replace(COMMENT, b""))
            assert told["error"]["code"] == "rate_limit_exceeded"
            gate.passes.release()
            await first


async def test_keys_take_turns(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedUpstream(gate.script(reply())) as upstream:
        pool = accounts(upstream.url, max_concurrency=1)
        keys = [{"name": "greedy", "key": KEY}, {"name": "modest", "key": OTHER}]
        async with running(tmp_path, accounts=pool, keys=keys) as gateway:
            greedy = [asyncio.create_task(gateway.chat()) for _ in range(5)]
            await waiting(gateway, 4)
            headers = {"authorization": f"Bearer {OTHER}"}
            modest = asyncio.create_task(gateway.chat(headers))
            await waiting(gateway, 5)
            for _ in range(6):
                gate.passes.release()
            await asyncio.gather(*greedy, modest)
            ended = [line["key"] for line in await gateway.ended(6)]
            assert ended.index("modest") <= 2, ended


async def test_a_client_that_leaves_gives_its_turn_away(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedUpstream(gate.script(reply())) as upstream:
        pool = accounts(upstream.url, max_concurrency=1)
        async with running(tmp_path, accounts=pool) as gateway:
            first = asyncio.create_task(gateway.chat())
            while not upstream.requests:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.005)
            leaving = await gateway.open()
            await waiting(gateway, 1)
            staying = asyncio.create_task(gateway.chat())
            await waiting(gateway, 2)
            leaving.reset()
            await waiting(gateway, 1)
            gate.passes.release()
            gate.passes.release()
            assert [(await one).status_code for one in (first, staying)] == [200, 200]

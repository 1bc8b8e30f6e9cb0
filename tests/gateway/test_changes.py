"""Accounts change while hundreds of streams run on them: none breaks, and new requests see the new
accounts."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

from dragoman.account import Account
from tests.gateway.harness import Harness, Raw, accounts, begin, finish, reply, running, text
from tests.gateway.test_queue import Gate, waiting
from tests.scripted_upstream import RECEIVE, Script, ScriptedUpstream, Wait

STREAMS = 200
ROOM = {"max_concurrency": 300}


def put(folder: Path, gateway: Harness, pool: list[dict[str, Any]]) -> None:
    """Change the file and have it read, as SIGHUP does."""
    path = folder / "dragoman.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), "accounts": pool}))
    gateway.app.reload()
    assert gateway.lines.all[-1]["event"] == "reloaded"


def now(gateway: Harness) -> dict[str, Account]:
    return {one.name: one for one in gateway.app.pool.snapshot()}


async def opened(gateway: Harness, count: int) -> list[Raw]:
    """Streams that have begun, of one conversation each."""
    raws = [await gateway.open(user=str(at), safety_identifier=str(at)) for at in range(count)]
    for raw in raws:
        await raw.until(b'"one"')
    return raws


async def test_two_hundred_streams_outlive_every_change(tmp_path: Path) -> None:
    """U20: running streams finish with the old credential, new requests use the new one."""
    go = asyncio.Event()
    script: Script = [RECEIVE, begin() + text("one"), Wait(go), text("two") + finish()] * 9
    async with ScriptedUpstream(script) as upstream, ScriptedUpstream(script) as elsewhere:
        pool = accounts(*[upstream.url] * 4, **ROOM)
        async with running(tmp_path, accounts=pool) as gateway:
            raws = await opened(gateway, STREAMS)
            first = now(gateway)
            loads = {name: one.in_flight for name, one in first.items()}
            assert sum(loads.values()) == STREAMS
            assert min(loads.values()) > 0
            a, b, c, _ = pool
            # Edited, draining, rotated, gone, moved and new.
            changed = [
                {**a, "weight": 5, "priority": 1, "max_concurrency": 400},
                {**b, "drain": True},
                {**c, "api_key": "sk-ant-rotated"},
                *accounts(*["http://x"] * 4, upstream.url, **ROOM)[4:],
            ]
            put(tmp_path, gateway, changed)
            second = now(gateway)
            assert list(second) == ["a", "b", "c", "e"]
            assert second["a"] is first["a"]
            assert (second["a"].weight, second["a"].max_concurrency) == (5, 400)
            assert second["a"].client is first["a"].client
            assert second["b"] is first["b"]
            assert second["b"] not in gateway.app.pool.roster.members
            assert second["c"] is not first["c"]
            in_flight = {name: one.in_flight for name, one in second.items()}
            assert in_flight == {"a": loads["a"], "b": loads["b"], "c": loads["c"], "e": 0}
            more = await opened(gateway, 40)
            assert second["b"].in_flight == loads["b"]
            assert first["d"].in_flight == loads["d"]
            taken = Counter({name: one.in_flight for name, one in second.items()})
            taken.subtract(in_flight)
            assert sum(taken.values()) == 40
            # Once more: the address moves, and the one that was draining goes.
            put(tmp_path, gateway, [{**changed[0], "base_url": elsewhere.url}, *changed[2:]])
            third = now(gateway)
            assert third["a"] is not first["a"]
            assert third["c"] is second["c"]
            last = await opened(gateway, 40)
            assert len(elsewhere.requests) == third["a"].in_flight - second["a"].in_flight
            go.set()
            for raw in [*raws, *more, *last]:
                answer = await raw.until(b"data: [DONE]")
                assert b'"two"' in answer
                assert b"error" not in answer
                raw.reset()
            lines = await gateway.ended(STREAMS + 80)
            assert Counter(line["outcome"] for line in lines) == {"complete": STREAMS + 80}
            assert {line["attempts"] for line in lines} == {1}
            every = {*first.values(), *second.values(), *third.values()}
            assert {one.in_flight for one in every} == {0}
            sent = Counter(request.headers["x-api-key"] for request in upstream.requests)
            assert sent["sk-ant-secret-2"] == loads["c"], "the old credential, what had begun"


async def test_a_rotated_account_holds_no_more_than_before(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedUpstream(gate.script(reply())) as upstream:
        (only,) = accounts(upstream.url, max_concurrency=2)
        async with running(tmp_path, accounts=[only]) as gateway:
            asked = [asyncio.create_task(gateway.chat()) for _ in range(2)]
            while len(upstream.requests) < 2:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.005)
            put(tmp_path, gateway, [{**only, "api_key": "sk-ant-rotated"}])
            late = asyncio.create_task(gateway.chat())
            await waiting(gateway, 1)
            assert now(gateway)["a"].full
            for _ in range(3):
                gate.passes.release()
            assert [(await one).status_code for one in (*asked, late)] == [200] * 3
            assert now(gateway)["a"].in_flight == 0
            assert upstream.requests[-1].headers["x-api-key"] == "sk-ant-rotated"


async def test_who_waits_sees_the_new_accounts(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedUpstream(gate.script(reply())) as upstream:
        pool = accounts(upstream.url, upstream.url, max_concurrency=1)
        async with running(tmp_path, accounts=pool[:1]) as gateway:
            first = asyncio.create_task(gateway.chat())
            while not upstream.requests:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.005)
            late = asyncio.create_task(gateway.chat())
            await waiting(gateway, 1)
            put(tmp_path, gateway, pool)
            await waiting(gateway, 0)
            gate.passes.release()
            gate.passes.release()
            assert (await late).headers["x-dragoman-account"] == "b"
            assert (await first).headers["x-dragoman-account"] == "a"


async def test_more_room_is_room_for_who_waits(tmp_path: Path) -> None:
    gate = Gate()
    async with ScriptedUpstream(gate.script(reply())) as upstream:
        (only,) = accounts(upstream.url, max_concurrency=1)
        async with running(tmp_path, accounts=[only]) as gateway:
            asked = [asyncio.create_task(gateway.chat()) for _ in range(4)]
            await waiting(gateway, 3)
            put(tmp_path, gateway, [{**only, "max_concurrency": 3}])
            await waiting(gateway, 1)
            put(tmp_path, gateway, [{**only, "max_concurrency": 0}])
            await waiting(gateway, 0)
            for _ in asked:
                gate.passes.release()
            assert [(await one).status_code for one in asked] == [200] * 4


async def test_health_outlives_a_reload_and_not_a_rotation(tmp_path: Path) -> None:
    async with ScriptedUpstream([]) as upstream:
        pool = accounts(upstream.url, upstream.url)
        async with running(tmp_path, accounts=pool) as gateway:
            for one in now(gateway).values():
                one.failures, one.reason = 3, "upstream_refused"
                one.cool_until = gateway.app.clock.mono() + 500
            pool[0]["api_key"] = "sk-ant-rotated"
            pool[1]["weight"] = 2
            put(tmp_path, gateway, pool)
            a, b = now(gateway).values()
            assert (a.failures, a.reason) == (0, "")
            assert (b.failures, b.reason, b.weight) == (3, "upstream_refused", 2)


async def test_a_restart_knows_who_cools(tmp_path: Path) -> None:
    async with ScriptedUpstream([]) as upstream:
        pool = accounts(upstream.url, upstream.url)
        async with running(tmp_path, accounts=pool) as gateway:
            one = now(gateway)["a"]
            one.failures, one.reason = 2, "upstream_refused"
            one.cool_until = gateway.app.clock.mono() + 500
        async with running(tmp_path, accounts=pool) as gateway:
            a, b = now(gateway).values()
            assert (a.failures, a.reason, b.reason) == (2, "upstream_refused", "")
            assert 400 < a.cool_until - gateway.app.clock.mono() <= 500

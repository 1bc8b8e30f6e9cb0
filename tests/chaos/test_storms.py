"""Many requests while accounts die, flap, lie and refuse: what clients see, and what upstream is
asked."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from dragoman.retries import FLOOR, SHARE, WINDOW_S
from tests.chaos.rig import (
    TEXT,
    Asked,
    World,
    always,
    broken,
    until,
    well,
    whole,
    world,
)
from tests.gateway.harness import STREAM_HEAD, begin, error, event, finish, reply, stream, text
from tests.scripted_upstream import RST, UNTIL_CLOSED, Step, Wait

OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}
THROTTLED = error(429, "rate_limit_error", "slow down")


def asking(gateway: World, at: int, words: str = "", **fields: Any) -> Any:
    """The ``at``-th conversation's request."""
    messages = [{"role": "user", "content": words or f"number {at}"}]
    headers = {"x-conversation-id": f"conversation {at}"}
    return gateway.chat(headers, messages=messages, **fields)


async def crowd(gateway: World, count: int, together: int, first: int = 0) -> list[Any]:
    """The answers of ``count`` requests, streams and others by turns, so many at a time."""
    room = asyncio.Semaphore(together)

    async def one(at: int) -> Any:
        async with room:
            return await asking(gateway, at, stream=at % 2 == 0)

    return await asyncio.gather(*[one(at) for at in range(first, first + count)])


def good(answer: Any) -> bool:
    if answer.headers["content-type"].startswith("text/event-stream"):
        return whole(answer.content)
    return answer.status_code == 200 and TEXT in answer.text


async def test_200_streams_while_accounts_die_one_by_one(tmp_path: Path) -> None:
    """U2, U3, U4: who had not begun begins elsewhere, who had gets one honest error."""
    gate = asyncio.Event()

    def act(asked: Asked) -> list[Step]:
        if asked.text.startswith("late"):
            return [Wait(gate), stream(TEXT)]
        return [begin() + text("Hel"), Wait(gate), text("lo.") + finish()]

    async with world(tmp_path, *[act] * 8, routing={"max_attempts": 8}) as gateway:
        late = [
            asyncio.create_task(asking(gateway, at, f"late {at}", stream=True)) for at in range(40)
        ]
        early = [asyncio.create_task(asking(gateway, at, stream=True)) for at in range(40, 200)]
        await until(lambda: gateway.asked == 200)
        await until(lambda: sum(one.in_flight for one in gateway.pool) == 200)
        for fake in gateway.fakes[:5]:
            fake.die()
            await until(lambda fake=fake: gateway.account(fake.name).in_flight == 0)
            await until(lambda: not gateway.app.gateway.turns.count)
            await until(lambda: sum(one.in_flight for one in gateway.pool) >= 40)
        gate.set()
        answers = [await one for one in late]
        assert [whole(answer.content) for answer in answers] == [True] * 40
        ends = Counter()
        for task in early:
            content = (await task).content
            ends["whole" if whole(content) else "broken" if broken(content) else "wrong"] += 1
        assert set(ends) == {"whole", "broken"}, ends
        lines = await gateway.ended(200)
        assert sum(line["outcome"] == "upstream_failed" for line in lines) == ends["broken"]
        assert sum(line.get("ambiguous", 0) for line in lines) >= gateway.asked - 200 >= 20
        assert all(line["attempts"] == 1 + len(line.get("missed", ())) for line in lines)
        await until(gateway.quiet)


def half(*bad: Step) -> Any:
    """Answers every second request well."""
    return lambda asked: list(bad) if asked.number % 2 else well(asked)


async def test_half_the_replies_fail_on_three_accounts_of_eight(tmp_path: Path) -> None:
    """U9: 529, errors at event 0, resets. Success, and hardly more work for upstream."""

    def ragged(asked: Asked) -> list[Step]:
        if asked.number % 2 == 0:
            return well(asked)
        if asked.streamed:
            return [STREAM_HEAD + event("error", error=OVERLOADED), UNTIL_CLOSED]
        return [error(500, "api_error", "x")]

    bad = [half(error(529, "overloaded_error", "Overloaded")), ragged, half(RST)]
    async with world(tmp_path, *bad, *[well] * 5) as gateway:
        answers = await crowd(gateway, 800, 24)
        assert sum(map(good, answers)) >= 0.99 * 800
        assert gateway.asked <= 1.1 * 800
        assert sum(fake.asked for fake in gateway.fakes[:3]) > 3, "they were asked again"
        await until(gateway.quiet)


async def test_where_nothing_may_cool_down_the_budget_holds(tmp_path: Path) -> None:
    """U9: the same accounts are asked again and again, by will of the operator; the budget alone
    keeps the extra work small, and whose turn does not come is told so."""
    bad = [half(error(529, "overloaded_error", "Overloaded"))] * 3
    settings = {"account": {"never_disable": True}, "routing": {"queue_timeout_s": 0}}
    async with world(tmp_path, *bad, **settings) as gateway:
        began = gateway.hand.clock.mono()
        answers = await crowd(gateway, 600, 24)
        took_s = gateway.hand.clock.mono() - began
        turns = gateway.app.gateway.turns
        assert gateway.asked - 600 == turns.given
        kept = FLOOR * WINDOW_S
        assert turns.given <= SHARE * 600 + kept + FLOOR * took_s
        assert turns.refused > 50
        failed = [answer for answer in answers if not good(answer)]
        whole_ones = [answer for answer in failed if answer.status_code != 200]
        assert {answer.status_code for answer in whole_ones} == {503}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in whole_ones)


async def test_a_storm_of_429(tmp_path: Path) -> None:
    """U8, R12: all eight say "later" without saying when. They are left alone, clients are told
    the honest time, and after it everything is well at once."""
    settings = {"routing": {"queue_timeout_s": 0}}
    async with world(tmp_path, *[always(THROTTLED)] * 8, **settings) as gateway:
        gateway.hand.stop()
        answers = await crowd(gateway, 300, 40)
        assert {answer.status_code for answer in answers} == {429}
        assert gateway.asked <= 1.1 * 300
        assert gateway.asked < 150, "most never went up"
        waits = [int(answer.headers["retry-after"]) for answer in answers]
        assert 1 <= min(waits) and max(waits) <= 6
        for fake in gateway.fakes:
            fake.act = well
        gateway.hand.ahead_s += max(waits)
        answers = await crowd(gateway, 40, 40)
        assert sum(map(good, answers)) == 40
        await until(gateway.quiet)


async def test_a_429_moves_a_request_at_once(tmp_path: Path) -> None:
    """One account of two is at its limit: nobody fails, nobody waits, few ask it."""
    async with world(tmp_path, always(THROTTLED), well) as gateway:
        answers = await crowd(gateway, 200, 20)
        assert all(map(good, answers))
        assert gateway.fakes[0].asked <= 20
        assert gateway.app.gateway.turns.given == 0
        assert gateway.app.gateway.turns.refused == 0


async def test_an_account_that_flaps(tmp_path: Path) -> None:
    """It dies and comes back while requests run, again and again: none fails."""
    async with world(tmp_path, well, well, well) as gateway:
        flapping = gateway.fakes[0]
        for turn in range(6):
            before, had = gateway.asked, flapping.asked
            running = asyncio.create_task(crowd(gateway, 60, 12, turn * 60))
            # It gets work whenever it is back.
            await until(lambda had=had: flapping.asked > had)
            flapping.die()
            await until(lambda before=before: gateway.asked >= before + 50)
            await flapping.revive()
            assert all(map(good, await running))
            gateway.hand.ahead_s += 60
        await until(gateway.quiet)


async def test_all_accounts_die_and_come_back(tmp_path: Path) -> None:
    """Nobody waits for a cool-down: as soon as one is back, requests succeed."""
    async with world(tmp_path, *[well] * 3) as gateway:
        assert all(map(good, await crowd(gateway, 12, 12)))
        for fake in gateway.fakes:
            fake.die()
        dead = await crowd(gateway, 12, 12)
        assert {answer.status_code for answer in dead} == {502}
        assert all(one.failures for one in gateway.pool)
        await gateway.fakes[1].revive()
        assert all(map(good, await crowd(gateway, 12, 1)))


async def test_a_stall_costs_one_attempt(tmp_path: Path) -> None:
    """U5: an account that swallows requests is found out once, not by every request."""
    server = {"first_byte_timeout_s": 0.4}
    async with world(tmp_path, always(UNTIL_CLOSED), well, well, server=server) as gateway:
        answers = await crowd(gateway, 60, 10)
        assert all(map(good, answers))
        assert gateway.fakes[0].asked <= 10
        lines = await gateway.ended(60)
        assert sum(line.get("ambiguous", 0) for line in lines) == gateway.fakes[0].asked


async def test_one_keys_failures_leave_turns_to_the_others(tmp_path: Path) -> None:
    """A key whose prompts break upstream everywhere uses up its share of retries, not all."""
    keys = [
        {"name": name, "key": f"sk-{letter * 48}"}
        for name, letter in (("greedy", "g"), ("modest", "m"))
    ]

    def act(asked: Asked) -> list[Step]:
        poison = asked.text in ("poison", f"once {asked.number}")
        return [error(500, "api_error", "x")] if poison else well(asked)

    settings = {"account": {"never_disable": True}, "routing": {"queue_timeout_s": 0}}
    async with world(tmp_path, act, act, keys=keys, **settings) as gateway:
        for _ in range(60):
            greedy = {"authorization": f"Bearer {keys[0]['key']}"}
            messages = [{"role": "user", "content": "poison"}]
            await gateway.chat(greedy, messages=messages)
        turns = gateway.app.gateway.turns
        used = turns.given
        assert used < 40, "its share, and what came meanwhile"
        modest = {"authorization": f"Bearer {keys[1]['key']}"}
        for _ in range(4):
            # The account of this conversation fails once, the other one answers.
            number = gateway.fakes[0].asked
            once = [{"role": "user", "content": f"once {number}"}]
            gateway.account("b").cool_until = gateway.hand.clock.mono() + 60
            task = asyncio.create_task(gateway.chat(modest, messages=once))
            await until(lambda number=number: gateway.fakes[0].asked > number)
            gateway.account("b").cool_until = 0
            assert (await task).status_code == 200
        assert turns.given == used + 4


async def test_nothing_is_left_when_clients_leave_amid_retries(tmp_path: Path) -> None:
    """R17: places, turns and room are given back, whatever the phase."""
    settings = {"account": {"max_concurrency": 2}, "routing": {"queue_timeout_s": 30}}
    gate = asyncio.Event()

    def act(asked: Asked) -> list[Step]:
        return [RST] if asked.number < 2 else [Wait(gate), reply()]

    async with world(tmp_path, *[act] * 3, **settings) as gateway:
        clients = [await gateway.open() for _ in range(30)]
        await until(lambda: gateway.asked >= 12)
        await until(lambda: gateway.app.gateway.waiting.count + gateway.app.gateway.turns.count)
        for client in clients:
            client.reset()
        await until(gateway.quiet)
        lines = await gateway.ended(30)
        assert {line["outcome"] for line in lines} <= {"client_left", "upstream_failed"}

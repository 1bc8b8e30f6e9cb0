"""A second account is asked where the first takes unusually long: who wins, and that nothing stays
behind."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from dragoman import attempts
from dragoman.catalogue.catalogue import Catalogue
from dragoman.errand import Upstream
from dragoman.hedges import ENOUGH, MOST_CHANCES, SHARE, Class
from dragoman.hub.request import Message, Request, Text
from dragoman.record import Record
from dragoman.upstream import Timeouts
from tests.chaos.rig import COMMENT, Asked, World, always, until, well, whole, world
from tests.gateway.harness import MODEL, begin, error, finish, reply, text
from tests.scripted_upstream import UNTIL_CLOSED, Step, Wait

ON: dict[str, Any] = {"routing": {"hedging": True}}


def known(gateway: World, usual_s: float = 0.02, chances: float = MOST_CHANCES) -> None:
    """As after many answers: every account usually takes so long."""
    hedges = gateway.app.pool.hedges
    assert hedges is not None
    for fake in gateway.fakes:
        for streamed in (False, True):
            for _ in range(ENOUGH):
                hedges.took(Class(fake.name, MODEL, streamed), usual_s)
    hedges._chances = chances


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
async def test_the_second_account_wins_and_the_first_is_closed(
    streamed: bool, tmp_path: Path
) -> None:
    closed = asyncio.Event()

    async def hang(connection: Any) -> None:
        while await connection.read():
            pass
        closed.set()

    async with world(tmp_path, always(hang), well, ranked=True, **ON) as gateway:
        known(gateway)
        answer = await gateway.chat(stream=streamed)
        assert answer.status_code == 200
        assert answer.headers["x-dragoman-account"] == "b"
        await asyncio.wait_for(closed.wait(), 5)
        (line,) = await gateway.ended()
        assert (line["account"], line["attempts"], line["hedged"]) == ("b", 2, True)
        assert (line["input_tokens"], line["output_tokens"]) == (10, 5), "billed once"
        assert "missed" not in line
        assert gateway.account("a").failures == 0, "slow is not failed"
        await until(gateway.quiet)


async def test_the_first_account_may_still_win(tmp_path: Path) -> None:
    gate = asyncio.Event()

    def late(asked: Asked) -> list[Step]:
        return [Wait(gate), *well(asked)]

    async with world(tmp_path, late, always(UNTIL_CLOSED), ranked=True, **ON) as gateway:
        known(gateway)
        asked = asyncio.create_task(gateway.chat(stream=True))
        await until(lambda: gateway.fakes[1].asked)
        gate.set()
        assert whole((await asked).content)
        (line,) = await gateway.ended()
        assert (line["account"], line["hedged"]) == ("a", True)
        await until(gateway.quiet)


async def test_both_at_the_same_moment(tmp_path: Path) -> None:
    """One of two answers is used, the other one let go."""
    gate = asyncio.Event()

    def late(asked: Asked) -> list[Step]:
        return [Wait(gate), begin() + text("Hello."), finish()]

    async with world(tmp_path, late, late, ranked=True, **ON) as gateway:
        known(gateway)
        asked = [asyncio.create_task(gateway.chat(stream=True)) for _ in range(4)]
        await until(lambda: gateway.asked == 8)
        gate.set()
        for one in asked:
            assert whole((await one).content)
        await until(gateway.quiet)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
async def test_every_choice_has_its_own(streamed: bool, tmp_path: Path) -> None:
    async with world(tmp_path, always(UNTIL_CLOSED), well, ranked=True, **ON) as gateway:
        known(gateway)
        answer = await gateway.chat(stream=streamed, n=2)
        assert answer.status_code == 200
        assert answer.content.count(b"Hello.") == 2
        assert [fake.asked for fake in gateway.fakes] == [2, 2]
        await until(gateway.quiet)


async def test_a_failure_of_one_leaves_the_other(tmp_path: Path) -> None:
    gate = asyncio.Event()
    fault = always(Wait(gate), error(500, "api_error", "x"))
    second = asyncio.Event()
    answer = always(Wait(second), reply("Hello."))
    async with world(tmp_path, fault, answer, ranked=True, **ON) as gateway:
        known(gateway)
        asked = asyncio.create_task(gateway.chat())
        await until(lambda: gateway.asked == 2)
        gate.set()
        await until(lambda: gateway.account("a").failures)
        second.set()
        assert (await asked).status_code == 200
        (line,) = await gateway.ended()
        assert [miss["account"] for miss in line["missed"]] == ["a"]
        await until(gateway.quiet)


async def test_both_fail_and_a_third_answers(tmp_path: Path) -> None:
    gate = asyncio.Event()
    fault = always(Wait(gate), error(529, "overloaded_error", "x"))
    async with world(tmp_path, fault, fault, well, ranked=True, **ON) as gateway:
        known(gateway)
        asked = asyncio.create_task(gateway.chat(stream=True))
        await until(lambda: gateway.asked == 2)
        gate.set()
        answer = await asked
        assert whole(answer.content)
        assert answer.headers["x-dragoman-account"] == "c"
        (line,) = await gateway.ended()
        assert {miss["account"] for miss in line["missed"]} == {"a", "b"}


async def test_what_the_client_caused_ends_both(tmp_path: Path) -> None:
    gate = asyncio.Event()
    wrong = always(Wait(gate), error(400, "invalid_request_error", "messages.0: no"))
    async with world(tmp_path, wrong, always(UNTIL_CLOSED), ranked=True, **ON) as gateway:
        known(gateway)
        asked = asyncio.create_task(gateway.chat())
        await until(lambda: gateway.asked == 2)
        gate.set()
        assert (await asked).status_code == 400
        await until(gateway.quiet)


async def test_a_client_that_leaves_ends_both(tmp_path: Path) -> None:
    async with world(tmp_path, *[always(UNTIL_CLOSED)] * 2, **ON) as gateway:
        known(gateway)
        raw = await gateway.open()
        await until(lambda: gateway.asked == 2)
        raw.reset()
        await until(gateway.quiet)
        (line,) = await gateway.ended()
        assert line["outcome"] == "client_left"


async def test_comments_flow_while_two_are_asked(tmp_path: Path) -> None:
    gate = asyncio.Event()

    def late(asked: Asked) -> list[Step]:
        return [Wait(gate), *well(asked)]

    async with world(tmp_path, late, late, server={"keepalive_s": 0.1}, **ON) as gateway:
        known(gateway)
        raw = await gateway.open()
        await until(lambda: gateway.asked == 2)
        await raw.until(COMMENT)
        await raw.until(COMMENT)
        gate.set()
        await raw.until(b"data: [DONE]")
        raw.reset()
        await until(gateway.quiet)


async def test_never_for_more_than_two_percent(tmp_path: Path) -> None:
    """Real traffic: what is known comes from the answers, the chances from their number."""
    gate = asyncio.Event()

    def act(asked: Asked) -> list[Step]:
        return [Wait(gate), *well(asked)] if asked.text == "slow" else well(asked)

    async with world(tmp_path, act, act, **ON) as gateway:
        for at in range(150):
            messages = [{"role": "user", "content": f"number {at}"}]
            assert (await gateway.chat(messages=messages)).status_code == 200
        before = gateway.asked
        slow = [{"role": "user", "content": "slow"}]
        asked = [asyncio.create_task(gateway.chat(messages=slow)) for _ in range(20)]
        hedges = gateway.app.pool.hedges
        assert hedges is not None
        await until(lambda: gateway.asked >= before + 20 + int(150 * SHARE) - hedges.sent)
        gate.set()
        assert {(await one).status_code for one in asked} == {200}
        assert 1 <= hedges.sent <= SHARE * 170


@pytest.mark.parametrize(
    "settings",
    [
        {"routing": {"hedging": True, "max_attempts": 1}},
        {"routing": {"hedging": False}},
    ],
    ids=["one attempt", "off"],
)
async def test_not_where_it_may_not_be(settings: dict[str, Any], tmp_path: Path) -> None:
    gate = asyncio.Event()

    def late(asked: Asked) -> list[Step]:
        return [Wait(gate), *well(asked)]

    async with world(tmp_path, late, well, ranked=True, **settings) as gateway:
        if gateway.app.pool.hedges is not None:
            known(gateway, usual_s=0)
        asked = asyncio.create_task(gateway.chat(stream=True))
        await until(lambda: gateway.asked)
        gate.set()
        assert whole((await asked).content)
        assert gateway.fakes[1].asked == 0


async def test_a_reload_switches_it(tmp_path: Path) -> None:
    async with world(tmp_path, well, routing={"hedging": False}) as gateway:
        assert gateway.app.pool.hedges is None
        path = tmp_path / "dragoman.yaml"
        config = json.loads(path.read_text())
        config["routing"]["hedging"] = True
        path.write_text(json.dumps(config))
        gateway.app.reload()
        assert gateway.app.pool.hedges is not None
        assert (await gateway.chat()).status_code == 200


async def test_what_goes_on_at_one_account_stays_there(tmp_path: Path) -> None:
    """The next part of an answer that paused has no road to others."""
    gate = asyncio.Event()

    def late(asked: Asked) -> list[Step]:
        return [Wait(gate), *well(asked)]

    async with world(tmp_path, late, well, ranked=True, **ON) as gateway:
        known(gateway, usual_s=0)
        record = Record("r", 0.0, model=MODEL)
        row = Catalogue().resolve(MODEL).model
        up = Upstream(
            Request(MODEL, 9, messages=[Message("user", [Text(Raw(b'"x"'))])]),
            row,
            "",
            Timeouts(5, 5),
        )
        pool = gateway.app.pool
        going_on = asyncio.create_task(attempts.whole(pool, [gateway.account("a")], up, record))
        await until(lambda: gateway.fakes[0].asked)
        gate.set()
        _, account = await going_on
        assert (account.name, gateway.fakes[1].asked, record.hedged) == ("a", 0, False)


async def test_not_at_an_account_that_is_full_or_failing(tmp_path: Path) -> None:
    gate = asyncio.Event()

    def late(asked: Asked) -> list[Step]:
        return [Wait(gate), *well(asked)]

    async with world(tmp_path, late, well, ranked=True, **ON) as gateway:
        known(gateway)
        gateway.account("b").failures = 1
        asked = asyncio.create_task(gateway.chat(stream=True))
        hedges = gateway.app.pool.hedges
        assert hedges is not None
        await until(lambda: gateway.fakes[0].asked)
        gate.set()
        assert whole((await asked).content)
        assert (gateway.fakes[1].asked, hedges.sent) == (0, 0)

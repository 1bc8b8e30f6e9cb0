"""One request among accounts that fail in every way: where it goes, what is written down."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.rig import Act, always, until, well, whole, world
from tests.gateway.harness import STREAM_HEAD, begin, error, event, response, text
from tests.scripted_upstream import FIN, RST, UNTIL_CLOSED

DEAD = "http://127.0.0.1:1"
OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}
SPENT = "Your credit balance is too low to access the Anthropic API."
FAILURES: dict[str, tuple[list[Any], str, bool]] = {
    # what upstream does, the kind it is, whether upstream may have worked on it
    "key": ([error(401, "authentication_error", "no")], "upstream_refused", False),
    "forbidden": ([error(403, "permission_error", "no")], "upstream_refused", False),
    "credit": ([error(400, "invalid_request_error", SPENT)], "upstream_unpaid", False),
    "billing": ([error(402, "billing_error", "pay")], "upstream_unpaid", False),
    "throttled": ([error(429, "rate_limit_error", "slow")], "upstream_throttled", False),
    "spending cap": (
        [error(429, "rate_limit_error", "the spending limit of your tier")],
        "upstream_unpaid",
        False,
    ),
    "overloaded": ([error(529, "overloaded_error", "Overloaded")], "upstream_overloaded", False),
    "fault": ([error(500, "api_error", "oops")], "upstream_fault", False),
    "gateway": ([response(502, b"<html>bad gateway</html>")], "upstream_fault", False),
    "slow, it says": ([error(504, "timeout_error", "slow")], "upstream_timeout", False),
    "reset": ([RST], "upstream_reset", True),
    "closed": ([FIN], "upstream_reset", True),
    "html": ([response(200, b"<html>hello</html>")], "upstream_nonsense", False),
    "not json": ([response(200, b'{"type":')], "upstream_nonsense", False),
    "no message": ([response(200, b'{"type":"message"}')], "upstream_nonsense", False),
    "moved": ([response(302, b"", "location: http://127.0.0.1:1/")], "upstream_nonsense", False),
    "nothing": ([response(204, b"")], "upstream_nonsense", False),
    "not http": ([b"220 smtp ready\r\n"], "upstream_nonsense", False),
}
IN_STREAM: dict[str, tuple[list[Any], str, bool]] = {
    "error at event 0": (
        [STREAM_HEAD + event("error", error=OVERLOADED), UNTIL_CLOSED],
        "upstream_overloaded",
        False,
    ),
    "reset after the head": ([STREAM_HEAD, RST], "upstream_reset", True),
    "cut in event 0": ([STREAM_HEAD + b"40\r\nevent: mess", FIN], "upstream_truncated", True),
    "empty": ([STREAM_HEAD + b"0\r\n\r\n"], "upstream_truncated", True),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
async def test_every_failure_is_told_apart_moves_on_and_is_written_down(
    streamed: bool, tmp_path: Path
) -> None:
    """U2, U6, U17, R11: one row of the classification after the other."""
    rows = {**FAILURES, **IN_STREAM} if streamed else FAILURES
    async with world(tmp_path, well, well, ranked=True) as gateway:
        first = gateway.account("a")
        for count, (name, (steps, kind, ambiguous)) in enumerate(rows.items(), 1):
            gateway.fakes[0].act = always(*steps)
            answer = await gateway.chat(stream=streamed)
            assert (answer.status_code, answer.headers["x-dragoman-account"]) == (200, "b"), name
            line = (await gateway.ended(count))[-1]
            missed = {"account": "a", "failure": kind} | ({"ambiguous": True} if ambiguous else {})
            assert list(line["missed"]) == [missed], name
            assert line.get("ambiguous", 0) == ambiguous, name
            assert first.reason == kind, name
            assert not first.available(gateway.hand.clock.mono()), name
            # Time passes, and it is well again.
            gateway.hand.ahead_s += 700
            first.failures = 0
        await until(gateway.quiet)


@pytest.mark.parametrize("steps", [[UNTIL_CLOSED], [STREAM_HEAD, UNTIL_CLOSED]], ids=str)
async def test_an_account_that_says_nothing_is_left_in_time(
    steps: list[Any], tmp_path: Path
) -> None:
    """U5: before the head, and after it."""
    server = {"first_byte_timeout_s": 0.3, "stall_timeout_s": 0.3}
    async with world(tmp_path, always(*steps), well, ranked=True, server=server) as gateway:
        answer = await gateway.chat(stream=True)
        assert whole(answer.content)
        (line,) = await gateway.ended()
        assert line["ambiguous"] == 1
        assert gateway.account("a").reason == "upstream_timeout"


async def test_a_slow_loris_does_not_hold_a_request(tmp_path: Path) -> None:
    """U12: it talks all the time and never says anything."""

    async def drip(connection: Any) -> None:
        await connection.send(STREAM_HEAD)
        while not connection.is_over:
            await connection.send(event("ping"))
            await asyncio.sleep(0.01)

    server = {"first_byte_timeout_s": 0.3, "stall_timeout_s": 5}
    async with world(tmp_path, always(drip), well, ranked=True, server=server) as gateway:
        assert whole((await gateway.chat(stream=True)).content)
        assert gateway.account("a").reason == "upstream_timeout"


async def test_hosts_that_are_dead_do_not_use_up_the_attempts(tmp_path: Path) -> None:
    """U1: five refuse, three attempts are allowed, the sixth answers; nothing was ambiguous."""
    dead = [
        {"name": f"dead{at}", "api_key": "x", "base_url": DEAD, "priority": 9} for at in range(5)
    ]
    async with world(tmp_path, well, more=dead, routing={"max_attempts": 1}) as gateway:
        answer = await gateway.chat(stream=True)
        assert whole(answer.content)
        (line,) = await gateway.ended()
        assert [miss["failure"] for miss in line["missed"]] == ["upstream_unreachable"] * 5
        assert "ambiguous" not in line
        assert gateway.app.gateway.turns.given == 0, "they cost no turn"


async def test_even_dead_hosts_end_somewhere(tmp_path: Path) -> None:
    dead = [{"name": f"dead{at}", "api_key": "x", "base_url": DEAD} for at in range(20)]
    async with world(tmp_path, well, more=dead, account={"priority": -9}) as gateway:
        gateway.fakes[0].die()
        answer = await gateway.chat()
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
        (line,) = await gateway.ended()
        assert len(line["missed"]) == 11


@pytest.mark.parametrize(
    "told",
    [
        error(404, "not_found_error", "model: claude-haiku-4-5-20251001"),
        error(403, "permission_error", "Your organization has no access to this model."),
    ],
    ids=["404", "403"],
)
async def test_an_account_without_the_model_is_left_for_that_model_only(
    told: bytes, tmp_path: Path
) -> None:
    other = "claude-sonnet-5-5"

    def act(asked: Any) -> list[Any]:
        return well(asked) if asked.body["model"] == other else [told]

    async with world(tmp_path, act, well, ranked=True, routing={"max_attempts": 1}) as gateway:
        homes = [(await gateway.chat()).headers["x-dragoman-account"] for _ in range(2)]
        assert homes == ["b", "b"]
        assert gateway.fakes[0].asked == 1, "remembered"
        assert (await gateway.chat(model=other)).headers["x-dragoman-account"] == "a"
        assert gateway.account("a").failures == 0


async def test_a_model_that_no_account_has_is_a_404(tmp_path: Path) -> None:
    told = error(404, "not_found_error", "model: claude-haiku-4-5-20251001")
    async with world(tmp_path, *[always(told)] * 3) as gateway:
        for _ in range(3):
            answer = await gateway.chat()
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
        assert gateway.asked == 3 + 1 + 1, "once all said so, one is enough"


async def test_credit_that_is_used_up_never_reaches_the_client(tmp_path: Path) -> None:
    """R2: out for minutes, and a conversation of that account moves on."""
    acts: list[Act] = [always(error(400, "invalid_request_error", SPENT)), well]
    async with world(tmp_path, *acts, ranked=True) as gateway:
        for _ in range(5):
            answer = await gateway.chat({"x-conversation-id": "c"})
            assert (answer.status_code, answer.headers["x-dragoman-account"]) == (200, "b")
        assert gateway.fakes[0].asked == 1
        left_s = gateway.account("a").cool_until - gateway.hand.clock.mono()
        assert left_s > 200
        gateway.fakes[1].die()
        answer = await gateway.chat()
        assert answer.status_code == 502, "and alone it is a gateway's error, not a 400 or 402"


async def test_a_refused_credential_never_reaches_the_client(tmp_path: Path) -> None:
    """U10: nobody waits for accounts that are refused, and they are not asked over and over."""
    told = error(401, "authentication_error", "invalid x-api-key")
    async with world(tmp_path, *[always(told)] * 3) as gateway:
        answers = [await gateway.chat() for _ in range(10)]
        assert {answer.status_code for answer in answers} == {502}
        assert gateway.asked == 3 + 9
        assert b"x-api-key" not in answers[0].content


async def test_no_more_attempts_than_allowed_each_on_another_account(tmp_path: Path) -> None:
    """R11: and every one of them cools down."""
    acts = [always(error(500, "api_error", "x"))] * 5
    async with world(tmp_path, *acts, routing={"max_attempts": 3}) as gateway:
        answer = await gateway.chat()
        assert (answer.status_code, answer.headers["x-dragoman-attempts"]) == (502, "3")
        assert [fake.asked for fake in gateway.fakes].count(1) == 3
        assert len([one for one in gateway.pool if one.failures]) == 3
    # Also where nobody cools down, so that the same accounts stay the best.
    settings = {"account": {"never_disable": True}, "routing": {"max_attempts": 3}}
    async with world(tmp_path, *acts, **settings) as gateway:
        assert (await gateway.chat()).headers["x-dragoman-attempts"] == "3"
        assert [fake.asked for fake in gateway.fakes].count(1) == 3


async def test_never_after_the_first_piece(tmp_path: Path) -> None:
    """U3, U4: what has begun ends with an error, and nobody else is asked."""
    for end in (RST, FIN):
        acts: list[Act] = [always(begin() + text("Hel"), end), well]
        async with world(tmp_path, *acts, ranked=True) as gateway:
            answer = await gateway.chat(stream=True)
            assert b'"error"' in answer.content
            assert b"[DONE]" not in answer.content
            assert gateway.fakes[1].asked == 0


@pytest.mark.parametrize(
    ("told", "cools_s"),
    [("30", 30), ("0", 5), ("-1", 5), ("9999999", 600), ("soon", 5)],
)
async def test_what_a_429_says_of_the_time(told: str, cools_s: float, tmp_path: Path) -> None:
    """U7: the account cools by it, the request moves and does not wait."""
    throttled = error(429, "rate_limit_error", "slow", f"retry-after: {told}")
    async with world(tmp_path, always(throttled), well, ranked=True) as gateway:
        answer = await gateway.chat()
        assert answer.headers["x-dragoman-account"] == "b"
        left_s = gateway.account("a").cool_until - gateway.hand.clock.mono()
        assert cools_s * 0.85 - 2 < left_s <= cools_s * 1.15
        assert gateway.app.gateway.turns.given == 0


async def test_a_429_without_a_time_goes_by_its_limits(tmp_path: Path) -> None:
    """R4: it is not a short one because nobody wrote ``retry-after``."""
    throttled = error(
        429,
        "rate_limit_error",
        "slow",
        "date: Fri, 20 Nov 2026 10:00:00 GMT",
        "anthropic-ratelimit-tokens-remaining: 0",
        "anthropic-ratelimit-tokens-reset: 2026-11-20T10:04:00Z",
    )
    async with world(tmp_path, always(throttled), well, ranked=True) as gateway:
        assert (await gateway.chat()).headers["x-dragoman-account"] == "b"
        assert 230 < gateway.account("a").cool_until - gateway.hand.clock.mono() <= 240


async def test_the_earliest_return_is_told(tmp_path: Path) -> None:
    """R12: of all accounts, not of the one that was asked last."""
    acts = [
        always(error(429, "rate_limit_error", "slow", f"retry-after: {seconds}"))
        for seconds in (20, 300, 400)
    ]
    async with world(tmp_path, *acts, ranked=True) as gateway:
        answer = await gateway.chat()
        assert answer.status_code == 429
        assert 18 <= int(answer.headers["retry-after"]) <= 20
        assert gateway.asked == 3


async def test_a_request_waits_for_room_on_accounts_it_has_not_tried(tmp_path: Path) -> None:
    """The first fails, the second is full: the request waits for it instead of failing."""
    acts: list[Act] = [well, lambda asked: [UNTIL_CLOSED] if asked.text == "hold" else well(asked)]
    limits = {"account": {"max_concurrency": 1}, "ranked": True}
    async with world(tmp_path, *acts, **limits) as gateway:
        gateway.account("a").cool_until = gateway.hand.clock.mono() + 60
        raw = await gateway.open(messages=[{"role": "user", "content": "hold"}])
        await until(lambda: gateway.fakes[1].asked)
        gateway.account("a").cool_until = 0
        gateway.fakes[0].act = always(RST)
        answer = gateway.chat(stream=True)
        task = asyncio.create_task(answer)
        await until(lambda: gateway.app.gateway.waiting.count == 1)
        raw.reset()
        assert whole((await task).content)

"""Explanations: the same plan that a request gets, and why everybody else is not in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman import asked, routing
from dragoman.account import Account, Terms
from dragoman.auth.keys import Keys
from dragoman.caches import Caches
from dragoman.catalogue.catalogue import Catalogue
from dragoman.clock import SYSTEM, Clock
from dragoman.config import AccountConfig, Config
from dragoman.control.condition import Moment
from dragoman.control.desk import Running
from dragoman.control.explain import Question, explain, understood
from dragoman.dialects.registry import CHAT
from dragoman.errors import Failure
from dragoman.pool import Pool
from dragoman.principal import Principal
from dragoman.simulator.inprocess import InProcessClient
from dragoman.simulator.service import Simulator
from dragoman.waiting import Room, WaitingRoom
from tests.control.harness import EXPLAIN, administered
from tests.gateway.harness import KEY, MODEL, body

OTHER_KEY = "sk-" + "0" * 48
CLOCK = Clock(wall=lambda: 1_800_000_000.0, mono=lambda: 1000.0)
CLIENT = InProcessClient(Simulator(SYSTEM), "a", SYSTEM)
CATALOGUE = Catalogue()


def running(accounts: list[tuple[Account, Terms]]) -> Running:
    pool = Pool((), CLOCK)
    pool.change(accounts)
    config = Config(accounts=tuple(AccountConfig(name=one.name) for one, _ in accounts))
    keys = Keys({b"k" * 32: Principal("k", b"k" * 32)})
    waiting = WaitingRoom(Room(pool.snapshot, CLOCK), 1.0)
    return Running(config, frozenset(), pool, CATALOGUE, keys, waiting, Caches())


@st.composite
def pools(draw: st.DrawFn) -> list[tuple[Account, Terms]]:
    """Some accounts in any condition; enough of them for a ring now and then."""
    made: list[tuple[Account, Terms]] = []
    for number in range(draw(st.sampled_from([0, 1, 2, 3, 5, 30]))):
        account = Account(f"account {number}", "simulator", CLIENT, b"")
        account.in_flight = draw(st.integers(0, 12))
        account.failures = draw(st.integers(0, 2))
        account.cool_until = draw(st.sampled_from([0.0, 0.0, 990.0, 1005.0]))
        account.probe_until = draw(st.sampled_from([0.0, 0.0, 1003.0]))
        account.reason = draw(st.sampled_from(["", "upstream_throttled", "upstream_fault"]))
        if draw(st.booleans()):
            account.without = {MODEL: 1007.0}
        terms = Terms(
            models=draw(st.sampled_from([("*",), ("claude-haiku-*",), ("claude-opus-*",)])),
            weight=draw(st.sampled_from([1.0, 2.0, 0.5])),
            priority=draw(st.integers(0, 2)),
            max_concurrency=draw(st.sampled_from([0, 10])),
            draining=draw(st.sampled_from([False, False, True])),
        )
        made.append((account, terms))
    return made


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(pools(), st.text(max_size=5))
def test_the_order_is_that_of_the_plan(accounts: list[tuple[Account, Terms]], user: str) -> None:
    now = running(accounts)
    content = json.dumps(body(user=user)).encode()
    told = explain(Question(content, {}, "k"), now, Moment(0.0, CLOCK.mono()))

    (principal,) = now.keys
    parsed = CHAT.parse(content, CATALOGUE, strict=False, caching="auto")
    named = asked.identity(parsed, {}, principal.seed)
    wanted = asked.wanted(parsed, named.hash, now.config.routing.max_attempts)
    try:
        plan = [
            one.name
            for one in routing.plan(wanted, now.pool.roster, CLOCK.mono(), now.pool.detours)
        ]
        refused = None
    except Failure as failure:
        plan, refused = [], failure.row.openai_code
    assert [one["account"] for one in told["candidates"]] == plan
    assert (told["refused"] or {"code": None})["code"] == refused
    # Nobody is forgotten, nobody named twice, and who could serve is not excluded for his health.
    excluded = {one["account"]: one for one in told["excluded"]}
    assert sorted([*plan, *excluded]) == sorted(one.name for one, _ in accounts)
    for account, terms in accounts:
        reason = excluded.get(account.name, {}).get("reason")
        able = account.available(CLOCK.mono(), MODEL) and account.serves(MODEL)
        if reason is not None:
            assert (reason == "further_down") == (able and not terms.draining)


async def ask(admin: Any, question: Any, headers: Mapping[str, str] | None = None) -> Any:
    answer: httpx.Response = await admin.http.post(EXPLAIN, json=question, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


ACCOUNTS = [
    {"name": name, "provider": "simulator", "models": models, "drain": name == "drained"}
    for name, models in (
        ("a", ["*"]), ("b", ["*"]), ("opus", ["claude-opus-*"]), ("drained", ["*"]),
    )
]  # fmt: skip


async def test_what_is_explained_is_what_happens(tmp_path: Path) -> None:
    async with administered(tmp_path, accounts=ACCOUNTS) as admin:
        for headers in ({}, {"x-conversation-id": "c1"}, {"session_id": "s1"}):
            for number in range(5):
                question = body(user=f"user {number}", temperature=0.3)
                told = await ask(admin, {"request": question, "headers": headers, "key": "tests"})
                assert admin.gateway.requests == []
                answer = await admin.gateway.chat(headers=headers, **question)
                (line,) = await admin.gateway.ended(1)
                admin.gateway.lines.all.clear()
                assert told["conversation"]["id"] == line["conversation"]
                assert told["conversation"]["source"] == next(iter(headers), "user")
                first = told["candidates"][0]["account"]
                assert answer.headers["x-dragoman-account"] == first == told["home"]
                assert told["model"]["wire"] == MODEL
                reasons = {one["account"]: one["reason"] for one in told["excluded"]}
                assert reasons == {"opus": "does_not_serve_model", "drained": "draining"}


async def test_a_conversation_with_a_cache_is_explained_as_it_is_served(tmp_path: Path) -> None:
    pool = [{"name": name, "provider": "simulator"} for name in "abcdef"]
    opening = {"type": "text", "text": "x" * 30_000, "cache_control": {"type": "ephemeral"}}
    async with administered(tmp_path, accounts=pool) as admin:
        for number in range(6):
            messages: list[dict[str, Any]] = [
                {"role": "system", "content": [opening]},
                {"role": "user", "content": f"question {number}"},
            ]
            for _ in range(2):
                question = body(messages=messages)
                told = await ask(admin, question)
                answer = await admin.gateway.chat(**question)
                first = told["candidates"][0]["account"]
                assert answer.headers["x-dragoman-account"] == first
                assert told["caching"]["matters"]
                reply = answer.json()["choices"][0]["message"]["content"]
                messages += [
                    {"role": "assistant", "content": reply},
                    {"role": "user", "content": "and then?"},
                ]


async def test_the_body_may_be_the_request_itself(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        plain = await ask(admin, body())
        assert plain["key"] == "tests", "the only key there is"
        headers = {"X-Conversation-Id": "c1"}
        named = [
            await ask(admin, body(), headers),
            await ask(admin, body(key="tests", headers=headers)),
            await ask(admin, {"request": body(), "headers": headers}),
        ]
        assert named[0] == named[1] == named[2]
        assert named[0]["conversation"]["id"] != plain["conversation"]["id"]


async def test_ids_are_scoped_by_the_key(tmp_path: Path) -> None:
    keys = [{"name": "one", "key": KEY}, {"name": "two", "key": OTHER_KEY, "models": ["x"]}]
    async with administered(tmp_path, keys=keys) as admin:
        one = await ask(admin, body(key="one"))
        two = await ask(admin, body(key="two"))
        nobody = await ask(admin, body())
        ids = {told["conversation"]["id"] for told in (one, two, nobody)}
        assert len(ids) == 3
        assert (nobody["key"], nobody["conversation"]["scoped"]) == (None, False)
        assert two["refused"]["code"] == "model_not_allowed"
        assert two["candidates"] == []
        unknown = await admin.http.post(EXPLAIN, json=body(key="three"))
        assert unknown.json()["error"]["param"] == "key"


@pytest.mark.parametrize(
    ("question", "status", "code", "param"),
    [
        (b"[]", 400, "invalid_json", None),
        (b"{", 400, "invalid_json", None),
        ({"request": {}, "more": 1}, 400, "unknown_parameter", "more"),
        ({"request": {"model": MODEL}, "key": 1}, 400, "invalid_value", "key"),
        ({"request": {"model": MODEL}, "headers": []}, 400, "invalid_value", "headers"),
        ({"request": {"model": MODEL}}, 400, "missing_required_parameter", "messages"),
        (body(model="gpt"), 404, "model_not_found", "model"),
    ],
)
async def test_what_cannot_be_read_is_refused_as_the_request_would_be(
    question: Any, status: int, code: str, param: str | None, tmp_path: Path
) -> None:
    async with administered(tmp_path) as admin:
        content = question if isinstance(question, bytes) else json.dumps(question).encode()
        answer = await admin.http.post(EXPLAIN, content=content)
        found = answer.json()["error"]
        assert (answer.status_code, found["code"], found["param"]) == (status, code, param)


async def test_what_it_will_cost(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        told = await ask(admin, body(messages=[{"role": "user", "content": "x" * 4000}],
                                     max_tokens=100))  # fmt: skip
        cost = told["cost"]
        assert 1000 <= cost["prompt_tokens"] < 1100
        assert cost["prompt"]["nano_usd"] == cost["prompt_tokens"] * 1000
        worst = cost["prompt_tokens"] * 1000 + 100 * 5000
        assert cost["worst_case"]["nano_usd"] == worst
        assert float(cost["worst_case"]["usd"]) == worst / 1e9
        assert told["caching"]["matters"] is False
        marked = {"type": "text", "text": "x" * 80_000, "cache_control": {"type": "ephemeral"}}
        told = await ask(admin, body(messages=[{"role": "user", "content": [marked]}], n=2,
                                     max_tokens=100))  # fmt: skip
        assert told["caching"] == {"matters": True, "marks": 1, "life": "5m", "min_tokens": 4096}
        cost = told["cost"]
        assert cost["max_tokens"] == 200
        assert cost["prompt_cached"]["nano_usd"] == cost["prompt_tokens"] * 100
        assert cost["worst_case"]["nano_usd"] == cost["prompt_tokens"] * 1250 + 200 * 5000


async def test_nothing_is_fetched_or_counted(tmp_path: Path) -> None:
    image = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/picture.png"}}
    async with administered(tmp_path) as admin:
        told = await ask(admin, body(messages=[{"role": "user", "content": [image]}], seed=1))
        assert told["media"] == 1
        assert told["warnings"][0]["name"] == "seed"
        row = await admin.account("simulator")
        assert (row["requests"], row["in_flight"]) == (0, 0)
        assert admin.gateway.lines.all == []


def test_own_fields_do_not_reach_the_request() -> None:
    question = understood(b'{"model": "m", "key": "k", "headers": {"X-A": "b"}, "n": 1.50}', {})
    assert question == Question(b'{"model":"m","n":1.50}', {"x-a": "b"}, "k")
    question = understood(b'{"prompt": "p", "dialect": "chat"}', {})
    assert question == Question(b'{"prompt":"p"}', {}, None, CHAT)


MARKED = {"type": "text", "text": "x" * 30_000, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
SAID = [{"role": "user", "content": "Hello!"}]
VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("path", "question", "headers"),
    [
        ("/v1/messages", {"system": [MARKED], "max_tokens": 64, "messages": SAID}, {}),
        ("/v1/messages", {"max_tokens": 64, "messages": SAID}, VERSION),
        ("/v1/responses", {"input": "Hello!", "instructions": "x" * 30_000}, {}),
        ("/v1/completions", {"prompt": "Hello", "max_tokens": 16}, {}),
        ("/v1/chat/completions", {"messages": SAID}, {}),
    ],
)
async def test_every_dialect_is_explained_as_it_is_served(
    path: str, question: dict[str, Any], headers: dict[str, str], tmp_path: Path
) -> None:
    pool = [{"name": name, "provider": "simulator"} for name in "abcdef"]
    sent = {"model": MODEL, **question}
    async with administered(tmp_path, accounts=pool) as admin:
        for number in range(4):
            own = {**headers, "x-conversation-id": f"c{number}"}
            told = await ask(admin, {"request": sent, "headers": own})
            answer = await admin.gateway.http.post(path, json=sent, headers=own)
            assert answer.status_code == 200, answer.text
            (line,) = await admin.gateway.ended(1)
            admin.gateway.lines.all.clear()
            assert told["conversation"]["id"] == line["conversation"]
            assert told["candidates"][0]["account"] == answer.headers["x-dragoman-account"]
            assert told["dialect"] in path
            assert told["model"]["wire"] == MODEL
            if "system" in question:
                # What a request passed on unread holds is read for the explanation.
                assert told["caching"]["marks"] == 1
                assert told["caching"]["life"] == "1h"


async def test_a_dialect_that_is_named_is_the_one(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        question = {"model": MODEL, "messages": SAID, "dialect": "messages"}
        answer = await admin.http.post(EXPLAIN, json=question)
        assert answer.json()["error"]["param"] == "max_tokens", "which Messages cannot do without"
        told = await ask(admin, {**question, "max_tokens": 5})
        assert (told["dialect"], told["cost"]["max_tokens"]) == ("messages", 5)
        answer = await admin.http.post(EXPLAIN, json={**question, "dialect": "latin"})
        found = answer.json()["error"]
        assert (answer.status_code, found["param"]) == (400, "dialect")

"""Accounts through the admin API: what is told of them, and how they are changed."""

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.account import Account
from dragoman.clock import SYSTEM
from dragoman.control.condition import STATES, condition
from dragoman.simulator.inprocess import InProcessClient
from dragoman.simulator.service import Simulator
from tests.control.harness import ACCOUNTS, administered
from tests.gateway.harness import MODEL, accounts, error, reply
from tests.scripted_upstream import RECEIVE, Script, ScriptedUpstream

SIMULATED = [
    {"name": "a", "provider": "simulator", "weight": 3},
    {"name": "b", "provider": "simulator"},
    {"name": "c", "provider": "simulator", "priority": -1},
]


def answering() -> Script:
    return [RECEIVE, reply()] * 500


def code(answer: httpx.Response) -> tuple[int, str, str | None]:
    found = answer.json()["error"]
    return answer.status_code, found["code"], found["param"]


async def test_a_list_of_all_accounts_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys.modules["dragoman.config.pending"], "PROVIDERS_NOT_YET", frozenset({"openai"})
    )
    pool = [*SIMULATED, {"name": "later", "provider": "openai", "api_key": "k"}]
    async with administered(tmp_path, accounts=pool) as admin:
        listed = (await admin.http.get(ACCOUNTS)).json()
        assert (listed["object"], listed["waiting"]) == ("list", 0)
        rows = {row["name"]: row for row in listed["data"]}
        assert list(rows) == ["a", "b", "c", "later"]
        assert [row["state"] for row in rows.values()] == ["well", "well", "well", "disabled"]
        assert "openai" in rows["later"]["reason"]
        shares = [row["share"]["weight"] for row in rows.values()]
        assert shares == [0.75, 0.25, 1.0, 0.0]
        assert {row["owner"] for row in rows.values()} == {"file"}
        assert await admin.account("a") == rows["a"]
        missing = await admin.http.get(f"{ACCOUNTS}/nobody")
        assert code(missing)[:2] == (404, "not_found")


async def test_figures_of_what_was_served(tmp_path: Path) -> None:
    async with administered(tmp_path, accounts=SIMULATED[:1]) as admin:
        text = "A long opening that is worth keeping. " * 2000
        messages = [{"role": "user", "content": text}]
        for _ in range(2):
            answer = await admin.gateway.chat(messages=messages)
            assert answer.status_code == 200
        usage = answer.json()["usage"]
        await admin.gateway.ended(2)
        row = await admin.account("a")
        assert (row["requests"], row["in_flight"], row["share"]["requests"]) == (2, 0, 1.0)
        tokens = row["tokens"]
        assert tokens["cache_read"] == usage["prompt_tokens_details"]["cached_tokens"] > 0
        assert tokens["cache_write"] == tokens["cache_read"]
        prompt = tokens["input"] + tokens["cache_read"] + tokens["cache_write"]
        assert row["cache"]["hit_rate"] == round(tokens["cache_read"] / prompt, 6)
        # Haiku 4.5 costs 1,000 nano-dollars a token of input, 1,250 to write, 100 to read.
        nano = tokens["cache_read"] * 900 - tokens["cache_write"] * 250
        assert row["cache"]["saved_nano_usd"] == nano
        assert float(row["cache"]["saved_usd"]) == nano / 1e9
        assert row["limits"]["requests"]["remaining"] > 0


async def test_a_cooling_account_says_why_and_until_when(tmp_path: Path) -> None:
    throttled = error(429, "rate_limit_error", "slow", "retry-after: 30")
    async with ScriptedUpstream([RECEIVE, throttled]) as bad, ScriptedUpstream(answering()) as good:
        pool = accounts(bad.url, good.url)
        pool[0]["priority"] = 1
        async with administered(tmp_path, accounts=pool) as admin:
            assert (await admin.gateway.chat()).status_code == 200
            row = await admin.account("a")
            assert (row["state"], row["reason"]) == ("cooling", "upstream_throttled")
            assert 20 < row["until_s"] <= 30
            assert row["until"].endswith("Z")
            assert row["failures"] == {"upstream_throttled": 1}
            assert (await admin.account("b"))["requests"] == 1


@given(
    st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(0, 100)),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.booleans(),
    st.sampled_from(["", "limit_spent", "upstream_fault"]),
)
def test_states_follow_the_one_rule_of_availability(
    times: tuple[float, float, float], counts: tuple[int, int], draining: bool, reason: str
) -> None:
    account = Account("a", "simulator", InProcessClient(Simulator(SYSTEM), "a", SYSTEM), b"")
    account.max_concurrency = 2
    now, account.cool_until, account.probe_until = times
    account.failures, account.in_flight = counts
    account.draining, account.reason = draining, reason
    found = condition(account, now)
    assert found.state in STATES
    takes = found.state == "well" or (found.state == "probing" and found.until is None)
    assert takes == (account.available(now) and not draining)
    assert found.until is None or found.until > now


async def test_an_added_account_serves_and_survives_a_restart(tmp_path: Path) -> None:
    async with ScriptedUpstream(answering()) as upstream:
        secret = "sk-ant-added-secret"
        async with administered(tmp_path) as admin:
            # The simulator stands in while there is no account.
            assert (await admin.account("simulator"))["state"] == "well"
            added = await admin.add(
                name="team/a", base_url=upstream.url, api_key=secret, weight=2,
                headers={"x-team": "hidden"}, models=["claude-haiku-*"],
            )  # fmt: skip
            assert added.status_code == 201, added.text
            row = added.json()
            assert (row["owner"], row["weight"], row["headers"]) == ("api", 2, ["x-team"])
            answer = await admin.gateway.chat()
            assert answer.headers["x-dragoman-account"] == "team/a"
            names = [one["name"] for one in (await admin.http.get(ACCOUNTS)).json()["data"]]
            assert names == ["team/a"]
        stored = tmp_path / "data" / "accounts.json"
        assert stat.S_IMODE(stored.stat().st_mode) == 0o600
        async with administered(tmp_path) as again:
            assert (await again.account("team/a"))["models"] == ["claude-haiku-*"]
            assert (await again.gateway.chat()).status_code == 200
            removed = await again.http.delete(f"{ACCOUNTS}/team/a")
            assert removed.json() == {"name": "team/a", "removed": True}
            assert (await again.account("simulator"))["state"] == "well"
            assert (await again.gateway.chat()).headers["x-dragoman-account"] == "simulator"
            told = json.dumps(again.gateway.lines.all) + json.dumps(admin.gateway.lines.all)
        assert {one.requests[0].headers["x-api-key"] for one in upstream.connections} == {secret}
        assert secret not in told
        assert "hidden" not in told
        assert secret not in added.text


async def test_what_is_wrong_with_a_new_account_is_said_in_the_words_of_the_file(
    tmp_path: Path,
) -> None:
    async with administered(tmp_path) as admin:
        right: dict[str, Any] = {"name": "n", "api_key": "k"}
        for fields, status, param, words in (
            ({"base_ulr": "x"}, "unknown_parameter", "base_ulr", "did you mean base_url?"),
            ({"weight": 0}, "invalid_value", "weight", "weight: expected float > 0"),
            ({"priority": "high"}, "invalid_value", "priority", "expected int"),
            ({"api_key": ""}, "invalid_value", "api_key", "provider anthropic needs one"),
            ({"name": ""}, "invalid_value", "name", "must be 1 to 64"),
            ({"name": None}, "invalid_value", "name", "is missing"),
            ({"base_url": "ftp://x"}, "invalid_value", "base_url", "is not a URL"),
            ({"headers": {"host": "x"}}, "invalid_value", "headers.host", "Dragoman itself"),
            ({"ca_file": "/nowhere"}, "invalid_value", "ca_file", "no such file"),
            ({"ca_file": "f" * 300}, "invalid_value", "ca_file", "cannot be read"),
            ({"models": ["a b"]}, "invalid_value", "models[0]", "is not a pattern"),
        ):
            answer = await admin.add(**{**right, **fields})
            assert code(answer) == (400, status, param)
            assert words in answer.json()["error"]["message"]
        twice = await admin.add(name="n", api_key=["secret value"], weight=-1)
        assert "secret value" not in twice.text
        assert "weight" in twice.json()["error"]["message"], "all mistakes at once"
        assert not (tmp_path / "data" / "accounts.json").exists()
        assert admin.audit == []


async def test_names_are_unique(tmp_path: Path) -> None:
    async with administered(tmp_path, accounts=SIMULATED) as admin:
        assert code(await admin.add(name="a", provider="simulator")) == (409, "conflict", "name")
        assert (await admin.add(name="d", provider="simulator")).status_code == 201
        assert code(await admin.add(name="d", provider="simulator")) == (409, "conflict", "name")
        both = await asyncio.gather(*[admin.add(name="e", provider="simulator") for _ in range(8)])
        assert sorted(one.status_code for one in both) == [201] + [409] * 7


async def test_an_added_account_is_edited_field_by_field(tmp_path: Path) -> None:
    async with ScriptedUpstream(answering()) as upstream:
        async with administered(tmp_path) as admin:
            await admin.add(name="n", base_url=upstream.url, api_key="old", weight=5)
            edited = await admin.edit("n", priority=2, api_key="new", models=["claude-*"])
            assert edited.status_code == 200, edited.text
            row = edited.json()
            assert (row["weight"], row["priority"]) == (5, 2)
            assert (await admin.edit("n", weight=None)).json()["weight"] == 1
            await admin.gateway.chat()
            (request,) = upstream.connections[-1].requests
            assert request.headers["x-api-key"] == "new"
            for fields, param in (
                ({"name": "m"}, "name"),
                ({"weigth": 1}, "weigth"),
                ({"weight": 0}, "weight"),
                ({"api_key": None}, "api_key"),
            ):
                answer = await admin.http.patch(f"{ACCOUNTS}/n", json=fields)
                assert code(answer)[::2] == (400, param)
            assert (await admin.edit("nobody", weight=1)).status_code == 404
            assert (await admin.http.delete(f"{ACCOUNTS}/nobody")).status_code == 404


async def test_accounts_of_the_file_can_be_drained_and_nothing_else(tmp_path: Path) -> None:
    async with administered(tmp_path, accounts=SIMULATED[:2]) as admin:
        drained = await admin.edit("a", drain=True)
        assert (drained.json()["state"], drained.json()["share"]["weight"]) == ("draining", 0)
        for number in range(5):
            answer = await admin.gateway.chat(user=f"user {number}")
            assert answer.headers["x-dragoman-account"] == "b"
        for answer in (
            await admin.edit("a", weight=2),
            await admin.edit("a", drain=False, weight=2),
            await admin.http.delete(f"{ACCOUNTS}/a"),
        ):
            assert code(answer)[:2] == (409, "conflict")
            assert "belongs to the configuration" in answer.json()["error"]["message"]
        assert code(await admin.edit("a", drain="yes"))[::2] == (400, "drain")
        admin.gateway.app.reload()
        assert (await admin.account("a"))["state"] == "draining", "a reload keeps it"
    async with administered(tmp_path, accounts=SIMULATED[:2]) as again:
        assert (await again.account("a"))["state"] == "draining", "and so does a restart"
        assert (await again.edit("a", drain=False)).json()["state"] == "well"


async def test_a_name_that_the_file_takes_over_is_the_files(tmp_path: Path) -> None:
    async with administered(tmp_path, accounts=SIMULATED[:1]) as admin:
        await admin.add(name="b", provider="simulator", weight=9)
        path = tmp_path / "dragoman.yaml"
        config = json.loads(path.read_text())
        config["accounts"] = SIMULATED[:2]
        path.write_text(json.dumps(config))
        admin.gateway.app.reload()
        row = await admin.account("b")
        assert (row["owner"], row["weight"]) == ("file", 1)
        assert code(await admin.http.delete(f"{ACCOUNTS}/b"))[:2] == (409, "conflict")


async def test_every_change_is_in_the_audit_log_without_values(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        await admin.add(name="n", provider="simulator", api_key="sk-secret", weight=2)
        await admin.edit("n", weight=3, drain=True)
        await admin.http.post(f"{ACCOUNTS}/n/test")
        await admin.http.delete(f"{ACCOUNTS}/n")
        assert admin.audit == [
            "account added name=n fields=api_key,name,provider,weight from=127.0.0.1",
            "account changed name=n fields=drain,weight from=127.0.0.1",
            "account tested name=n model=claude-haiku-5-5 from=127.0.0.1",
            "account removed name=n from=127.0.0.1",
        ]


async def test_what_cannot_be_written_is_not_in_force(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        (tmp_path / "data" / "accounts.json").mkdir(parents=True)
        answer = await admin.add(name="n", provider="simulator")
        assert code(answer)[:2] == (500, "internal_error")
        assert "accounts.json cannot be written" in answer.json()["error"]["message"]
        assert (await admin.http.get(f"{ACCOUNTS}/n")).status_code == 404


async def test_what_cannot_be_put_in_force_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with administered(tmp_path) as admin:
        assert (await admin.add(name="n", provider="simulator")).status_code == 201
        kept = (tmp_path / "data" / "accounts.json").read_bytes()

        def refuse(*_: object) -> None:
            raise ValueError("this will not do")

        monkeypatch.setattr("dragoman.build.accounts", refuse)
        answer = await admin.edit("n", weight=2)
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "this will not do")
        assert (tmp_path / "data" / "accounts.json").read_bytes() == kept
        assert (await admin.account("n"))["weight"] == 1


async def test_a_damaged_file_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for content in ("{", '{"version":1,"accounts":[{"weight":2}],"drain":{}}'):
        (tmp_path / "data" / "accounts.json").write_text(content)
        with pytest.raises(ValueError, match=r"accounts\.json is damaged"):
            async with administered(tmp_path):
                pass


async def test_a_test_is_one_request_and_counts_for_the_accounts_health(tmp_path: Path) -> None:
    refusal = error(401, "authentication_error", "invalid x-api-key")
    async with ScriptedUpstream([RECEIVE, refusal, RECEIVE, reply("Hi")]) as upstream:
        async with administered(tmp_path, accounts=accounts(upstream.url)) as admin:
            url = f"{ACCOUNTS}/a/test"
            failed = (await admin.http.post(url, json={"model": MODEL})).json()
            assert (failed["ok"], failed["error"]["kind"]) == (False, "upstream_refused")
            assert "invalid x-api-key" in failed["error"]["detail"]
            assert (await admin.account("a"))["state"] == "cooling"
            passed = (await admin.http.post(url)).json()
            assert (passed["ok"], passed["error"]) == (True, None)
            assert passed["tokens"] == {"input": 10, "output": 5}
            row = await admin.account("a")
            assert (row["state"], row["in_flight"]) == ("well", 0)
            first, second = upstream.connections[0].requests
            assert first.target == "/v1/messages"
            sent = json.loads(first.body)
            assert (sent["model"], sent["max_tokens"]) == (MODEL, 1)
            assert json.loads(second.body)["model"] == passed["model"]
            assert code(await admin.http.post(url, json={"modle": "x"}))[::2] == (400, "modle")
            assert code(await admin.http.post(url, json={"model": "gpt"}))[::2] == (404, "model")
            assert (await admin.http.post(f"{ACCOUNTS}/nobody/test")).status_code == 404
        assert admin.gateway.requests == [], "no client asked for anything"

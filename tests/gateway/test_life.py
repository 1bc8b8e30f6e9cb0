"""Models, health, reloading, and what a key's limits look like from outside."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import ModelInfo
from openai.types import Model

from tests.gateway.harness import KEY, MODEL, Harness, accounts, error, reply, running, said, text
from tests.gateway.harness import begin as begun
from tests.gateway.harness import finish as finished
from tests.scripted_upstream import RECEIVE, ScriptedUpstream, Wait


@pytest.mark.parametrize("prefix", ["", "/openai", "/anthropic"])
async def test_models_in_openais_shape(prefix: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = (await gateway.http.get(f"{prefix}/v1/models")).json()
        assert answer["object"] == "list"
        rows = [Model.model_validate(row) for row in answer["data"]]
        assert MODEL in [row.id for row in rows]
        assert {row.owned_by for row in rows} == {"anthropic"}
        one = await gateway.http.get(f"{prefix}/v1/models/{MODEL}")
        assert Model.model_validate(one.json()).id == MODEL


async def test_models_in_anthropics_shape(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        headers = {"anthropic-version": "2023-06-01"}
        answer = (await gateway.http.get("/v1/models?limit=1000", headers=headers)).json()
        assert answer["has_more"] is False
        rows = [ModelInfo.model_validate(row) for row in answer["data"]]
        assert answer["first_id"] == rows[0].id
        one = (await gateway.http.get("/v1/models/claude-opus-5-5", headers=headers)).json()
        assert ModelInfo.model_validate(one).max_tokens == 128_000


async def test_one_model(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        alias = await gateway.http.get("/v1/models/anthropic%2Fclaude-3.7-sonnet")
        assert alias.json()["id"] == "claude-3-7-sonnet-20250219"
        assert alias.json()["retired"] == "2026-02-19"
        missing = await gateway.http.get("/v1/models/gpt-4o")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


async def test_models_come_in_pages_where_the_anthropic_sdk_asks_for_them(tmp_path: Path) -> None:
    headers = {"anthropic-version": "2023-06-01"}

    async def page(query: str) -> Any:
        return (await gateway.http.get(f"/v1/models?{query}", headers=headers)).json()

    async with running(tmp_path) as gateway:
        ids = [row["id"] for row in (await page(""))["data"]]
        first = await page("limit=2")
        assert ([row["id"] for row in first["data"]], first["has_more"]) == (ids[:2], True)
        found, query = ids[:2], f"limit=2&after_id={first['last_id']}"
        while (rest := await page(query))["has_more"]:
            found += [row["id"] for row in rest["data"]]
            query = f"limit=2&after_id={rest['last_id']}"
        assert found + [row["id"] for row in rest["data"]] == ids
        before = await page(f"limit=2&before_id={ids[5]}")
        assert ([row["id"] for row in before["data"]], before["has_more"]) == (ids[3:5], True)
        for wrong in ("limit=0", "limit=x", "limit=1001", "after_id=nothing"):
            assert (await page(wrong))["error"]["type"] == "invalid_request_error"


async def test_models_need_a_key_and_show_what_it_may_use(tmp_path: Path) -> None:
    keys = [{"name": "tests", "key": KEY, "models": ["claude-haiku-4-*"]}]
    async with running(tmp_path, keys=keys) as gateway:
        refused = await gateway.http.get("/v1/models", headers={"authorization": ""})
        assert refused.status_code == 401
        rows = (await gateway.http.get("/v1/models")).json()["data"]
        assert [row["id"] for row in rows] == [MODEL]
        other = await gateway.http.get("/v1/models/claude-opus-5-5")
        assert (other.status_code, other.json()["error"]["code"]) == (403, "model_not_allowed")


async def test_models_say_what_is_left_of_a_limit_and_take_nothing_from_it(tmp_path: Path) -> None:
    keys = [{"name": "tests", "key": KEY, "rpm": 3, "tpm": 1000}]
    async with running(tmp_path, keys=keys) as gateway:
        answers = [await gateway.http.get("/v1/models") for _ in range(4)]
    left = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert (left, {answer.status_code for answer in answers}) == (["3"] * 4, {200})
    assert answers[0].headers["x-ratelimit-limit-tokens"] == "1000"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/hello", "/v1/models", "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_every_answer_names_the_conversation(path: str, method: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        headers = {"x-conversation-id": "a-1"}
        answer = await gateway.http.request(method, path, headers=headers)
        assert answer.headers["x-conversation-id"] == "a-1"
        assert (await gateway.http.request(method, path)).headers.get("x-conversation-id") is None


async def test_models_of_the_configuration(tmp_path: Path) -> None:
    models = [{"id": "my-alias", "target": MODEL}]
    async with ScriptedUpstream([RECEIVE, reply()]) as upstream:
        async with running(tmp_path, models=models, accounts=accounts(upstream.url)) as gateway:
            rows = (await gateway.http.get("/v1/models")).json()["data"]
            assert "my-alias" in [row["id"] for row in rows]
            answer = (await gateway.chat(model="my-alias")).json()
            assert answer["model"] == "my-alias"
            assert json.loads(upstream.requests[0].body)["model"] == MODEL


async def test_a_retired_model_is_served_by_its_successor_where_that_is_wished(
    tmp_path: Path,
) -> None:
    async with ScriptedUpstream([RECEIVE, reply(), RECEIVE, reply()]) as upstream:
        pool = accounts(upstream.url)
        async with running(tmp_path, accounts=pool, retired_models="successor") as gateway:
            answer = await gateway.chat(model="claude-3-opus-20240229")
            sent = json.loads(upstream.requests[0].body)["model"]
            assert sent != "claude-3-opus-20240229"
            assert answer.headers["x-dragoman-warnings"].startswith("model=claude-3-opus-20240229 ")
            assert f"served by {sent}" in answer.headers["x-dragoman-warnings"]
            assert answer.json()["model"] == "claude-3-opus-20240229"


async def test_a_retired_model_is_forwarded_otherwise(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, reply()]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            await gateway.chat(model="claude-3-opus-20240229")
            assert json.loads(upstream.requests[0].body)["model"] == "claude-3-opus-20240229"


async def test_an_unknown_claude_is_forwarded(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, reply()]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(model="claude-opus-9", temperature=0.3)
            sent = json.loads(upstream.requests[0].body)
            assert sent["model"] == "claude-opus-9"
            assert "temperature" not in sent
            assert "temperature=" in answer.headers["x-dragoman-warnings"]


async def test_warnings_and_strictness(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"seed": 7, "logit_bias": {"5": 1}, "no_such_field": 1}
    async with running(tmp_path) as gateway:
        answer = await gateway.chat(**fields)
        assert answer.status_code == 200
        named = {part.split("=")[0] for part in answer.headers["x-dragoman-warnings"].split(", ")}
        assert named == set(fields)
    async with running(tmp_path, strict=True) as gateway:
        for name, value in fields.items():
            refused = await gateway.chat(**{name: value})
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, name)


async def test_health(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        for path in ("/healthz", "/readyz"):
            answer = await gateway.http.get(path, headers={"authorization": ""})
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
            assert (await gateway.http.head(path)).content == b""
        assert gateway.requests == [], "health leaves no log line"


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / "dragoman.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def events(gateway: Harness) -> list[str]:
    return [line["event"] for line in gateway.lines.all if line["event"] != "request"]


async def test_a_reload_changes_keys_and_accounts_without_touching_a_stream(
    tmp_path: Path,
) -> None:
    more = asyncio.Event()
    script = [RECEIVE, begun() + text("Hel"), Wait(more), text("lo") + finished()]
    async with ScriptedUpstream(script) as old, ScriptedUpstream([RECEIVE, reply()]) as new:
        async with running(tmp_path, accounts=accounts(old.url)) as gateway:
            stream = asyncio.create_task(gateway.chat(stream=True))
            while not old.requests:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.005)
            other = "sk-" + "n3w" * 16
            rewrite(tmp_path, accounts=accounts(new.url), keys=[{"name": "new", "key": other}])
            gateway.app.reload()
            assert events(gateway) == ["reloaded"]
            assert (await gateway.chat()).status_code == 401
            assert (await gateway.chat({"authorization": f"Bearer {other}"})).status_code == 200
            assert len(new.requests) == 1
            more.set()
            assert said((await stream).content) == "Hello"


async def test_a_broken_file_changes_nothing_and_is_said(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        rewrite(tmp_path, accounts=[{"name": "a", "provider": "anthropic", "base_ulr": "x"}])
        gateway.app.reload()
        (line,) = [one for one in gateway.lines.all if one["event"] == "reload_failed"]
        assert "accounts[0].base_ulr: unknown field, did you mean base_url?" in line["message"]
        assert (await gateway.chat()).status_code == 200


async def test_a_reload_keeps_what_a_key_consumed(tmp_path: Path) -> None:
    keys = [{"name": "tests", "key": KEY, "rpm": 2}]
    async with running(tmp_path, keys=keys) as gateway:
        assert (await gateway.chat()).headers["x-ratelimit-remaining-requests"] == "1"
        gateway.app.reload()
        assert (await gateway.chat()).headers["x-ratelimit-remaining-requests"] == "0"
        assert (await gateway.chat()).status_code == 429


async def test_a_reload_says_what_only_a_restart_changes(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        rewrite(tmp_path, server={"port": 0, "max_body_bytes": 2048, "keepalive_s": 3})
        gateway.app.reload()
        assert events(gateway) == ["reloaded", "restart_needed"]
        assert gateway.lines.all[-1]["message"] == "server.max_body_bytes: read at the start only"
        assert gateway.app.gateway.options.keepalive_s == 3


async def test_a_429_always_says_when_to_come_back(tmp_path: Path) -> None:
    throttled = error(429, "rate_limit_error", "slow down")
    async with ScriptedUpstream([RECEIVE, throttled]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat()
            assert answer.status_code == 429
            assert answer.headers["retry-after"] in ("5", "6"), "five seconds, and some chance"

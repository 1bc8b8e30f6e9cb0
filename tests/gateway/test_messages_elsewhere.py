"""``POST /v1/messages`` in front of an OpenAI-compatible upstream: the request and the answer are
translated. The upstream is a second gateway, asked for Chat Completions, or a scripted one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.gateway.harness import KEY, Harness, response, running
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

MODEL = "claude-opus-5-5"
WEATHER: Any = {
    "name": "get_weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
ASK: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


def account(base: str) -> dict[str, Any]:
    return {"name": "other", "provider": "openai", "base_url": base, "api_key": KEY}


@asynccontextmanager
async def two(folder: Path) -> AsyncIterator[tuple[Harness, anthropic.AsyncAnthropic]]:
    """A gateway whose only upstream is another one's chat completions, and a client."""
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    async with running(folder / "b") as behind:
        config = {"accounts": [account(f"{behind.base}/v1")]}
        async with running(folder / "a", **config) as gateway:
            options: Any = {"base_url": gateway.base, "api_key": KEY, "max_retries": 0}
            async with anthropic.AsyncAnthropic(**options) as sdk:
                yield gateway, sdk


async def test_whole_streamed_and_counted(tmp_path: Path) -> None:
    async with two(tmp_path) as (gateway, sdk):
        said = await sdk.messages.create(model=MODEL, max_tokens=500, messages=ASK, system="be")
        assert (said.type, said.model, said.stop_reason) == ("message", MODEL, "end_turn")
        async with sdk.messages.stream(model=MODEL, max_tokens=500, messages=ASK) as stream:
            final = await stream.get_final_message()
        assert final.usage.input_tokens > 0
        assert final.usage.output_tokens > 0
        lines = await gateway.ended(2)
        assert {line["account"] for line in lines} == {"other"}
        counted = await sdk.messages.with_raw_response.count_tokens(model=MODEL, messages=ASK)
        assert (await counted.parse()).input_tokens > 0
        assert "estimated" in counted.headers["x-dragoman-warnings"]


async def test_a_tool_loop(tmp_path: Path) -> None:
    async with two(tmp_path) as (_, sdk):
        fields: Any = {"model": MODEL, "max_tokens": 2000, "tools": [WEATHER]}
        async with sdk.messages.stream(messages=ASK, **fields) as stream:
            first = await stream.get_final_message()
        assert first.stop_reason == "tool_use"
        calls = [block for block in first.content if block.type == "tool_use"]
        assert calls[0].input == {"city": "Paris"}
        results = [
            {"type": "tool_result", "tool_use_id": one.id, "content": "sun"} for one in calls
        ]
        turn: Any = [
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": results},
        ]
        second = await sdk.messages.create(messages=[*ASK, *turn], **fields)
        assert second.stop_reason == "end_turn"


@pytest.mark.parametrize("field", ["container", "mcp_servers", "fallbacks", "nonsense"])
async def test_what_nobody_there_can_do_is_refused_by_name(field: str, tmp_path: Path) -> None:
    async with two(tmp_path) as (_, sdk):
        with pytest.raises(anthropic.BadRequestError, match=field):
            await sdk.messages.create(
                model=MODEL, max_tokens=5, messages=ASK, extra_body={field: ["x"]}
            )


async def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    async with two(tmp_path) as (_, sdk):
        answer = await sdk.messages.with_raw_response.create(
            model=MODEL, max_tokens=500, messages=ASK, extra_body={"context_management": {}}
        )
        assert "context_management" in answer.headers["x-dragoman-warnings"]


async def test_a_prompt_that_is_too_long_is_told_in_the_words_clients_read(tmp_path: Path) -> None:
    words = "This model's maximum context length is 1000 tokens, your messages resulted in 1234."
    told = {"message": words, "code": "context_length_exceeded", "type": "invalid_request_error"}
    refused = response(400, json.dumps({"error": told}).encode())
    async with ScriptedUpstream([RECEIVE, refused]) as upstream:
        async with running(tmp_path, accounts=[account(f"{upstream.url}/v1")]) as gateway:
            body = {"model": MODEL, "max_tokens": 5, "messages": ASK}
            answer = await gateway.http.post("/v1/messages", json=body)
            assert answer.status_code == 400
            error = answer.json()["error"]
            assert error["type"] == "invalid_request_error"
            assert error["message"].startswith("prompt is too long: 1234 tokens > 1000 maximum")

"""The official ``anthropic`` SDK as the client, the simulator as upstream."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest
from PIL import Image

from tests.gateway.harness import KEY, Harness, accounts, error, reply, running
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

OPUS = "claude-opus-5-5"
HAIKU = "claude-haiku-4-5"
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
ASK: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


@asynccontextmanager
async def client(gateway: Harness, **options: Any) -> AsyncIterator[anthropic.AsyncAnthropic]:
    options = {"base_url": gateway.base, "api_key": KEY, "max_retries": 0, **options}
    async with anthropic.AsyncAnthropic(**options) as made:
        yield made


async def test_a_message_whole_and_streamed(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, client(gateway) as sdk:
        said = await sdk.messages.create(model=HAIKU, max_tokens=300, messages=ASK)
        assert said.type == "message"
        assert said.stop_reason == "end_turn"
        assert said.usage.output_tokens > 0
        assert (said._request_id or "").startswith("req_")
        async with sdk.messages.stream(model=HAIKU, max_tokens=300, messages=ASK) as stream:
            pieces = [piece async for piece in stream.text_stream]
            final = await stream.get_final_message()
        assert "".join(pieces) == final.content[0].text  # type: ignore[union-attr]
        assert final.usage.input_tokens > 0


@pytest.mark.parametrize("prefix", ["", "/anthropic"])
@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
async def test_beta_and_prefix(prefix: str, version: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        headers = {"anthropic-version": version}
        async with client(gateway, base_url=gateway.base + prefix, default_headers=headers) as sdk:
            said = await sdk.beta.messages.create(
                model=OPUS, max_tokens=500, messages=ASK, betas=["effort-2025-11-24"]
            )
            assert said.model == OPUS


async def test_a_tool_loop_with_thinking(tmp_path: Path) -> None:
    """What came back is sent again as the SDK holds it, and the simulator checks each signature."""
    async with running(tmp_path) as gateway, client(gateway) as sdk:
        messages = list(ASK)
        fields: Any = {"model": OPUS, "max_tokens": 4000, "tools": [WEATHER]}
        async with sdk.messages.stream(messages=messages, **fields) as stream:
            first = await stream.get_final_message()
        assert first.stop_reason == "tool_use"
        assert first.content[0].type == "thinking"
        calls = [block for block in first.content if block.type == "tool_use"]
        assert calls[0].input == {"city": "Paris"}
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls
        ]
        messages += [
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": results},
        ]
        second = await sdk.messages.create(messages=messages, **fields)
        assert second.stop_reason == "end_turn"


async def test_images_and_counting(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (64, 64), "red").save(path)
    data = base64.b64encode(path.read_bytes()).decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    parts: Any = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    async with running(tmp_path) as gateway, client(gateway) as sdk:
        messages: Any = [{"role": "user", "content": parts}]
        said = await sdk.messages.create(model=HAIKU, max_tokens=300, messages=messages)
        counted = await sdk.messages.count_tokens(model=HAIKU, messages=messages)
        assert counted.input_tokens == said.usage.input_tokens


async def test_errors_are_the_sdks_own(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, client(gateway) as sdk:
        with pytest.raises(anthropic.NotFoundError) as missing:
            await sdk.messages.create(model="gpt-9", max_tokens=5, messages=ASK)
        assert missing.value.type == "not_found_error"
        with pytest.raises(anthropic.BadRequestError) as wrong:
            await sdk.messages.create(model=OPUS, max_tokens=10**9, messages=ASK, timeout=20)
        # In the words that Claude Code reads.
        assert "which is the maximum allowed number of output tokens" in str(wrong.value)
        async with client(gateway, api_key="sk-wrong") as stranger:
            with pytest.raises(anthropic.AuthenticationError):
                await stranger.messages.create(model=OPUS, max_tokens=5, messages=ASK)


async def test_retries_are_the_sdks_own(tmp_path: Path) -> None:
    limited = error(429, "rate_limit_error", "slow down", "retry-after: 0")
    async with ScriptedUpstream([RECEIVE, limited, RECEIVE, reply("Hello")]) as upstream:
        config = {"accounts": accounts(upstream.url, never_disable=True)}
        async with running(tmp_path, **config) as gateway, client(gateway, max_retries=2) as sdk:
            said = await sdk.messages.create(model=HAIKU, max_tokens=5, messages=ASK)
            assert said.content[0].text == "Hello"  # type: ignore[union-attr]


async def test_an_error_inside_a_stream(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, client(gateway) as sdk:
        headers = {"x-simulate": "error=5"}
        with pytest.raises(anthropic.APIStatusError) as broken:
            async with sdk.messages.stream(
                model=HAIKU, max_tokens=300, messages=ASK, extra_headers=headers
            ) as stream:
                await stream.get_final_message()
        assert broken.value.type == "overloaded_error"


async def test_models(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, client(gateway) as sdk:
        assert OPUS in [model.id async for model in await sdk.models.list(limit=1000)]
        assert (await sdk.models.retrieve(OPUS)).type == "model"


async def test_the_tool_runner_does_without_threads(tmp_path: Path) -> None:
    """It keeps its conversation upstream by default; refused, it sends the whole of it."""

    @anthropic.beta_async_tool
    async def get_weather(city: str) -> str:
        """The weather in a city."""
        return json.dumps({"city": city, "sky": "clear"})

    async with running(tmp_path) as gateway, client(gateway) as sdk:
        runner = sdk.beta.messages.tool_runner(
            model=HAIKU, max_tokens=1000, messages=ASK, tools=[get_weather]
        )
        final = await runner.until_done()
        assert final.stop_reason == "end_turn"

"""``POST /v1/responses`` and ``POST /v1/completions`` as the official SDK uses them."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.gateway.harness import (
    KEY,
    MODEL,
    Harness,
    accounts,
    begin,
    error,
    finish,
    running,
    text,
)
from tests.scripted_upstream import CUT, FIN, RECEIVE, ScriptedUpstream, Sleep

SIMULATOR = [{"name": "sim", "provider": "simulator"}]
THINKS = "claude-sonnet-5-5"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


def client(gateway: Harness, path: str = "/v1") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=KEY, base_url=gateway.base + path, http_client=gateway.http, max_retries=0
    )


@pytest.mark.parametrize("path", ["/v1", "/openai/v1"])
async def test_a_response(tmp_path: Path, path: str) -> None:
    async with running(tmp_path, accounts=SIMULATOR) as gateway:
        response = await client(gateway, path).responses.create(model=MODEL, input="Hello there")
        assert "Hello there" in response.output_text
        assert response.status == "completed"
        assert response.usage is not None
        assert response.usage.total_tokens == (
            response.usage.input_tokens + response.usage.output_tokens
        )


async def test_a_tool_loop_with_thinking(tmp_path: Path) -> None:
    """The output goes back as it came, so the thinking stands where it stood. ``bind`` makes the
    simulator refuse anything else."""
    async with running(tmp_path, accounts=SIMULATOR) as gateway:
        api, items = client(gateway).responses, list[Any]()
        asked: Any = {
            "model": THINKS,
            "tools": [WEATHER],
            "reasoning": {"effort": "high", "summary": "auto"},
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "extra_headers": {"x-simulate": "bind"},
        }
        items.append({"role": "user", "content": "What is the weather in Paris and London?"})
        async with api.stream(input=items, **asked) as stream:
            kinds = [event.type async for event in stream]
            first = await stream.get_final_response()
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        assert [item.type for item in first.output][-2:] == ["function_call", "function_call"]
        assert first.output[0].type == "reasoning" and first.output[0].encrypted_content
        items += [item.to_dict() for item in first.output]
        for item in first.output:
            if item.type == "function_call":
                assert json.loads(item.arguments).keys() == {"city"}
                items.append(
                    {"type": "function_call_output", "call_id": item.call_id, "output": "sunny"}
                )
        second = await api.create(input=items, **asked)
        assert "sunny" in second.output_text
        assert not any("input" in line.get("warnings", "") for line in gateway.requests)


class City(BaseModel):
    name: str
    inhabitants: int


async def test_a_parsed_answer(tmp_path: Path) -> None:
    async with running(tmp_path, accounts=SIMULATOR) as gateway:
        response = await client(gateway).responses.parse(
            model=THINKS, input="Tell me of Rome", text_format=City
        )
        assert isinstance(response.output_parsed, City)


async def test_what_needs_a_store_is_refused_by_name(tmp_path: Path) -> None:
    async with running(tmp_path, accounts=SIMULATOR) as gateway:
        with pytest.raises(openai.BadRequestError) as refused:
            await client(gateway).responses.create(
                model=MODEL, input="x", previous_response_id="resp_1"
            )
        assert refused.value.param == "previous_response_id"
        assert refused.value.code == "unsupported_parameter"


async def test_a_response_cannot_be_asked_for_again(tmp_path: Path) -> None:
    """It is not there, which is another thing than a path that does not exist."""
    async with running(tmp_path, accounts=SIMULATOR) as gateway:
        given = (await client(gateway).responses.create(model=MODEL, input="Hi")).id
        responses = client(gateway, "/openai/v1").responses
        for asked in (
            responses.retrieve(given),
            responses.delete(given),
            responses.cancel(given),
            responses.input_items.list(given),
        ):
            with pytest.raises(openai.NotFoundError) as caught:
                await asked
            assert given in caught.value.message
            assert "stores no responses" in caught.value.message
            assert (caught.value.type, caught.value.code) == ("invalid_request_error", "not_found")
        base = "/v1/responses"
        statuses = {
            "GET": (("", 405), ("/", 404), ("/resp_1/other", 404), ("/resp_1/cancel", 405)),
            "POST": (("/resp_1", 405), ("/compact", 404), ("/resp_1/input_items", 405)),
        }
        for method, paths in statuses.items():
            for path, status in paths:
                answer = await gateway.http.request(method, base + path)
                assert (answer.status_code, path) == (status, path)
        nobody = await gateway.http.get(base + "/resp_1", headers={"authorization": "Bearer sk-x"})
        assert nobody.status_code == 401


async def test_a_stored_response_is_announced_not_to_be(tmp_path: Path) -> None:
    async with running(tmp_path, accounts=SIMULATOR) as gateway:
        raw = await client(gateway).responses.with_raw_response.create(
            model=MODEL, input="x", store=True
        )
        assert raw.headers["x-dragoman-warnings"] == "store=nothing is stored"
        assert raw.parse().model_dump()["store"] is False


async def test_an_upstream_that_is_out_of_order_before_the_answer(tmp_path: Path) -> None:
    script = [RECEIVE, error(529, "overloaded_error", "Overloaded")]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            with pytest.raises(openai.InternalServerError) as failed:
                await client(gateway).responses.create(model=MODEL, input="x", stream=True)
            assert failed.value.status_code == 503
            assert failed.value.code == "overloaded"


async def events(gateway: Harness) -> list[Any]:
    stream = await client(gateway).responses.create(model=MODEL, input="x", stream=True)
    return [event async for event in stream]


async def test_an_upstream_that_breaks_off_inside_the_answer(tmp_path: Path) -> None:
    script = [RECEIVE, begin() + text("Hel"), CUT]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            found = await events(gateway)
            assert [event.type for event in found[-2:]] == ["error", "response.failed"]
            assert [event.sequence_number for event in found] == list(range(len(found)))
            assert found[-1].response.status == "failed"
            assert found[-2].code in ("stream_truncated", "upstream_reset")


async def test_an_error_behind_a_comment(tmp_path: Path) -> None:
    """The head is out because upstream was silent for long: the failure is a failed response."""
    script = [RECEIVE, Sleep(1.6), error(400, "invalid_request_error", "Too strange."), FIN]
    async with ScriptedUpstream(script) as upstream:
        quick = {"keepalive_s": 0.2}
        async with running(tmp_path, server=quick, accounts=accounts(upstream.url)) as gateway:
            kinds = [event.type for event in await events(gateway)]
            assert kinds == [
                "response.created", "response.in_progress", "error", "response.failed",
            ]  # fmt: skip


async def test_a_prompt_that_is_too_long_is_named_inside_a_stream(tmp_path: Path) -> None:
    """Codex reads the code, and compacts its conversation."""
    words = "prompt is too long: 210000 tokens > 200000 maximum"
    script = [RECEIVE, Sleep(1.6), error(400, "invalid_request_error", words), FIN]
    async with ScriptedUpstream(script) as upstream:
        quick = {"keepalive_s": 0.2}
        async with running(tmp_path, server=quick, accounts=accounts(upstream.url)) as gateway:
            last = (await events(gateway))[-1]
            assert last.type == "response.failed"
            assert last.response.error.code == "context_length_exceeded"
            assert "too long" in last.response.error.message


async def test_a_completion(tmp_path: Path) -> None:
    async with running(tmp_path, accounts=SIMULATOR) as gateway:
        api = client(gateway).completions
        whole = await api.create(model=MODEL, prompt="Once upon", max_tokens=200, echo=True)
        assert whole.object == "text_completion"
        assert whole.choices[0].text.startswith("Once upon")
        assert whole.choices[0].finish_reason == "stop"
        short = await api.create(model=MODEL, prompt="Once upon")
        assert short.choices[0].finish_reason == "length"
        assert short.usage is not None and short.usage.completion_tokens <= 16


@pytest.mark.parametrize("streamed", [True, False])
async def test_several_prompts(tmp_path: Path, streamed: bool) -> None:
    """Each prompt has its own choices, numbered through."""
    prompts = ["Of dragons", "Of wyverns"]
    texts: dict[int, str] = {}
    async with running(tmp_path, accounts=SIMULATOR) as gateway:
        api = client(gateway).completions
        asked: Any = {"model": MODEL, "prompt": prompts, "n": 2, "max_tokens": 200}
        if streamed:
            async for chunk in await api.create(stream=True, **asked):
                for choice in chunk.choices:
                    texts[choice.index] = texts.get(choice.index, "") + choice.text
        else:
            whole = await api.create(**asked)
            texts = {choice.index: choice.text for choice in whole.choices}
    assert sorted(texts) == [0, 1, 2, 3]
    for index, said in texts.items():
        assert prompts[index // 2] in said and prompts[1 - index // 2] not in said


async def test_usage_of_a_streamed_completion(tmp_path: Path) -> None:
    script = [RECEIVE, begin() + text("Hel") + text("lo") + finish()]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            stream = await client(gateway).completions.create(
                model=MODEL, prompt="x", stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            assert "".join(one.text for chunk in chunks for one in chunk.choices) == "Hello"
            assert chunks[-1].usage is not None and not chunks[-1].choices

"""What a model thinks that signs nothing goes back to its server in a tool loop, as the official
SDKs echo it, and never to Claude, when the conversation moves there."""

import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.harness import KEY, Harness, accounts, error, reply, running
from tests.gateway.test_messages_elsewhere import WEATHER
from tests.gateway.test_openai_accounts import OURS, account, chunk, completion, sse
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

pytestmark = pytest.mark.usefixtures("no_leaks")
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
}
THOUGHT = {"reasoning_content": "I must look."}
WHOLE = completion("", tool_calls=[CALL], **THOUGHT)
STREAMED = sse(
    chunk({"role": "assistant", "reasoning_content": "I must "}),
    chunk({"reasoning_content": "look."}),
    chunk({"tool_calls": [{"index": 0, **CALL}]}),
    chunk({}, "tool_calls"),
    "[DONE]",
)
ASK: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


def assistant(upstream: ScriptedUpstream) -> dict[str, Any]:
    """The assistant's message in what came last."""
    messages = json.loads(upstream.requests[-1].body)["messages"]
    (found,) = [one for one in messages if one["role"] == "assistant"]
    made: dict[str, Any] = found
    return made


async def messages_loop(gateway: Harness, *, streamed: bool) -> anthropic.types.Message:
    options: Any = {"base_url": gateway.base, "api_key": KEY, "max_retries": 0}
    async with anthropic.AsyncAnthropic(**options) as sdk:
        asked: Any = {"model": OURS, "max_tokens": 500, "tools": [WEATHER]}
        if streamed:
            async with sdk.messages.stream(messages=ASK, **asked) as stream:
                first = await stream.get_final_message()
        else:
            first = await sdk.messages.create(messages=ASK, **asked)
        assert [block.type for block in first.content] == ["thinking", "tool_use"]
        result = {"type": "tool_result", "tool_use_id": "call_1", "content": "sun"}
        turn: Any = [
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [result]},
        ]
        return await sdk.messages.create(messages=[*ASK, *turn], **asked)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_messages_client(streamed: bool, tmp_path: Path) -> None:
    script = [RECEIVE, STREAMED if streamed else WHOLE, RECEIVE, completion("Sunny.")]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            last = await messages_loop(gateway, streamed=streamed)
        assert last.stop_reason == "end_turn"
        assert assistant(upstream) == {
            "role": "assistant", "content": None, "tool_calls": [CALL], **THOUGHT,
        }  # fmt: skip


async def test_a_responses_client(tmp_path: Path) -> None:
    script = [RECEIVE, WHOLE, RECEIVE, completion("Sunny.")]
    tool: Any = {
        "type": "function",
        "name": "get_weather",
        "parameters": WEATHER["input_schema"],
        "strict": False,
    }
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            sdk = openai.AsyncOpenAI(
                base_url=f"{gateway.base}/v1", api_key=KEY, http_client=gateway.http
            )
            asked: Any = {"model": OURS, "tools": [tool], "store": False}
            items: list[Any] = list(ASK)
            first = await sdk.responses.create(input=items, **asked)
            items += first.output
            items.append({"type": "function_call_output", "call_id": "call_1", "output": "sun"})
            last = await sdk.responses.create(input=items, **asked)
        assert last.output_text == "Sunny."
        assert assistant(upstream)["reasoning_content"] == "I must look."


async def test_a_conversation_that_moves_to_claude_leaves_it_behind(tmp_path: Path) -> None:
    away = error(503, "server_error", "away")
    async with (
        ScriptedUpstream([RECEIVE, WHOLE, RECEIVE, away]) as first,
        ScriptedUpstream([RECEIVE, reply("Sunny.")]) as second,
    ):
        other = {**accounts(second.url)[0], "models": [OURS], "model_ids": {OURS: "claude-x"}}
        both = [account(first.url, priority=1), other]
        async with running(tmp_path, accounts=both) as gateway:
            last = await messages_loop(gateway, streamed=False)
        assert last.stop_reason == "end_turn"
        (block,) = assistant(second)["content"]
        assert block["type"] == "tool_use"

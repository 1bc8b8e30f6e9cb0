"""Prompt caching as a client of a running gateway sees it, with the simulator's cache behind it."""

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import Harness, chunks, running

MODEL = "claude-opus-5-5"
LONG = "Rule {}: a guest who asks twice is told twice, and is told the same. "
RULES = "".join(LONG.format(number) for number in range(200))
SYSTEM = {"role": "system", "content": RULES}
FIRST = {"role": "user", "content": "What is rule 7?"}
REST = [{"role": "assistant", "content": "It is long."}, {"role": "user", "content": "And 8?"}]


async def details(gateway: Harness, messages: list[Any], **fields: Any) -> tuple[int, int, int]:
    """Prompt tokens, and how many of them were read from the cache and written to it."""
    answer = await gateway.chat(model=MODEL, messages=messages, max_tokens=50, **fields)
    assert answer.status_code == 200
    if fields.get("stream"):
        usage = chunks(answer.content)[-1]["usage"]
    else:
        usage = answer.json()["usage"]
    found = usage["prompt_tokens_details"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    return usage["prompt_tokens"], found["cached_tokens"], found["cache_write_tokens"]


STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
WAYS = pytest.mark.parametrize("how", [{}, STREAMED], ids=["whole", "streamed"])


@WAYS
async def test_a_conversation_is_read_from_the_cache_by_itself(
    how: dict[str, Any], tmp_path: Path
) -> None:
    async with running(tmp_path) as gateway:
        prompt, read, written = await details(gateway, [SYSTEM, FIRST], **how)
        assert (read, written) == (0, prompt)
        longer, read, written = await details(gateway, [SYSTEM, FIRST, *REST], **how)
        assert read == prompt
        assert written == longer - prompt


async def test_another_conversation_reads_the_instructions_they_share(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        await details(gateway, [SYSTEM, FIRST])
        prompt, read, written = await details(gateway, [SYSTEM, REST[-1]])
        assert 0 < written < 50 < read
        assert read + written == prompt


async def test_a_turn_of_many_calls_is_no_obstacle(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "rule", "arguments": "{}"}}
    ids = [f"call_{number}" for number in range(15)]
    calls = {"role": "assistant", "tool_calls": [{"id": one, **call} for one in ids]}
    results = [{"role": "tool", "tool_call_id": one, "content": "x"} for one in ids]
    tools = [{"type": "function", "function": {"name": "rule"}}]
    opening = {"role": "user", "content": RULES}
    async with running(tmp_path) as gateway:
        prompt, _, _ = await details(gateway, [opening], tools=tools)
        _, read, _ = await details(gateway, [opening, calls, *results], tools=tools)
        assert read == prompt


async def test_a_tool_that_must_be_called_is_no_obstacle(tmp_path: Path) -> None:
    """The model cannot be forced, so the gateway adds words that are not in the history later."""
    forced: dict[str, Any] = {
        "tools": [{"type": "function", "function": {"name": "rule"}}],
        "tool_choice": "required",
    }
    opening = {"role": "user", "content": RULES}
    async with running(tmp_path) as gateway:
        _, _, written = await details(gateway, [opening], **forced)
        _, read, _ = await details(gateway, [opening, *REST], **forced)
        assert read == written > 0


@WAYS
@pytest.mark.parametrize("caching", ["off", "client"])
async def test_no_cache_where_none_is_wanted(
    caching: str, how: dict[str, Any], tmp_path: Path
) -> None:
    async with running(tmp_path, caching=caching) as gateway:
        for messages in ([SYSTEM, FIRST], [SYSTEM, FIRST, *REST]):
            _, read, written = await details(gateway, messages, **how)
            assert (read, written) == (0, 0)


async def test_marks_of_the_client(tmp_path: Path) -> None:
    system = {**SYSTEM, "cache_control": {"type": "ephemeral"}}
    for caching, cached in (("client", True), ("auto", True), ("off", False)):
        async with running(tmp_path, caching=caching) as gateway:
            _, _, written = await details(gateway, [system, FIRST])
            _, read, more = await details(gateway, [system, FIRST, *REST])
            assert (read, more) == (written, 0)
            assert (written > 0) is cached
            answer = await gateway.chat(model=MODEL, messages=[system, FIRST])
            named = "messages[].cache_control" in answer.headers.get("x-dragoman-warnings", "")
            assert named is not cached

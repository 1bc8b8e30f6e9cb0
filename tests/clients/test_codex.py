"""Codex CLI, unmodified, on ``POST /v1/responses``: a task with tool calls, and what it makes of
failures."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import CLIENTS, environment
from tests.clients.upstream import MODEL, THOUGHT, Turn, Upstream, call, words
from tests.gateway.harness import LAST_CHUNK, Harness, accounts, error, event, running
from tests.scripted_upstream import ScriptedUpstream

CODEX = CLIENTS / "node_modules" / ".bin" / "codex"
pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def gateway_of(folder: Path, upstream: Upstream) -> AsyncIterator[Harness]:
    async with ScriptedUpstream([upstream]) as server:
        async with running(folder, accounts=accounts(server.url)) as gateway:
            yield gateway


async def codex(folder: Path, gateway: Harness, task: str) -> list[dict[str, Any]]:
    """What ``codex exec --json`` says of a task."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    (home / "config.toml").write_text(
        f'model = "{MODEL}"\nmodel_provider = "dragoman"\n'
        f'[model_providers.dragoman]\nname = "Dragoman"\nbase_url = "{gateway.base}/v1"\n'
        'env_key = "DRAGOMAN_KEY"\nwire_api = "responses"\nrequest_max_retries = 0\n'
        "stream_max_retries = 0\n"
    )
    process = await asyncio.create_subprocess_exec(
        CODEX,
        "exec",
        "--json",
        "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox",
        task,
        cwd=work,
        env={**environment(gateway.base, home), "CODEX_HOME": str(home)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return [json.loads(line) for line in out.splitlines() if line.startswith(b"{")]


def items(said: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [
        one["item"]
        for one in said
        if one["type"] == "item.completed" and one["item"]["type"] == kind
    ]


async def test_a_task_with_tool_calls(tmp_path: Path) -> None:
    """Two commands at once, a tool of a namespace, an end; the signed thinking comes back."""
    upstream = Upstream(
        [
            Turn(
                [
                    THOUGHT,
                    words("I will make it."),
                    call(1, "exec_command", cmd="echo dragon > made.txt"),
                    call(2, "exec_command", cmd="echo wyvern"),
                ],
                "tool_use",
            ),
            Turn([call(3, "multi_agent_v1__close_agent", target="nobody")], "tool_use"),
            Turn([words("All done.")]),
        ]
    )
    async with gateway_of(tmp_path, upstream) as gateway:
        said = await codex(tmp_path, gateway, "Make a file")
        assert said[-1]["type"] == "turn.completed", said
        assert (tmp_path / "work" / "made.txt").read_text() == "dragon\n"
        commands = items(said, "command_execution")
        assert sorted(one["exit_code"] for one in commands) == [0, 0]
        assert [one["text"] for one in items(said, "reasoning")] == [THOUGHT["thinking"]]
        assert items(said, "agent_message")[-1]["text"] == "All done."
        assert said[-1]["usage"]["cached_input_tokens"] == 3 * 40
    assert len(upstream.requests) == 3
    turn, results = upstream.messages(1)[-2:]
    assert turn["content"][0] == THOUGHT
    assert [one["type"] for one in turn["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert [one["tool_use_id"] for one in results["content"]] == ["toolu_1", "toolu_2"]
    assert "wyvern" in json.dumps(results["content"][1])
    last = json.dumps(upstream.messages(2)[-1])
    assert "toolu_3" in last and "unsupported call" not in last
    # What went up before stands before what goes up now.
    first, second = upstream.messages(1), upstream.messages(2)
    assert _unmarked(second)[: len(first)] == _unmarked(first)


def _unmarked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without cache marks, which move."""
    for message in messages:
        for block in message["content"]:
            block.pop("cache_control", None)
    return messages


async def test_a_prompt_that_is_too_long(tmp_path: Path) -> None:
    refused = "prompt is too long: 210000 tokens > 200000 maximum"
    refusal = error(400, "invalid_request_error", refused)
    upstream = Upstream([refusal] * 3)
    async with gateway_of(tmp_path, upstream) as gateway:
        said = await codex(tmp_path, gateway, "Read all of it")
        assert said[-1]["type"] == "turn.failed"
        assert re.search(r"too long|ran out of room|context", said[-1]["error"]["message"])
        assert "turn.completed" not in [one["type"] for one in said]


async def test_an_answer_that_breaks_off(tmp_path: Path) -> None:
    whole = Turn([words("Once upon a time")]).streamed()
    failed = {"type": "overloaded_error", "message": "Overloaded"}
    broken = whole.partition(b"event: message_delta")[0]
    broken = broken[: broken.rindex(b"\r\n") + 2]
    upstream = Upstream([broken + event("error", error=failed) + LAST_CHUNK] * 3)
    async with gateway_of(tmp_path, upstream) as gateway:
        said = await codex(tmp_path, gateway, "Tell a tale")
        assert said[-1]["type"] == "turn.failed", said
        assert "overloaded" in said[-1]["error"]["message"].lower()


async def test_an_answer_that_is_cut_off(tmp_path: Path) -> None:
    upstream = Upstream([Turn([words("Once upon")], "max_tokens")] * 3)
    async with gateway_of(tmp_path, upstream) as gateway:
        said = await codex(tmp_path, gateway, "Tell a tale")
        assert said[-1]["type"] == "turn.failed", said
        assert "max_output_tokens" in said[-1]["error"]["message"]
    asked = json.loads(upstream.requests[0].body)
    assert asked["max_tokens"] == 128_000  # Codex names no limit: the model's own

"""Claude Code, unmodified, on ``POST /v1/messages``: a talk, a task with a tool call, failures."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import (
    INVALID_REQUEST,
    KEY,
    LAST_CHUNK,
    Harness,
    accounts,
    begin,
    error,
    event,
    running,
    stream,
)
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

CLAUDE = Path(os.environ["DRAGOMAN_CLIENTS"]) / "node_modules" / ".bin" / "claude"
OPUS = "claude-opus-5-5"
pytestmark = pytest.mark.timeout(120)


async def claude(
    gateway: Harness, folder: Path, prompt: str, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What ``claude -p`` says of one prompt, with a home of its own."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ANTHROPIC_BASE_URL": gateway.base,
        "ANTHROPIC_AUTH_TOKEN": KEY,
        "ANTHROPIC_MODEL": OPUS,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        **(environ or {}),
    }
    run = await asyncio.create_subprocess_exec(
        str(CLAUDE), "-p", prompt, "--output-format", "json", "--allowedTools", "Bash",
        env={name: value for name, value in environ.items() if value},
        cwd=home,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, said = await run.communicate()
    assert out, said.decode()
    found: dict[str, Any] = json.loads(out)
    return found


async def test_it_talks(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        told = await claude(gateway, tmp_path, "hi")
        assert not told["is_error"]
        assert told["usage"]["output_tokens"] > 0
        [line] = await gateway.ended()
        assert (line["status"], line["outcome"]) == (200, "complete")


async def test_the_key_in_the_other_header(tmp_path: Path) -> None:
    environ = {"ANTHROPIC_AUTH_TOKEN": "", "ANTHROPIC_API_KEY": KEY}
    async with running(tmp_path) as gateway:
        assert not (await claude(gateway, tmp_path, "hi", environ))["is_error"]


async def test_it_runs_a_tool_and_finds_its_prompt_in_the_cache(tmp_path: Path) -> None:
    """The simulator checks every signature and id that comes back."""
    async with running(tmp_path) as gateway:
        told = await claude(gateway, tmp_path, "Run `echo salut` with Bash")
        assert not told["is_error"]
        assert told["num_turns"] >= 2
        lines = await gateway.ended(2)
        assert {line["status"] for line in lines} == {200}
        assert {line["conversation"] for line in lines} == {lines[0]["conversation"]}
        assert lines[1]["cache"] == "hit"


async def test_a_task_on_an_upstream_that_speaks_chat_completions(tmp_path: Path) -> None:
    """The upstream is a second gateway, asked as any OpenAI-compatible server would be."""
    (tmp_path / "behind").mkdir()
    async with running(tmp_path / "behind") as behind:
        other = {"name": "other", "provider": "openai", "api_key": KEY}
        config = {"accounts": [{**other, "base_url": f"{behind.base}/v1"}]}
        async with running(tmp_path, **config) as gateway:
            told = await claude(gateway, tmp_path, "Run `echo salut` with Bash")
            assert not told["is_error"]
            assert told["num_turns"] >= 2
            assert "salut" in told["result"]
            assert {line["account"] for line in await gateway.ended(2)} == {"other"}


def call(command: str) -> bytes:
    """A streamed answer that calls Bash."""
    block = {"type": "tool_use", "id": "toolu_01x", "name": "Bash", "input": {}}
    piece = json.dumps({"command": command, "description": "Say it"})
    text = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    head = begin().removesuffix(text)
    return (
        head
        + event("content_block_start", index=0, content_block=block)
        + event(
            "content_block_delta",
            index=0,
            delta={"type": "input_json_delta", "partial_json": piece},
        )
        + event("content_block_stop", index=0)
        + event(
            "message_delta",
            delta={"stop_reason": "tool_use", "stop_sequence": None},
            usage={"output_tokens": 9},
        )
        + event("message_stop")
        + LAST_CHUNK
    )


async def test_what_it_sends_goes_up_as_it_came(tmp_path: Path) -> None:
    script = [RECEIVE, call("echo salut-$((40+2))"), RECEIVE, stream("All done.")]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            told = await claude(gateway, tmp_path, "Say it")
            assert told["result"] == "All done."
            first, second = upstream.requests[:2]
            assert first.headers["anthropic-version"] == "2023-06-01"
            assert "claude-code-20250219" in first.headers["anthropic-beta"]
            assert KEY not in str(first.headers)
            body = json.loads(first.body)
            assert body["model"] == OPUS
            assert body["messages"][-1]["role"] in ("system", "user")
            assert "context_management" in body
            assert "salut-42" in json.dumps(json.loads(second.body)["messages"])


async def test_it_shortens_a_prompt_that_is_too_long(tmp_path: Path) -> None:
    """It reads the words of the error."""
    words = "prompt is too long: 1000001 tokens > 1000000 maximum"
    refused = [RECEIVE, error(400, INVALID_REQUEST, words)]
    async with ScriptedUpstream(refused * 20) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            told = await claude(gateway, tmp_path, "hi")
            assert told["is_error"]
            assert "too long" in told["result"]


async def test_a_key_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        told = await claude(gateway, tmp_path, "hi", {"ANTHROPIC_AUTH_TOKEN": "sk-wrong"})
        assert told["is_error"]
        assert told["api_error_status"] == 401

"""Claude Code, unmodified, on ``POST /v1/messages``: a talk, a task with a tool call, failures."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.auth.test_tokens import service_account
from tests.clients import claude_elsewhere as elsewhere
from tests.clients.claude_elsewhere import Claude, Door
from tests.clients.claude_elsewhere import call as calls
from tests.clients.tap import Tap
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
from tests.gateway.test_clouds import KEYS, again, token
from tests.scripted_upstream import RECEIVE, Request, ScriptedUpstream

CLAUDE = Path(os.environ["DRAGOMAN_CLIENTS"]) / "node_modules" / ".bin" / "claude"
OPUS = "claude-opus-5-5"
pytestmark = pytest.mark.timeout(120)


async def claude(
    gateway: Harness | Tap, folder: Path, prompt: str, environ: Mapping[str, str] | None = None
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
        str(CLAUDE), "-p", prompt, "--output-format", "json", "--allowedTools", "Bash,Read,Edit",
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


DOORS: dict[str, Door] = {
    "anthropic": elsewhere.anthropic,
    "bedrock": elsewhere.bedrock,
    "bedrock-messages": elsewhere.bedrock_messages,
    "foundry": elsewhere.foundry,
    "openai": elsewhere.anthropic,
    "vertex": elsewhere.vertex,
}
LIST = "milk\n"


def account(place: str, url: str, tokens: str) -> dict[str, Any]:
    """An account at a place; ``tokens`` is where Google's access tokens come from."""
    aws = {"provider": "bedrock", "region": elsewhere.REGION, "base_url": url, **KEYS}
    return {
        "name": place,
        **{
            "anthropic": {
                "provider": "anthropic",
                "base_url": url,
                "api_key": elsewhere.ANTHROPIC_KEY,
            },
            "bedrock": aws,
            "bedrock-messages": {
                **aws,
                "bedrock_api": "messages",
                "base_url": f"{url}/anthropic",
            },
            "foundry": {
                "provider": "foundry",
                "base_url": f"{url}/anthropic",
                "api_key": elsewhere.AZURE_KEY,
            },
            "openai": {"provider": "openai", "base_url": f"{url}/v1", "api_key": KEY},
            "vertex": {
                "provider": "vertex",
                "region": "global",
                "project": "a-project",
                "base_url": url,
                "google_credentials": service_account(token_uri=f"{tokens}/token"),
            },
        }[place],
    }


@asynccontextmanager
async def serving(
    folder: Path, place: str, model: Claude, **config: Any
) -> AsyncIterator[tuple[Harness, Tap]]:
    """A gateway whose one account is at a place, and the wire that leads to it."""
    for name in ("behind", "gateway"):
        (folder / name).mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        upstream = await enter(ScriptedUpstream([elsewhere.serving(model, DOORS[place])]))
        tokens = await enter(ScriptedUpstream([again(lambda _: token(elsewhere.TOKEN))]))
        url = upstream.url
        if place == "openai":
            # A second gateway is the OpenAI-compatible server.
            behind = account("anthropic", url, "")
            url = (await enter(running(folder / "behind", accounts=[behind]))).base
        accounts = [account(place, url, tokens.url)]
        gateway = await enter(running(folder / "gateway", accounts=accounts, **config))
        yield gateway, await enter(Tap(gateway.port))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        *[(place, OPUS) for place in DOORS],
        # Manual thinking, with a beta between calls.
        ("bedrock", "claude-sonnet-4-5"),
        ("vertex", "claude-sonnet-4-5"),
    ],
)
async def test_a_task_wherever_claude_is_served(tmp_path: Path, place: str, name: str) -> None:
    """It reads a file, changes it and runs a command; what it sends is judged by the simulator."""
    home = tmp_path / "home"
    home.mkdir()
    path = home / "list.txt"
    path.write_text(LIST)
    model = Claude(
        [
            calls(1, "Read", file_path=str(path)),
            calls(2, "Edit", file_path=str(path), old_string="milk", new_string="tea"),
            calls(3, "Bash", command="cat list.txt | tr a-z A-Z", description="Shout"),
            {"type": "text", "text": "The list says tea."},
        ]
    )
    async with serving(tmp_path, place, model) as (gateway, tap):
        task = "Change milk to tea in list.txt"
        told = await claude(tap, tmp_path, task, {"ANTHROPIC_MODEL": name})
        assert not told["is_error"], told
        assert told["result"] == "The list says tea."
        assert told["num_turns"] >= 4
        assert path.read_text() == "tea\n"
        lines = await gateway.ended(4)
        assert {line["status"] for line in lines} == {200}
        assert {line["account"] for line in lines} == {place}
        assert len({line["conversation"] for line in lines}) == 1
        assert all(line["output_tokens"] > 0 for line in lines)
    last = model.asked[-1]["messages"]
    blocks = [block for one in last if isinstance(one["content"], list) for block in one["content"]]
    called = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert len(called) == 3
    assert [one["tool_use_id"] for one in blocks if one["type"] == "tool_result"] == called
    assert "TEA" in json.dumps(last)
    if place != "openai":
        thinking = [block for block in blocks if block["type"] == "thinking"]
        assert thinking
        assert all(block["signature"] for block in thinking)


async def test_a_task_that_moves_to_another_cloud(tmp_path: Path) -> None:
    """What was thought and called at Anthropic is good at Bedrock."""
    model = Claude(
        [
            calls(1, "Bash", command="echo one", description="Count"),
            calls(2, "Bash", command="echo two", description="Count"),
            {"type": "text", "text": "Counted."},
        ]
    )

    def failing(claude: Claude, request: Request) -> bytes:
        if len(claude.asked) < 2:
            return elsewhere.anthropic(claude, request)
        return error(529, "overloaded_error", "Overloaded")

    async with (
        ScriptedUpstream([elsewhere.serving(model, failing)]) as first,
        ScriptedUpstream([elsewhere.serving(model, elsewhere.bedrock)]) as second,
    ):
        pool = [
            {**account("anthropic", first.url, ""), "priority": 1},
            account("bedrock", second.url, ""),
        ]
        async with running(tmp_path, accounts=pool) as gateway:
            told = await claude(gateway, tmp_path, "Count")
            assert told["result"] == "Counted."
            lines = await gateway.ended(3)
    assert [line["account"] for line in lines] == ["anthropic", "anthropic", "bedrock"]
    blocks = [block for one in model.asked[-1]["messages"] for block in one["content"]]
    assert sum(block["type"] == "thinking" for block in blocks if isinstance(block, dict)) == 2


SAID = {"type": "text", "text": "Well."}


QUIET = ("DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING", "DISABLE_AUTOUPDATER")


async def test_what_it_asks_first(tmp_path: Path) -> None:
    """The connection it opens ahead of time, and the gateway's list of models."""
    asked = {"CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1"} | dict.fromkeys(QUIET, "1")
    asked["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = ""
    async with serving(tmp_path, "anthropic", Claude([SAID])) as (_, tap):
        told = await claude(tap, tmp_path, "hi", asked)
        assert told["result"] == "Well."
        heads = {one.partition("?")[0] for one in tap.asked}
        assert {"HEAD /api/hello", "GET /v1/models", "POST /v1/messages"} <= heads
        assert set(tap.statuses) == {200}


@pytest.mark.parametrize("place", ["anthropic", "bedrock", "vertex"])
async def test_pings_keep_it_waiting(tmp_path: Path, place: str) -> None:
    """Upstream says nothing until three pings have gone by."""
    model = Claude([SAID])
    config = {"server": {"keepalive_s": 0.1}}
    async with serving(tmp_path, place, model, **config) as (gateway, tap):
        model.patience = lambda: tap.heard(b"event: ping", 3)
        told = await claude(tap, tmp_path, "hi")
        assert told["result"] == "Well."
        [line] = await gateway.ended()
        assert line["outcome"] == "complete"


@pytest.mark.parametrize("place", ["anthropic", "bedrock", "vertex", "openai"])
async def test_it_comes_back_to_an_overloaded_upstream(tmp_path: Path, place: str) -> None:
    model = Claude([SAID])
    status = 503 if place == "vertex" else 529
    model.refusals = [(status, "overloaded_error", "Overloaded")]
    async with serving(tmp_path, place, model) as (gateway, tap):
        told = await claude(tap, tmp_path, "hi")
        assert told["result"] == "Well."
        lines = await gateway.ended(2)
        assert [line["status"] for line in lines] == [529, 200]


TOO_LONG = {
    "anthropic": "prompt is too long: 1000001 tokens > 1000000 maximum",
    "bedrock": "Input is too long for requested model.",
    "openai": "prompt is too long: 1000001 tokens > 1000000 maximum",
    "vertex": "prompt is too long: 1000001 tokens > 1000000 maximum",
}


@pytest.mark.parametrize("place", TOO_LONG)
async def test_it_sees_that_its_prompt_is_too_long(tmp_path: Path, place: str) -> None:
    model = Claude([SAID])
    model.refusals = [(400, INVALID_REQUEST, TOO_LONG[place])] * 20
    async with serving(tmp_path, place, model) as (_, tap):
        told = await claude(tap, tmp_path, "hi")
        assert told["is_error"]
        assert "too long" in told["result"]

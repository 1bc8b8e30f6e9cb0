"""Official SDKs, LangChain and the AI SDK, unmodified: what their users see.

Each line of a table is one way to ask: a program, and the case of it that is run. All cases of a
table tell the same, so each is held against the same values.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import told
from tests.clients.upstream import OUTPUT_TOKENS, THOUGHT, Turn, Upstream, call, words
from tests.gateway.harness import KEY, Harness, accounts, begin, event, running, text
from tests.scripted_upstream import CUT, RECEIVE, ScriptedUpstream

pytestmark = pytest.mark.timeout(120)

MODEL = "claude-haiku-4-5-20251001"
# OpenAI and LangChain count what was read from the cache as input, Anthropic's SDKs do not.
INPUT, UNCACHED = 140, 100
GO = "go"

ASKS = [
    ("with_openai.py", "chat", "stop"),
    ("with_openai.py", "chat_async", "stop"),
    ("with_openai.py", "completions", "stop"),
    ("with_openai.py", "responses", "completed"),
    ("with_anthropic.py", "chat", "end_turn"),
    ("with_langchain.py", "chat:chat", "stop"),
    ("with_langchain.py", "chat:responses", "completed"),
    ("with_langchain.py", "chat:anthropic", "end_turn"),
    ("with_openai.mjs", "chat", "stop"),
    ("with_openai.mjs", "completions", "stop"),
    ("with_openai.mjs", "responses", "completed"),
    ("with_anthropic.mjs", "chat", "end_turn"),
    ("with_langchain.mjs", "chat:chat", "stop"),
    ("with_langchain.mjs", "chat:responses", "completed"),
    ("with_ai_sdk.mjs", "chat:chat", "stop"),
    ("with_ai_sdk.mjs", "chat:compatible", "stop"),
    ("with_ai_sdk.mjs", "chat:responses", "stop"),
    ("with_ai_sdk.mjs", "chat:anthropic", "stop"),
    (GO, "chat", "stop"),
    (GO, "responses", "completed"),
    (GO, "anthropic_chat", "end_turn"),
]
STREAMS = [
    ("with_openai.py", "stream", "stop"),
    ("with_openai.py", "stream_final", "stop"),
    ("with_openai.py", "responses_stream", "completed"),
    ("with_anthropic.py", "stream", "end_turn"),
    ("with_langchain.py", "stream:chat", "stop"),
    ("with_langchain.py", "stream:responses", "completed"),
    ("with_langchain.py", "stream:anthropic", "end_turn"),
    ("with_openai.mjs", "stream", "stop"),
    ("with_openai.mjs", "stream_final", "stop"),
    ("with_openai.mjs", "responses_stream", "completed"),
    ("with_anthropic.mjs", "stream", "end_turn"),
    ("with_langchain.mjs", "stream:chat", "stop"),
    ("with_langchain.mjs", "stream:responses", "completed"),
    ("with_ai_sdk.mjs", "stream:chat", "stop"),
    ("with_ai_sdk.mjs", "stream:compatible", "stop"),
    ("with_ai_sdk.mjs", "stream:responses", "stop"),
    ("with_ai_sdk.mjs", "stream:anthropic", "stop"),
    (GO, "stream", "stop"),
    (GO, "responses_stream", "completed"),
    (GO, "anthropic_stream", "end_turn"),
]
LOOPS = [
    ("with_openai.py", "tools"),
    ("with_openai.py", "tools_plain"),
    ("with_openai.py", "responses_tools"),
    ("with_anthropic.py", "tools"),
    ("with_langchain.py", "tools:chat"),
    ("with_langchain.py", "tools:responses"),
    ("with_langchain.py", "tools:anthropic"),
    ("with_langchain.py", "tools_streamed:chat"),
    ("with_langchain.py", "tools_streamed:responses"),
    ("with_langchain.py", "tools_streamed:anthropic"),
    ("with_openai.mjs", "tools"),
    ("with_openai.mjs", "tools_streamed"),
    ("with_openai.mjs", "responses_tools"),
    ("with_openai.mjs", "responses_runner"),
    ("with_openai.mjs", "responses_runner_eager"),
    ("with_anthropic.mjs", "tools"),
    ("with_langchain.mjs", "tools:chat"),
    ("with_langchain.mjs", "tools:responses"),
    ("with_langchain.mjs", "tools_streamed:chat"),
    ("with_langchain.mjs", "tools_streamed:responses"),
    ("with_ai_sdk.mjs", "tools:chat"),
    ("with_ai_sdk.mjs", "tools:compatible"),
    ("with_ai_sdk.mjs", "tools:responses"),
    ("with_ai_sdk.mjs", "tools:anthropic"),
    ("with_ai_sdk.mjs", "tools_streamed:chat"),
    ("with_ai_sdk.mjs", "tools_streamed:compatible"),
    ("with_ai_sdk.mjs", "tools_streamed:responses"),
    ("with_ai_sdk.mjs", "tools_streamed:anthropic"),
    (GO, "tools"),
    (GO, "responses_tools"),
    (GO, "anthropic_tools"),
]
PICTURES = [
    ("with_openai.py", "picture"),
    ("with_openai.py", "responses_picture"),
    ("with_langchain.py", "picture:chat"),
    ("with_langchain.py", "picture:responses"),
    ("with_langchain.py", "picture:anthropic"),
    ("with_langchain.mjs", "picture:chat"),
    ("with_langchain.mjs", "picture:responses"),
    ("with_ai_sdk.mjs", "picture:chat"),
    ("with_ai_sdk.mjs", "picture:compatible"),
    ("with_ai_sdk.mjs", "picture:responses"),
    ("with_ai_sdk.mjs", "picture:anthropic"),
]
STRUCTURED = [
    ("with_openai.py", "structured"),
    ("with_openai.py", "responses_structured"),
    ("with_anthropic.py", "structured"),
    ("with_langchain.py", "structured:chat"),
    ("with_langchain.py", "structured:responses"),
    ("with_langchain.py", "structured:anthropic"),
    ("with_openai.mjs", "structured"),
    ("with_openai.mjs", "responses_structured"),
    ("with_anthropic.mjs", "structured"),
    ("with_langchain.mjs", "structured:chat"),
    ("with_langchain.mjs", "structured:responses"),
    ("with_ai_sdk.mjs", "structured:chat"),
    ("with_ai_sdk.mjs", "structured:compatible"),
    ("with_ai_sdk.mjs", "structured:responses"),
    ("with_ai_sdk.mjs", "structured:anthropic"),
    ("with_ai_sdk.mjs", "output:chat"),
    ("with_ai_sdk.mjs", "output:compatible"),
    ("with_ai_sdk.mjs", "output:responses"),
    ("with_ai_sdk.mjs", "output:anthropic"),
    (GO, "structured"),
]
# One case of each package is enough where the package's transport is what is looked at.
RETRIES = [
    ("with_openai.py", "chat"),
    ("with_openai.py", "responses_stream"),
    ("with_anthropic.py", "chat"),
    ("with_langchain.py", "chat:chat"),
    ("with_openai.mjs", "chat"),
    ("with_openai.mjs", "stream_final"),
    ("with_anthropic.mjs", "stream"),
    ("with_langchain.mjs", "chat:chat"),
    ("with_ai_sdk.mjs", "chat:responses"),
    ("with_ai_sdk.mjs", "chat:anthropic"),
    (GO, "chat"),
    (GO, "anthropic_chat"),
]


@asynccontextmanager
async def scripted(folder: Path, *turns: Turn) -> AsyncIterator[tuple[Upstream, Harness]]:
    """A gateway in front of an upstream that answers with these turns."""
    upstream = Upstream(turns)
    async with ScriptedUpstream([upstream]) as server:
        async with running(folder, accounts=accounts(server.url)) as gateway:
            yield upstream, gateway


def counts_uncached(program: str, case: str) -> bool:
    return program.startswith("with_anthropic") or case.startswith("anthropic_")


@pytest.mark.parametrize(("program", "case", "end"), ASKS)
async def test_an_answer(program: str, case: str, end: str, tmp_path: Path) -> None:
    """Its text, its usage and why it ended."""
    async with scripted(tmp_path, Turn([words("Hello there.")])) as (upstream, gateway):
        found = await told(program, case, gateway.base, tmp_path)
    spent = UNCACHED if counts_uncached(program, case) else INPUT
    assert found == {"text": "Hello there.", "input": spent, "output": OUTPUT_TOKENS, "end": end}
    assert "What is a dragoman?" in str(upstream.messages(0))


@pytest.mark.parametrize(("program", "case", "end"), STREAMS)
async def test_a_stream(program: str, case: str, end: str, tmp_path: Path) -> None:
    """Its pieces come one by one; text, usage and end are those of the whole answer."""
    turn = Turn([words("Hello", " there", ".")])
    async with scripted(tmp_path, turn) as (_, gateway):
        found = await told(program, case, gateway.base, tmp_path)
    spent = UNCACHED if counts_uncached(program, case) else INPUT
    expected = {"text": "Hello there.", "input": spent, "output": OUTPUT_TOKENS, "end": end}
    assert found == {**expected, "pieces": 3}


@pytest.mark.parametrize(("program", "case"), LOOPS)
async def test_a_tool_loop_keeps_its_thinking(program: str, case: str, tmp_path: Path) -> None:
    """What Claude signed goes up again before its call, whatever the client keeps of it."""
    asks = Turn([THOUGHT, call(1, "get_weather", city="Paris")], "tool_use")
    async with scripted(tmp_path, asks, Turn([words("All done.")])) as (upstream, gateway):
        found = await told(program, case, gateway.base, tmp_path)
    assert (found["text"], found["calls"]) == ("All done.", ["Paris"])
    # Where the client has a place for it, the user sees it.
    hidden = "" if case.endswith(":chat") else THOUGHT["thinking"]
    assert found.get("reasoning", hidden) == hidden
    assert len(upstream.requests) == 2
    turn, results = upstream.messages(1)[-2:]
    assert turn["content"][0] == THOUGHT
    assert [block["type"] for block in turn["content"]] == ["thinking", "tool_use"]
    [result] = results["content"]
    assert result["tool_use_id"] == turn["content"][1]["id"]
    assert "sunny in Paris" in str(result["content"])


async def answered(gateway: Harness) -> list[dict[str, Any]]:
    """The lines of two answers. Anthropic's tool runner first asks for a thread, and is refused."""
    lines = await gateway.ended(2)
    if lines[0]["status"] == 400:
        lines = await gateway.ended(3)
    return [line for line in lines if line["status"] != 400]


@pytest.mark.parametrize(("program", "case"), LOOPS)
async def test_a_tool_loop_by_the_rules(program: str, case: str, tmp_path: Path) -> None:
    """The simulator refuses thinking that was edited, or that stands behind anything else than
    what it was made for."""
    async with running(tmp_path) as gateway:
        found = await told(program, case, gateway.base, tmp_path, simulate="bind")
        lines = await answered(gateway)
    assert found["calls"] == ["Paris"]
    assert "sunny in Paris" in found["text"]
    assert [line["status"] for line in lines] == [200, 200]


@pytest.mark.parametrize(
    ("program", "case"),
    [
        ("with_anthropic.py", "tools"),
        ("with_langchain.py", "tools:chat"),
        ("with_openai.mjs", "responses_runner_eager"),
        ("with_ai_sdk.mjs", "tools_streamed:anthropic"),
        (GO, "anthropic_tools"),
    ],
)
async def test_a_tool_loop_on_another_vendor(program: str, case: str, tmp_path: Path) -> None:
    """The upstream is a second gateway, asked as any OpenAI-compatible server would be."""
    (tmp_path / "behind").mkdir()
    async with running(tmp_path / "behind") as behind:
        other = {"name": "other", "provider": "openai", "api_key": KEY}
        others = [{**other, "base_url": f"{behind.base}/v1"}]
        async with running(tmp_path, accounts=others) as gateway:
            found = await told(program, case, gateway.base, tmp_path)
            lines = await answered(gateway)
    assert found["calls"] == ["Paris"]
    assert "sunny in Paris" in found["text"]
    assert {line["account"] for line in lines} == {"other"}


@pytest.mark.parametrize(("program", "case"), PICTURES)
async def test_a_picture_goes_up(program: str, case: str, tmp_path: Path) -> None:
    """The simulator tells what it is by its bytes."""
    async with running(tmp_path) as gateway:
        found = await told(program, case, gateway.base, tmp_path)
    assert "What is in this picture?" in found["text"]
    assert "PNG of 8 × 8 pixels" in found["text"]


@pytest.mark.parametrize(("program", "case"), STRUCTURED)
async def test_an_answer_by_a_schema(program: str, case: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        found = await told(program, case, gateway.base, tmp_path)
    assert found == {"city": "Lisbon", "date": "2026-12-04"}


@pytest.mark.parametrize(("program", "case"), RETRIES)
async def test_a_client_tries_again(program: str, case: str, tmp_path: Path) -> None:
    """A 429 with ``retry-after`` is the client's own to wait for, and the user never sees it."""
    alone = {"max_attempts": 1, "queue_timeout_s": 0}
    async with running(tmp_path, routing=alone) as gateway:
        simulate = "429, retry-after=1, once"
        found = await told(program, case, gateway.base, tmp_path, simulate)
        lines = await gateway.ended(2)
    assert "What is a dragoman?" in found["text"]
    assert [line["status"] for line in lines] == [429, 200]


ENDS = [
    ("with_openai.py", "ends", ["LengthFinishReasonError", "ContentFilterFinishReasonError"]),
    ("with_openai.mjs", "ends", ["LengthFinishReasonError", "ContentFilterFinishReasonError"]),
    ("with_anthropic.py", "ends", ["max_tokens", "refusal"]),
    ("with_langchain.py", "ends:chat", ["length", "content_filter"]),
    ("with_langchain.py", "ends:responses", ["max_output_tokens", "content_filter"]),
    ("with_langchain.py", "ends:anthropic", ["max_tokens", "refusal"]),
    ("with_ai_sdk.mjs", "ends:chat", ["length", "content-filter"]),
    ("with_ai_sdk.mjs", "ends:compatible", ["length", "content-filter"]),
    ("with_ai_sdk.mjs", "ends:responses", ["length", "content-filter"]),
    ("with_ai_sdk.mjs", "ends:anthropic", ["length", "content-filter"]),
]


@pytest.mark.parametrize(("program", "case", "expected"), ENDS)
async def test_an_answer_that_is_not_whole_says_so(
    program: str, case: str, expected: list[str], tmp_path: Path
) -> None:
    """Cut off by the limit, then refused."""
    turns = Turn([words('{"city": "Li')], "max_tokens"), Turn([], "refusal")
    async with scripted(tmp_path, *turns) as (_, gateway):
        assert await told(program, case, gateway.base, tmp_path) == expected


@pytest.mark.parametrize("provider", ["responses", "anthropic"])
async def test_a_search_brings_its_sources(provider: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        found = await told("with_ai_sdk.mjs", f"search:{provider}", gateway.base, tmp_path)
    assert "Mars" in found["text"]
    assert found["sources"]
    assert all(source.startswith("https://example.com/") for source in found["sources"])


@pytest.mark.parametrize("program", ["with_anthropic.py", "with_anthropic.mjs"])
async def test_tokens_are_counted(program: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        counted, billed = await told(program, "count", gateway.base, tmp_path)
    assert counted == billed > 0


@pytest.mark.parametrize(
    ("program", "case"),
    [
        ("with_openai.py", "models"),
        ("with_anthropic.py", "models"),
        ("with_openai.mjs", "models"),
        ("with_anthropic.mjs", "models"),
        (GO, "models"),
        (GO, "anthropic_models"),
    ],
)
async def test_models_are_listed(program: str, case: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        found = await told(program, case, gateway.base, tmp_path)
    assert MODEL in found
    assert len(found) == len(set(found)) > 10


OPENAI_ERRORS = {
    "key": ["AuthenticationError", 401, "invalid_api_key", ""],
    "model": ["NotFoundError", 404, "model_not_found", "model"],
    "parameter": ["BadRequestError", 400, "decimal_above_max_value", "temperature"],
}
ANTHROPIC_ERRORS = {
    "key": ["AuthenticationError", 401, "authentication_error"],
    "model": ["NotFoundError", 404, "not_found_error"],
    "parameter": ["BadRequestError", 400, "invalid_request_error"],
}
AI_SDK_ERRORS = {"key": ["APICallError", 401, False], "model": ["APICallError", 404, False]}
WITHOUT_CLASSES = {name: facts[1:] for name, facts in OPENAI_ERRORS.items()}


@pytest.mark.parametrize(
    ("program", "case", "expected"),
    [
        ("with_openai.py", "errors", OPENAI_ERRORS),
        ("with_openai.mjs", "errors", OPENAI_ERRORS),
        ("with_anthropic.py", "errors", ANTHROPIC_ERRORS),
        ("with_anthropic.mjs", "errors", ANTHROPIC_ERRORS),
        ("with_ai_sdk.mjs", "errors:responses", AI_SDK_ERRORS),
        ("with_ai_sdk.mjs", "errors:compatible", AI_SDK_ERRORS),
        ("with_ai_sdk.mjs", "errors:anthropic", AI_SDK_ERRORS),
        (GO, "errors", WITHOUT_CLASSES),
    ],
)
async def test_refusals_are_the_clients_own_errors(
    program: str, case: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    async with running(tmp_path) as gateway:
        assert await told(program, case, gateway.base, tmp_path) == expected


@pytest.mark.parametrize(
    ("program", "case"),
    [
        ("with_openai.py", "broken_stream"),
        ("with_openai.mjs", "broken_stream"),
        ("with_anthropic.py", "broken_stream"),
        ("with_anthropic.mjs", "broken_stream"),
        ("with_ai_sdk.mjs", "broken_stream:chat"),
        ("with_ai_sdk.mjs", "broken_stream:compatible"),
        ("with_ai_sdk.mjs", "broken_stream:responses"),
        ("with_ai_sdk.mjs", "broken_stream:anthropic"),
        (GO, "broken_stream"),
    ],
)
@pytest.mark.parametrize("how", ["cut off", "an error event"])
async def test_a_broken_stream_is_an_error(
    program: str, case: str, how: str, tmp_path: Path
) -> None:
    """Never a short answer that looks whole."""
    failed = {"type": "overloaded_error", "message": "Overloaded"}
    end = [CUT] if how == "cut off" else [event("error", error=failed), CUT]
    async with ScriptedUpstream([RECEIVE, begin() + text("Hello th"), *end]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            found = await told(program, case, gateway.base, tmp_path)
    assert found["text"] == "Hello th"
    assert found["error"]

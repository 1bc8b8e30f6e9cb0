"""Thinking through a tool loop, for clients that send back nothing of it.

The client is the plain OpenAI SDK; what it echoes is content and calls, as its users and LangChain
do. Upstream is the built-in simulator, which checks signatures, and a scripted one, which shows the
bytes.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError

from dragoman import thoughts
from tests.gateway.harness import (
    INVALID_REQUEST,
    KEY,
    LAST_CHUNK,
    STREAM_HEAD,
    Harness,
    accounts,
    error,
    response,
    running,
)
from tests.scripted_upstream import RECEIVE, RST, Script, ScriptedUpstream

OTHER_KEY = "sk-" + "0th" * 16
MODEL = "claude-opus-4-8"
BINDING = "thinking-binding-controls-2026-08-01"
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]
QUESTION = {"role": "user", "content": "What is the weather in Paris?"}
SIGNED = b'{"type":"thinking","thinking":"I \\u0073hould look \\/ there","signature":"Ep4C\\/+=="}'
"""Escapes that no JSON library writes: whoever decodes and encodes again is found out."""
SECRET = b'{"type":"redacted_thinking","data":"EmwK\\/AhgB"}'


@asynccontextmanager
async def sdk(gateway: Harness, key: str = KEY) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        api_key=key, base_url=f"{gateway.base}/v1", max_retries=0, timeout=20
    ) as client:
        yield client


class Loop:
    """A conversation of a client that keeps content and calls, and nothing else."""

    def __init__(self, client: AsyncOpenAI, *, stream: bool, **fields: Any) -> None:
        self.client = client
        self.stream = stream
        self.fields = {"model": MODEL, "reasoning_effort": "medium", "tools": TOOLS, **fields}
        self.messages: list[Any] = [QUESTION]
        self.reasoning = ""
        self.headers: dict[str, str] = {}

    async def ask(self) -> list[Any]:
        """One step: asks, keeps the answer, answers its calls. Returns the calls."""
        create = self.client.chat.completions.with_raw_response.create
        raw: Any = await create(messages=self.messages, stream=self.stream, **self.fields)
        self.headers = dict(raw.headers)
        if self.stream:
            content, calls = await self._read(raw.parse())
        else:
            message = raw.parse().choices[0].message
            content = message.content
            calls = [call.model_dump() for call in message.tool_calls or ()]
            self.reasoning = message.model_dump().get("reasoning_content") or ""
        self.messages.append({"role": "assistant", "content": content})
        if calls:
            self.messages[-1]["tool_calls"] = calls
        for call in calls:
            result = {"role": "tool", "tool_call_id": call["id"], "content": "22 degrees"}
            self.messages.append(result)
        return calls

    async def _read(self, stream: Any) -> tuple[str, list[Any]]:
        content = self.reasoning = ""
        calls: list[Any] = []
        async for chunk in stream:
            for choice in chunk.choices:
                delta = choice.delta
                content += delta.content or ""
                self.reasoning += getattr(delta, "reasoning_content", None) or ""
                for call in delta.tool_calls or ():
                    if call.id:
                        function = {"name": call.function.name, "arguments": ""}
                        calls.append({"id": call.id, "type": "function", "function": function})
                    calls[call.index]["function"]["arguments"] += call.function.arguments or ""
        return content, calls


both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@both
@pytest.mark.parametrize(
    "model", ["claude-sonnet-4-5", "claude-opus-4-8", "claude-opus-5-5", "claude-sonnet-5-5"]
)
async def test_a_tool_loop_on_the_simulator(model: str, stream: bool, tmp_path: Path) -> None:
    """It checks every signature and, told to, everything in front of it."""
    pool = [{"name": "built-in", "provider": "simulator"}]
    async with running(tmp_path, accounts=pool) as gateway, sdk(gateway) as client:
        loop = Loop(client, stream=stream, model=model, extra_headers={"x-simulate": "bind"})
        for _ in range(2):
            calls = await loop.ask()
            assert [call["function"]["name"] for call in calls] == ["get_weather"]
            assert len(gateway.app.thoughts) > 0
            assert loop.reasoning
            assert await loop.ask() == []
            assert loop.headers["x-dragoman-attempts"] == "1", "nothing was refused"
            # Manual thinking is left out, with a warning, where the earlier block is missing.
            assert "x-dragoman-warnings" not in loop.headers
            assert loop.reasoning
            loop.messages.append({**QUESTION, "content": "What is the weather in Rome?"})


def message(*blocks: bytes, stop: str = "tool_use") -> bytes:
    return response(
        200,
        b'{"id":"msg_01abc","type":"message","role":"assistant","model":"m","content":[%b],'
        b'"stop_reason":"%b","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":9}}'
        % (b",".join(blocks), stop.encode()),
    )


def tool_use(call_id: str = "toolu_1", city: str = "Paris") -> bytes:
    block = {"type": "tool_use", "id": call_id, "name": "get_weather", "input": {"city": city}}
    return compact(block)


def text(words: str) -> bytes:
    return compact({"type": "text", "text": words})


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


DONE = message(text("It is warm."), stop="end_turn")


def chunked(kind: str, data: bytes) -> bytes:
    event = b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
    return b"%x\r\n%b\r\n" % (len(event), event)


def member(block: bytes, name: bytes) -> bytes:
    """The literal of one of our own blocks' members."""
    return b'"%b"' % block.split(b'"%b":"' % name)[1].split(b'"')[0]


def streamed(*blocks: bytes, stop: str = "tool_use", end: bool = True) -> bytes:
    """The same as :func:`message`, as a stream, each text and argument in pieces."""
    start = b'{"type":"message_start","message":{"id":"msg_01abc","type":"message","role":'
    start += b'"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,'
    start += b'"usage":{"input_tokens":9,"output_tokens":1}}}'
    made = STREAM_HEAD + chunked("message_start", start)
    for index, block in enumerate(blocks):
        made += b"".join(_block(index, block))
    delta = b'{"type":"message_delta","delta":{"stop_reason":"%b","stop_sequence":null},' % (
        stop.encode()
    )
    made += chunked("message_delta", delta + b'"usage":{"output_tokens":9}}')
    if not end:
        return made
    return made + chunked("message_stop", b'{"type":"message_stop"}') + LAST_CHUNK


def _block(index: int, block: bytes) -> list[bytes]:
    begun, deltas = block, list[bytes]()
    kind = json.loads(block)["type"]
    if kind == "thinking":
        begun = b'{"type":"thinking","thinking":"","signature":""}'
        words = member(block, b"thinking")
        for piece in (b'"%b"' % words[1:9], b'"%b"' % words[9:-1]):
            deltas.append(b'{"type":"thinking_delta","thinking":%b}' % piece)
        signature = member(block, b"signature")
        deltas.append(b'{"type":"signature_delta","signature":%b}' % signature)
    elif kind == "text":
        begun = b'{"type":"text","text":""}'
        deltas.append(b'{"type":"text_delta","text":%b}' % member(block, b"text"))
    elif kind == "tool_use":
        whole = json.loads(block)
        data = compact(whole["input"]).decode()
        begun = compact({**whole, "input": {}})
        for piece in ("", data[:4], data[4:]):
            literal = json.dumps(piece).encode()
            deltas.append(b'{"type":"input_json_delta","partial_json":%b}' % literal)
    head = b'{"type":"content_block_start","index":%d,"content_block":%b}' % (index, begun)
    events = [chunked("content_block_start", head)]
    events += [
        chunked(
            "content_block_delta",
            b'{"type":"content_block_delta","index":%d,"delta":%b}' % (index, delta),
        )
        for delta in deltas
    ]
    stop = b'{"type":"content_block_stop","index":%d}' % index
    return [*events, chunked("content_block_stop", stop)]


def saying(*blocks: bytes, stream: bool) -> bytes:
    return streamed(*blocks) if stream else message(*blocks)


def done(*, stream: bool) -> bytes:
    return streamed(text("It is warm."), stop="end_turn") if stream else DONE


def sent_turn(upstream: ScriptedUpstream, number: int = -1) -> bytes:
    """The assistant's turn of an upstream request, as bytes."""
    body = upstream.requests[number].body
    return body.split(b'{"role":"assistant","content":')[1].split(b',{"role":"user"')[0]


@asynccontextmanager
async def scripted(
    folder: Path, script: Script, **config: Any
) -> AsyncIterator[tuple[Harness, ScriptedUpstream]]:
    async with ScriptedUpstream(script) as upstream:
        async with running(folder, accounts=accounts(upstream.url), **config) as gateway:
            yield gateway, upstream


@both
@pytest.mark.parametrize(
    "blocks",
    [
        [SIGNED, tool_use()],
        [SECRET, SIGNED, tool_use()],
        [SIGNED, text("I look."), tool_use()],
        [SIGNED, tool_use("toolu_1"), tool_use("toolu_2", "Rome")],
        [SIGNED, tool_use("toolu_1"), SECRET, tool_use("toolu_2", "Rome")],
    ],
    ids=["one call", "redacted", "text", "parallel", "interleaved"],
)
async def test_signed_thinking_goes_up_again_byte_for_byte(
    blocks: list[bytes], stream: bool, tmp_path: Path
) -> None:
    script = [RECEIVE, saying(*blocks, stream=stream), RECEIVE, done(stream=stream)]
    async with scripted(tmp_path, script) as (gateway, upstream), sdk(gateway) as client:
        loop = Loop(client, stream=stream)
        assert await loop.ask()
        assert await loop.ask() == []
        assert sent_turn(upstream) == b"[" + b",".join(blocks) + b"]}"


@both
async def test_one_key_never_gets_anothers_thinking(stream: bool, tmp_path: Path) -> None:
    mine = SIGNED.replace(b"should", b"might").replace(b"Ep4C", b"Mine")
    answers = [saying(block, tool_use(), stream=stream) for block in (SIGNED, mine)]
    ends = [done(stream=stream)] * 2
    script: Script = [step for answer in [*answers, *ends] for step in (RECEIVE, answer)]
    keys = [{"name": "a", "key": KEY}, {"name": "b", "key": OTHER_KEY}]
    async with scripted(tmp_path, script, keys=keys) as (gateway, upstream):
        async with sdk(gateway) as one, sdk(gateway, OTHER_KEY) as two:
            loops = [Loop(one, stream=stream), Loop(two, stream=stream)]
            for loop in [*loops, *loops]:
                await loop.ask()
            assert SIGNED in sent_turn(upstream, 2)
            assert mine not in sent_turn(upstream, 2)
            assert mine in sent_turn(upstream, 3)
            assert SIGNED not in sent_turn(upstream, 3)


async def test_what_was_made_for_one_key_is_nothing_to_another(tmp_path: Path) -> None:
    script = [RECEIVE, message(SIGNED, tool_use()), RECEIVE, DONE]
    keys = [{"name": "a", "key": KEY}, {"name": "b", "key": OTHER_KEY}]
    async with scripted(tmp_path, script, keys=keys) as (gateway, upstream):
        async with sdk(gateway) as one, sdk(gateway, OTHER_KEY) as two:
            loop = Loop(one, stream=False)
            await loop.ask()
            loop.client = two
            await loop.ask()
            assert b"thinking" not in sent_turn(upstream)


async def test_after_its_time_it_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thoughts, "TTL_S", 0.0)
    script = [RECEIVE, message(SIGNED, tool_use()), RECEIVE, DONE]
    async with scripted(tmp_path, script) as (gateway, upstream), sdk(gateway) as client:
        loop = Loop(client, stream=False, model="claude-sonnet-4-5")
        await loop.ask()
        assert await loop.ask() == []
        assert b"thinking" not in upstream.requests[1].body
        assert "reasoning_effort" in loop.headers["x-dragoman-warnings"]


async def test_it_outlives_a_reload(tmp_path: Path) -> None:
    script = [RECEIVE, message(SIGNED, tool_use()), RECEIVE, DONE]
    async with ScriptedUpstream(script) as upstream:
        pool = accounts(upstream.url)
        async with running(tmp_path, accounts=pool) as gateway, sdk(gateway) as client:
            loop = Loop(client, stream=False)
            await loop.ask()
            gateway.app.reload()
            await loop.ask()
            assert SIGNED in sent_turn(upstream)


@both
async def test_every_choice_is_remembered(stream: bool, tmp_path: Path) -> None:
    answers = [saying(SIGNED, tool_use(f"toolu_{n}"), stream=stream) for n in range(2)]
    async with ScriptedUpstream(*[[RECEIVE, answer] for answer in answers]) as upstream:
        pool = accounts(upstream.url)
        async with running(tmp_path, accounts=pool) as gateway:
            answer = await gateway.chat(
                n=2, stream=stream, model=MODEL, tools=TOOLS, reasoning_effort="high"
            )
            assert answer.status_code == 200
            await gateway.ended()
            assert len(gateway.app.thoughts) == 2


async def test_an_answer_that_broke_off_is_not_remembered(tmp_path: Path) -> None:
    broken = streamed(SIGNED, tool_use(), end=False)
    async with scripted(tmp_path, [RECEIVE, broken, RST]) as (gateway, _):
        answer = await gateway.chat(stream=True, model=MODEL, tools=TOOLS, reasoning_effort="high")
        assert b'"error"' in answer.content
        await gateway.ended()
        assert len(gateway.app.thoughts) == 0


# What an upstream does not take.

REFUSED = error(
    400, INVALID_REQUEST, "messages.1.content.0: Invalid `signature` in `thinking` block"
)
FORGED = {"type": "thinking", "thinking": "not what was said", "signature": "Zm9yZ2Vk"}
ECHOED: Any = [
    QUESTION,
    {
        "role": "assistant",
        "content": None,
        "thinking_blocks": [FORGED],
        "tool_calls": [
            {
                "id": "toolu_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "toolu_1", "content": "22 degrees"},
]


@both
@pytest.mark.parametrize(
    ("model", "kept"),
    [("claude-sonnet-4-5", None), (MODEL, {"type": "adaptive", "display": "summarized"})],
)
async def test_thinking_that_upstream_refuses_is_left_out(
    model: str, kept: Any, stream: bool, tmp_path: Path
) -> None:
    script = [RECEIVE, REFUSED, RECEIVE, done(stream=stream)]
    async with scripted(tmp_path, script) as (gateway, upstream), sdk(gateway) as client:
        loop = Loop(client, stream=stream, model=model)
        loop.messages = [*ECHOED]
        assert await loop.ask() == []
        assert loop.headers["x-dragoman-attempts"] == "2"
        assert loop.headers["x-dragoman-account"] == "a"
        assert "thinking=" in loop.headers["x-dragoman-warnings"]
        assert b"Zm9yZ2Vk" in upstream.requests[0].body
        assert b"Zm9yZ2Vk" not in upstream.requests[1].body
        assert json.loads(upstream.requests[1].body).get("thinking") == kept
        (line,) = await gateway.ended()
        assert (line["outcome"], line["attempts"]) == ("complete", 2)
        assert gateway.app.gateway.pool.snapshot()[0].failures == 0


async def test_a_stream_that_begins_with_the_refusal(tmp_path: Path) -> None:
    said = {"type": INVALID_REQUEST, "message": "The block is bound to a different conversation."}
    event = json.dumps({"type": "error", "error": said}).encode()
    refused = STREAM_HEAD + chunked("error", event) + LAST_CHUNK
    answer = [RECEIVE, done(stream=True)]
    async with ScriptedUpstream([RECEIVE, refused, *answer], answer) as upstream:
        pool = accounts(upstream.url)
        async with running(tmp_path, accounts=pool) as gateway, sdk(gateway) as client:
            loop = Loop(client, stream=True)
            loop.messages = [*ECHOED]
            assert await loop.ask() == []
            assert b"Zm9yZ2Vk" not in upstream.requests[1].body


async def test_only_one_more_try(tmp_path: Path) -> None:
    script = [RECEIVE, REFUSED, RECEIVE, REFUSED, RECEIVE, DONE]
    async with scripted(tmp_path, script) as (gateway, upstream), sdk(gateway) as client:
        loop = Loop(client, stream=False)
        loop.messages = [*ECHOED]
        with pytest.raises(BadRequestError):
            await loop.ask()
        assert len(upstream.requests) == 2


async def test_a_request_without_thinking_is_not_tried_again(tmp_path: Path) -> None:
    async with scripted(tmp_path, [RECEIVE, REFUSED, RECEIVE, DONE]) as (gateway, upstream):
        answer = await gateway.chat(model=MODEL)
        assert answer.status_code == 400
        assert len(upstream.requests) == 1


async def test_all_choices_go_up_without(tmp_path: Path) -> None:
    scripts = [[RECEIVE, REFUSED, RECEIVE, DONE] for _ in range(3)]
    async with ScriptedUpstream(*scripts) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(
                n=3, model=MODEL, messages=ECHOED, tools=TOOLS, reasoning_effort="high"
            )
            assert answer.status_code == 200
            assert len(answer.json()["choices"]) == 3
            assert answer.headers["x-dragoman-warnings"].count("thinking=") == 1
            forged = [b"Zm9yZ2Vk" in request.body for request in upstream.requests]
            assert forged.count(False) == 3


@both
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-5", "claude-opus-5-5"])
async def test_a_forged_signature_on_the_simulator(
    model: str, stream: bool, tmp_path: Path
) -> None:
    pool = [{"name": "built-in", "provider": "simulator"}]
    async with running(tmp_path, accounts=pool) as gateway, sdk(gateway) as client:
        loop = Loop(client, stream=stream, model=model)
        loop.messages = [*ECHOED]
        await loop.ask()
        assert "thinking=" in loop.headers["x-dragoman-warnings"]


@pytest.mark.parametrize(("model", "attempts"), [("claude-opus-5-5", "1"), ("claude-opus-5", "2")])
async def test_an_edited_history_on_the_simulator(
    model: str, attempts: str, tmp_path: Path
) -> None:
    """Where the model's row says that it checks, upstream is told to drop what does not fit; where
    it does not and checks all the same, the second try does."""
    pool = [{"name": "built-in", "provider": "simulator"}]
    async with running(tmp_path, accounts=pool) as gateway, sdk(gateway) as client:
        loop = Loop(client, stream=False, model=model, extra_headers={"x-simulate": "bind"})
        await loop.ask()
        loop.messages[0] = {**QUESTION, "content": "What is the weather in Paris, France?"}
        assert await loop.ask() == []
        assert loop.headers["x-dragoman-attempts"] == attempts


async def test_an_account_of_another_organisation_on_the_simulator(tmp_path: Path) -> None:
    pool = [{"name": name, "provider": "simulator"} for name in ("one", "two")]
    async with running(tmp_path, accounts=pool) as gateway, sdk(gateway) as client:
        loop = Loop(client, stream=False, model="claude-sonnet-5-5")
        await loop.ask()
        first = loop.headers["x-dragoman-account"]
        for account in gateway.app.gateway.pool.snapshot():
            if account.name == first:
                account.cool_until = gateway.app.clock.mono() + 100
        assert await loop.ask() == []
        assert loop.headers["x-dragoman-account"] != first


# The beta header.


async def test_betas_go_up_where_they_are_needed(tmp_path: Path) -> None:
    script = [RECEIVE, DONE] * 4
    async with scripted(tmp_path, script) as (gateway, upstream):
        await gateway.chat(model="claude-opus-5-5", messages=ECHOED, tools=TOOLS)
        await gateway.chat(model="claude-opus-5-5", tools=TOOLS, reasoning_effort="high")
        await gateway.chat(model="claude-sonnet-4-5", tools=TOOLS, reasoning_effort="high")
        await gateway.chat(model="claude-sonnet-4-5")
        sent = [request.headers.get("anthropic-beta") for request in upstream.requests]
        assert sent == [BINDING, None, "interleaved-thinking-2025-05-14", None]


async def test_betas_join_those_of_the_configuration(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, DONE, RECEIVE, DONE]) as upstream:
        pool = accounts(upstream.url, headers={"Anthropic-Beta": "mine-2026-01-01"})
        async with running(tmp_path, accounts=pool) as gateway:
            await gateway.chat(model="claude-opus-5-5", messages=ECHOED, tools=TOOLS)
            await gateway.chat(model="claude-opus-5-5")
            sent = [request.headers["anthropic-beta"] for request in upstream.requests]
            assert sent == [f"{BINDING},mine-2026-01-01", "mine-2026-01-01"]
            raw = upstream.connections[0].received
            assert raw.lower().count(b"anthropic-beta:") == 2

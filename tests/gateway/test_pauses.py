"""Answers that pause while the upstream searches: the client sees one answer of all parts."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from openai.lib.streaming.chat._completions import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from tests.gateway.harness import (
    LAST_CHUNK,
    STREAM_HEAD,
    accounts,
    chunks,
    error,
    event,
    reply,
    running,
    said,
)
from tests.scripted_upstream import (
    FIN,
    RECEIVE,
    UNTIL_CLOSED,
    Connection,
    ScriptedUpstream,
    Sleep,
    Slices,
    Tell,
)

SEARCH = {"web_search_options": {}, "max_tokens": 1000}
CITED = {
    "type": "web_search_result_location",
    "cited_text": "c",
    "url": "https://example.com/a",
    "title": "Page A",
    "encrypted_index": "Eo8B",
}
THOUGHT = {"type": "thinking", "thinking": "Let me \u2028look.", "signature": "EqQ/+="}
CALL = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "ünï", "n": 1.50},
}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "url": "https://example.com/a", "title": "A"}],
}
FIRST = [THOUGHT, {"type": "text", "text": "Let me see. 🎉"}, CALL, FOUND]
SECOND = [{"type": "text", "text": "It is so.", "citations": [CITED]}]
CONTENT = "Let me see. 🎉It is so."
SPAN = {"start_index": 13, "end_index": 22, "url": "https://example.com/a", "title": "Page A"}
ANNOTATIONS = [{"type": "url_citation", "url_citation": SPAN}]
USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 100,
    "output_tokens": 5,
    "server_tool_use": {"web_search_requests": 1},
}


def whole(
    blocks: list[dict[str, Any]], stop: str = "pause_turn", usage: dict[str, Any] = USAGE
) -> bytes:
    return reply(content=blocks, stop_reason=stop, usage=usage)


def _deltas(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block begins in a stream, and what follows."""
    if block["type"] == "text":
        texts = [{"type": "text_delta", "text": piece} for piece in block["text"]]
        cited = [{"type": "citations_delta", "citation": one} for one in block.get("citations", ())]
        return {"type": "text", "text": ""}, [*cited, *texts]
    if block["type"] == "thinking":
        begun = {"type": "thinking", "thinking": "", "signature": ""}
        text = {"type": "thinking_delta", "thinking": block["thinking"]}
        return begun, [text, {"type": "signature_delta", "signature": block["signature"]}]
    if block["type"] == "server_tool_use":
        pieces = json.dumps(block["input"])
        found = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces)]
        return {**block, "input": {}}, found
    return block, []


def streamed(
    blocks: list[dict[str, Any]],
    stop: str | None = "pause_turn",
    name: str = "msg_01abc",
    usage: dict[str, Any] = USAGE,
) -> bytes:
    """A part as a stream; without ``stop``, as far as its blocks."""
    begun = {**usage, "output_tokens": 1}
    made = STREAM_HEAD + event("message_start", message={"id": name, "usage": begun})
    for index, block in enumerate(blocks):
        begun, deltas = _deltas(block)
        made += event("content_block_start", index=index, content_block=begun)
        for delta in deltas:
            made += event("content_block_delta", index=index, delta=delta)
        made += event("content_block_stop", index=index)
    if stop is None:
        return made
    delta = {"stop_reason": stop, "stop_sequence": None}
    made += event("message_delta", delta=delta, usage=usage)
    return made + event("message_stop") + LAST_CHUNK


def bodies(upstream: ScriptedUpstream) -> list[dict[str, Any]]:
    found = [request for one in upstream.connections for request in one.requests]
    return [json.loads(request.body) for request in found]


def one_stream(content: bytes) -> Any:
    """The choice of a stream that must look like any other, as OpenAI's SDK reads it."""
    found = chunks(content)
    assert content.endswith(b"data: [DONE]\n\n")
    assert len({chunk["id"] for chunk in found}) == 1
    deltas = [choice["delta"] for chunk in found for choice in chunk["choices"]]
    assert [delta.get("role") for delta in deltas if "role" in delta] == ["assistant"]
    ends = [choice["finish_reason"] for chunk in found for choice in chunk["choices"]]
    assert len([end for end in ends if end]) == 1
    state = ChatCompletionStreamState()
    for chunk in found:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return state.current_completion_snapshot


async def test_a_whole_answer_goes_on(tmp_path: Path) -> None:
    script = [RECEIVE, whole(FIRST), RECEIVE, whole(SECOND, "end_turn")]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(**SEARCH)
            (line,) = await gateway.ended()
    told = answer.json()
    message = told["choices"][0]["message"]
    assert (message["content"], message["annotations"]) == (CONTENT, ANNOTATIONS)
    assert "tool_calls" not in message
    assert told["id"] == "chatcmpl-01abc"
    assert told["choices"][0]["finish_reason"] == "stop"
    usage = told["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (220, 10)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 200
    assert (line["outcome"], line["output_tokens"]) == ("complete", 10)
    first, second = bodies(upstream)
    assert second.pop("messages") == [
        *first.pop("messages"),
        {"role": "assistant", "content": FIRST},
    ]
    assert (first.pop("max_tokens"), second.pop("max_tokens")) == (1000, 995)
    assert first == second


async def test_blocks_of_a_whole_message_go_back_byte_for_byte(tmp_path: Path) -> None:
    odd = (
        b'[{"type": "text","text":"\\u00fc\\/"},{"id":"s","input":{"b":1.0,"a":[ ]},"new":null,'
        b'"type":"server_tool_use","name":"web_search"} , {"type":"new_result","x":1e3}]'
    )
    paused = whole([]).replace(b'"content": []', b'"content": ' + odd)
    length = str(len(paused.split(b"\r\n\r\n", 1)[1]))
    head, content = paused.split(b"\r\n\r\n", 1)
    head = head[: head.rindex(b":") + 2] + length.encode()
    script = [RECEIVE, head + b"\r\n\r\n" + content, RECEIVE, whole(SECOND, "end_turn")]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(**SEARCH)
            assert answer.json()["choices"][0]["message"]["content"] == "ü/It is so."
        sent = upstream.connections[0].requests[1].body
    for block in (
        b'{"type": "text","text":"\\u00fc\\/"}',
        b'{"id":"s","input":{"b":1.0,"a":[ ]},"new":null,"type":"server_tool_use",'
        b'"name":"web_search"}',
        b'{"type":"new_result","x":1e3}',
    ):
        assert block in sent


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_stream_goes_on(tmp_path: Path, size: int) -> None:
    last = streamed(SECOND, "end_turn", "msg_02other")
    script = [RECEIVE, Slices(streamed(FIRST), size), RECEIVE, Slices(last, size)]
    options = {"stream": True, "stream_options": {"include_usage": True}}
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(**SEARCH, **options)
            (line,) = await gateway.ended()
    told = one_stream(answer.content)
    message = told.choices[0].message
    assert message.content == CONTENT
    assert [one.to_dict() for one in message.annotations] == ANNOTATIONS
    assert message.tool_calls is None
    assert (told.id, told.choices[0].finish_reason) == ("chatcmpl-01abc", "stop")
    assert (told.usage.prompt_tokens, told.usage.completion_tokens) == (220, 10)
    assert (line["outcome"], line["output_tokens"]) == ("complete", 10)
    first, second = bodies(upstream)
    assert second.pop("messages") == [
        *first.pop("messages"),
        {"role": "assistant", "content": FIRST},
    ]
    assert (first.pop("max_tokens"), second.pop("max_tokens")) == (1000, 995)
    assert first == second


async def test_comments_flow_between_two_parts(tmp_path: Path) -> None:
    script = [RECEIVE, streamed(FIRST), RECEIVE, Sleep(1.6), streamed(SECOND, "end_turn")]
    server = {"keepalive_s": 0.2}
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, server=server, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True, **SEARCH)
    between = answer.content[answer.content.index(b'"L"') : answer.content.index(b'"I"')]
    assert b": keep-alive\n\n" in between
    assert one_stream(answer.content).choices[0].message.content == CONTENT


@pytest.mark.parametrize("stream", [False, True])
async def test_it_goes_on_where_it_began(tmp_path: Path, stream: bool) -> None:
    part = streamed if stream else whole
    script = [RECEIVE, part(FIRST), RECEIVE, part(SECOND, "end_turn")] * 8
    async with ScriptedUpstream(script) as one, ScriptedUpstream(script) as two:
        async with running(tmp_path, accounts=accounts(one.url, two.url)) as gateway:
            counts: list[tuple[int, int]] = []
            for number in range(8):
                headers = {"x-conversation-id": f"c{number}"}
                answer = await gateway.chat(headers, stream=stream, **SEARCH)
                assert answer.status_code == 200
                counts.append((len(bodies(one)), len(bodies(two))))
            assert all(a % 2 == b % 2 == 0 for a, b in counts)
            assert counts[-1][0] + counts[-1][1] == 16
            assert 0 not in counts[-1]


@pytest.mark.parametrize("stream", [False, True])
async def test_after_five_continuations_it_is_too_long(tmp_path: Path, stream: bool) -> None:
    part = streamed(FIRST) if stream else whole(FIRST)
    script = [RECEIVE, part] * 9
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=stream, **SEARCH)
            (line,) = await gateway.ended()
    sent = bodies(upstream)
    assert [len(body["messages"][-1]["content"]) for body in sent] == [1, 4, 8, 12, 16, 20]
    assert [body["max_tokens"] for body in sent] == [1000, 995, 990, 985, 980, 975]
    if stream:
        choice = one_stream(answer.content).choices[0]
        assert choice.message.content == "Let me see. 🎉" * 6
        assert choice.finish_reason == "length"
    else:
        choice = answer.json()["choices"][0]
        assert choice["message"]["content"] == "Let me see. 🎉" * 6
        assert choice["finish_reason"] == "length"
    assert line["output_tokens"] == 30


@pytest.mark.parametrize("stream", [False, True])
async def test_the_clients_limit_is_for_all_parts(tmp_path: Path, stream: bool) -> None:
    part = streamed(FIRST) if stream else whole(FIRST)
    async with ScriptedUpstream([RECEIVE, part] * 9) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=stream, **{**SEARCH, "max_tokens": 8})
    assert [body["max_tokens"] for body in bodies(upstream)] == [8, 3]
    assert b'"finish_reason":"length"' in answer.content


@pytest.mark.parametrize("stream", [False, True])
async def test_without_a_server_tool_nothing_goes_on(tmp_path: Path, stream: bool) -> None:
    part = streamed(FIRST) if stream else whole(FIRST)
    async with ScriptedUpstream([RECEIVE, part] * 9) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=stream)
    assert len(bodies(upstream)) == 1
    assert b'"finish_reason":"length"' in answer.content


OVERLOADED = error(529, "overloaded_error", "Overloaded")


async def test_a_whole_answer_that_cannot_go_on_is_an_error(tmp_path: Path) -> None:
    script = [RECEIVE, whole(FIRST), RECEIVE, OVERLOADED]
    async with ScriptedUpstream(script) as one, ScriptedUpstream(script) as two:
        async with running(tmp_path, accounts=accounts(one.url, two.url)) as gateway:
            answer = await gateway.chat(**SEARCH)
            (line,) = await gateway.ended()
            assert sorted([len(bodies(one)), len(bodies(two))]) == [0, 2]
    assert answer.status_code == 503
    assert "choices" not in answer.json()
    # What the first part used is paid for all the same.
    assert (line["outcome"], line["output_tokens"]) == ("upstream_failed", 5)


@pytest.mark.parametrize(
    "second",
    [
        OVERLOADED,
        streamed(SECOND, None) + event("error", error={"type": "overloaded_error", "message": "x"}),
        streamed(SECOND, None) + LAST_CHUNK,
    ],
    ids=["refused", "error event", "cut off"],
)
async def test_a_stream_that_cannot_go_on_ends_with_an_error(tmp_path: Path, second: bytes) -> None:
    script = [RECEIVE, streamed(FIRST), RECEIVE, second, FIN]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=True, **SEARCH)
            (line,) = await gateway.ended()
    assert answer.status_code == 200
    assert said(answer.content).startswith("Let me see. 🎉")
    *found, last = chunks(answer.content)
    assert last["error"]["type"] in ("server_error", "upstream_error")
    assert not any(choice["finish_reason"] for chunk in found for choice in chunk["choices"])
    assert b"[DONE]" not in answer.content
    assert line["outcome"] == "upstream_failed"
    assert line["output_tokens"] == (5 if second is OVERLOADED else 6)


@pytest.mark.parametrize("stream", [False, True])
async def test_every_choice_goes_on_by_itself(tmp_path: Path, stream: bool) -> None:
    part = streamed if stream else whole
    script = [RECEIVE, part(FIRST), RECEIVE, part(SECOND, "end_turn")]
    options = {"stream_options": {"include_usage": True}} if stream else {}
    both = asyncio.Barrier(2)

    async def meet(_: Connection) -> None:
        """Both choices are under way before any goes on: each has a connection of its own."""
        await both.wait()

    async with ScriptedUpstream([RECEIVE, meet, *script[1:]]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(n=2, stream=stream, **SEARCH, **options)
            (line,) = await gateway.ended()
    assert len(bodies(upstream)) == 4
    if stream:
        found = chunks(answer.content)
        assert answer.content.endswith(b"data: [DONE]\n\n")
        assert len({chunk["id"] for chunk in found}) == 1
        usage = found[-1]["usage"]
        for index in range(2):
            mine = [c for chunk in found for c in chunk["choices"] if c["index"] == index]
            text = "".join(choice["delta"].get("content") or "" for choice in mine)
            assert text == CONTENT
            assert [c["finish_reason"] for c in mine if c["finish_reason"]] == ["stop"]
    else:
        usage = answer.json()["usage"]
        messages = [choice["message"] for choice in answer.json()["choices"]]
        assert [message["content"] for message in messages] == [CONTENT, CONTENT]
        assert [message["annotations"] for message in messages] == [ANNOTATIONS] * 2
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (440, 20)
    assert line["output_tokens"] == 20


REFUSED = error(
    400,
    "invalid_request_error",
    "messages.1: `web_search` tool use with id `srvtoolu_1` was found without a corresponding"
    " `web_search_tool_result` block",
)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_open_search_that_upstream_does_not_take_back_is_left_out(
    tmp_path: Path, stream: bool
) -> None:
    part = streamed if stream else whole
    script = [RECEIVE, part(FIRST[:3]), RECEIVE, REFUSED, RECEIVE, part(SECOND, "end_turn")]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=stream, **SEARCH)
            (line,) = await gateway.ended()
    sent = [body["messages"][-1]["content"] for body in bodies(upstream)]
    assert sent[1:] == [FIRST[:3], FIRST[:2]]
    assert (line["outcome"], line["output_tokens"]) == ("complete", 10)
    message = one_stream(answer.content).choices[0].message if stream else None
    text = message.content if message else answer.json()["choices"][0]["message"]["content"]
    assert text == CONTENT


@pytest.mark.parametrize("stream", [False, True])
async def test_a_continuation_that_is_refused_is_told(tmp_path: Path, stream: bool) -> None:
    part = streamed if stream else whole
    async with ScriptedUpstream([RECEIVE, part(FIRST), RECEIVE, REFUSED]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=stream, **SEARCH)
    assert answer.status_code == (200 if stream else 400)
    told = chunks(answer.content)[-1] if stream else answer.json()
    assert "without a corresponding" in told["error"]["message"]
    assert told["error"]["param"] == "messages"
    assert len(bodies(upstream)) == 2


async def test_the_simulators_search_is_cited(tmp_path: Path) -> None:
    async with running(tmp_path, accounts=[{"name": "s", "provider": "simulator"}]) as gateway:
        question = [{"role": "user", "content": "What is the latest news?"}]
        told = await gateway.chat(messages=question, **SEARCH)
        streamed_answer = await gateway.chat(messages=question, stream=True, **SEARCH)
    message = told.json()["choices"][0]["message"]
    assert "tool_calls" not in message
    cited = [one["url_citation"] for one in message["annotations"]]
    assert cited
    assert all(one["url"].startswith("https://example.com/") for one in cited)
    assert all(message["content"][one["start_index"] : one["end_index"]] for one in cited)
    other = one_stream(streamed_answer.content).choices[0].message
    assert other.content == message["content"]
    assert [one.to_dict()["url_citation"] for one in other.annotations] == cited


async def test_a_client_that_leaves_ends_the_part_under_way(tmp_path: Path) -> None:
    second = asyncio.Event()
    script = [RECEIVE, streamed(FIRST), RECEIVE, Tell(second), UNTIL_CLOSED]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            client = await gateway.open(**SEARCH)
            async with asyncio.timeout(10):
                await second.wait()
                client.reset()
                await upstream.connections[-1].over
            (line,) = await gateway.ended()
    assert (line["outcome"], line["output_tokens"]) == ("client_left", 5)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_cache_is_judged_by_the_first_part(tmp_path: Path, stream: bool) -> None:
    """What the second part reads is what the first wrote: no hit that the client's next turn could
    count on, and nothing that its first was given."""

    def told(read: int, written: int) -> dict[str, int]:
        kept = {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}
        return {"input_tokens": 10, "output_tokens": 5, **kept}

    made = streamed if stream else whole
    parts = [
        made(FIRST, usage=told(0, 5000)),
        made(SECOND, "end_turn", usage=told(5000, 300)),
        made(SECOND, "end_turn", usage=told(5000, 400)),
    ]
    script: list[Any] = [step for part in parts for step in (RECEIVE, part)]
    headers = {"x-dragoman-explain": "1", "x-conversation-id": "c"}
    rules = {"role": "system", "content": "Look it up, always, and say where it stands. " * 400}
    turn = [rules, {"role": "user", "content": "Is it so?"}]
    asked: dict[str, Any] = {**SEARCH, "model": "claude-opus-5-5", "stream": stream}
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            lines: list[dict[str, str]] = []
            for more in ([], [{"role": "assistant", "content": CONTENT}, {**turn[1]}]):
                answer = await gateway.chat(headers, **asked, messages=[*turn, *more])
                assert answer.status_code == 200, answer.text
                line = answer.headers["x-dragoman-explain"]
                lines.append(dict(part.split("=", 1) for part in line.split("; ")))
            logged = await gateway.ended(2)
            counts = gateway.app.gateway.caches.counts.accounts["a"]
    first, second = lines
    assert (first["cache"], first["reason"]) == ("written", "first_request")
    assert (first["read"], first["written"]) == ("0", "5000")
    assert (second["cache"], second["read"], second["expected"]) == ("hit", "5000", "5000")
    assert [(one["cache"], one.get("cache_read_tokens", 0)) for one in logged] == [
        ("written", 5000), ("hit", 5000),
    ]  # fmt: skip
    assert sum(counts.values()) == 2, "a request counts once, however many parts its answer has"

"""Accounts of OpenAI-compatible servers: chat clients pass through, others are translated, and one
pool mixes them with Anthropic's."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import (
    LAST_CHUNK,
    MODEL,
    STREAM_HEAD,
    Harness,
    accounts,
    body,
    chunks,
    error,
    reply,
    response,
    running,
    said,
    stream,
)
from tests.scripted_upstream import FIN, RECEIVE, RST, ScriptedUpstream, Slices

OURS, THEIRS = "gpt-next", "gpt-next-2026"
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 7,
    "total_tokens": 27,
    "prompt_tokens_details": {"cached_tokens": 12},
}


def account(url: str, name: str = "o", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "provider": "openai",
        "base_url": f"{url}/v1",
        "api_key": "sk-other",
        "model_ids": {OURS: THEIRS},
        **fields,
    }


def completion(text: str = "Hello.", **message: Any) -> bytes:
    made = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": THEIRS,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": "stop",
                "logprobs": {"content": []},
            }
        ],
        "usage": USAGE,
        "system_fingerprint": "fp_1",
    }
    return response(200, json.dumps(made).encode())


def sse(*events: str) -> bytes:
    """A streamed response, each event a chunk."""
    framed = [f"data: {one}\n\n".encode() for one in events]
    pieces = [b"%x\r\n%b\r\n" % (len(one), one) for one in framed]
    return STREAM_HEAD + b"".join(pieces) + LAST_CHUNK


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **fields: Any) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    made = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": THEIRS}
    return json.dumps({**made, "choices": choices, **fields})


SAID = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hel"}),
    chunk({"content": "lo."}),
    chunk({}, "stop"),
)
COUNTED = chunk(None, usage=USAGE)


async def ask(gateway: Harness, path: str, **fields: Any) -> Any:
    return await gateway.http.post(path, json=fields)


async def test_a_chat_clients_bytes_pass_but_for_name_and_credential(tmp_path: Path) -> None:
    asked = (
        b'{"messages": [ {"role":"user","content":"caf\\u00e9"} ],  "model" : "gpt-next",'
        b' "seed": 7, "metadata": {"model":"gpt-next"}, "temperature": 1.50}'
    )
    async with ScriptedUpstream([RECEIVE, completion()]) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            answer = await gateway.http.post("/v1/chat/completions", content=asked)
            (sent,) = upstream.requests
            assert sent.body == asked.replace(b': "gpt-next",', b': "gpt-next-2026",', 1)
            assert sent.target == "/v1/chat/completions"
            assert sent.headers["authorization"] == "Bearer sk-other"
            assert {"x-api-key", "anthropic-version"}.isdisjoint(sent.headers)
            assert answer.content == completion().partition(b"\r\n\r\n")[2]
            assert "x-dragoman-warnings" not in answer.headers
            (line,) = await gateway.ended()
            figures = (line["input_tokens"], line["cache_read_tokens"], line["output_tokens"])
            assert (line["outcome"], *figures) == ("complete", 8, 12, 7)


@pytest.mark.parametrize("wanted", [True, False, None])
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_stream_passes_and_is_counted(
    tmp_path: Path, wanted: bool | None, size: int
) -> None:
    """Usage is asked for in any case, and told to those who asked."""
    given = sse(*SAID, COUNTED, "[DONE]")
    options = {} if wanted is None else {"stream_options": {"include_usage": wanted}}
    async with ScriptedUpstream([RECEIVE, Slices(given, size)]) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            answer = await gateway.chat(None, model=OURS, stream=True, **options)
            sent = json.loads(upstream.requests[0].body)
            assert sent["stream_options"] == {"include_usage": True}
            expected = [*SAID, COUNTED, "[DONE]"] if wanted else [*SAID, "[DONE]"]
            assert answer.text == "".join([f"data: {one}\n\n" for one in expected])
            (line,) = await gateway.ended()
            figures = (line["input_tokens"], line["cache_read_tokens"], line["output_tokens"])
            assert (line["outcome"], *figures) == ("complete", 8, 12, 7)


async def test_an_error_inside_a_stream_is_told_in_our_words(tmp_path: Path) -> None:
    broken = json.dumps({"error": {"message": "secret of acct-77", "code": 502}})
    given = sse(*SAID[:2], broken)
    async with ScriptedUpstream([RECEIVE, given]) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            answer = await gateway.chat(model=OURS, stream=True)
            assert said(answer.content) == "Hel"
            assert chunks(answer.content)[-1]["error"]["code"] == "upstream_fault"
            assert "acct-77" not in answer.text
            assert "[DONE]" not in answer.text
            (line,) = await gateway.ended()
            assert line["outcome"] == "upstream_failed"


async def test_what_claude_has_no_word_for_is_left_to_the_upstream(tmp_path: Path) -> None:
    asked = {"logprobs": True, "top_logprobs": 3, "temperature": 1.9, "logit_bias": {"1": 5},
             "audio": {"voice": "x"}, "modalities": ["text"], "vendor_field": [1]}  # fmt: skip
    async with ScriptedUpstream([RECEIVE, completion()]) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)], strict=True) as gateway:
            answer = await gateway.chat(None, model=OURS, **asked)
            assert answer.status_code == 200, answer.text
            sent = json.loads(upstream.requests[0].body)
            assert sent == body(model=THEIRS, **asked)
            answer = await gateway.chat(None, model=MODEL, logprobs=True)
            assert answer.status_code == 400


async def test_an_end_without_a_reason_is_not_passed_on(tmp_path: Path) -> None:
    given = sse(*SAID[:3], "[DONE]")
    options = {"include_usage": True}
    async with ScriptedUpstream([RECEIVE, given]) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            answer = await gateway.chat(None, model=OURS, stream=True, stream_options=options)
            assert said(answer.content) == "Hello."
            assert chunks(answer.content)[-1]["error"]["code"] == "stream_truncated"
            assert "[DONE]" not in answer.text


@pytest.mark.parametrize("end", [FIN, RST])
async def test_a_cut_stream_ends_with_an_error(tmp_path: Path, end: Any) -> None:
    given = sse(*SAID[:3]).removesuffix(LAST_CHUNK)
    async with ScriptedUpstream([RECEIVE, given, end]) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            answer = await gateway.chat(model=OURS, stream=True)
            assert said(answer.content) == "Hello."
            assert "error" in chunks(answer.content)[-1]
            assert "[DONE]" not in answer.text


@pytest.mark.parametrize("streamed", [True, False])
async def test_errors_before_the_answer(tmp_path: Path, *, streamed: bool) -> None:
    """What the client caused is told as upstream says it, what the account caused in our words."""
    wrong = {"error": {"message": "Invalid 'seed'.", "type": "invalid_request_error",
                       "param": "seed", "code": "invalid_type"}}  # fmt: skip
    refused = {"error": {"message": "Incorrect API key provided: sk-other", "code": None}}
    script = [
        RECEIVE, response(400, json.dumps(wrong).encode()),
        RECEIVE, response(401, json.dumps(refused).encode()),
    ]  # fmt: skip
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            answer = await gateway.chat(model=OURS, stream=streamed)
            found = answer.json()["error"]
            assert (answer.status_code, found["param"]) == (400, "seed")
            assert found["message"] == "Invalid 'seed'."
            answer = await gateway.chat(model=OURS, stream=streamed)
            assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_refused")
            assert "sk-other" not in answer.text


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_pool_fails_over_to_another_protocol_and_back(
    tmp_path: Path, *, streamed: bool
) -> None:
    """One model on an Anthropic account and on an OpenAI one: each is asked in its own words."""
    overloaded = error(529, "overloaded_error", "Overloaded")
    claude = [RECEIVE, overloaded, RECEIVE, stream("From A.") if streamed else reply("From A.")]
    other = (
        [RECEIVE, sse(*SAID, COUNTED, "[DONE]"), RECEIVE, response(503, b"busy")]
        if streamed
        else [RECEIVE, completion(), RECEIVE, response(503, b"busy")]
    )
    async with ScriptedUpstream(claude) as one, ScriptedUpstream(other) as two:
        first = accounts(one.url, priority=1, never_disable=True)
        second = account(two.url, model_ids={MODEL: "anthropic/claude"}, never_disable=True)
        async with running(tmp_path, accounts=[*first, second]) as gateway:
            answer = await gateway.chat(stream=streamed)
            text = said(answer.content) if streamed else words(answer.json())
            assert (text, answer.headers["x-dragoman-account"]) == ("Hello.", "o")
            assert json.loads(one.requests[0].body)["max_tokens"]
            sent = json.loads(two.requests[0].body)
            assert (sent["model"], sent["messages"]) == ("anthropic/claude", body()["messages"])
            answer = await gateway.chat(stream=streamed, user="somebody")
            text = said(answer.content) if streamed else words(answer.json())
            assert (text, answer.headers["x-dragoman-account"]) == ("From A.", "a")


def words(answer: dict[str, Any]) -> str:
    return answer["choices"][0]["message"]["content"]


async def test_messages_clients_are_translated(tmp_path: Path) -> None:
    called = {
        "tool_calls": [
            {"index": 0, "id": "call_1", "type": "function",
             "function": {"name": "look", "arguments": '{"at":"'}}
        ]
    }  # fmt: skip
    more = {"tool_calls": [{"index": 0, "function": {"arguments": 'sky"}'}}]}
    given = sse(
        chunk({"role": "assistant", "reasoning_content": "Hm."}),
        chunk({"content": "Let me see.", **called}),
        chunk(more),
        chunk({}, "stop"),
        COUNTED,
        "[DONE]",
    )
    async with ScriptedUpstream([RECEIVE, given]) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            answer = await ask(
                gateway,
                "/v1/messages",
                model=OURS,
                max_tokens=99,
                stream=True,
                tools=[{"name": "look", "input_schema": {"type": "object"}}],
                messages=[{"role": "user", "content": "Look."}],
            )
            events = chunks(answer.content)
            sent = json.loads(upstream.requests[0].body)
            assert sent["max_tokens"] == 99
            assert sent["tools"][0]["function"]["name"] == "look"
            starts = [one["content_block"]["type"] for one in events
                      if one["type"] == "content_block_start"]  # fmt: skip
            assert starts == ["thinking", "text", "tool_use"]
            (stop,) = [one for one in events if one["type"] == "message_delta"]
            assert stop["delta"]["stop_reason"] == "tool_use"
            usage = stop["usage"]
            assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (8, 12)
            pieces = [one["delta"]["partial_json"] for one in events
                      if one.get("delta", {}).get("type") == "input_json_delta"]  # fmt: skip
            assert json.loads("".join(pieces)) == {"at": "sky"}


async def test_several_choices_are_several_translated_requests(tmp_path: Path) -> None:
    script = [RECEIVE, completion()]
    async with ScriptedUpstream(script, script) as upstream:
        async with running(tmp_path, accounts=[account(upstream.url)]) as gateway:
            answer = (await gateway.chat(model=OURS, n=2)).json()
            assert [one["message"]["content"] for one in answer["choices"]] == ["Hello."] * 2
            assert all("n" not in json.loads(one.body) for one in upstream.requests)

"""``POST /v1/messages`` in front of Anthropic accounts: what is sent and what comes back are the
client's and the upstream's own bytes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import (
    KEY,
    LAST_CHUNK,
    MODEL,
    STREAM_HEAD,
    Harness,
    Raw,
    accounts,
    begin,
    error,
    event,
    finish,
    reply,
    response,
    running,
    stream,
    text,
)
from tests.scripted_upstream import (
    FIN,
    RECEIVE,
    RST,
    UNTIL_CLOSED,
    ScriptedUpstream,
    Sleep,
    Slices,
    Tell,
    Wait,
)

PATH = "/v1/messages"
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
ODD = (
    b' { "max_tokens":  7,\n"model" : "%b", "metadata":{"user_id":"u-1"},'
    b'"new_field":{"a":[1.0]},\r\n'
    b'"messages":[{"role":"user","content":[{"type":"text","text":"\\u4f60 \xe5\xa5\xbd",'
    b'"cache_control":{"type":"ephemeral","ttl":"1h"}}]}],"stream":%b , "tools":[]}\n'
)
"""A body as nobody's library writes it."""


def content(**fields: Any) -> dict[str, Any]:
    made = {
        "model": MODEL,
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "hi"}],
        **fields,
    }
    return {name: value for name, value in made.items() if value is not ...}


async def post(gateway: Harness, body: bytes, path: str = PATH, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.http.post(path, content=body, headers=named)


def unframed(chunked: bytes) -> bytes:
    """The body of chunks with their head."""
    rest, out = chunked.removeprefix(STREAM_HEAD), b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        out, rest = out + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return out


async def open_stream(gateway: Harness, body: bytes) -> Raw:
    raw = Raw(*await asyncio.open_connection("127.0.0.1", gateway.port))
    raw.writer.write(
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: %b\r\ncontent-length: %d\r\n\r\n%b"
        % (KEY.encode(), len(body), body)
    )
    return raw


async def test_a_body_goes_up_as_it_came(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, reply("Hello")]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            body = ODD % (MODEL.encode(), b"false")
            answer = await post(gateway, body)
            assert answer.status_code == 200
            assert answer.content == reply("Hello").partition(b"\r\n\r\n")[2]
            sent = upstream.requests[0]
            assert sent.body == body
            assert sent.target == "/v1/messages"
            assert sent.headers["x-api-key"] == "sk-ant-secret-0"
            assert "authorization" not in sent.headers
            [line] = await gateway.ended()
            assert (line["input_tokens"], line["output_tokens"]) == (10, 5)


@pytest.mark.parametrize("name", ["claude-haiku-4-5", "anthropic/claude-haiku-4-5", "mine"])
async def test_only_the_name_of_the_model_changes(name: str, tmp_path: Path) -> None:
    models = [{"id": "mine", "target": MODEL}]
    async with ScriptedUpstream([RECEIVE, reply()]) as upstream:
        config = {"accounts": accounts(upstream.url), "models": models}
        async with running(tmp_path, **config) as gateway:
            assert (await post(gateway, ODD % (name.encode(), b"false"))).status_code == 200
            assert upstream.requests[0].body == ODD % (MODEL.encode(), b"false")


async def test_a_nested_model_is_left_alone(tmp_path: Path) -> None:
    fields = {"metadata": {"model": "claude-haiku-4-5"}, "model": "claude-haiku-4-5"}
    body = json.dumps(content(**fields, system='"model": "claude-haiku-4-5"')).encode()
    async with ScriptedUpstream([RECEIVE, reply()]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            assert (await post(gateway, body)).status_code == 200
            sent = json.loads(upstream.requests[0].body)
            assert sent == {**json.loads(body), "model": MODEL}
            assert len(upstream.requests[0].body) == len(body) + len(MODEL) - len(fields["model"])


@pytest.mark.parametrize(
    ("given", "version", "betas"),
    [
        ({}, "2023-06-01", None),
        ({"anthropic_version": "2026-10-21"}, "2026-10-21", None),
        (
            {"anthropic_beta": "claude-code-20250219, effort-2025-11-24,oauth-2025-04-20"},
            "2023-06-01",
            "claude-code-20250219,effort-2025-11-24",
        ),
        (
            {"anthropic_beta": "interleaved-thinking-2099-01-01"},
            "2023-06-01",
            "interleaved-thinking-2099-01-01",
        ),
    ],
)
async def test_version_and_betas(
    given: dict[str, str], version: str, betas: str | None, tmp_path: Path
) -> None:
    async with ScriptedUpstream([RECEIVE, reply()]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            body = json.dumps(content()).encode()
            answer = await post(gateway, body, "/anthropic/v1/messages?beta=true", **given)
            assert answer.status_code == 200
            sent = upstream.requests[0].headers
            assert sent["anthropic-version"] == version
            assert sent.get("anthropic-beta") == betas
            told = answer.headers.get("x-dragoman-warnings", "")
            assert ("oauth-2025-04-20" in told) is ("oauth" in given.get("anthropic_beta", ""))


async def test_a_version_that_does_not_exist(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await post(gateway, json.dumps(content()).encode(), anthropic_version="2020-01-01")
        assert answer.status_code == 400
        assert "anthropic-version" in answer.json()["error"]["message"]


async def test_both_ways_to_show_a_key(tmp_path: Path) -> None:
    """``x-api-key`` wins, as with the vendor's own API."""
    body = json.dumps(content()).encode()
    async with running(tmp_path) as gateway:
        good = await post(gateway, body, x_api_key=KEY, authorization="Bearer sk-other")
        bad = await post(gateway, body, x_api_key="sk-other", authorization=f"Bearer {KEY}")
        assert (good.status_code, bad.status_code) == (200, 401)
        assert bad.headers["x-should-retry"] == "false"


WIRE = unframed(
    begin() + text("Hel") + event("ping") + event("of_tomorrow", x=1) + text("l\u2028o") + finish()
)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
async def test_a_stream_comes_down_as_it_came(size: int, tmp_path: Path) -> None:
    head = STREAM_HEAD.replace(b"transfer-encoding: chunked", b"content-length: %d" % len(WIRE))
    async with ScriptedUpstream([RECEIVE, head, Slices(WIRE, size)]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await post(gateway, ODD % (MODEL.encode(), b"true"))
            assert answer.content == WIRE
            assert answer.headers["content-type"].startswith("text/event-stream")
            [line] = await gateway.ended()
            assert line["outcome"] == "complete"
            assert (line["input_tokens"], line["output_tokens"]) == (10, 5)


async def test_carriage_returns_come_down_as_they_came(tmp_path: Path) -> None:
    wire = WIRE.replace(b"\n", b"\r\n")
    head = STREAM_HEAD.replace(b"transfer-encoding: chunked", b"content-length: %d" % len(wire))
    async with ScriptedUpstream([RECEIVE, head, Slices(wire, 5)]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await post(gateway, ODD % (MODEL.encode(), b"true"))
            assert answer.content == wire


async def test_pings_while_upstream_is_silent(tmp_path: Path) -> None:
    """Before the answer and inside of it, and never inside of an event."""
    half = unframed(STREAM_HEAD + text("lo"))
    cut = b"%x\r\n%b\r\n" % (20, half[:20])
    rest = b"%x\r\n%b\r\n" % (len(half) - 20, half[20:])
    script = [RECEIVE, Sleep(1.3), begin() + text("Hel") + cut, Sleep(1.3), rest + finish()]
    async with ScriptedUpstream(script) as upstream:
        config = {"server": {"keepalive_s": 0.2}, "accounts": accounts(upstream.url)}
        async with running(tmp_path, **config) as gateway:
            answer = await post(gateway, ODD % (MODEL.encode(), b"true"))
            assert answer.content.startswith(PING)
            assert answer.content.count(PING) >= 2
            wire = unframed(begin() + text("Hel") + text("lo") + finish())
            assert answer.content.replace(PING, b"") == wire
            before, _, _ = answer.content.partition(half)
            assert before.endswith(PING)


async def test_an_answer_from_another_account(tmp_path: Path) -> None:
    overloaded = error(529, "overloaded_error", "Overloaded")
    body = ODD % (MODEL.encode(), b"true")
    async with (
        ScriptedUpstream([RECEIVE, overloaded]) as first,
        ScriptedUpstream([RECEIVE, stream("Hello")]) as second,
    ):
        fields = accounts(first.url, second.url)
        fields[1]["priority"] = -1
        async with running(tmp_path, accounts=fields) as gateway:
            answer = await post(gateway, body)
            assert answer.content == unframed(stream("Hello"))
            assert first.requests[0].body == second.requests[0].body == body
            assert answer.headers["x-dragoman-attempts"] == "2"


def events(data: bytes) -> list[str]:
    return [line[7:] for line in data.decode().split("\n") if line.startswith("event: ")]


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ([event("error", error={"type": "overloaded_error", "message": "O"}) + LAST_CHUNK],
         "overloaded_error"),
        ([RST], "api_error"),
        ([LAST_CHUNK], "api_error"),
        ([b"10\r\nevent: mess", FIN], "api_error"),
    ],
)  # fmt: skip
async def test_a_stream_that_breaks_ends_with_one_error(
    ending: list[Any], kind: str, tmp_path: Path
) -> None:
    async with ScriptedUpstream([RECEIVE, begin() + text("Hel"), Sleep(0.1), *ending]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await post(gateway, ODD % (MODEL.encode(), b"true"))
            assert answer.status_code == 200
            assert answer.content.startswith(unframed(begin() + text("Hel")))
            names = events(answer.content)
            assert names[-1] == "error"
            assert names.count("error") == 1
            told = json.loads(answer.content.rpartition(b"data: ")[2])
            assert told["error"]["type"] == kind
            assert told["request_id"] == answer.headers["request-id"]
            [line] = await gateway.ended()
            assert line["outcome"] == "upstream_failed"


async def test_an_error_after_the_events_of_the_same_read(tmp_path: Path) -> None:
    broken = event("error", error={"type": "api_error", "message": "x"}) + text("never")
    async with ScriptedUpstream([RECEIVE, begin() + text("Hel") + broken]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await post(gateway, ODD % (MODEL.encode(), b"true"))
            assert events(answer.content)[-2:] == ["content_block_delta", "error"]
            assert b"never" not in answer.content


async def test_a_client_that_leaves(tmp_path: Path) -> None:
    begun = asyncio.Event()
    script = [RECEIVE, begin() + text("Hel"), Tell(begun), UNTIL_CLOSED]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            raw = await open_stream(gateway, ODD % (MODEL.encode(), b"true"))
            await raw.until(b'"Hel"')
            raw.reset()
            [line] = await gateway.ended()
            assert line["outcome"] == "client_left"
            await upstream.connections[0].over


async def test_a_refusal_keeps_its_status_words_and_details(tmp_path: Path) -> None:
    """Claude Code and the SDK act upon them."""
    words = "messages.1: `tool_use` ids were found without `tool_result` blocks"
    details = {"error_code": "some_code"}
    told = {"type": "invalid_request_error", "message": words, "details": details}
    refused = response(400, json.dumps({"type": "error", "error": told}).encode())
    async with ScriptedUpstream([RECEIVE, refused]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await post(gateway, ODD % (MODEL.encode(), b"true"))
            assert answer.status_code == 400
            assert answer.json() == {
                "type": "error",
                "error": told,
                "request_id": answer.headers["request-id"],
            }


async def test_thinking_that_nobody_signed_is_left_out(tmp_path: Path) -> None:
    unsigned = {"type": "thinking", "thinking": "hm", "signature": ""}
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    done = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [unsigned, call]},
        {"role": "user", "content": [done]},
    ]
    async with ScriptedUpstream([RECEIVE, reply()]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            body = content(messages=messages, other={"x": 1})
            assert (await post(gateway, json.dumps(body).encode())).status_code == 200
            messages[1]["content"] = [call]
            assert json.loads(upstream.requests[0].body) == body


async def test_counting_is_asked_of_upstream(tmp_path: Path) -> None:
    counted = response(200, b'{"input_tokens":  42}')
    limits = {"keys": [{"name": "tests", "key": KEY, "tpm": 10, "rpm": 2}]}
    body = json.dumps(content(model="claude-haiku-4-5", max_tokens=...)).encode()
    async with ScriptedUpstream([RECEIVE, counted, RECEIVE, counted]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url), **limits) as gateway:
            for _ in range(2):
                answer = await post(gateway, body, "/v1/messages/count_tokens?beta=true")
                assert answer.content == b'{"input_tokens":  42}'
            sent = upstream.requests[0]
            assert sent.target == "/v1/messages/count_tokens"
            assert json.loads(sent.body) == {**json.loads(body), "model": MODEL}
            # A request to the key's limits, of no tokens.
            assert (await post(gateway, body, "/v1/messages/count_tokens")).status_code == 429


async def test_counting_goes_to_the_next_account(tmp_path: Path) -> None:
    body = json.dumps(content(max_tokens=...)).encode()
    counted = [RECEIVE, response(200, b'{"input_tokens":3}')]
    overloaded = [RECEIVE, error(529, "overloaded_error", "Overloaded")]
    async with (
        ScriptedUpstream(overloaded) as first,
        ScriptedUpstream(counted * 20) as second,
    ):
        async with running(tmp_path, accounts=accounts(first.url, second.url)) as gateway:
            for talk in range(20):
                path = "/v1/messages/count_tokens"
                answer = await post(gateway, body, path, x_conversation_id=str(talk))
                assert answer.json() == {"input_tokens": 3}
            assert first.requests


async def test_a_thread_is_refused_so_that_the_sdk_sends_it_all(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await post(gateway, json.dumps(content(thread={"type": "create"})).encode())
        assert answer.status_code == 400
        assert answer.json()["error"]["details"]["error_code"] == "thread_unsupported_request"


async def test_what_claude_code_asks_first(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        for path in ("/api/hello", "/anthropic/api/hello"):
            assert (await gateway.http.head(path)).status_code == 200
        listed = await gateway.http.get(
            "/v1/models?limit=1000", headers={"anthropic-version": "2023-06-01"}
        )
        assert listed.json()["data"][0]["type"] == "model"


async def test_nothing_of_a_stream_waits_for_more_than_its_event(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    script = [RECEIVE, begin() + text("Hel"), Wait(go_on), text("lo") + finish()]
    async with ScriptedUpstream(script) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            raw = await open_stream(gateway, ODD % (MODEL.encode(), b"true"))
            await raw.until(b'"Hel"}}\n\n')
            go_on.set()
            await raw.until(LAST_CHUNK)
            raw.reset()

"""Chat requests over accounts on Bedrock, Vertex and Foundry, wire to wire.

Signatures are checked by botocore, streams are real event-stream frames, tokens come from scripted
endpoints.
"""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs

import pytest
from botocore import auth as oracle
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dragoman.catalogue.catalogue import Catalogue
from dragoman.clock import Clock
from dragoman.cloud_accounts import fitting
from dragoman.config import AccountConfig
from dragoman.dialects import chat
from tests import aws_frames
from tests.auth.test_tokens import service_account
from tests.gateway import harness
from tests.gateway.harness import MODEL, chunks, reply, response, running, said
from tests.scripted_upstream import RECEIVE, Connection, Request, ScriptedUpstream

KEYS = {
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
BEDROCK_ID = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 50,
    "cache_read_input_tokens": 100,
    "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 1,
}


def bedrock(upstream: ScriptedUpstream, **fields: Any) -> dict[str, Any]:
    """A Bedrock account with static keys."""
    made = {"name": "aws", "provider": "bedrock", "region": "eu-west-1", "base_url": upstream.url}
    return {**made, **({} if "api_key" in fields else KEYS), **fields}


def vertex(upstream: ScriptedUpstream, tokens: ScriptedUpstream) -> dict[str, Any]:
    return {
        "name": "google",
        "provider": "vertex",
        "region": "global",
        "project": "a-project",
        "base_url": upstream.url,
        "google_credentials": service_account(token_uri=f"{tokens.url}/token"),
    }


def again(answer: Callable[[Request], bytes]) -> Callable[[Connection], Any]:
    """A step that answers every request of a connection."""

    async def serve(connection: Connection) -> None:
        while True:
            await connection.send(answer(await connection.receive()))

    return serve


def token(text: str, life_s: int = 3600) -> bytes:
    granted = {"access_token": text, "expires_in": life_s, "token_type": "Bearer"}
    return response(200, json.dumps(granted).encode())


def aws_error(status: int, name: str, message: str) -> bytes:
    return response(status, json.dumps({"message": message}).encode(), f"x-amzn-errortype: {name}")


def events(*blocks: list[dict[str, Any]], stop: str = "end_turn") -> list[dict[str, Any]]:
    """The events of an answer."""
    message = {
        "id": "msg_01", "type": "message", "role": "assistant", "model": MODEL, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": USAGE,
    }  # fmt: skip
    delta = {"stop_reason": stop, "stop_sequence": None}
    return [
        {"type": "message_start", "message": message},
        *[event for block in blocks for event in block],
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]


def block(at: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": at, "content_block": start},
        *[{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": at},
    ]


def text(*pieces: str, at: int = 0) -> list[dict[str, Any]]:
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return block(at, {"type": "text", "text": ""}, *deltas)


MARK = {"type": "ephemeral"}
THOUGHTFUL = [
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Two "},
        {"type": "thinking_delta", "thinking": "cities."},
        {"type": "signature_delta", "signature": "c2lnbmVk"},
    ),
    *text("I look.", at=1),
    *block(
        2,
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"city": "Paris"}'},
    ),
    *block(
        3,
        {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"city": "Rome"}'},
    ),
]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def framed(found: list[dict[str, Any]], *more: bytes) -> bytes:
    """Events as a streamed answer of Bedrock."""
    data = b"".join(aws_frames.chunk(json.dumps(one).encode()) for one in found) + b"".join(more)
    head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


def sse(found: list[dict[str, Any]]) -> bytes:
    """The same as a streamed answer of Anthropic."""
    sent = [harness.event(one["type"], **{k: v for k, v in one.items() if k != "type"})
            for one in found]  # fmt: skip
    return harness.STREAM_HEAD + b"".join(sent) + harness.LAST_CHUNK


def expected_signature(request: Request, service: str, key: dict[str, str]) -> str:
    """What botocore would have signed this request with."""
    headers = {"content-type": request.headers["content-type"], "host": request.headers["host"]}
    url = f"http://{request.headers['host']}{request.target}"
    asked = AWSRequest(request.method, url, headers=headers, data=request.body)
    credentials = Credentials(
        key["aws_access_key_id"], key["aws_secret_access_key"], key.get("aws_session_token")
    )
    moment = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    with mock.patch.object(oracle, "get_current_datetime", return_value=moment):
        oracle.SigV4Auth(credentials, service, "eu-west-1").add_auth(asked)
    return asked.headers["Authorization"]


async def test_a_whole_answer_of_bedrock_and_its_signature(tmp_path: Path):
    key = {**KEYS, "aws_session_token": "the/session+token=="}
    async with ScriptedUpstream([RECEIVE, reply(usage=USAGE | {"output_tokens": 7})]) as upstream:
        account = bedrock(upstream, **key)
        async with running(tmp_path, accounts=[account]) as gateway:
            answer = await gateway.chat(user="someone")
            line = (await gateway.ended())[0]
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "Hello."
    assert answer.json()["usage"]["prompt_tokens"] == 160
    (request,) = upstream.requests
    assert request.target == f"/model/{BEDROCK_ID}/invoke"
    assert request.headers["authorization"] == expected_signature(request, "bedrock", key)
    assert request.headers["x-amz-security-token"] == "the/session+token=="
    assert "x-api-key" not in request.headers
    body = json.loads(request.body)
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert not {"model", "stream"} & set(body)
    assert line["account"] == "aws"


@pytest.mark.parametrize("asked", ["stream", "whole"])
async def test_thinking_and_parallel_tools_are_the_same_on_bedrock(tmp_path: Path, asked: str):
    """The same answer through Anthropic and through Bedrock is the same to the client."""
    found = events(THOUGHTFUL, stop="tool_use")
    blocks = [
        {"type": "thinking", "thinking": "Two cities.", "signature": "c2lnbmVk"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}},
        {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {"city": "Rome"}},
    ]
    whole = reply(content=blocks, stop_reason="tool_use", usage=USAGE | {"output_tokens": 7})
    streaming = asked == "stream"
    seen: list[Any] = []
    usages: list[dict[str, Any]] = []
    for provider in ("anthropic", "bedrock"):
        sent = (sse(found) if provider == "anthropic" else framed(found)) if streaming else whole
        async with ScriptedUpstream([RECEIVE, sent]) as upstream:
            if provider == "bedrock":
                accounts = [bedrock(upstream)]
            else:
                accounts = harness.accounts(upstream.url)
            async with running(tmp_path, accounts=accounts) as gateway:
                answer = await gateway.chat(
                    stream=streaming, tools=[TOOL], reasoning_effort="high",
                    **({"stream_options": {"include_usage": True}} if streaming else {}),
                )  # fmt: skip
                line = (await gateway.ended())[0]
        assert answer.status_code == 200
        usages.append({name: value for name, value in line.items() if "tokens" in name})
        told = chunks(answer.content) if streaming else [answer.json()]
        seen.append([{name: one[name] for name in ("choices", "usage")} for one in told])
    assert seen[0] == seen[1]
    assert usages[0] == usages[1]
    assert any(usages[0].values())


async def test_an_api_key_of_bedrock_is_a_bearer(tmp_path: Path):
    async with ScriptedUpstream([RECEIVE, framed(events(text("Hel", "lo.")))]) as upstream:
        account = bedrock(upstream, api_key="bedrock-api-key-YmVk")
        async with running(tmp_path, accounts=[account]) as gateway:
            answer = await gateway.chat(stream=True)
    assert said(answer.content) == "Hello."
    assert answer.content.endswith(b"data: [DONE]\n\n")
    (request,) = upstream.requests
    assert request.target == f"/model/{BEDROCK_ID}/invoke-with-response-stream"
    assert request.headers["authorization"] == "Bearer bedrock-api-key-YmVk"
    assert "x-amz-date" not in request.headers


async def test_bedrocks_messages_endpoint(tmp_path: Path):
    async with ScriptedUpstream([RECEIVE, sse(events(text("Hi.")))]) as upstream:
        account = bedrock(upstream, bedrock_api="messages", base_url=f"{upstream.url}/anthropic")
        async with running(tmp_path, accounts=[account]) as gateway:
            answer = await gateway.chat(stream=True, model="claude-opus-5-5")
    assert said(answer.content) == "Hi."
    (request,) = upstream.requests
    assert request.target == "/anthropic/v1/messages"
    assert json.loads(request.body)["model"] == "anthropic.claude-opus-5-5"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["authorization"] == expected_signature(request, "bedrock-mantle", KEYS)


async def test_from_anthropic_to_bedrock_in_one_pool(tmp_path: Path):
    """A request that one cloud refuses is answered by another, with the same figures."""
    answers: list[dict[str, Any]] = []
    overloaded = harness.error(529, "overloaded_error", "Overloaded")
    for first in (overloaded, sse(events(text("Hello.")))):
        async with (
            ScriptedUpstream([RECEIVE, first]) as anthropic,
            ScriptedUpstream([RECEIVE, framed(events(text("Hello.")))]) as aws,
        ):
            pool = [*harness.accounts(anthropic.url, priority=1), bedrock(aws)]
            async with running(tmp_path, accounts=pool) as gateway:
                answer = await gateway.chat(stream=True, stream_options={"include_usage": True})
                line = (await gateway.ended())[0]
        assert said(answer.content) == "Hello."
        answers.append({"account": line["account"], **chunks(answer.content)[-1]["usage"]})
    assert [answer.pop("account") for answer in answers] == ["aws", "a"]
    assert answers[0] == answers[1]
    assert (answers[0]["prompt_tokens"], answers[0]["completion_tokens"]) == (160, 7)


@pytest.mark.parametrize(
    "broken",
    [
        aws_error(429, "ThrottlingException:http://internal.amazon.com/", "Too many requests."),
        aws_error(403, "ExpiredTokenException", "The security token is expired."),
        aws_error(400, "ValidationException", "Invocation of model ID x with on-demand throughput"),
        framed([], aws_frames.exception("throttlingException", b'{"message":"Slow down."}')),
        framed(events()[:1], aws_frames.exception("modelStreamErrorException", b'{"message":""}')),
        framed([])[:-1] + b"1\r\n\r\n\0",
        framed(events(text("x")))[:-9].replace(b"content-length: ", b"x: "),
    ],
    ids=["throttled", "expired", "no-such-model", "exception", "late-exception", "corrupt", "cut"],
)
async def test_what_breaks_before_the_first_piece_moves_to_another_cloud(
    tmp_path: Path, broken: bytes
):
    if broken.endswith(b"\0"):
        broken = broken.replace(b"content-length: 1", b"content-length: 16")[:-1] + b"\0" * 16
    cut = b"x: " in broken
    if cut:
        broken = broken[: broken.index(b"\r\n\r\n") + 20]
    async with (
        ScriptedUpstream([RECEIVE, broken, *([_close] if cut else [])]) as aws,
        ScriptedUpstream([RECEIVE, sse(events(text("Hello.")))]) as anthropic,
    ):
        pool = [bedrock(aws, priority=1), *harness.accounts(anthropic.url)]
        async with running(tmp_path, accounts=pool) as gateway:
            answer = await gateway.chat(stream=True)
            line = (await gateway.ended())[0]
    assert said(answer.content) == "Hello."
    assert (line["account"], line["outcome"]) == ("a", "complete")


async def _close(connection: Connection) -> None:
    connection.writer.close()


async def test_an_exception_inside_the_stream_is_its_end(tmp_path: Path):
    told = json.dumps({"message": "Your request was throttled."}).encode()
    sent = framed(events(text("Hel", "lo."))[:4], aws_frames.exception("throttlingException", told))
    async with ScriptedUpstream([RECEIVE, sent]) as upstream:
        async with running(tmp_path, accounts=[bedrock(upstream)]) as gateway:
            answer = await gateway.chat(stream=True)
            line = (await gateway.ended())[0]
    assert said(answer.content) == "Hello."
    assert chunks(answer.content)[-1]["error"]["code"] == "rate_limit_exceeded"
    assert b"[DONE]" not in answer.content
    assert line["outcome"] == "upstream_failed"


async def test_what_a_cloud_cannot_take_goes_to_an_account_that_can(tmp_path: Path):
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What?"}, picture]}]
    async with (
        ScriptedUpstream([RECEIVE, reply()]) as aws,
        ScriptedUpstream([RECEIVE, reply()]) as anthropic,
    ):
        pool = [bedrock(aws, priority=1), *harness.accounts(anthropic.url)]
        images = {"fetch": False}
        async with running(tmp_path, accounts=pool, images=images) as gateway:
            answer = await gateway.chat(messages=messages)
        async with running(tmp_path, accounts=pool[:1], images=images) as gateway:
            refused = await gateway.chat(messages=messages)
    assert answer.status_code == 200
    assert answer.headers["x-dragoman-account"] == "a"
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "messages[0].content[1]"
    assert not aws.requests


def test_the_gateway_fetches_what_some_account_takes_as_bytes_only():
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    asked = json.dumps(harness.body(messages=[{"role": "user", "content": [picture]}])).encode()
    first_party = AccountConfig(name="a")
    invoke = AccountConfig(name="b", provider="bedrock")
    messages = AccountConfig(name="c", provider="bedrock", bedrock_api="messages")
    on_google = AccountConfig(name="d", provider="vertex")
    for pool, fetch, fetched in (
        ([first_party, messages], True, 0),
        ([first_party, invoke], True, 1),
        ([first_party, on_google], True, 1),
        ([first_party, invoke], False, 0),
        ([], True, 0),
    ):
        rows = Catalogue()
        rows.adapt(fitting(pool, fetch=fetch))
        assert len(chat.parse(asked, rows, strict=False).media) == fetched


async def test_a_pool_of_bedrock_alone_asks_newer_models_for_json_in_words(tmp_path: Path):
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    async with ScriptedUpstream([again(lambda _: reply('Here: {"a": "b"}'))]) as upstream:
        async with running(tmp_path, accounts=[bedrock(upstream)]) as gateway:
            answer = await gateway.chat(model="claude-opus-5-5", response_format=wanted)
    assert json.loads(answer.json()["choices"][0]["message"]["content"]) == {"a": "b"}
    assert "format" not in json.loads(upstream.requests[0].body).get("output_config", {})


async def test_vertex_and_fifty_requests_for_one_token(tmp_path: Path):
    upstream_script = [again(lambda _: reply(usage=USAGE | {"output_tokens": 7}))]
    async with (
        ScriptedUpstream(upstream_script) as upstream,
        ScriptedUpstream([RECEIVE, token("ya29.one")]) as tokens,
        running(tmp_path, accounts=[vertex(upstream, tokens)]) as gateway,
    ):
        answers = await asyncio.gather(*[gateway.chat() for _ in range(50)])
        assert [answer.status_code for answer in answers] == [200] * 50
        assert len(upstream.requests) == 50
        assert len(tokens.requests) == 1
        path = "/v1/projects/a-project/locations/global/publishers/anthropic/models/"
        assert {one.target for one in upstream.requests} == {
            f"{path}claude-haiku-4-5@20251001:rawPredict"
        }
        assert {one.headers["authorization"] for one in upstream.requests} == {"Bearer ya29.one"}
        body = json.loads(upstream.requests[0].body)
        assert body["anthropic_version"] == "vertex-2023-10-16"
        assert "model" not in body
        assert answers[0].json()["usage"]["prompt_tokens"] == 160
        asked = parse_qs(tokens.requests[0].body.decode())
        assert asked["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]


async def test_a_token_that_is_refused_is_renewed_and_the_request_sent_again(tmp_path: Path):
    later = 0.0
    clock = Clock(lambda: time.time() + later, lambda: time.monotonic() + later)
    good = "ya29.1"
    given: list[str] = []

    def answer(request: Request) -> bytes:
        if request.headers["authorization"] == f"Bearer {good}":
            return reply()
        told = {"error": {"code": 401, "message": "Expired.", "status": "UNAUTHENTICATED"}}
        return response(401, json.dumps(told).encode())

    def grant(_: Request) -> bytes:
        given.append(f"ya29.{len(given) + 1}")
        return token(given[-1])

    async with (
        ScriptedUpstream([again(answer)]) as upstream,
        ScriptedUpstream([again(grant)]) as tokens,
        running(tmp_path, clock, accounts=[vertex(upstream, tokens)]) as gateway,
    ):
        assert (await gateway.chat()).status_code == 200
        good = "ya29.2"
        later = 120.0
        assert (await gateway.chat()).status_code == 200
        assert given == ["ya29.1", "ya29.2"]
        # A new one that is refused, too, is not a matter of age: the account is.
        good = "none"
        assert (await gateway.chat()).status_code == 502
        assert given == ["ya29.1", "ya29.2"]
        assert len(upstream.requests) == 4


async def test_a_token_endpoint_that_refuses_sends_requests_elsewhere(tmp_path: Path):
    invalid = response(400, b'{"error":"invalid_grant","error_description":"Invalid JWT"}')
    async with (
        ScriptedUpstream([RECEIVE, reply()]) as upstream,
        ScriptedUpstream([RECEIVE, invalid]) as tokens,
        ScriptedUpstream([again(lambda _: reply())]) as anthropic,
    ):
        google = {**vertex(upstream, tokens), "priority": 1}
        pool = [google, *harness.accounts(anthropic.url)]
        async with running(tmp_path, accounts=pool) as gateway:
            answer = await gateway.chat()
            line = (await gateway.ended())[0]
    assert (answer.status_code, line["account"]) == (200, "a")
    assert not upstream.requests


@pytest.mark.parametrize("asked", ["stream", "whole"])
async def test_foundry_with_a_key(tmp_path: Path, asked: str):
    sent = sse(events(text("Hi."))) if asked == "stream" else reply("Hi.")
    async with ScriptedUpstream([RECEIVE, sent]) as upstream:
        account = {
            "name": "azure", "provider": "foundry", "base_url": f"{upstream.url}/anthropic",
            "api_key": "f0undry",
        }  # fmt: skip
        async with running(tmp_path, accounts=[account]) as gateway:
            answer = await gateway.chat(stream=asked == "stream")
    found = said(answer.content) if asked == "stream" else (
        answer.json()["choices"][0]["message"]["content"])  # fmt: skip
    assert found == "Hi."
    (request,) = upstream.requests
    assert request.target == "/anthropic/v1/messages"
    assert (request.headers["api-key"], request.headers["x-api-key"]) == ("f0undry", "f0undry")
    assert json.loads(request.body)["model"] == "claude-haiku-4-5"


async def test_foundry_with_an_application_of_entra(tmp_path: Path):
    async with (
        ScriptedUpstream([RECEIVE, reply()]) as upstream,
        ScriptedUpstream([RECEIVE, token("eyJ0.e30.c2ln")]) as tokens,
    ):
        account = {
            "name": "azure", "provider": "foundry", "base_url": f"{upstream.url}/anthropic",
            "azure_tenant_id": "a-tenant", "azure_client_id": "c", "azure_client_secret": "s",
            "token_url": f"{tokens.url}/a-tenant/oauth2/v2.0/token",
        }  # fmt: skip
        async with running(tmp_path, accounts=[account]) as gateway:
            answer = await gateway.chat()
    assert answer.status_code == 200
    assert upstream.requests[0].headers["authorization"] == "Bearer eyJ0.e30.c2ln"
    assert tokens.requests[0].target == "/a-tenant/oauth2/v2.0/token"
    assert parse_qs(tokens.requests[0].body.decode())["client_id"] == ["c"]
    assert all("c2ln" not in json.dumps(line, default=str) for line in gateway.lines.all)


@pytest.mark.parametrize("provider", ["bedrock", "vertex", "foundry"])
@pytest.mark.parametrize("asked", ["stream", "whole"])
async def test_messages_over_the_clouds(tmp_path: Path, provider: str, asked: str):
    """What a client of the Messages API gets is what Anthropic itself would have said."""
    found = events(THOUGHTFUL, stop="tool_use")
    blocks = [
        {"type": "thinking", "thinking": "Two cities.", "signature": "c2lnbmVk"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}},
    ]
    whole = reply(content=blocks, stop_reason="tool_use", usage=USAGE | {"output_tokens": 7})
    streaming = asked == "stream"
    framing = framed if provider == "bedrock" else sse
    async with (
        ScriptedUpstream([RECEIVE, framing(found) if streaming else whole]) as upstream,
        ScriptedUpstream([RECEIVE, token("ya29.one")]) as tokens,
    ):
        account = {
            "bedrock": bedrock(upstream),
            "vertex": vertex(upstream, tokens),
            "foundry": {
                "name": "azure", "provider": "foundry", "api_key": "f0undry",
                "base_url": f"{upstream.url}/anthropic",
            },
        }[provider]  # fmt: skip
        async with running(tmp_path, accounts=[account]) as gateway:
            body = {
                "model": "claude-sonnet-4-5", "max_tokens": 9000, "stream": streaming,
                "system": [{"type": "text", "text": "Be brief.", "cache_control": MARK}],
                "thinking": {"type": "enabled", "budget_tokens": 2000},
                "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
                "messages": [{"role": "user", "content": "Weather?"}],
            }  # fmt: skip
            answer = await gateway.http.post(
                "/v1/messages",
                json=body,
                headers={
                    "anthropic-version": "2023-06-01",
                    "anthropic-beta": "interleaved-thinking-2025-05-14",
                },
            )
    assert answer.status_code == 200, answer.text
    (request,) = upstream.requests
    sent = json.loads(request.body)
    assert sent["system"] == body["system"]
    assert sent["thinking"] == body["thinking"]
    if provider == "bedrock":
        assert sent["anthropic_beta"] == ["interleaved-thinking-2025-05-14"]
    else:
        assert request.headers["anthropic-beta"] == "interleaved-thinking-2025-05-14"
    if streaming:
        told = [one for one in chunks(answer.content) if one["type"] != "ping"]
        deltas = [one for one in told if one["type"] == "content_block_delta"]
        wanted = [one for one in found if one["type"] == "content_block_delta"]
        assert deltas == wanted
        assert told[-2]["usage"]["output_tokens"] == 7
        assert told[-1]["type"] == "message_stop"
        assert told[0]["message"]["usage"]["cache_read_input_tokens"] == 100
    else:
        assert answer.json()["content"] == blocks
        assert answer.json()["usage"]["cache_read_input_tokens"] == 100

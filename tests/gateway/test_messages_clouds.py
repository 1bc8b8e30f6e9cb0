"""``POST /v1/messages`` in front of accounts on clouds, wire to wire: what a client of the Messages
API sends and gets is its own and the model's bytes there, too."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import aws_frames
from tests.gateway import harness
from tests.gateway.harness import Harness, accounts, error, reply, response, running
from tests.gateway.test_clouds import KEYS as AWS
from tests.gateway.test_clouds import (
    THOUGHTFUL,
    again,
    aws_error,
    bedrock,
    events,
    expected_signature,
    framed,
    sse,
    text,
    token,
    vertex,
)
from tests.gateway.test_messages_passing import PING, content, open_stream, post, unframed
from tests.scripted_upstream import (
    RECEIVE,
    Request,
    ScriptedUpstream,
    Slices,
    Step,
    Wait,
)

OPUS = "claude-opus-5-5"
ODD = (
    b' { "max_tokens":  7,\n"model" : "%b", "metadata":{"user_id":"u-1"},'
    b'"new_field":{"a":[1.0]},\r\n'
    b'"messages":[{"role":"user","content":[{"type":"text","text":"\\u4f60 \xe5\xa5\xbd",'
    b'"cache_control":{"type":"ephemeral","ttl":"1h"}}]}],"stream":%b , "tools":[]}\n'
)
KEPT = (
    b' "metadata":{"user_id":"u-1"},"new_field":{"a":[1.0]},\r\n'
    b'"messages":[{"role":"user","content":[{"type":"text","text":"\\u4f60 \xe5\xa5\xbd",'
    b'"cache_control":{"type":"ephemeral","ttl":"1h"}}]}]'
)


@asynccontextmanager
async def at(
    folder: Path, cloud: str, script: list[Step], **config: Any
) -> AsyncIterator[tuple[Harness, ScriptedUpstream]]:
    """A gateway with one account at a cloud that plays a script."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        upstream = await enter(ScriptedUpstream(script))
        tokens = await enter(ScriptedUpstream([again(lambda _: token("ya29.one"))]))
        account = {
            "bedrock": bedrock(upstream),
            "mantle": bedrock(
                upstream, bedrock_api="messages", base_url=f"{upstream.url}/anthropic"
            ),
            "vertex": vertex(upstream, tokens),
            "foundry": {
                "name": "azure",
                "provider": "foundry",
                "api_key": "f0undry",
                "base_url": f"{upstream.url}/anthropic",
            },
        }[cloud]
        yield await enter(running(folder, accounts=[account], **config)), upstream


@pytest.mark.parametrize(
    ("cloud", "streams", "target", "sent"),
    [
        (
            "bedrock",
            b"true",
            "/model/eu.anthropic.claude-opus-5-5/invoke-with-response-stream",
            b'{"anthropic_version":"bedrock-2023-05-31", "max_tokens":  7,%b, "tools":[]}' % KEPT,
        ),
        (
            "bedrock",
            b"false",
            "/model/eu.anthropic.claude-opus-5-5/invoke",
            b'{"anthropic_version":"bedrock-2023-05-31", "max_tokens":  7,%b, "tools":[]}' % KEPT,
        ),
        (
            "vertex",
            b"true",
            "/v1/projects/a-project/locations/global/publishers/anthropic/models/"
            "claude-opus-5-5:streamRawPredict",
            b'{"anthropic_version":"vertex-2023-10-16", "max_tokens":  7,%b,"stream":true,'
            b' "tools":[]}' % KEPT,
        ),
        ("foundry", b"true", "/anthropic/v1/messages", ODD % (OPUS.encode(), b"true")),
        (
            "mantle",
            b"false",
            "/anthropic/v1/messages",
            b'{ "max_tokens":  7,\n"model" : "anthropic.claude-opus-5-5",%b,"stream":false,'
            b' "tools":[]}' % KEPT,
        ),
    ],
)
async def test_a_body_goes_up_with_these_changes(
    tmp_path: Path, cloud: str, streams: bytes, target: str, sent: bytes
) -> None:
    made = framed(events(text("Hi."))) if cloud == "bedrock" else sse(events(text("Hi.")))
    answer = made if streams == b"true" else reply()
    async with at(tmp_path, cloud, [RECEIVE, answer]) as (gateway, upstream):
        told = await post(gateway, ODD % (OPUS.encode(), streams))
        assert told.status_code == 200, told.text
        [request] = upstream.requests
    assert request.target == target
    assert request.body == sent
    if cloud in ("bedrock", "mantle"):
        service = "bedrock" if cloud == "bedrock" else "bedrock-mantle"
        assert request.headers["authorization"] == expected_signature(request, service, AWS)


STREAM = [
    *events(THOUGHTFUL, stop="tool_use")[:-1],
    {"type": "of_tomorrow", "text": "\u2028"},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 10}},
]
JSONS = [json.dumps(one, indent=None if at % 2 else 1).encode() for at, one in enumerate(STREAM)]
"""Half of them over several lines, which a server-sent event's data is not."""
SHOWN = b"".join(
    b"event: %b\ndata: %b\n\n" % (one["type"].encode(), raw.replace(b"\n", b" "))
    for one, raw in zip(STREAM, JSONS, strict=True)
)
FRAMES = b"".join(aws_frames.chunk(raw) for raw in JSONS)
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
    b"content-length: %d\r\n\r\n"
)


@pytest.mark.parametrize("size", [7, 64, 1000, 1_000_000])
async def test_a_stream_of_frames_comes_down_as_its_events(tmp_path: Path, size: int) -> None:
    script: list[Step] = [RECEIVE, HEAD % len(FRAMES), Slices(FRAMES, size)]
    async with at(tmp_path, "bedrock", script) as (gateway, _):
        answer = await post(gateway, ODD % (OPUS.encode(), b"true"))
        assert answer.content == SHOWN
        assert answer.headers["content-type"].startswith("text/event-stream")
        [line] = await gateway.ended()
    assert line["outcome"] == "complete"
    figures = (line["input_tokens"], line["cache_read_tokens"], line["output_tokens"])
    assert figures == (10, 100, 7)


async def test_a_type_that_does_not_come_first_is_found(tmp_path: Path) -> None:
    late = [dict(reversed(one.items())) for one in events(text("Hi."))]
    async with at(tmp_path, "bedrock", [RECEIVE, framed(late)]) as (gateway, _):
        answer = await post(gateway, ODD % (OPUS.encode(), b"true"))
    named = [line[7:] for line in answer.text.split("\n") if line.startswith("event: ")]
    assert named == [one["type"] for one in late]


@pytest.mark.parametrize("cloud", ["bedrock", "vertex"])
async def test_a_whole_answer_comes_down_as_it_came(tmp_path: Path, cloud: str) -> None:
    said = reply("Hello", new_field={"a": [1.0]}).partition(b"\r\n\r\n")[2].replace(b", ", b" ,\n")
    async with at(tmp_path, cloud, [RECEIVE, response(200, said)]) as (gateway, _):
        answer = await post(gateway, ODD % (OPUS.encode(), b"false"))
        assert answer.content == said
        [line] = await gateway.ended()
    assert (line["input_tokens"], line["output_tokens"]) == (10, 5)


async def test_pings_between_frames(tmp_path: Path) -> None:
    """And never inside of an event, however its frame is cut."""
    begin, go_on = asyncio.Event(), asyncio.Event()
    cut = len(FRAMES) // 2
    first, second = FRAMES[:cut], FRAMES[cut:]
    script: list[Step] = [
        RECEIVE, Wait(begin), HEAD % len(FRAMES), first, Wait(go_on), second
    ]  # fmt: skip
    config = {"server": {"keepalive_s": 0.1}}
    async with at(tmp_path, "bedrock", script, **config) as (gateway, _):
        raw = await open_stream(gateway, ODD % (OPUS.encode(), b"true"))
        await raw.until(PING + b"\r\n")
        begin.set()
        got = await raw.until(b'"Two "')
        got += await raw.until(PING + b"\r\n")
        go_on.set()
        got += await raw.until(b"0\r\n\r\n")
        raw.writer.close()
    # The first answer ends with the chunk of a ping, so this begins with a chunk's size.
    shown = b""
    while got:
        size, _, got = got.partition(b"\r\n")
        shown, got = shown + got[: int(size, 16)], got[int(size, 16) + 2 :]
    assert PING in shown
    assert shown.replace(PING, b"") == SHOWN


@pytest.mark.parametrize(
    "last",
    [
        aws_frames.exception("throttlingException", b'{"message":"Slow down."}'),
        aws_frames.chunk(b'{"type":"error","error":{"type":"rate_limit_error","message":"x"}}'),
    ],
    ids=["exception", "event"],
)
async def test_an_error_inside_a_stream_of_frames_is_told_once(tmp_path: Path, last: bytes) -> None:
    begun = events(text("Hel", "lo."))[:4]
    after = aws_frames.chunk(b'{"type":"message_stop"}')
    async with at(tmp_path, "bedrock", [RECEIVE, framed(begun, last, after)]) as (gateway, _):
        answer = await post(gateway, ODD % (OPUS.encode(), b"true"))
        [line] = await gateway.ended()
    named = [one[7:] for one in answer.text.split("\n") if one.startswith("event: ")]
    assert named == [*[one["type"] for one in begun], "error"]
    told = json.loads(answer.content.rpartition(b"data: ")[2])
    assert told["error"]["type"] == "rate_limit_error"
    assert told["request_id"] == answer.headers["request-id"]
    assert line["outcome"] == "upstream_failed"


async def test_from_cloud_to_cloud_each_gets_the_clients_own_bytes(tmp_path: Path) -> None:
    """What one cloud could not take is no news once another answered."""
    body = json.dumps(content(model=OPUS, stream=True, context_management={"edits": []})).encode()
    throttled = aws_error(429, "ThrottlingException", "Slow down.")
    async with (
        ScriptedUpstream([RECEIVE, throttled]) as aws,
        ScriptedUpstream([RECEIVE, harness.stream("Hello")]) as anthropic,
    ):
        pool = [bedrock(aws, priority=1), *accounts(anthropic.url)]
        async with running(tmp_path, accounts=pool) as gateway:
            answer = await post(gateway, body, anthropic_beta="context-management-2025-06-27")
        assert answer.content == unframed(harness.stream("Hello"))
        assert "x-dragoman-warnings" not in answer.headers
        assert anthropic.requests[0].body == body
        sent = json.loads(aws.requests[0].body)
        assert sent["anthropic_beta"] == ["context-management-2025-06-27"]
        assert "context_management" not in sent


async def test_what_another_vendor_could_not_take_is_no_news_either(tmp_path: Path) -> None:
    body = json.dumps(content(model=OPUS, context_management={"edits": []})).encode()
    throttled = response(429, b'{"error":{"message":"Slow down.","type":"x"}}')
    async with (
        ScriptedUpstream([RECEIVE, throttled]) as other,
        ScriptedUpstream([RECEIVE, reply()]) as anthropic,
    ):
        first = {"name": "other", "provider": "openai", "base_url": f"{other.url}/v1"}
        pool = [{**first, "api_key": "k", "priority": 1}, *accounts(anthropic.url)]
        async with running(tmp_path, accounts=pool) as gateway:
            answer = await post(gateway, body, anthropic_beta="oauth-2025-04-20")
        assert anthropic.requests[0].body == body
    assert "context_management" not in other.requests[0].body.decode()
    told = answer.headers["x-dragoman-warnings"]
    assert "oauth" in told
    assert "context_management" not in told


@pytest.mark.parametrize("stream", [False, True])
async def test_what_does_not_go_up_is_told(tmp_path: Path, stream: bool) -> None:
    made = framed(events(text("Hi."))) if stream else reply()
    asked = content(model=OPUS, stream=stream, context_management={}, speed="fast")
    named = "claude-code-20250219,advanced-tool-use-2025-11-20,oauth-2025-04-20"
    async with at(tmp_path, "bedrock", [RECEIVE, made]) as (gateway, upstream):
        answer = await post(gateway, json.dumps(asked).encode(), anthropic_beta=named)
        [request] = upstream.requests
    sent = json.loads(request.body)
    assert sent["anthropic_beta"] == ["tool-search-tool-2025-10-19"]
    assert not {"context_management", "speed"} & sent.keys()
    told = answer.headers["x-dragoman-warnings"]
    for word in ("context_management=", "speed=", "claude-code-20250219", "oauth-2025-04-20"):
        assert word in told


async def test_strict_leaves_nothing_out(tmp_path: Path) -> None:
    async with at(tmp_path, "bedrock", [again(lambda _: reply())], strict=True) as (gateway, _):
        betas = {"anthropic_beta": "claude-code-20250219"}
        asked = content(model=OPUS)
        assert (await post(gateway, json.dumps(asked).encode(), **betas)).status_code == 200
        answer = await post(gateway, json.dumps({**asked, "speed": "fast"}).encode(), **betas)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("speed: ")


COUNT = "/v1/messages/count_tokens"
QUESTION = json.dumps(content(model=OPUS, max_tokens=...)).encode()


def counted(request: Request) -> bytes:
    """Whoever is asked for a length answers 42, in the words of the one who was asked."""
    if "count-tokens" in request.target and "rawPredict" not in request.target:
        inner = json.loads(b64decode(json.loads(request.body)["input"]["invokeModel"]["body"]))
        assert inner["messages"]
        return response(200, b'{"inputTokens":42}')
    return response(200, b'{"input_tokens":42}')


@pytest.mark.parametrize(
    ("cloud", "target"),
    [
        ("bedrock", "/model/anthropic.claude-opus-5-5/count-tokens"),
        ("mantle", "/anthropic/v1/messages/count_tokens"),
        (
            "vertex",
            "/v1/projects/a-project/locations/global/publishers/anthropic/models/"
            "count-tokens:rawPredict",
        ),
        ("foundry", "/anthropic/v1/messages/count_tokens"),
    ],
)
async def test_every_cloud_is_asked_to_count(tmp_path: Path, cloud: str, target: str) -> None:
    async with at(tmp_path, cloud, [again(counted)]) as (gateway, upstream):
        answer = await post(gateway, QUESTION, COUNT)
        assert answer.content == b'{"input_tokens":42}'
        assert "x-dragoman-warnings" not in answer.headers
        [request] = upstream.requests
    assert request.target == target


NO_COUNT: list[tuple[str, Callable[[], bytes]]] = [
    (
        "bedrock",
        lambda: aws_error(
            400, "ValidationException", "The provided model doesn't support counting tokens."
        ),
    ),
    ("bedrock", lambda: aws_error(403, "AccessDeniedException", "No bedrock:CountTokens.")),
    (
        "vertex",
        lambda: response(
            404, b'{"error":{"code":404,"message":"Not found.","status":"NOT_FOUND"}}'
        ),
    ),
    ("foundry", lambda: response(404, b'{"error":{"code":"404","message":"Not found"}}')),
]


@pytest.mark.parametrize(("cloud", "refusal"), NO_COUNT)
async def test_who_does_not_count_is_none_the_worse(
    tmp_path: Path, cloud: str, refusal: Callable[[], bytes]
) -> None:
    """A length is estimated, says so, and the account goes on serving the model."""

    def answer(request: Request) -> bytes:
        asked = "count-tokens" in request.target or "count_tokens" in request.target
        return refusal() if asked else reply()

    async with at(tmp_path, cloud, [again(answer)]) as (gateway, _):
        for _ in range(2):
            told = await post(gateway, QUESTION, COUNT)
            assert told.status_code == 200, told.text
            assert told.json()["input_tokens"] > 0
            assert "estimated" in told.headers["x-dragoman-warnings"]
        body = json.dumps(content(model=OPUS)).encode()
        assert (await post(gateway, body)).status_code == 200


async def test_an_account_that_counts_is_found_behind_one_that_does_not(tmp_path: Path) -> None:
    refused = aws_error(400, "ValidationException", "The model doesn't support counting tokens.")
    async with (
        ScriptedUpstream([again(lambda _: refused)]) as aws,
        ScriptedUpstream([again(counted)]) as anthropic,
    ):
        pool = [bedrock(aws, priority=1), *accounts(anthropic.url)]
        async with running(tmp_path, accounts=pool) as gateway:
            answer = await post(gateway, QUESTION, COUNT)
            assert answer.content == b'{"input_tokens":42}'


async def test_a_count_of_something_wrong_is_refused_in_the_clouds_words(tmp_path: Path) -> None:
    words = "messages.0.content: Input should be a valid list"
    script: list[Step] = [again(lambda _: aws_error(400, "ValidationException", words))]
    async with at(tmp_path, "bedrock", script) as (gateway, _):
        answer = await post(gateway, QUESTION, COUNT)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == words


async def test_a_refusal_keeps_its_words_at_clouds_too(tmp_path: Path) -> None:
    words = "messages.1: `tool_use` ids were found without `tool_result` blocks"
    refused = error(400, "invalid_request_error", words)
    async with at(tmp_path, "vertex", [RECEIVE, refused]) as (gateway, _):
        answer = await post(gateway, ODD % (OPUS.encode(), b"true"))
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == words

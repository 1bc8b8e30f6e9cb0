"""The simulator as an account of the gateway: same bytes as over the wire, same failures."""

import asyncio
from typing import Any

import pytest

from dragoman.clock import SYSTEM
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.simulator.inprocess import InProcessClient, InProcessResponse
from dragoman.simulator.service import Settings, Simulator
from dragoman.upstream import Timeouts, UpstreamClient

from .conftest import HAIKU, parsed, text_of

PATIENT = Timeouts(first_byte_s=20, stall_s=20)
HASTY = Timeouts(first_byte_s=0.01, stall_s=0.01)
VERSION = b"anthropic-version: 2023-06-01\r\n"


def client(pace: float = 0, account: str = "a") -> InProcessClient:
    return InProcessClient(Simulator(SYSTEM, Settings(pace=pace)), account, SYSTEM)


def request(**more: Any) -> bytes:
    body = {"model": HAIKU, "max_tokens": 500, "messages": [{"role": "user", "content": "Hello!"}]}
    return jsonio.encode({**body, **more})


async def send(
    one: UpstreamClient, simulate: str = "", timeouts: Timeouts = PATIENT, **more: Any
) -> InProcessResponse:
    headers = VERSION + (f"X-Simulate: {simulate}\r\n".encode() if simulate else b"")
    response = await one.send("POST", "/v1/messages?beta=true", headers, request(**more), timeouts)
    assert isinstance(response, InProcessResponse)
    return response


async def test_a_whole_answer_and_a_stream_say_the_same() -> None:
    one = client()
    whole = jsonio.decode(await (await send(one)).body(100_000))
    response = await send(one, stream=True)
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parsed(await response.body(1_000_000))
    streamed = "".join(
        data["delta"]["text"]
        for name, data in events
        if name == "content_block_delta" and data["delta"]["type"] == "text_delta"
    )
    assert streamed == text_of(whole)
    assert [name for name, _ in events if name != "content_block_delta"] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    usage = next(data["usage"] for name, data in events if name == "message_delta")
    assert usage["output_tokens"] == whole["usage"]["output_tokens"]
    assert usage["input_tokens"] == whole["usage"]["input_tokens"]
    assert await response.read() == b""


async def test_a_paced_stream_comes_in_pieces() -> None:
    response = await send(client(pace=2000), stream=True)
    parts = []
    while part := await response.read():
        parts.append(part)
    assert len(parts) > 3
    assert parsed(b"".join(parts))[-1][0] == "message_stop"


async def test_the_pace_may_be_set_by_the_request() -> None:
    response = await send(client(pace=0.001), "pace=0", stream=True)
    assert parsed(await response.body(1_000_000))[-1][0] == "message_stop"


async def test_an_account_needs_no_key_of_its_own() -> None:
    response = await client().send("POST", "/v1/messages", VERSION, request(), PATIENT)
    assert response.status == 200
    response = await client().send(
        "POST", "/v1/messages", VERSION + b"x-api-key: invalid\r\n", request(), PATIENT
    )
    assert response.status == 401


@pytest.mark.parametrize(
    ("simulate", "kind"),
    [
        ("reset", "upstream_reset"),
        ("stall", "upstream_timeout"),
        ("slow=60000", "upstream_timeout"),
    ],
)
async def test_trouble_before_the_answer_raises(simulate: str, kind: str) -> None:
    with pytest.raises(Failure) as failed:
        await send(client(), simulate, HASTY, stream=True)
    assert failed.value.kind == kind


@pytest.mark.parametrize(
    ("simulate", "kind"),
    [
        ("reset=3", "upstream_reset"),
        ("truncate=3", "upstream_truncated"),
        ("stall=3", "upstream_timeout"),
    ],
)
async def test_trouble_inside_the_stream_raises_after_its_events(simulate: str, kind: str) -> None:
    response = await send(client(), simulate, HASTY, stream=True)
    assert response.status == 200
    assert len(parsed(await response.read())) == 3
    with pytest.raises(Failure) as failed:
        await response.read()
    assert failed.value.kind == kind


async def test_a_stream_may_end_without_its_end_or_with_an_error() -> None:
    response = await send(client(), "end=3", stream=True)
    names = [name for name, _ in parsed(await response.body(100_000))]
    assert names == ["message_start", "content_block_start", "ping"]
    response = await send(client(), "error=2", stream=True)
    name, data = parsed(await response.body(100_000))[-1]
    assert (name, data["error"]) == (
        "error",
        {"type": "overloaded_error", "message": "Overloaded"},
    )


async def test_a_short_delay_is_only_a_delay() -> None:
    response = await send(client(), "slow=1")
    assert response.status == 200


async def test_errors_are_answers() -> None:
    response = await send(client(), "529, retry-after=7")
    assert (response.status, response.headers["retry-after"]) == (529, "7")
    error = jsonio.decode(await response.body(10_000))
    assert error["error"] == {"type": "overloaded_error", "message": "Overloaded"}
    assert error["request_id"] == response.headers["request-id"]


async def test_a_directive_for_another_account_is_ignored() -> None:
    simulator = Simulator(SYSTEM, Settings(pace=0))
    one, other = (InProcessClient(simulator, name, SYSTEM) for name in ("a", "b"))
    assert (await send(one, "529@a")).status == 529
    assert (await send(other, "529@a")).status == 200


async def test_once_is_once_for_each_account() -> None:
    simulator = Simulator(SYSTEM, Settings(pace=0))
    one, other = (InProcessClient(simulator, name, SYSTEM) for name in ("a", "b"))
    assert [(await send(one, "500, once")).status for _ in range(3)] == [500, 200, 200]
    assert [(await send(other, "500, once")).status for _ in range(2)] == [500, 200]
    assert (await send(one, "500, once=again")).status == 500


async def test_cancelling_a_read_leaves_nothing_behind() -> None:
    response = await send(client(), "pace=0.01", stream=True)
    await response.read()
    reading = asyncio.ensure_future(response.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    response.close()
    assert await response.read() == b""


async def test_a_body_over_the_limit_is_nonsense() -> None:
    response = await send(client())
    with pytest.raises(Failure) as failed:
        await response.body(10)
    assert failed.value.kind == "upstream_nonsense"

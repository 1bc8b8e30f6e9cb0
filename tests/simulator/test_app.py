"""The program: the official SDK against it, and broken connections seen from a raw socket."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from dragoman.cli.simulator import greeting
from dragoman.clock import SYSTEM
from dragoman.simulator.app import SimulatorApp
from dragoman.simulator.service import Settings, Simulator
from dragoman.supervisor import Supervisor
from tests.leak_watch import leak_watch

from .conftest import HAIKU
from .pictures import png

OPUS = "claude-opus-5"
HI: Any = [{"role": "user", "content": "Hello!"}]
WEATHER: Any = [
    {
        "name": "get_weather",
        "description": "Weather of a city",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
]


@pytest.fixture(autouse=True)
async def no_leaks() -> AsyncIterator[None]:
    async with leak_watch():
        yield


@pytest.fixture
async def address(no_leaks: None) -> AsyncIterator[tuple[str, int]]:
    del no_leaks
    crashes: list[str] = []
    supervisor = Supervisor(crashes.append)
    app = SimulatorApp(Simulator(SYSTEM, Settings(pace=0)), SYSTEM)
    server = app.server(supervisor.spawn)
    yield await server.listen("127.0.0.1", 0)
    await server.close()
    await supervisor.close()
    assert not crashes


@pytest.fixture
async def client(address: tuple[str, int]) -> AsyncIterator[anthropic.AsyncAnthropic]:
    base = f"http://{address[0]}:{address[1]}"
    async with anthropic.AsyncAnthropic(api_key="k", base_url=base, max_retries=0) as made:
        yield made


async def test_a_message(client: anthropic.AsyncAnthropic) -> None:
    message = await client.messages.create(model=HAIKU, max_tokens=300, messages=HI)
    assert message.content[0].type == "text"
    assert "simulator" in message.content[0].text
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 10
    assert message._request_id is not None  # the SDK's public name for the header


async def test_a_stream(client: anthropic.AsyncAnthropic) -> None:
    async with client.messages.stream(model=HAIKU, max_tokens=300, messages=HI) as stream:
        parts = [text async for text in stream.text_stream]
        message = await stream.get_final_message()
    assert len(parts) > 5
    assert message.content[0].type == "text"
    assert "".join(parts) == message.content[0].text
    assert message.usage.output_tokens > 10


async def test_a_tool_loop(client: anthropic.AsyncAnthropic) -> None:
    history: Any = [{"role": "user", "content": "What's the weather in Boston and Oslo?"}]
    async with client.messages.stream(
        model=OPUS, max_tokens=2000, messages=history, tools=WEATHER
    ) as stream:
        message = await stream.get_final_message()
    assert message.stop_reason == "tool_use"
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"city": "Boston"}, {"city": "Oslo"}]
    history += [
        {"role": "assistant", "content": message.content},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
                for call in calls
            ],
        },
    ]
    final = await client.messages.create(
        model=OPUS, max_tokens=2000, messages=history, tools=WEATHER
    )
    assert "sunny" in next(block.text for block in final.content if block.type == "text")


async def test_thinking_goes_round(client: anthropic.AsyncAnthropic) -> None:
    thinking: Any = {"type": "adaptive", "display": "summarized"}
    async with client.messages.stream(
        model=OPUS, max_tokens=2000, messages=HI, thinking=thinking
    ) as stream:
        message = await stream.get_final_message()
    block = message.content[0]
    assert block.type == "thinking"
    assert block.thinking and block.signature
    history: Any = [
        *HI,
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": "Go on"},
    ]
    await client.messages.create(model=OPUS, max_tokens=2000, messages=history, thinking=thinking)
    block.signature = "tampered"
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        await client.messages.create(model=OPUS, max_tokens=2000, messages=history)


async def test_an_image(client: anthropic.AsyncAnthropic) -> None:
    data = base64.b64encode(png(64, 32)).decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    content: Any = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    message = await client.messages.create(
        model=HAIKU, max_tokens=300, messages=[{"role": "user", "content": content}]
    )
    assert message.content[0].type == "text"
    assert "PNG of 64 × 32 pixels" in message.content[0].text


async def test_counting_and_models(client: anthropic.AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(model=HAIKU, messages=HI)
    message = await client.messages.create(model=HAIKU, max_tokens=300, messages=HI)
    assert counted.input_tokens == message.usage.input_tokens
    listed = [model.id async for model in await client.models.list(limit=3)]
    assert HAIKU in listed and len(listed) > 10
    model = await client.models.retrieve("claude-haiku-4-5")
    assert model.id == HAIKU
    assert model.capabilities is not None
    assert model.capabilities.thinking.types.enabled.supported


async def test_structured_output(client: anthropic.AsyncAnthropic) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    message = await client.messages.create(
        model=OPUS,
        max_tokens=2000,
        messages=HI,
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    text = next(block.text for block in message.content if block.type == "text")
    assert text == '{"answer":"Hello!"}'


@pytest.mark.parametrize(
    ("simulate", "expected"),
    [
        ("400", anthropic.BadRequestError),
        ("401", anthropic.AuthenticationError),
        ("402", anthropic.PaymentRequiredError),
        ("403", anthropic.PermissionDeniedError),
        ("404", anthropic.NotFoundError),
        ("413", anthropic.ContentTooLargeError),
        ("429", anthropic.RateLimitError),
        ("500", anthropic.InternalServerError),
        ("503", anthropic.ServiceUnavailableError),
        ("504", anthropic.GatewayTimeoutError),
        ("529", anthropic.OverloadedError),
        ("html", anthropic.InternalServerError),
        ("reset", anthropic.APIConnectionError),
        ("stall", anthropic.APITimeoutError),
    ],
)
async def test_errors_are_the_sdks_classes(
    client: anthropic.AsyncAnthropic, simulate: str, expected: type[Exception]
) -> None:
    headers = {"x-simulate": simulate}
    patience = 0.2 if simulate == "stall" else 20
    with pytest.raises(expected):
        await client.messages.create(
            model=HAIKU, max_tokens=99, messages=HI, extra_headers=headers, timeout=patience
        )


async def test_the_sdk_retries_what_fails_once(client: anthropic.AsyncAnthropic) -> None:
    message = await client.with_options(max_retries=1).messages.create(
        model=HAIKU,
        max_tokens=99,
        messages=HI,
        extra_headers={"x-simulate": "529, retry-after=0, once"},
    )
    assert message.content


async def test_an_error_inside_a_stream(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.APIStatusError) as failed:
        async with client.messages.stream(
            model=HAIKU, max_tokens=99, messages=HI, extra_headers={"x-simulate": "error=4"}
        ) as stream:
            await stream.get_final_message()
    assert failed.value.type == "overloaded_error"


async def test_keys(address: tuple[str, int]) -> None:
    base = f"http://{address[0]}:{address[1]}"
    async with anthropic.AsyncAnthropic(api_key="invalid", base_url=base) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(model=HAIKU, max_tokens=9, messages=HI)


async def raw(address: tuple[str, int], simulate: str, stream: bool = True) -> bytes:
    """Everything that comes back on one connection; raises what the connection raises."""
    flag = "true" if stream else "false"
    said = (
        f'{{"model":"{HAIKU}","max_tokens":99,"stream":{flag},'
        '"messages":[{"role":"user","content":"Hi"}]}'
    )
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(
            "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\nconnection: close\r\n"
            f"anthropic-version: 2023-06-01\r\nx-simulate: {simulate}\r\n"
            f"content-length: {len(said)}\r\n\r\n{said}".encode()
        )
        return await reader.read(-1)
    finally:
        writer.close()


async def test_connections_end_as_ordered(address: tuple[str, int]) -> None:
    whole = await raw(address, "pace=0")
    assert whole.endswith(b"0\r\n\r\n") and b"message_stop" in whole
    ended = await raw(address, "end=2")
    assert ended.endswith(b"0\r\n\r\n") and ended.count(b"event: ") == 2
    cut = await raw(address, "truncate=2")
    assert not cut.endswith(b"0\r\n\r\n") and cut.count(b"event: ") == 2
    try:
        nothing = await raw(address, "truncate=2", stream=False)
    except ConnectionResetError:
        nothing = b""  # How a connection without an answer ends is the kernel's choice.
    assert nothing == b""
    for simulate, stream in (("reset=2", True), ("reset", True), ("reset=2", False)):
        with pytest.raises(ConnectionResetError):
            await raw(address, simulate, stream)


async def test_events_before_a_reset_arrive(address: tuple[str, int]) -> None:
    said = (
        f'{{"model":"{HAIKU}","max_tokens":9,"stream":true,'
        '"messages":[{"role":"user","content":"Hi"}]}'
    )
    reader, writer = await asyncio.open_connection(*address)
    writer.write(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\nx-simulate: reset=3\r\n"
        f"anthropic-version: 2023-06-01\r\ncontent-length: {len(said)}\r\n\r\n{said}".encode()
    )
    seen = b""
    with pytest.raises(ConnectionResetError):
        while part := await reader.read(65_536):
            seen += part
    assert seen.count(b"event: ") == 3
    writer.close()


async def test_a_malformed_request_gets_the_apis_shape(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-encoding: br\r\n"
                 b"content-length: 1\r\nconnection: close\r\n\r\nx")  # fmt: skip
    answer = await reader.read(-1)
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b'"type":"error","error":{"type":"invalid_request_error"' in answer
    writer.close()


def test_the_greeting_names_the_address() -> None:
    assert "curl http://127.0.0.1:8082/v1/messages" in greeting("127.0.0.1", 8082)
    assert "curl http://127.0.0.1:9/v1/messages" in greeting("0.0.0.0", 9)
    assert "curl http://[::1]:9/v1/messages" in greeting("::1", 9)

"""The whole gateway inside the test's event loop: real sockets on both sides, no second process."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2 as httpx
import msgspec

from dragoman.app import App
from dragoman.clock import SYSTEM, Clock
from dragoman.config import load

KEY = "sk-" + "k3y" * 16
INVALID_REQUEST = "invalid_request_error"
PROMPT = "a prompt that nobody else may read"
CHAT = "/v1/chat/completions"
MODEL = "claude-haiku-4-5-20251001"


class Lines:
    """Takes the place of the log: keeps what would have been written."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []

    def write(self, line: msgspec.Struct) -> bool:
        self.all.append(msgspec.to_builtins(line))
        return False

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Harness:
    """A running gateway, a client for it, and its log."""

    def __init__(self, app: App, lines: Lines, port: int) -> None:
        self.app = app
        self.lines = lines
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.http = httpx.AsyncClient(
            base_url=self.base,
            headers={"authorization": f"Bearer {KEY}"},
            trust_env=False,
            verify=False,  # it speaks plain HTTP: certificates would be read for nothing
            timeout=20,
            limits=httpx.Limits(max_connections=None),
        )

    async def chat(self, headers: Mapping[str, str] | None = None, **fields: Any) -> httpx.Response:
        """An ordinary chat request, changed by ``fields``."""
        return await self.http.post(CHAT, json=body(**fields), headers=headers)

    async def open(self, **fields: Any) -> "Raw":
        """A streamed chat request on a socket of its own, sent but not read."""
        raw = Raw(*await asyncio.open_connection("127.0.0.1", self.port))
        content = json.dumps(body(stream=True, **fields)).encode()
        raw.writer.write(
            b"POST %b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n"
            b"content-length: %d\r\n\r\n%b" % (CHAT.encode(), KEY.encode(), len(content), content)
        )
        return raw

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Log lines of requests."""
        return [line for line in self.lines.all if line["event"] == "request"]

    async def ended(self, count: int = 1) -> list[dict[str, Any]]:
        """The log lines of the first ``count`` requests, as soon as they are there."""
        async with asyncio.timeout(10):
            while len(self.requests) < count:  # noqa: ASYNC110 - the log is a plain list
                await asyncio.sleep(0.005)
        return self.requests


class Raw:
    """A client's socket, read by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(mark)

    async def rest(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.read()

    def reset(self) -> None:
        """Leave with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def body(**fields: Any) -> dict[str, Any]:
    """A chat body; a field set to ``...`` is left out."""
    made: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": PROMPT}],
        **fields,
    }
    return {name: value for name, value in made.items() if value is not ...}


def accounts(*urls: str, **fields: Any) -> list[dict[str, Any]]:
    """``anthropic`` accounts a, b, c … at the given addresses."""
    return [
        {
            "name": "abcdefgh"[index],
            "provider": "anthropic",
            "base_url": url,
            "api_key": f"sk-ant-secret-{index}",
            **fields,
        }
        for index, url in enumerate(urls)
    ]


@asynccontextmanager
async def running(folder: Path, clock: Clock = SYSTEM, **config: Any) -> AsyncIterator[Harness]:
    """A gateway with this configuration, on a free port; ``server`` may be given as well."""
    config.setdefault("keys", [{"name": "tests", "key": KEY}])
    config["server"] = {"port": 0, "drain_timeout_s": 5, **config.get("server", {})}
    path = folder / "dragoman.yaml"
    path.write_text(json.dumps(config))
    environ = {"DRAGOMAN_DATA": str(folder / "data")}
    lines = Lines()
    app = App(partial(load, str(path), environ), lines, clock)  # type: ignore[arg-type]
    _, port = await app.start()
    harness = Harness(app, lines, port)
    try:
        yield harness
    finally:
        await harness.http.aclose()
        await app.drain()


# What an Anthropic upstream says.


def reply(text: str = "Hello.", **fields: Any) -> bytes:
    """A whole message as an HTTP response."""
    message = {
        "id": "msg_01abc",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **fields,
    }
    return response(200, json.dumps(message).encode())


def error(status: int, kind: str, message: str, *headers: str) -> bytes:
    """An error as an HTTP response."""
    content = {"type": "error", "error": {"type": kind, "message": message}}
    return response(status, json.dumps(content).encode(), *headers)


def response(status: int, content: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "content-type: application/json", *headers]
    lines.append(f"content-length: {len(content)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


def event(kind: str, **fields: Any) -> bytes:
    """One server-sent event, as a chunk."""
    data = f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def begin() -> bytes:
    """Head, ``message_start`` and the start of a text block."""
    message = {
        "id": "msg_01abc",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    start = {"type": "text", "text": ""}
    return (
        STREAM_HEAD
        + event("message_start", message=message)
        + event("content_block_start", index=0, content_block=start)
    )


def text(piece: str) -> bytes:
    delta = {"type": "text_delta", "text": piece}
    return event("content_block_delta", index=0, delta=delta)


def finish() -> bytes:
    """The end of the block, of the message and of the stream."""
    return (
        event("content_block_stop", index=0)
        + event(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": 5},
        )
        + event("message_stop")
        + LAST_CHUNK
    )


def stream(*pieces: str) -> bytes:
    """A whole streamed answer."""
    return begin() + b"".join(text(piece) for piece in pieces) + finish()


def chunks(content: bytes) -> list[dict[str, Any]]:
    """The JSON of every ``data:`` line of an SSE body, ``[DONE]`` left out."""
    lines = content.decode().split("\n")
    data = [line[6:] for line in lines if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


def said(content: bytes) -> str:
    """The text of a streamed answer."""
    return "".join(
        chunk["choices"][0]["delta"].get("content") or ""
        for chunk in chunks(content)
        if chunk.get("choices")
    )

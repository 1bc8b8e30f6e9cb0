"""What the tests of the HTTP client share: a client for a scripted upstream, and ready answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from dragoman.clock import SYSTEM, Clock
from dragoman.errors import Failure
from dragoman.http.client import Client, Response, Target, Timeouts
from tests.leak_watch import leak_watch
from tests.scripted_upstream import ScriptedUpstream

# Longer than any test may take: what a test waits for must not come from here.
PATIENT = Timeouts(first_byte_s=600, stall_s=600)
HASTY = Timeouts(first_byte_s=0.2, stall_s=0.2)
HEADERS = b"x-api-key: secret\r\n"
MIB = 1 << 20


def answer(body: bytes = b"hello", *headers: str, status: str = "200 OK") -> bytes:
    """A response with content-length."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(*chunks: bytes, headers: tuple[str, ...] = ()) -> bytes:
    """A response in chunks, with its end."""
    lines = ["HTTP/1.1 200 OK", "transfer-encoding: chunked", *headers, "", ""]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return "\r\n".join(lines).encode("latin-1") + body + b"0\r\n\r\n"


@contextlib.asynccontextmanager
async def client_to(
    upstream: ScriptedUpstream | str,
    *,
    clock: Clock = SYSTEM,
    environ: Mapping[str, str] | None = None,
    **target: Any,
) -> AsyncIterator[Client]:
    """A client for a scripted upstream or a URL, closed afterwards."""
    url = upstream if isinstance(upstream, str) else upstream.url
    client = Client(Target(url, **target), clock=clock, environ=environ or {})
    try:
        yield client
    finally:
        await client.close()


async def post(
    client: Client, body: bytes = b"{}", timeouts: Timeouts = PATIENT, path: str = "/v1/messages"
) -> Response:
    return await client.send("POST", path, HEADERS, body, timeouts)


async def fetch(client: Client, body: bytes = b"{}", timeouts: Timeouts = PATIENT) -> bytes:
    """One request and its whole body."""
    response = await post(client, body, timeouts)
    return await response.body(64 * MIB)


async def read_all(response: Response) -> list[bytes]:
    """Every piece that ``read`` gives until the end."""
    pieces: list[bytes] = []
    while data := await response.read():
        pieces.append(data)
    return pieces


async def failure_of(awaitable: Any) -> Failure:
    """The failure that something must end in."""
    with pytest.raises(Failure) as caught:
        await awaitable
    return caught.value


async def settle(rounds: int = 20) -> None:
    """Let sockets of this process deliver what is under way."""
    for _ in range(rounds):
        await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
async def no_leaks() -> AsyncIterator[None]:
    async with leak_watch():
        yield

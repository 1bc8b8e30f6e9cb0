"""What the tests of the HTTP server share: a server on a free port, and raw sockets for clients."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, NamedTuple

import pytest

from dragoman.clock import SYSTEM, Clock
from dragoman.errors import Failure
from dragoman.http.call import Call
from dragoman.http.server import Server, ServerLimits
from dragoman.supervisor import Supervisor
from tests.leak_watch import leak_watch

Handler = Callable[[Call], Coroutine[Any, Any, None]]

PLAIN = (("content-type", "text/plain"),)
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
SWEEP_S = 0.01


class HandClock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.clock = Clock(wall=lambda: 1_795_000_000.0, mono=lambda: self.now)

    def pass_s(self, seconds: float) -> None:
        self.now += seconds


class Answer(NamedTuple):
    """One HTTP answer, read strictly."""

    status: int
    headers: dict[str, str]
    body: bytes
    chunks: list[bytes]

    def __repr__(self) -> str:
        return f"Answer({self.status}, {self.headers}, {self.body[:200]!r})"


class Client:
    """A client that does exactly what it is told, byte by byte."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""

    async def send(self, data: bytes, step: int = 0) -> None:
        """Send in pieces of ``step`` bytes, each in a packet of its own; 0: in one piece."""
        loop = asyncio.get_running_loop()
        for begin in range(0, len(data), step or len(data) or 1):
            await loop.sock_sendall(self.sock, data[begin : begin + (step or len(data))])
            if step:
                await asyncio.sleep(0)

    async def more(self) -> bool:
        """Receive something; False at the end."""
        data = await asyncio.get_running_loop().sock_recv(self.sock, 65_536)
        self.received += data
        return bool(data)

    async def until(self, mark: bytes) -> bytes:
        while mark not in self.received:
            assert await self.more(), f"closed after {self.received[-500:]!r}"
        found, _, self.received = self.received.partition(mark)
        return found + mark

    async def exactly(self, size: int) -> bytes:
        while len(self.received) < size:
            assert await self.more(), f"closed after {self.received[-500:]!r}"
        found, self.received = self.received[:size], self.received[size:]
        return found

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        while await self.more():
            pass
        found, self.received = self.received, b""
        return found

    async def head(self) -> tuple[int, dict[str, str]]:
        lines = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        version, status, *_ = lines[0].split(" ")
        assert version == "HTTP/1.1"
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            assert name == name.lower()
            assert name not in headers or name == "vary"
            headers[name] = value
        return int(status), headers

    async def answer(self, *, to_head: bool = False) -> Answer:
        """The next whole answer."""
        status, headers = await self.head()
        chunks: list[bytes] = []
        if to_head or status == 204:
            body = b""
        elif "transfer-encoding" in headers:
            assert headers["transfer-encoding"] == "chunked"
            assert "content-length" not in headers
            while size := int((await self.until(b"\r\n"))[:-2], 16):
                chunks.append(await self.exactly(size))
                assert await self.exactly(2) == b"\r\n"
            assert await self.exactly(2) == b"\r\n"
            body = b"".join(chunks)
        elif "content-length" in headers:
            body = await self.exactly(int(headers["content-length"]))
        else:
            body = await self.rest()
        return Answer(status, headers, body, chunks)

    async def ask(self, data: bytes) -> Answer:
        await self.send(data)
        return await self.answer()

    async def closed(self) -> None:
        """Wait until the server closes, having sent nothing more."""
        assert await self.rest() == b""

    async def gone(self) -> None:
        """Wait until the connection is over, by FIN or by reset."""
        with contextlib.suppress(ConnectionResetError):
            await self.rest()

    def fin(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Vanish with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


class Rig:
    """A running server, and whoever talks to it."""

    def __init__(self, server: Server, address: tuple[str, int], hand: HandClock | None) -> None:
        self.server = server
        self.address = address
        self.time = hand or HandClock()
        self.crashes: list[str] = []
        self._clients: list[Client] = []

    async def connect(self, *, receive_buffer: int = 0) -> Client:
        sock = socket.socket()
        client = Client(sock)
        self._clients.append(client)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, self.address)
        return client

    async def ask(self, data: bytes) -> Answer:
        """One request on a connection of its own."""
        client = await self.connect()
        answer = await client.ask(data)
        client.close()
        return answer

    def hang_up(self) -> None:
        for client in self._clients:
            client.close()


@contextlib.asynccontextmanager
async def serving(
    handler: Handler,
    *,
    by_hand: bool = False,
    cors: tuple[str, ...] = (),
    tls: ssl.SSLContext | None = None,
    crashes: bool = False,
    **limits: Any,
) -> AsyncIterator[Rig]:
    """A server for ``handler``; ``by_hand``: with a clock that stands still.

    Unless ``crashes``, no handler may end with an exception.
    """
    crashed: list[str] = []
    supervisor = Supervisor(crashed.append)
    hand = HandClock() if by_hand else None
    server = Server(
        handler,
        ServerLimits(**{"sweep_interval_s": SWEEP_S, **limits}),
        clock=hand.clock if hand else SYSTEM,
        spawn=supervisor.spawn,
        refuse=lambda failure, path: f"{failure.kind} {path} {failure.message}".encode(),
        cors_origins=cors,
    )
    rig = Rig(server, await server.listen("127.0.0.1", 0, tls), hand)
    rig.crashes = crashed
    try:
        yield rig
    finally:
        rig.hang_up()
        await server.close()
        await supervisor.close()
    assert server.connections == server.running == 0
    assert bool(crashed) == crashes, crashed


class Recorder:
    """A handler that answers every call with its body, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.bodies: list[bytes] = []
        self.failures: list[Failure] = []

    async def __call__(self, call: Call) -> None:
        self.calls.append(call)
        try:
            body = await call.body()
        except Failure as failure:
            self.failures.append(failure)
            call.respond(failure.status, PLAIN, failure.kind.encode())
            return
        self.bodies.append(body)
        call.respond(200, PLAIN, body)

    @property
    def paths(self) -> list[str]:
        return [call.path for call in self.calls]


class Held:
    """A handler that waits in each call until it is let go, and notes how it ended."""

    def __init__(self, answer: bytes = b"let go") -> None:
        self.calls: list[Call] = []
        self.cancelled: list[Call] = []
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self.let_go = asyncio.Event()
        self._answer = answer

    async def __call__(self, call: Call) -> None:
        self.calls.append(call)
        self.started.set()
        try:
            await self.let_go.wait()
            call.respond(200, PLAIN, self._answer)
        except asyncio.CancelledError:
            self.cancelled.append(call)
            raise
        finally:
            self.ended.set()


def post(body: bytes, *headers: str, path: str = "/") -> bytes:
    """A POST with content-length."""
    lines = [f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*chunks: bytes, headers: tuple[str, ...] = (), trailers: bytes = b"") -> bytes:
    """A chunked POST."""
    lines = ["POST / HTTP/1.1", "Host: test", "Transfer-Encoding: chunked", *headers, "", ""]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return "\r\n".join(lines).encode("latin-1") + framed + b"0\r\n" + trailers + b"\r\n"


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; the test's time-out ends a vain wait."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.002)


async def settle() -> None:
    """Let everything that is under way between sockets of this process arrive."""
    for _ in range(20):
        await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
async def no_leaks() -> AsyncIterator[None]:
    async with leak_watch():
        yield

"""An upstream that plays a script: the other end of a connection, told byte by byte what to do.

A script is a list of steps for one connection; the first connection accepted plays the first
script, the
second the second, and the last script serves all further ones::

    async with ScriptedUpstream(
        [RECEIVE, b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi", RECEIVE, RST],
        [RECEIVE, Slices(ANSWER, 1), FIN],
    ) as upstream:
        ...                                   # talk to upstream.url, or to 127.0.0.1:upstream.port
        first = upstream.connections[0]
        assert first.requests[0].body == b"..."
        await first.over                      # until the peer has closed it or the script has

Steps:

===================  ============================================================================
``bytes``            send them in one piece
``RECEIVE``          wait for one whole request (head, and body by content-length) and keep it
``Slices(b, n)``     send ``b`` in pieces of ``n`` bytes, each in its own round of the event loop
``Sleep(s)``         do nothing for ``s`` seconds
``Wait(event)``      wait for an ``asyncio.Event`` that the test sets
``Tell(event)``      set an ``asyncio.Event`` that the test waits for
``Endless(b)``       send ``b`` again and again as fast as the peer takes it, until it leaves
``FIN``              close in an orderly way (with TLS: close_notify first)
``CUT``              close the TCP connection without TLS's close_notify
``RST``              reset the connection (SO_LINGER 0)
``UNTIL_CLOSED``     wait for the peer to close
``UpgradeTLS(ctx)``  from here on speak TLS as the server (what follows a CONNECT)
``async def f(c)``   anything else: called with the :class:`Connection`
===================  ============================================================================

A script that ends leaves the connection open until the peer closes it. What the peer sent is
kept in ``Connection.received`` (all bytes) and ``Connection.requests``. A script may also be one
callable ``(index) -> list of steps``.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum


class Signal(Enum):
    """Steps without a parameter."""

    RECEIVE = "receive"
    FIN = "fin"
    CUT = "cut"
    RST = "rst"
    UNTIL_CLOSED = "until closed"


RECEIVE = Signal.RECEIVE
FIN = Signal.FIN
CUT = Signal.CUT
RST = Signal.RST
UNTIL_CLOSED = Signal.UNTIL_CLOSED


@dataclass(frozen=True)
class Slices:
    data: bytes
    size: int = 1


@dataclass(frozen=True)
class Sleep:
    seconds: float


@dataclass(frozen=True)
class Wait:
    event: asyncio.Event


@dataclass(frozen=True)
class Tell:
    event: asyncio.Event


@dataclass(frozen=True)
class Endless:
    data: bytes


@dataclass(frozen=True)
class UpgradeTLS:
    context: ssl.SSLContext


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case; repeated ones joined by ``", "``."""
    body: bytes
    head: bytes
    """The head's own bytes, for tests of what is on the wire."""


@dataclass
class Connection:
    """One accepted connection: its streams, and what the peer sent."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: bytearray = field(default_factory=bytearray)
    requests: list[Request] = field(default_factory=list)
    error: BaseException | None = None
    """What broke the script: the peer's reset, for instance."""
    sent: int = 0
    """Bytes of the script handed to the socket."""
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> Awaitable[object]:
        """Done when the connection is closed, by either side."""
        return self._over.wait()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    async def read(self) -> bytes:
        """Some bytes from the peer, ``b""`` at the end."""
        data = await self.reader.read(65536)
        self.received += data
        return data

    async def receive(self) -> Request:
        """One whole request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.received += head
        line, *lines = head[:-4].decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for one in lines:
            name, _, value = one.partition(":")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        self.received += body
        method, target, _ = line.split(" ")
        request = Request(method, target, headers, body, head)
        self.requests.append(request)
        return request

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        self.sent += len(data)
        await self.writer.drain()

    async def flushed(self) -> None:
        """Wait until the socket has taken everything."""
        while self.writer.transport.get_write_buffer_size():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        # TLS keeps a buffer below the one that shows.
        if self.writer.get_extra_info("ssl_object") is not None:
            await asyncio.sleep(0.05)

    def reset(self) -> None:
        """Close with a RST instead of a FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Step = (
    bytes
    | Signal
    | Slices
    | Sleep
    | Wait
    | Tell
    | Endless
    | UpgradeTLS
    | Callable[[Connection], Awaitable[object]]
)
Script = list[Step]


class ScriptedUpstream:
    """A server on a loopback address that plays one script a connection."""

    def __init__(
        self,
        *scripts: Script | Callable[[int], Script],
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._scripts = scripts or ([],)
        self._tls = tls
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = port
        self.connections: list[Connection] = []

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``, or ``https://localhost:port`` with TLS."""
        return f"https://localhost:{self.port}" if self._tls else f"http://{self._host}:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """Every request of every connection, in order of connections."""
        return [request for connection in self.connections for request in connection.requests]

    async def __aenter__(self) -> "ScriptedUpstream":
        self._server = await asyncio.start_server(
            self._accept, self._host, self.port, ssl=self._tls, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        failed = [one.error for one in self.connections if one.error is not None]
        for error in failed:
            if not isinstance(error, ConnectionError | asyncio.IncompleteReadError | ssl.SSLError):
                raise error

    def _script(self, index: int) -> Script:
        script = self._scripts[min(index, len(self._scripts) - 1)]
        return script(index) if callable(script) else script

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        script = self._script(len(self.connections))
        self.connections.append(connection)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            for step in script:
                await self._play(connection, step)
            await self._play(connection, UNTIL_CLOSED)
        except asyncio.CancelledError:
            pass
        except Exception as error:
            connection.error = error
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            connection._over.set()

    async def _play(self, connection: Connection, step: Step) -> None:  # noqa: C901, PLR0912
        match step:
            case bytes():
                await connection.send(step)
            case Slices(data, size):
                for start in range(0, len(data), size):
                    await connection.send(data[start : start + size])
                    await asyncio.sleep(0)
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Wait(event):
                await event.wait()
            case Tell(event):
                event.set()
            case Endless(data):
                while True:
                    await connection.send(data)
            case UpgradeTLS(context):
                await connection.writer.start_tls(context)
            case Signal():
                await self._signal(connection, step)
            case _:
                await step(connection)

    async def _signal(self, connection: Connection, step: Signal) -> None:
        if step is RECEIVE:
            await connection.receive()
        elif step is FIN:
            connection.writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await connection.writer.wait_closed()
        elif step is CUT:
            await connection.flushed()
            connection.writer.transport.abort()
        elif step is RST:
            connection.reset()
        else:
            while await connection.read():
                pass

"""The HTTP/1.1 client: one :class:`Client` per upstream account, with connections to one origin.

::

    send ──► idle connection, or dial ─► (CONNECT) ─► (TLS) ──► request ──► head ──► Response
               ▲                                                                        │
               └────────────────────── body read to its end ────────────────────────────┘

The connection used last is used first, so that the others grow old and expire. How many are open at
once is the business of the account's concurrency limit, not of this module. One timer per client
sweeps all connections every :data:`SWEEP_S` and counts silence; a request has no timer of its own.

A connection that was idle may be closed by the upstream at the very moment it is used again. If
such a one ends before a single byte of the response, the request is sent once more, on a fresh
connection: the upstream had closed before reading it (RFC 9112 §9.3.1). Nothing else is ever
sent twice, and no redirect is followed.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.http.client_tls import SecureConnection, trust
from dragoman.http.dial import Address, dial, resolve
from dragoman.http.proxy import Proxy, from_environment, parse, tunnel
from dragoman.http.response import Response, response
from dragoman.http.upstream_connection import (
    IDLE,
    READ_BYTES,
    UpstreamConnection,
)
from dragoman.upstream import Timeouts

__all__ = ["Client", "Response", "Target", "Timeouts"]

SWEEP_S: Final = 0.1
"""How often silence is counted. A time-out is never early and at most two sweeps late."""
NAMES_KEPT_S: Final = 10.0
"""How long the addresses of a name are used without asking again."""
_MAX_HEADS_KEPT: Final = 256
# A reset of the count may fall right before a sweep, which then counts its whole step.
_MARGIN_S: Final = 2 * SWEEP_S
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_PORTS: Final = {"http": 80, "https": 443}


class Target(NamedTuple):
    """Where a client sends its requests, and how it gets there."""

    base_url: str
    """``http`` or ``https``; a path is put before every request's path."""
    ca_file: str = ""
    """PEM file with the only authorities to trust; empty: the system's store."""
    proxy: str | None = None
    """None: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; empty: no proxy."""
    connect_timeout_s: float = 5.0
    """For name, TCP, tunnel and TLS together."""
    max_idle: int = 100
    """Connections kept open while unused."""
    idle_s: float = 50.0
    """How long one is kept unused."""
    addresses: tuple[Address, ...] = ()
    """Where to connect to, and no name is ever asked for; empty: what the name stands for."""


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int
    authority: str
    """As in the ``host`` header: the port only where it is not the scheme's own."""
    path: str


class Client:
    """Sends requests to one origin and keeps its connections.

    Raises ``ValueError`` for a target that cannot be used: another scheme, no host, an
    unreadable CA file, an unsupported proxy.
    """

    __slots__ = (
        "_addresses",
        "_addresses_until",
        "_clock",
        "_closed",
        "_connections",
        "_context",
        "_heads",
        "_idle",
        "_origin",
        "_proxy",
        "_resolving",
        "_swept",
        "_target",
        "_timer",
        "buffer",
        "plain",
        "resent",
    )

    def __init__(
        self, target: Target, *, clock: Clock, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._target = target
        self._clock = clock
        self._origin = origin = _origin(target.base_url)
        self._context = trust(target.ca_file) if origin.scheme == "https" else None
        self._proxy: Proxy | None = None
        if target.proxy is None:
            self._proxy = from_environment(origin.scheme, origin.host, origin.port, environ)
        elif target.proxy:
            self._proxy = parse(target.proxy)
        self._idle: list[UpstreamConnection] = []
        self._connections: set[UpstreamConnection] = set()
        self._heads: dict[tuple[str, str], bytes] = {}
        self._addresses: list[Address] = []
        self._addresses_until = 0.0
        self._resolving = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._swept = 0.0
        self._closed = False
        self.resent = 0
        """Requests sent a second time, because the connection that was kept for them turned out
        to be closed."""
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.plain = memoryview(bytearray(READ_BYTES))

    async def send(
        self, method: str, path: str, headers: bytes, body: bytes, timeouts: Timeouts
    ) -> Response:
        """Send one request and wait for the head of its response.

        ``headers`` are ready ``name: value\\r\\n`` lines without ``host``, ``content-length``
        and ``accept-encoding``. Raises ``Failure``: ``upstream_unreachable`` (nothing was sent),
        ``upstream_reset``, ``upstream_timeout``, ``upstream_nonsense``; and ``ValueError`` for a
        method or path that does not fit into a request line. When cancelled, the socket is
        closed.
        """
        head = self._head(method, path, headers, len(body))
        limits_s = (timeouts.first_byte_s + _MARGIN_S, timeouts.stall_s + _MARGIN_S)
        idle = self._idle
        reused = bool(idle)
        connection = idle.pop() if reused else await self._connect()
        while True:
            try:
                await connection.begin(head, body, limits_s, method == "HEAD")
            except (asyncio.CancelledError, GeneratorExit):
                connection.abort()
                raise
            if connection.status:
                return response(connection)
            if not (reused and connection.went_stale):
                raise connection.failure
            # Once only: the second connection is a new one.
            reused = False
            self.resent += 1
            connection = await self._connect()

    async def close(self) -> None:
        """Send nothing more; close what is idle now, and the rest when its response was read."""
        self._closed = True
        for connection in tuple(self._idle):
            connection.abort()
        # The loop reports a closed socket in its next round.
        await asyncio.sleep(0)

    # What connections call.

    def lost(self, connection: UpstreamConnection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def release(self, connection: UpstreamConnection) -> None:
        keep = connection.keep and not self._closed and not connection.writing
        if keep and len(self._idle) < self._target.max_idle:
            connection.reset()
            self._idle.append(connection)
        else:
            connection.abort()

    # Request heads.

    def _head(self, method: str, path: str, headers: bytes, length: int) -> bytes:
        start = self._heads.get((method, path)) or self._start_of_head(method, path)
        if length or method not in _BODILESS:
            return b"%bcontent-length: %d\r\n%b\r\n" % (start, length, headers)
        return b"%b%b\r\n" % (start, headers)

    def _start_of_head(self, method: str, path: str) -> bytes:
        if not (method.isascii() and method.isalpha()):
            raise ValueError(f"not a method: {method!r}")
        if not (path.startswith("/") and path.isascii() and path.isprintable() and " " not in path):
            raise ValueError(f"not a path for a request line: {path!r}")
        origin = self._origin
        target = origin.path + path
        lines = [f"host: {origin.authority}", "accept-encoding: identity"]
        if self._proxy is not None and self._context is None:
            target = f"http://{origin.authority}{target}"
            if self._proxy.authorization:
                lines.append(f"proxy-authorization: {self._proxy.authorization}")
        start = "\r\n".join([f"{method} {target} HTTP/1.1", *lines, ""]).encode("ascii")
        if len(self._heads) < _MAX_HEADS_KEPT:
            self._heads[method, path] = start
        return start

    # Connections.

    async def _connect(self) -> UpstreamConnection:
        if self._closed:
            raise _unreachable("the client is closed")
        limit_s = self._target.connect_timeout_s
        where = f"{self._origin.host}:{self._origin.port}"
        if self._proxy is not None:
            where += f" through {self._proxy.host}:{self._proxy.port}"
        try:
            async with asyncio.timeout(limit_s):
                connection = await self._open()
        except TimeoutError:
            self._addresses_until = 0.0
            raise _unreachable(f"{where}: not connected within {limit_s:g} s") from None
        except (OSError, UnicodeError) as error:
            self._addresses_until = 0.0
            raise _unreachable(f"{where}: {_reason(error)}") from None
        self._connections.add(connection)
        if self._timer is None:
            self._swept = self._clock.mono()
            self._timer = connection.loop.call_later(SWEEP_S, self._sweep)
        return connection

    async def _open(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        origin = self._origin
        sock = await dial(await self._resolve())
        handed_over = False
        try:
            self._prefer(sock.getpeername()[0])
            if self._context is None:
                connection = UpstreamConnection(self, loop)
            else:
                if self._proxy is not None:
                    await tunnel(sock, self._proxy, _with_port(origin.host, origin.port))
                connection = SecureConnection(self, loop, self._context, origin.host)
            await loop.create_connection(lambda: connection, sock=sock)
            handed_over = True
        finally:
            if not handed_over:
                sock.close()
        if isinstance(connection, SecureConnection):
            await connection.handshake()
        return connection

    async def _resolve(self) -> list[Address]:
        if self._target.addresses:
            return list(self._target.addresses)
        # A thousand requests at once shall ask for the name once.
        async with self._resolving:
            now = self._clock.mono()
            if now >= self._addresses_until:
                nearest = self._proxy or self._origin
                self._addresses = await resolve(nearest.host, nearest.port)
                self._addresses_until = now + NAMES_KEPT_S
            return self._addresses

    def _prefer(self, winner: str) -> None:
        """Have the next connection begin with the address that answered first this time."""
        # A new list, for other connections may be trying the addresses of this one.
        self._addresses = sorted(self._addresses, key=lambda one: one.sockaddr[0] != winner)

    def _sweep(self) -> None:
        now = self._clock.mono()
        elapsed_s = now - self._swept
        self._swept = now
        # After a pause of the whole process its own silence must not count as the upstream's.
        step_s = min(elapsed_s, 2 * SWEEP_S)
        for connection in tuple(self._connections):
            if connection.waiter is not None:
                connection.quiet_s += step_s
                if connection.quiet_s > connection.limit_s:
                    _give_up(connection)
            elif connection.state == IDLE:
                connection.quiet_s += elapsed_s
                if connection.quiet_s > self._target.idle_s:
                    connection.abort()
        if self._connections:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SWEEP_S, self._sweep)


def _give_up(connection: UpstreamConnection) -> None:
    silence = f"{connection.limit_s - _MARGIN_S:g} s of silence "
    silence += "inside the response" if connection.status else "before the response head"
    connection.fail("upstream_timeout", "The upstream took too long to answer.", silence)


def _unreachable(detail: str) -> Failure:
    return Failure("upstream_unreachable", "The upstream could not be reached.", detail=detail)


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return str(error) or type(error).__name__


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _origin(base_url: str) -> _Origin:
    parts = urlsplit(base_url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"base_url {base_url!r}: must begin with http:// or https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("base_url: no credentials, query or fragment belong there")
    host = parts.hostname or ""
    if ":" not in host:
        host = host.encode("idna").decode("ascii")
    if not host or not host.isprintable() or any(sign in host for sign in " /\\@"):
        raise ValueError(f"base_url {base_url!r}: not a host name")
    default = _PORTS[parts.scheme]
    port = default if parts.port is None else parts.port
    authority = _with_port(host, port)
    if port == default:
        authority = authority.removesuffix(f":{port}")
    path = parts.path.rstrip("/")
    if not (path.isascii() and (path.isprintable() and " " not in path)):
        raise ValueError(f"base_url {base_url!r}: not a path for a request line")
    return _Origin(parts.scheme, host, port, authority, path)

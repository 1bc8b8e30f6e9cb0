"""What a request came back as: a view of one connection while its response lasts.

The body is read in bursts: :meth:`Response.read` hands out everything that has arrived, as one
piece, and suspends only when nothing has. The connection goes back to the pool when the last
byte was read, or when :meth:`Response.close` finds the body complete; otherwise closing closes
the socket.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from dragoman.errors import Failure
from dragoman.http.inflate import CODINGS, BadCoding, Inflater
from dragoman.http.response_head import decoded
from dragoman.http.upstream_connection import DEAD, DONE, UpstreamConnection
from dragoman.upstream import pour

MAX_INFLATED_BYTES: Final = 67108864
"""The most that a compressed body may become."""


class Response:
    """Status and headers are there; the body is on its way.

    Of ``headers`` the names are lower-case; values of repeated ones are joined by ``", "``.
    """

    __slots__ = ("_connection", "_over", "head", "status")

    def __init__(self, connection: UpstreamConnection) -> None:
        self._connection: UpstreamConnection | None = connection
        self._over = False
        self.status = connection.status
        self.head = connection.head

    @property
    def headers(self) -> dict[str, str]:
        """All headers. Most answers' are never looked at, so they are decoded at each use."""
        return decoded(self.head)

    @property
    def ended(self) -> bool:
        """Whether all of the body has arrived, read or not."""
        return self._over or (self._connection is not None and self._connection.state == DONE)

    async def read(self) -> bytes:
        """All body bytes that arrived since the last call, at least one; ``b""`` at the end.

        Raises ``Failure``: ``upstream_reset``, ``upstream_truncated``, ``upstream_timeout``,
        ``upstream_nonsense``. A cancelled read closes the socket.
        """
        connection = self._connection
        if connection is None:
            if self._over:
                return b""
            raise RuntimeError("read from a response that was closed before its end")
        while not connection.pieces:
            if connection.state == DONE:
                self._finish(connection)
                return b""
            if connection.state == DEAD:
                raise connection.failure
            try:
                await connection.wait()
            except (asyncio.CancelledError, GeneratorExit):
                self.close()
                raise
        data = connection.take()
        if connection.state == DONE:
            self._finish(connection)
        return data

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand every burst of body bytes to ``sink`` at the moment it arrives.

        True at the end of the body; false as soon as ``sink`` answers false, and then it may be
        called again. A burst costs no step of the task, which is a third of its price. Raises what
        :meth:`read` does; ``sink`` must not raise.
        """
        connection = self._connection
        if connection is None:
            return not await self.read()
        while True:
            if connection.pieces and not sink(connection.take()):
                return False
            if connection.state == DONE:
                self._finish(connection)
                return True
            if connection.state == DEAD:
                raise connection.failure
            connection.sink = sink
            try:
                await connection.wait()
            except (asyncio.CancelledError, GeneratorExit):
                self.close()
                raise
            if connection.sink is None:
                return False
            connection.sink = None

    async def body(self, limit_bytes: int) -> bytes:
        """The rest of the body, whole.

        Raises what :meth:`read` does, and ``Failure("upstream_nonsense")`` beyond ``limit_bytes``.
        """
        connection = self._connection
        if connection is not None and connection.state == DONE:
            # Nothing to wait for: the ordinary case of a short answer.
            data = connection.take()
            self._finish(connection)
            if len(data) > limit_bytes:
                raise _too_large(limit_bytes)
            return data
        return await self._gather(limit_bytes)

    async def _gather(self, limit_bytes: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while data := await self.read():
            size += len(data)
            if size > limit_bytes:
                self.close()
                raise _too_large(limit_bytes)
            pieces.append(data)
        return b"".join(pieces)

    def close(self) -> None:
        """Be done: a complete body gives the connection back, anything else closes the socket."""
        connection = self._connection
        if connection is not None:
            if connection.state == DONE:
                self._finish(connection)
            else:
                self._connection = None
                connection.abort()

    def _finish(self, connection: UpstreamConnection) -> None:
        self._connection = None
        self._over = True
        connection.owner.release(connection)


class CompressedResponse(Response):
    """A response in a coding nobody asked for; :meth:`read` returns at most 256 KiB at a time."""

    __slots__ = ("_inflater",)

    def __init__(self, connection: UpstreamConnection, coding: str) -> None:
        super().__init__(connection)
        self._inflater = Inflater(coding, MAX_INFLATED_BYTES)

    async def read(self) -> bytes:
        inflater = self._inflater
        try:
            while not (data := inflater.next()):
                compressed = await super().read()
                if not compressed:
                    break
                inflater.feed(compressed)
        except BadCoding as error:
            self.close()
            raise _nonsense(str(error)) from None
        if data or inflater.finished:
            return data
        detail = "the compressed body ends early"
        raise Failure("upstream_truncated", "The upstream's answer ended early.", detail=detail)

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        return await pour(self, sink)

    async def body(self, limit_bytes: int) -> bytes:
        return await self._gather(limit_bytes)


def response(connection: UpstreamConnection) -> Response:
    """The response whose head is complete on ``connection``.

    Raises ``Failure("upstream_nonsense")`` for an unknown content coding, and closes the
    connection.
    """
    if not connection.coded:
        return Response(connection)
    coding = decoded(connection.head)["content-encoding"].lower()
    if coding in CODINGS:
        return CompressedResponse(connection, coding)
    if coding in ("", "identity"):
        return Response(connection)
    connection.abort()
    raise _nonsense(f"content coding {coding!r}")


def _too_large(limit_bytes: int) -> Failure:
    return _nonsense(f"a body above {limit_bytes} bytes")


def _nonsense(detail: str) -> Failure:
    message = "The upstream's answer is not what was asked for."
    return Failure("upstream_nonsense", message, detail=detail)

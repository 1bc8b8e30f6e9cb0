"""A wire between a client and the gateway that can be listened to."""

import asyncio
import contextlib
import re

_REQUEST = re.compile(rb"^(GET|HEAD|POST) (\S+) HTTP/1\.1\r$", re.MULTILINE)
_STATUS = re.compile(rb"^HTTP/1\.1 ([0-9]{3}) ", re.MULTILINE)


class Tap:
    """Relays connections byte by byte and counts what goes by."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._sent = b""
        self._got = b""
        self._changed = asyncio.Condition()
        self.base = ""

    @property
    def asked(self) -> list[str]:
        """Methods and targets of the requests that went by."""
        found = _REQUEST.findall(self._sent)
        return [f"{method.decode()} {target.decode()}" for method, target in found]

    @property
    def statuses(self) -> list[int]:
        """Those of the answers."""
        return [int(status) for status in _STATUS.findall(self._got)]

    def count(self, mark: bytes) -> int:
        """How often something stood in the answers."""
        return self._got.count(mark)

    async def heard(self, mark: bytes, times: int) -> None:
        """Wait until something went by so often on its way to the client."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.count(mark) >= times)

    async def __aenter__(self) -> "Tap":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                with contextlib.suppress(ConnectionError):
                    await asyncio.gather(
                        self._pump(reader, back, up=True), self._pump(there, writer, up=False)
                    )
            finally:
                back.transport.abort()
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        while data := await reader.read(65536):
            if up:
                self._sent += data
            else:
                self._got += data
                async with self._changed:
                    self._changed.notify_all()
            writer.write(data)
            await writer.drain()
        writer.write_eof()

"""Gateways and upstreams that stay up while the cells of the table are filled in one by one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.cross.clients import CLIENTS
from tests.cross.meaning import Broken, Said, Seen
from tests.cross.upstreams import UPSTREAMS, Upstream
from tests.gateway.harness import Harness, running
from tests.scripted_upstream import Connection, ScriptedUpstream


class Stage:
    """A scripted server of one carrier: what it is to say, and what it has understood."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.upstream: Upstream = UPSTREAMS[name]
        self.seen: list[Seen] = []
        self._says: list[Said] = []

    def says(self, *said: Said) -> None:
        """What comes next, answer by answer; the last one again and again."""
        self._says, self.seen = list(said), []

    async def serve(self, connection: Connection) -> None:
        """A step of its script: answers whatever comes."""
        while True:
            request = await connection.receive()
            seen = self.upstream.read(request)
            self.seen.append(seen)
            said = self._says.pop(0) if len(self._says) > 1 else self._says[0]
            await connection.send(self.upstream.answer(said, seen))
            if isinstance(said, Broken) and (said.cut or not seen.stream):
                await connection.flushed()
                connection.writer.close()
                return


class Gateway:
    """A gateway with one account at each of some stages, and a client of every dialect."""

    def __init__(self, harness: Harness, stages: Sequence[Stage]) -> None:
        self.harness = harness
        self.stages = {stage.name: stage for stage in stages}
        self.clients: dict[str, Any] = {name: made(harness) for name, made in CLIENTS.items()}

    @asynccontextmanager
    async def logging(self) -> AsyncIterator[list[dict[str, Any]]]:
        """The log lines of the requests in this block, there when it is left."""
        found: list[dict[str, Any]] = []
        before = self._asked()
        try:
            yield found
        finally:
            async with asyncio.timeout(5):
                while len(self.harness.requests) < self._asked() - before:
                    await asyncio.sleep(0.001)
                    # Whoever reads the tally has everything written down first.
                    list(self.harness.app.tally.rows())
            found += self.harness.requests
            self.harness.lines.all.clear()

    def _asked(self) -> int:
        return sum(client.asked for client in self.clients.values())


@asynccontextmanager
async def gateway(folder: Path, *carriers: str) -> AsyncIterator[Gateway]:
    """A gateway whose accounts stand by for one another in this order."""
    async with AsyncExitStack() as stack:
        stages = [Stage(name) for name in carriers]
        accounts: list[dict[str, Any]] = []
        for at, stage in enumerate(stages):
            server = await stack.enter_async_context(ScriptedUpstream([stage.serve]))
            made = stage.upstream.account(server.url)
            accounts.append({"name": stage.name, "priority": len(stages) - at, **made})
        patience = {"queue_timeout_s": 0}
        running_one = running(folder, accounts=accounts, routing=patience)
        yield Gateway(await stack.enter_async_context(running_one), stages)


class World:
    """One gateway for each carrier, started when it is first asked for."""

    def __init__(self, folder: Callable[[str], Path], stack: AsyncExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._gateways: dict[str, Gateway] = {}

    async def at(self, carrier: str) -> Gateway:
        if carrier not in self._gateways:
            made = gateway(self._folder(carrier), carrier)
            self._gateways[carrier] = await self._stack.enter_async_context(made)
        return self._gateways[carrier]

"""The simulator as an upstream account of the gateway: the interface of ``http.client``, without a
network.

What comes out is what would have come over the wire, the same event bytes at the same pace, and
simulated trouble raises the failures that the network would have caused. Nothing runs between two
reads: each ``read`` hands over the events that are due by then, or sleeps until the next one is.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice

from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.simulator.faults import Ending
from dragoman.simulator.pacing import Pacer
from dragoman.simulator.service import Answer, Incoming, Simulator
from dragoman.upstream import Timeouts, pour

# As the network client words them.
_CLOSED = "The upstream closed the connection."
_EARLY = "The upstream's answer ended early."
_SLOW = "The upstream took too long to answer."


class InProcessClient:
    """Carries requests to the simulator on behalf of one account; see
    ``upstream.UpstreamClient``."""

    def __init__(self, simulator: Simulator, account: str, clock: Clock) -> None:
        self._simulator = simulator
        self._account = account
        self._clock = clock

    async def send(
        self, method: str, path: str, headers: bytes, body: bytes, timeouts: Timeouts
    ) -> "InProcessResponse":
        """One request. Raises Failure ``upstream_reset`` and ``upstream_timeout`` for simulated
        trouble."""
        bare, _, query = path.partition("?")
        parsed = _parsed(headers)
        if not parsed.get("x-api-key") and not parsed.get("authorization"):
            parsed["x-api-key"] = self._account
        incoming = Incoming(method, bare, query, parsed, body, self._account)
        answer = self._simulator.handle(incoming)
        if answer.delay_s > 0:
            await _silence(answer.delay_s, timeouts.first_byte_s, "before its first byte")
        if answer.silent:
            if answer.ending is Ending.STALL:
                await _silence(None, timeouts.first_byte_s, "before its first byte")
            raise Failure("upstream_reset", _CLOSED, detail="simulated, before the head")
        return InProcessResponse(answer, timeouts.stall_s, self._clock.mono)

    async def close(self) -> None:
        """Nothing is open."""


class InProcessResponse:
    """An answer being read; see ``upstream.UpstreamResponse``."""

    def __init__(self, answer: Answer, stall_s: float, mono: Callable[[], float]) -> None:
        self.status = answer.status
        self.headers = dict(answer.headers)
        self.head = b"".join(
            b"%b: %b\r\n" % (name.encode(), value.encode()) for name, value in answer.headers
        )
        self._ending = answer.ending
        self._events: Iterator[bytes] | None = answer.events or iter((answer.body,))
        self._pacer = Pacer(mono, answer.pace if answer.events else 0)
        self._stall_s = stall_s

    @property
    def ended(self) -> bool:
        """Whether the end was read."""
        return self._events is None

    async def read(self) -> bytes:
        """Body bytes that are due; ``b""`` at the end. Raises Failure when the answer breaks
        off."""
        events = self._events
        if events is None:
            return b""
        made = b"".join(islice(events, await self._pacer.due()))
        if made:
            return made
        self._events = None
        return await self._end()

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand what is due to ``sink``; see ``upstream.UpstreamResponse``."""
        return await pour(self, sink)

    async def _end(self) -> bytes:
        match self._ending:
            case Ending.STALL:
                await _silence(None, self._stall_s, "in the middle of its answer")
                return b""
            case Ending.RESET:
                raise Failure("upstream_reset", _CLOSED, detail="simulated reset")
            case Ending.CUT:
                raise Failure("upstream_truncated", _EARLY, detail="simulated end of stream")
            case _:
                return b""

    async def body(self, limit_bytes: int) -> bytes:
        """The whole body. Raises Failure ``upstream_nonsense`` when it is longer than
        ``limit_bytes``."""
        parts: list[bytes] = []
        size = 0
        while part := await self.read():
            parts.append(part)
            size += len(part)
            if size > limit_bytes:
                raise Failure("upstream_nonsense", "The upstream's answer is too large.")
        return b"".join(parts)

    def close(self) -> None:
        """Forget the rest."""
        self._events = None


async def _silence(wanted_s: float | None, patience_s: float, where: str) -> None:
    """Say nothing for a time, or for ever. Raises Failure ``upstream_timeout`` when patience
    ends first."""
    if wanted_s is not None and wanted_s < patience_s:
        await asyncio.sleep(wanted_s)
        return
    await asyncio.sleep(patience_s)
    raise Failure("upstream_timeout", _SLOW, detail=f"silent for {patience_s:g} s {where}")


def _parsed(lines: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            name = name.lower()
            value = value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers

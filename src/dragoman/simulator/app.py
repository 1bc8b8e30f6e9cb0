"""The simulator as a program of its own: its engine behind our HTTP server.

An account is whoever brings the same key; only a hash of the key is kept.
"""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any

from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.http.call import Call
from dragoman.http.server import Server
from dragoman.http.server_limits import ServerLimits
from dragoman.simulator.faults import Ending
from dragoman.simulator.pacing import Pacer
from dragoman.simulator.problem import ApiError
from dragoman.simulator.service import Answer, Incoming, Simulator

_FLUSH_S = 0.02
"""What a reset waits for, so that the events before it leave first."""
_NOBODY = "req_none"

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class SimulatorApp:
    """Serves one simulator over HTTP."""

    def __init__(self, simulator: Simulator, clock: Clock) -> None:
        self._simulator = simulator
        self._clock = clock

    def server(self, spawn: Spawn) -> Server:
        """A server for this app, not listening yet. Call it inside the running loop."""
        return Server(self.handle, ServerLimits(), clock=self._clock, spawn=spawn, refuse=refused)

    async def handle(self, call: Call) -> None:
        """Answer one call."""
        try:
            body = await call.body()
        except Failure as failure:
            call.respond(failure.status, _JSON, refused(failure, call.path))
            return
        incoming = Incoming(
            call.method, call.path, call.query, call.headers, body, _account(call.headers)
        )
        answer = self._simulator.handle(incoming)
        if answer.delay_s > 0:
            await asyncio.sleep(answer.delay_s)
        if answer.silent:
            await _broken(call, answer.ending)
        elif answer.events is None:
            call.respond(answer.status, answer.headers, answer.body)
        else:
            await self._stream(call, answer)

    async def _stream(self, call: Call, answer: Answer) -> None:
        events = answer.events
        if events is None:
            return
        call.begin(answer.status, answer.headers)
        pacer = Pacer(self._clock.mono, answer.pace)
        while made := b"".join(islice(events, await pacer.due())):
            call.write(made)
            if call.paused:
                await call.drained()
        call.flush()
        if answer.ending in (Ending.WHOLE, Ending.END, Ending.ERROR):
            call.end()
        else:
            await _broken(call, answer.ending)


_JSON = (("content-type", "application/json"),)


async def _broken(call: Call, ending: Ending) -> None:
    """End a call the way that was ordered."""
    match ending:
        case Ending.STALL:
            # Until the client leaves, which cancels this task.
            await asyncio.get_running_loop().create_future()
        case Ending.RESET:
            await asyncio.sleep(_FLUSH_S)
            call.reset()
        case _:
            call.abort()


def _account(headers: dict[str, str]) -> str:
    """A name for whoever brings this key."""
    key = headers.get("x-api-key") or headers.get("authorization", "")
    digest = hashlib.blake2b(key.encode(), digest_size=8, person=b"dragoman-key")
    return digest.hexdigest()


def refused(failure: Failure, path: str) -> bytes:
    """The body of what the server refuses before there is a request to look at."""
    del path
    return ApiError(failure.message, status=400, type=failure.row.anthropic_type).body(_NOBODY)

"""Upstream accounts that misbehave on cue: they die, come back, lie, stall, and count what they are
asked.

An account answers every request by what its ``act`` says: a list of the steps of
``tests/scripted_upstream.py``, made for each request anew. Nothing here waits for time to pass: a
test waits for figures to be reached (:func:`until`) and moves the gateway's clock by hand
(:class:`Hand`) where time matters.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from dragoman.account import Account
from dragoman.clock import Clock
from tests.gateway.harness import Harness, accounts, chunks, reply, running, said, stream
from tests.scripted_upstream import Connection, Request, ScriptedUpstream, Step

TEXT = "Hello."
COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


class Asked:
    """A request as an upstream account sees it."""

    def __init__(self, number: int, request: Request) -> None:
        self.number = number
        """From 0, in the order of arrival at the account."""
        self.body: dict[str, Any] = json.loads(request.body)

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def text(self) -> str:
        """What the client said first."""
        return str(self.body["messages"][0]["content"][0]["text"])


Act = Callable[[Asked], list[Step]]


def well(asked: Asked) -> list[Step]:
    """Answer as it should be."""
    return [stream(TEXT) if asked.streamed else reply(TEXT)]


def always(*steps: Step) -> Act:
    """Do the same whatever is asked."""
    return lambda _: list(steps)


class Fake:
    """One upstream account."""

    def __init__(self, name: str, act: Act = well) -> None:
        self.name = name
        self.act = act
        self.asked = 0
        self._upstream = ScriptedUpstream(lambda _: [self._serve])
        self._open = True

    @property
    def url(self) -> str:
        return self._upstream.url

    async def _serve(self, connection: Connection) -> None:
        while True:
            request = await connection.receive()
            if not self._open:
                # It was being accepted while the account died.
                connection.reset()
                return
            asked = Asked(self.asked, request)
            self.asked += 1
            for step in self.act(asked):
                await self._upstream._play(connection, step)

    def die(self) -> None:
        """Reset every connection and refuse new ones."""
        self._upstream._server.close()
        self._open = False
        for connection in self._upstream.connections:
            if not connection.is_over:
                connection.reset()

    async def revive(self) -> None:
        """Listen again, at the same port."""
        await self._upstream.__aexit__()
        self._upstream = ScriptedUpstream(lambda _: [self._serve], port=self._upstream.port)
        await self._upstream.__aenter__()
        self._open = True

    async def __aenter__(self) -> "Fake":
        await self._upstream.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._upstream.__aexit__()


class Hand:
    """A clock that runs like the real one, can be put forward, and can stand still."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._stopped: float | None = None
        self.clock = Clock(wall=lambda: time.time() + self.ahead_s, mono=self._mono)

    def _mono(self) -> float:
        return (self._stopped or time.monotonic()) + self.ahead_s

    def stop(self) -> None:
        """Let no time pass but what ``ahead_s`` says."""
        self._stopped = time.monotonic()


class World(Harness):
    """A gateway before its upstream accounts."""

    fakes: list[Fake]
    hand: Hand

    @property
    def asked(self) -> int:
        """Requests that reached any upstream account."""
        return sum(fake.asked for fake in self.fakes)

    @property
    def pool(self) -> tuple[Account, ...]:
        return self.app.gateway.pool.snapshot()

    def account(self, name: str) -> Account:
        return next(one for one in self.pool if one.name == name)

    def quiet(self) -> bool:
        """Whether nothing is left of any request."""
        turns = self.app.gateway.turns
        return (
            all(one.in_flight == 0 for one in self.pool)
            and self.app.gateway.waiting.count == 0
            and turns.count == turns.under_way == 0
        )


@asynccontextmanager
async def world(folder: Path, *acts: Act, **config: Any) -> AsyncIterator[World]:
    """A gateway with an upstream account for each act: a, b, c … ``account`` holds fields that all
    of them have, ``ranked`` puts them in that order."""
    hand = Hand()
    fields: dict[str, Any] = config.pop("account", {})
    ranked = config.pop("ranked", False)
    more = config.pop("more", [])
    async with AsyncExitStack() as stack:
        fakes = [
            await stack.enter_async_context(Fake("abcdefgh"[at], act))
            for at, act in enumerate(acts)
        ]
        declared = accounts(*[fake.url for fake in fakes], **fields)
        for at, one in enumerate(declared):
            one["priority"] = -at if ranked else 0
        gateway = await stack.enter_async_context(
            running(folder, hand.clock, accounts=[*declared, *more], **config)
        )
        gateway.__class__ = World
        assert isinstance(gateway, World)
        gateway.fakes, gateway.hand = fakes, hand
        yield gateway


async def until(reached: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not reached():  # noqa: ASYNC110 - plain figures tell nobody when they change
            await asyncio.sleep(0.002)


def whole(content: bytes) -> bool:
    """Whether a streamed answer came to its end."""
    return content.endswith(DONE) and said(content.replace(COMMENT, b"")) == TEXT


def broken(content: bytes) -> bool:
    """Whether a streamed answer ended with one honest error: no end of its own, nothing after."""
    told = chunks(content.replace(COMMENT, b""))
    errors = [one for one in told if "error" in one]
    ends = [
        choice for one in told for choice in one.get("choices", []) if choice.get("finish_reason")
    ]
    return len(errors) == 1 and told[-1] is errors[0] and not ends and b"[DONE]" not in content

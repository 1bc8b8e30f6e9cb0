"""Answers that pause are gone on with, on the account that began them, before the client knows.

What is sent is decided by ``continuation.py``. Only the account that paused can go on: its blocks
hold what only its organisation can read. So nothing moves to another account here, and a
continuation that fails fails the answer: with a real status while nothing was sent, else with an
error inside the stream.
"""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, TypeVar

from dragoman import attempts
from dragoman.account import Account
from dragoman.continuation import Continuation, StreamedParts, WholeParts
from dragoman.dialects.chat import Parsed
from dragoman.errors import Failure
from dragoman.exchange import Exchange
from dragoman.hub.events import Event, Reply
from dragoman.hub.request import Request
from dragoman.pool import Pool
from dragoman.record import Record

T = TypeVar("T")


async def go_on(
    exchange: Exchange, parsed: Parsed, up: attempts.Upstream, reply: Reply, account: Account
) -> Reply:
    """The whole answer of which ``reply``, which paused, is the first part.

    Raises the Failure of a continuation; what the parts before it used is in the record then.
    """
    if not parsed.searches:
        return reply
    parts = WholeParts(parsed.request)
    complete = False
    try:
        while parts.take(reply):
            reply, _ = await _continued(attempts.whole, parts, exchange, up, account)
        complete = True
    finally:
        if not complete:
            exchange.record.usage.add(parts.usage)
    return parts.reply()


class Parts:
    """A stream that goes on after pauses; to be used like the ``attempts.Answer`` it begins with.

    Between two parts the client hears nothing but comments.
    """

    def __init__(
        self, exchange: Exchange, parsed: Parsed, up: attempts.Upstream, begun: attempts.Answer
    ) -> None:
        self._exchange = exchange
        self._up = up
        self._answer: attempts.Answer | None = begun
        """The present part; none between two."""
        self._parts = StreamedParts(parsed.request)
        self._open = AsyncExitStack()
        self._take: Callable[[list[Event]], bool] | None = None

    async def pump(
        self, take: Callable[[list[Event]], bool], say: Callable[[bytes], bool] | None = None
    ) -> bool:
        """:meth:`attempts.Answer.pump`, over all parts. All that is said is looked at here."""
        self._take = take
        while self._answer is not None and await self._answer.pump(self._deliver):
            if not self._parts.paused:
                return True
            await self._next(self._answer.account)
        return False

    def blame(self, failure: Failure) -> None:
        """Let the account know what broke its stream. A part that did not begin told it already."""
        if self._answer is not None:
            self._answer.blame(failure)

    def _deliver(self, events: list[Event]) -> bool:
        passed = self._parts.take(events)
        return not passed or self._take is None or self._take(passed)

    async def _next(self, account: Account) -> None:
        """Leave the part that paused, and begin the next one on the same account."""
        self._answer = None
        await self._open.aclose()
        begun = await _continued(attempts.stream, self._parts, self._exchange, self._up, account)
        self._answer = await self._open.enter_async_context(begun)

    async def __aenter__(self) -> "Parts":
        if self._answer is not None:
            await self._open.enter_async_context(self._answer)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.__aexit__(kind, error, trace)


async def _continued(
    send: Callable[[Pool, list[Account], attempts.Upstream, Record], Coroutine[Any, Any, T]],
    parts: Continuation,
    exchange: Exchange,
    up: attempts.Upstream,
    account: Account,
) -> T:
    """The next part, as ``send`` gives it."""
    pool, record = exchange.gw.pool, exchange.record
    try:
        return await send(pool, [account], _upstream(parts.next(), up), record)
    except Failure as failure:
        again = parts.without_open_calls() if failure.kind == "upstream_rejected" else None
        if again is None:
            raise
    return await send(pool, [account], _upstream(again, up), record)


def _upstream(request: Request, up: attempts.Upstream) -> attempts.Upstream:
    made = attempts.Upstream(request, up.model, up.simulate, up.timeouts)
    made.betas = up.betas
    made.final = True
    return made

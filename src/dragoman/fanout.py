"""Several choices (``n``): as many upstream requests side by side, folded into one answer.

Claude answers one choice a request. Several prompts of one request are choices, too. All choices
share the plan, so they land on the conversation's account and its prompt cache. When the client
leaves, every one of them is cancelled. No byte is sent before all choices have begun, so a choice
that cannot begin fails the request with a real status; one that breaks later goes without its end
while the others are brought to theirs, and then the stream ends with its error: a client stops
reading at an error.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from dragoman import attempts, pauses
from dragoman.account import Account
from dragoman.continuation import PAUSE
from dragoman.dialects.chat import Parsed
from dragoman.dialects.registry import Writer
from dragoman.errors import Failure
from dragoman.exchange import Exchange
from dragoman.hub.events import Event, Reply
from dragoman.hub.usage import Usage
from dragoman.record import fold
from dragoman.thoughts import Listener, turn_of

T = TypeVar("T")


async def serve(
    exchange: Exchange, parsed: Parsed, plan: list[Account], up: attempts.Upstream
) -> None:
    """Answer a request for ``parsed.n`` choices. Raises the first Failure of any of them."""
    if parsed.stream:
        await _stream(exchange, parsed, plan, up)
    else:
        await _whole(exchange, parsed, plan, up)


async def _whole(
    exchange: Exchange, parsed: Parsed, plan: list[Account], up: attempts.Upstream
) -> None:
    gw, record = exchange.gw, exchange.record

    async def whole(up: attempts.Upstream) -> Reply:
        reply, account = await attempts.whole(gw.pool, plan, up, record)
        if exchange.watch is not None:
            exchange.watch.answered(account.name, reply.usage)
        if reply.stop_reason == PAUSE:
            reply = await pauses.go_on(exchange, parsed, up, reply, account)
        return reply

    replies = await _together([whole(one) for one in _each(parsed, up)])
    for reply in replies:
        usage = Usage()
        usage.fold(reply.usage)
        record.usage.add(usage)
        if parsed.remembers:
            exchange.remember(turn_of(reply.content, parsed.names))
    created = int(gw.clock.wall())
    exchange.respond(200, exchange.dialect.reply(parsed, replies, created, record.usage))


async def _stream(
    exchange: Exchange, parsed: Parsed, plan: list[Account], up: attempts.Upstream
) -> None:
    call, gw, record = exchange.call, exchange.gw, exchange.record
    exchange.keep_alive()
    created = int(gw.clock.wall())
    async with AsyncExitStack() as stack:

        async def begin(up: attempts.Upstream) -> attempts.Answer | pauses.Parts:
            answer = await attempts.stream(gw.pool, plan, up, record)
            if exchange.watch is not None:
                exchange.watch.begun(answer.account.name, answer.said)
            if parsed.searches:
                parts = pauses.Parts(exchange, parsed, up, answer)
                return await stack.enter_async_context(parts)
            return await stack.enter_async_context(answer)

        each = _each(parsed, up)
        answers = await _together([begin(one) for one in each])
        exchange.begin()
        for one in each:
            exchange.forget_request(parsed, one)
        writers = [exchange.dialect.writer(parsed, created, index) for index in range(parsed.n)]
        ends = await _together(
            [
                _pump(exchange, answer, writer)
                for answer, writer in zip(answers, writers, strict=True)
            ]
        )
        failures = [end for end in ends if end is not None]
        if not failures:
            call.end(exchange.dialect.end(parsed, created, record.usage))
    if failures:
        raise failures[0]


def _each(parsed: Parsed, up: attempts.Upstream) -> list[attempts.Upstream]:
    """What goes up for each choice: the same for all, or that of its prompt."""
    if not parsed.requests:
        return [up] * parsed.n
    each: list[attempts.Upstream] = []
    for request in parsed.requests:
        one = up
        if request is not up.request:
            one = attempts.Upstream(request, up.model, up.simulate, up.timeouts)
            one.road = up.road
        each.append(one)
    return each


async def _pump(
    exchange: Exchange, answer: attempts.Answer | pauses.Parts, writer: Writer
) -> Failure | None:
    """One choice's events into the shared stream; what broke it, if something did."""
    call = exchange.call
    usage = Usage()
    parsed = exchange.parsed
    listener = Listener() if parsed is not None and parsed.remembers else None

    def relay(events: list[Event]) -> bool:
        fold(usage, events)
        if listener is not None:
            listener.feed(events)
        call.write(writer.feed(events))
        return not call.paused

    try:
        while not await answer.pump(relay):
            await call.drained()
    except Failure as failure:
        answer.blame(failure)
        return failure
    finally:
        exchange.record.usage.add(usage)
    if listener is not None and parsed is not None:
        exchange.remember(listener.turn(parsed.names))
    if exchange.watch is not None:
        exchange.watch.ended(usage)
    call.write(writer.finish())
    return None


async def _together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all; when one fails, cancel the others and raise what it raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]

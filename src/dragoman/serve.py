"""The straight line: one coroutine from a request to its settled reply.

Read :func:`converse` first; it is the product. :func:`serve` around it turns whatever happens into
exactly one answer, one outcome and one log line.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from dragoman import attempts, fanout, pauses, routing
from dragoman.account import Account
from dragoman.asked import estimate, json_only
from dragoman.continuation import PAUSE
from dragoman.dialects.chat import Parsed
from dragoman.dialects.registry import Dialect
from dragoman.errors import Failure, Outcome
from dragoman.exchange import Exchange, kept
from dragoman.gateway import Gateway
from dragoman.http.call import Call
from dragoman.hub.events import Event
from dragoman.observe.redaction import frames
from dragoman.record import Record, fold
from dragoman.thoughts import Listener, turn_of


async def serve(
    call: Call,
    dialect: Dialect,
    gw: Gateway,
    answer: Callable[[Exchange], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Answer one request, whatever happens, and leave one log line.

    ``answer`` does what is not a conversation.
    """
    record = Record(call.request_id, call.started)
    exchange = Exchange(call, dialect, gw, record)
    try:
        await (converse if answer is None else answer)(exchange)
    except Failure as failure:
        exchange.fail(failure)
    except asyncio.CancelledError:
        if call.gone:
            record.outcome = Outcome.CLIENT_LEFT
        else:
            exchange.fail(Failure("draining", "The gateway is shutting down."))
        raise
    except (
        Exception
    ) as error:  # the one broad except of the request path: a bug must not leave a client waiting
        detail = frames(error)
        exchange.fail(Failure("internal", "The gateway failed on this request.", detail=detail))
    finally:
        gw.finished(record)


async def converse(exchange: Exchange) -> None:
    """A request's way through the house. Raises Failure, or CancelledError when the client left."""
    call, gw, record = exchange.call, exchange.gw, exchange.record
    principal = gw.keys.identify(call.headers, call.peer, gw.clock.wall())
    record.key = principal.name
    exchange.ticket = gw.limits.ticket(principal, record.usage, call.started)
    with exchange.ticket as ticket:
        json_only(call.headers)
        # A body that came along with its head costs no coroutine.
        body = await call.body() if call.content is None else call.content
        options = gw.options
        parsed = exchange.dialect.parse(
            body,
            gw.catalogue,
            strict=options.strict,
            caching=options.caching,
            recall=principal.recall,
        )
        exchange.accept(parsed, principal)
        if exchange.dialect.hear is not None:
            exchange.dialect.hear(call.headers, parsed, strict=options.strict)
        if ticket.metered:
            ticket.reserve(estimate(parsed), gw.clock.mono())
        wanted = exchange.wanted(parsed, principal)
        try:
            plan = routing.start(wanted, gw.pool.roster, gw.clock.mono(), gw.pool.detours)
        except Failure as refused:
            plan = await exchange.queue(wanted, refused, principal)
        simulate = call.headers.get("x-simulate", "")
        up = attempts.Upstream(parsed.request, parsed.model, simulate, options.timeouts)
        up.road = exchange
        up.warnings = parsed.warnings
        if parsed.raw or parsed.betas or options.chat_passes:
            exchange.pass_on(parsed, up, body)
        if parsed.media:
            up.missing = partial(complete, gw, parsed)
            if not up.passes(plan[0].carrier):
                await up.complete()
        if parsed.n > 1:
            await fanout.serve(exchange, parsed, plan, up)
        elif parsed.stream:
            await stream(exchange, parsed, plan, up)
        else:
            await whole(exchange, parsed, plan, up)


async def complete(gw: Gateway, parsed: Parsed) -> None:
    """Fetch and convert what a request holds and an upstream does not take as it is."""
    await gw.media.resolve(parsed.request, parsed.media)
    parsed.media = ()  # a stream of minutes need not hold the pictures


async def whole(
    exchange: Exchange, parsed: Parsed, plan: list[Account], up: attempts.Upstream
) -> None:
    """One whole answer."""
    gw, record = exchange.gw, exchange.record
    reply, account = await attempts.whole(gw.pool, plan, up, record)
    if exchange.watch is not None:
        exchange.watch.answered(account.name, reply.usage)
    if reply.body:
        exchange.passed(reply)
        return
    if reply.stop_reason == PAUSE:
        reply = await pauses.go_on(exchange, parsed, up, reply, account)
    record.usage.fold(reply.usage)
    if parsed.remembers:
        exchange.remember(turn_of(reply.content, parsed.names))
    created = int(gw.clock.wall())
    exchange.respond(200, exchange.dialect.reply(parsed, [reply], created, record.usage))


async def stream(
    exchange: Exchange, parsed: Parsed, plan: list[Account], up: attempts.Upstream
) -> None:
    """One streamed answer: every upstream read becomes at most one write."""
    call, gw, record = exchange.call, exchange.gw, exchange.record
    exchange.keep_alive()
    writer = exchange.writer = exchange.dialect.writer(parsed, int(gw.clock.wall()), 0)
    listener = Listener() if parsed.remembers else None

    def relay(events: list[Event]) -> bool:
        fold(record.usage, events)
        if listener is not None:
            listener.feed(events)
        call.write(writer.feed(events))
        return not call.paused

    # Who has to look at all that is said gets it as events.
    say = None if writer.plain is None or listener is not None else _saying(call, writer.plain)
    begun = await attempts.stream(gw.pool, plan, up, record)
    if exchange.watch is not None:
        exchange.watch.begun(begun.account.name, begun.said)
    if begun.passed is not None:
        await _pass(exchange, parsed, up, begun)
        return
    async with pauses.Parts(exchange, parsed, up, begun) if parsed.searches else begun as answer:
        exchange.begin()
        exchange.forget_request(parsed, up)
        while not await answer.pump(relay, say):
            await call.drained()
        if exchange.watch is not None:
            exchange.watch.ended(record.usage)
        if listener is not None:
            exchange.remember(listener.turn(parsed.names))
        # The client has its end before the upstream connection is brought to its own.
        call.end(writer.close(record.usage))


def _saying(call: Call, chunk: Callable[[bytes], bytes]) -> Callable[[bytes], bool]:
    """Writes one piece of text; whether more is wanted."""

    def say(text: bytes) -> bool:
        call.write(chunk(text))
        return not call.paused

    return say


async def _pass(
    exchange: Exchange, parsed: Parsed, up: attempts.Upstream, begun: attempts.Answer
) -> None:
    """A streamed answer whose bytes the client gets as they come."""
    call, record = exchange.call, exchange.record
    record.warnings = kept(parsed, begun.warnings)

    def relay(events: list[Event]) -> bool:
        fold(record.usage, events)
        if begun.passed:
            call.write(begun.passed)
        return not call.paused

    async with begun as answer:
        exchange.begin()
        exchange.forget_request(parsed, up)
        while not await answer.pump(relay):
            await call.drained()
        if exchange.watch is not None:
            exchange.watch.ended(record.usage)
        call.end()

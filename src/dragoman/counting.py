"""``POST /v1/messages/count_tokens``: how long a prompt is.

Whoever serves the model and can count is asked, with the client's own bytes. Where nobody can (a
cloud or another vendor), the answer is an estimate and says so in a warning: Claude Code plans with
it, and an error would make it send the whole prompt for a single token instead.

A count is a request like any other to the key's limits, but no tokens are charged.
"""

from collections.abc import Sequence

from dragoman import attempts, routing
from dragoman.account import Account
from dragoman.asked import json_only
from dragoman.codec import jsonio
from dragoman.dialects.messages import estimate
from dragoman.errors import Failure
from dragoman.exchange import Exchange


async def answer(exchange: Exchange) -> None:
    """Answer one request. Raises Failure."""
    call, gw, record = exchange.call, exchange.gw, exchange.record
    principal = gw.keys.identify(call.headers, call.peer, gw.clock.wall())
    record.key = principal.name
    exchange.ticket = gw.limits.ticket(principal, record.usage, call.started)
    with exchange.ticket:
        json_only(call.headers)
        body = await call.body() if call.content is None else call.content
        options = gw.options
        parsed = exchange.dialect.parse(body, gw.catalogue, strict=options.strict)
        exchange.accept(parsed, principal)
        if exchange.dialect.hear is not None:
            exchange.dialect.hear(call.headers, parsed, strict=options.strict)
        wanted = exchange.wanted(parsed, principal)
        exchange.watch = None  # nothing is read from a cache, and nothing written
        plan = routing.plan(wanted, gw.pool.roster, gw.clock.mono(), gw.pool.detours)
        simulate = call.headers.get("x-simulate", "")
        up = attempts.Upstream(parsed.request, parsed.model, simulate, options.timeouts)
        exchange.pass_on(parsed, up, body)
        up.counting = True
        told = await _counted(exchange, plan, up)
        if told is not None:
            exchange.respond(200, told)
            return
        parsed.warnings.append(("input_tokens", "estimated: this upstream does not count"))
        exchange.respond(200, jsonio.encode({"input_tokens": estimate(parsed)}))


async def _counted(
    exchange: Exchange, plan: Sequence[Account], up: attempts.Upstream
) -> bytes | None:
    """What the first account says that can; ``None`` where none of them counts.

    Raises the last one's Failure where one counts, but not now.
    """
    last: Failure | None = None
    for account in plan:
        verbatim = account.carrier.verbatim
        if verbatim is None or verbatim.count is None or not up.passes(account.carrier):
            continue
        try:
            return await attempts.count(exchange.gw.pool, account, up, exchange.record)
        except Failure as failure:
            if not failure.row.retry:
                raise
            if failure.kind != "unsupported_here":
                last = failure
    if last is not None:
        raise last
    return None

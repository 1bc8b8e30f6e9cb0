"""``POST /v1/messages/count_tokens``: how long a prompt is.

Whoever serves the model and can count is asked, with the client's own bytes. Where nobody can (a
cloud or another vendor), the answer is an estimate and says so in a warning: Claude Code plans with
it, and an error would make it send the whole prompt for a single token instead.

A count is a request like any other to the key's limits, but no tokens are charged.
"""

from collections.abc import Sequence

from msgspec import Struct

from dragoman import attempts, routing
from dragoman.account import Account
from dragoman.codec import jsonio
from dragoman.dialects.messages import estimate
from dragoman.errors import Failure
from dragoman.exchange import Exchange


class _Counted(Struct):
    input_tokens: int


_counts = jsonio.Decoder(_Counted)


async def answer(exchange: Exchange) -> None:
    """Answer one request. Raises Failure."""
    call, gw, record = exchange.call, exchange.gw, exchange.record
    principal = gw.keys.identify(call.headers, call.peer, gw.clock.wall())
    record.key = principal.name
    exchange.ticket = gw.limits.ticket(principal, record.usage, call.started)
    with exchange.ticket:
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
        able = [one for one in plan if one.carrier.counts and up.passes(one.carrier)]
        if able:
            exchange.respond(200, await _counted(exchange, able, up))
            return
        parsed.warnings.append(("input_tokens", "estimated: this upstream does not count"))
        exchange.respond(200, jsonio.encode({"input_tokens": estimate(parsed)}))


async def _counted(exchange: Exchange, able: Sequence[Account], up: attempts.Upstream) -> bytes:
    """What the first account says that can. Raises the last one's Failure."""
    last = Failure("no_account", "No upstream account is available.", retry_after_s=1)
    for account in able:
        try:
            told = await attempts.count(exchange.gw.pool, account, up, exchange.record)
        except Failure as failure:
            if not failure.row.retry:
                raise
            last = failure
            continue
        if _counts.attempt(told) is not None:
            return told
        last = Failure("upstream_nonsense", "The upstream's answer is not a count of tokens.")
        exchange.gw.pool.failed(account, last)
    raise last

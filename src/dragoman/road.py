"""The way from one account to the next: who is left, whether it is the request's turn, and what the
client is told when nobody is or it is not.

    failed ──▶ somebody left? ──▶ room there? ──▶ its turn? ──▶ the next attempt
                    │ no              │ not in time   │ not in time
                    └─────────────────┴───────────────┴──▶ its own last failure, and when to return

Room is waited for in the waiting room (``waiting.py``), the turn in line for the retry budget
(``turns.py``); both waits together are about ``routing.queue_timeout_s`` long at most.
"""

from collections.abc import Sequence

from dragoman import routing
from dragoman.account import Account
from dragoman.errand import MOST_FREE, Search
from dragoman.errors import Failure
from dragoman.gateway import Gateway
from dragoman.routing import SOON_S, Wanted

_SAYS_WHEN = (429, 503)
"""Statuses that tell a client when to come back."""
_HOPELESS = ("upstream_refused", "upstream_unpaid")
"""Reasons of accounts of which one is asked as a last resort, and not all."""


async def another(gw: Gateway, wanted: Wanted, key: str, search: Search) -> Account:
    """The account that a request tries next, when it is its turn.

    Raises the request's last failure when there is none or its turn does not come in time.
    """
    _without_model(gw, wanted, search)
    if search.attempts >= wanted.max_attempts or search.free > MOST_FREE:
        raise _last(gw, wanted, search)
    now = gw.clock.mono()
    if not search.give_up:
        search.give_up = now + gw.options.queue_timeout_s
    try:
        found = _others(gw, wanted, search)
    except Failure as refused:
        found = await _room(gw, wanted, key, (search, refused))
    if not found:
        raise _last(gw, wanted, search)
    if search.calm:
        return found[0]
    now = gw.clock.mono()
    if found[0].reason in _HOPELESS and found[0].cool_until > now:
        raise _last(gw, wanted, search)
    left_s = max(0.0, search.give_up - now)
    search.ticket = await gw.turns.take(key, gw.pool, left_s)
    if search.ticket is None:
        raise _last(gw, wanted, search, gw.turns.due_s(key))
    return _still(gw, wanted, search) or found[0]


def done(gw: Gateway, search: Search) -> None:
    """An attempt has been answered or has failed: its place is free for others."""
    ticket, search.ticket = search.ticket, None
    if ticket is not None:
        gw.turns.end(ticket)


def spare(gw: Gateway, wanted: Wanted, first: Account) -> Account | None:
    """A healthy account with room, other than the first."""
    search = Search()
    search.tried.append(first)
    try:
        found = _others(gw, wanted, search) if wanted.max_attempts > 1 else []
    except Failure:
        return None
    well = found and not found[0].failures and found[0].available(gw.clock.mono(), wanted.model)
    return found[0] if well else None


def _without_model(gw: Gateway, wanted: Wanted, search: Search) -> None:
    """Remember an account that does not have the model; when that was known, nobody has it."""
    if search.failure.kind != "model_not_found":
        return
    account = search.tried[-1]
    if account.lacks(wanted.model, gw.clock.mono()):
        raise search.failure
    gw.pool.exclude(account, wanted.model)


def _others(gw: Gateway, wanted: Wanted, search: Search) -> list[Account]:
    """Accounts that were not tried yet, best first; none where all were.

    Raises ``rate_limited`` where some are left that have no room now.
    """
    tried, now = search.tried, gw.clock.mono()
    more = wanted._replace(max_attempts=wanted.max_attempts + len(tried))
    try:
        plan = routing.plan(more, gw.pool.roster, now, gw.pool.detours)
    except Failure:
        plan = []
    order = [one for one in plan if one not in tried]
    if not order and wanted.tied:
        return []
    if not order:
        # Those that are available were tried, those that were not are cooling or full.
        left = [one for one in _serving(gw, wanted, now) if one not in tried]
        if not left:
            return []
        order = [one for one in left if not one.full and one.reason not in routing.NOT_TO_BE_ASKED]
        if not order:
            words = "Every upstream account for this model is at its limit."
            raise Failure("rate_limited", words, retry_after_s=_wait(left, now))
    # One that failed lately is no good second choice.
    best = order[0]
    for one in order:
        if not one.failures and one.priority == best.priority:
            order[0] = one
            break
    return order


def _serving(gw: Gateway, wanted: Wanted, now: float) -> list[Account]:
    groups = gw.pool.roster.groups(wanted.model)
    return [one for group in groups for one in group.accounts if not one.lacks(wanted.model, now)]


async def _room(
    gw: Gateway, wanted: Wanted, key: str, missed: tuple[Search, Failure]
) -> list[Account]:
    search, refused = missed
    try:
        return await gw.waiting.wait(
            key, refused, lambda: _others(gw, wanted, search), wanted.model
        )
    except Failure:
        raise _last(gw, wanted, search) from None


def _still(gw: Gateway, wanted: Wanted, search: Search) -> Account | None:
    """Who is best now that the turn has come."""
    try:
        found = _others(gw, wanted, search)
    except Failure:
        return None
    return found[0] if found else None


def _last(gw: Gateway, wanted: Wanted, search: Search, turn_s: float = 0.0) -> Failure:
    """The request's own last failure, with the honest time to come back."""
    failure = search.failure
    if failure.status in _SAYS_WHEN or turn_s:
        now = gw.clock.mono()
        told_s = failure.retry_after_s or 0.0
        last = search.tried[-1]
        others = [one for one in _serving(gw, wanted, now) if one is not last]
        own_s = max(told_s, last.cool_until - now, 0.0)
        failure.retry_after_s = max(turn_s, min(own_s, _wait(others, now)) if others else own_s)
    return failure


def _wait(accounts: Sequence[Account], now: float) -> float:
    """Seconds until the first of these accounts may be asked."""
    return min([max(one.cool_until - now, SOON_S if one.full else 0.0) for one in accounts])

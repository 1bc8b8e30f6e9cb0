"""Which accounts may serve a request, and in which order. Pure: everything it needs is handed in.

Accounts that serve the model are taken by priority, then by their claim on the conversation (or by
chance where affinity is off). Accounts that are cooling or full are left out. When that leaves
nobody, throttled and full accounts make the request wait outside (429 with the earliest return),
while accounts that merely failed are tried all the same: a guess at health must not turn into an
outage.

Load is bounded: where accounts are busy, one that has more than its share of the requests in flight
is passed over for the next, so that a shared opening or one busy conversation does not weigh on a
single account while others idle. Below that conversations stay where they are.
"""

from collections.abc import Sequence
from typing import NamedTuple

from dragoman.account import Account
from dragoman.affinity import claim
from dragoman.errors import Failure

FREE_LOAD = 8
"""Requests in flight below which an account is never passed over for its load."""
BOUND = 1.25
"""How much more than its share of the load an account may have beyond that."""


class Wanted(NamedTuple):
    """What routing needs to know of a request."""

    model: str
    """The wire id."""
    conversation: int
    """64 bits: an affinity hash, or chance."""
    max_attempts: int


def plan(wanted: Wanted, accounts: Sequence[Account], now: float) -> list[Account]:
    """Accounts to try, best first, at most ``max_attempts``.

    Raises ``no_account`` (nobody serves the model) or ``rate_limited`` (everybody is throttled or
    full).
    """
    model = wanted.model
    ready = [
        account
        for account in accounts
        if account.cool_until <= now
        and account.probe_until <= now
        and not 0 < account.max_concurrency <= account.in_flight
        and account.serves(model)
    ]
    if not ready:
        ready = _last_resort(model, accounts, now)
    if len(ready) == 1:
        return ready
    conversation = wanted.conversation
    busiest = max([account.in_flight for account in ready])
    over = _over(ready) if busiest >= FREE_LOAD else ()
    claims = {
        account: (
            account.priority,
            account not in over,
            claim(conversation, account.seed, account.weight),
        )
        for account in ready
    }
    ready.sort(key=claims.__getitem__, reverse=True)
    return ready[: wanted.max_attempts]


def _over(accounts: Sequence[Account]) -> set[Account]:
    """The accounts that have more than their share of what those of their priority have."""
    loads: dict[int, float] = {}
    weights: dict[int, float] = {}
    for account in accounts:
        loads[account.priority] = loads.get(account.priority, 1) + account.in_flight
        weights[account.priority] = weights.get(account.priority, 0) + account.weight
    return {
        account
        for account in accounts
        if account.in_flight
        >= max(
            FREE_LOAD,
            BOUND * account.weight * loads[account.priority] / weights[account.priority],
        )
    }


def _last_resort(model: str, accounts: Sequence[Account], now: float) -> list[Account]:
    """Accounts to try although they are cooling: those that failed, not those that said "later"."""
    serving = [account for account in accounts if account.serves(model)]
    if not serving:
        raise Failure(
            "no_account", f"No upstream account serves the model `{model}`.", retry_after_s=30
        )
    probing = [account for account in serving if account.cool_until <= now and not account.full]
    if probing:
        return probing
    trial = [
        account
        for account in serving
        if not account.full and account.reason not in ("upstream_throttled", "upstream_refused")
    ]
    if trial:
        return trial
    refused = [account for account in serving if account.reason == "upstream_refused"]
    if len(refused) == len(serving):
        return refused
    waits = [account.cool_until - now for account in serving if account.cool_until > now]
    raise Failure(
        "rate_limited",
        "Every upstream account for this model is at its limit. Please try again later.",
        retry_after_s=min(waits, default=1.0),
    )

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

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from dragoman.account import Account
from dragoman.affinity import claim
from dragoman.errors import Failure
from dragoman.roster import Group, Ring, Roster

RECOUNT_S = 0.05
"""How old the count of what a ring has in flight may be."""
_PATIENCE = 48
"""Accounts of a ring that are looked at one after the other before all are."""
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


def plan(wanted: Wanted, roster: Roster, now: float) -> list[Account]:
    """Accounts to try, best first, at most ``max_attempts``.

    Raises ``no_account`` (nobody serves the model) or ``rate_limited`` (everybody is throttled or
    full).
    """
    groups = roster.groups(wanted.model)
    most = wanted.max_attempts
    order: list[Account] = []
    for group in groups:
        if group.ring is not None:
            order += _along(group, group.ring, wanted, now)
        elif group.accounts[1:]:
            order += _ranked([one for one in group.accounts if one.available(now)], wanted)
        elif group.accounts[0].available(now):
            order += group.accounts
        if len(order) >= most:
            return order[:most]
    if not order:
        order = _ranked(_last_resort(wanted.model, groups, now), wanted)
        order.sort(key=_priority, reverse=True)
    return order[:most]


_priority = attrgetter("priority")


def _ranked(accounts: list[Account], wanted: Wanted) -> list[Account]:
    """Accounts by their claim on the conversation, those above their share of the load last."""
    conversation = wanted.conversation
    claims = {one: claim(conversation, one.seed, one.weight) for one in accounts}
    accounts.sort(key=claims.__getitem__, reverse=True)
    for one in accounts:
        if one.in_flight >= FREE_LOAD:
            share = _share(accounts)
            return sorted(accounts, key=lambda one: _over(one, share))
    return accounts


def _along(group: Group, ring: Ring, wanted: Wanted, now: float) -> list[Account]:
    """Accounts in the order of the ring, those above their share of the load last."""
    if group.stamp + RECOUNT_S <= now:
        group.stamp = now
        group.share = _share([one for one in group.accounts if one.available(now)])
    share = group.share
    order: list[Account] = []
    heavy: list[Account] = []
    seen: set[Account] = set()
    points, owners = ring
    start = bisect_right(points, wanted.conversation)
    for at in range(start, start + len(points)):
        owner = owners[at if at < len(points) else at - len(points)]
        if owner in seen:
            continue
        seen.add(owner)
        if owner.available(now):
            (heavy if _over(owner, share) else order).append(owner)
            if len(order) == wanted.max_attempts:
                return order
        if len(seen) >= _PATIENCE:
            break
    if not order:
        # Most of the pool is away: whoever is not, in the order of their claims.
        rest = [one for one in group.accounts if one not in seen and one.available(now)]
        order = _ranked(rest, wanted)
    return order + heavy


def _share(accounts: Sequence[Account]) -> float:
    """The most requests in flight for an account of weight 1; 0 while nobody is busy."""
    load = sum([account.in_flight for account in accounts])
    if load < FREE_LOAD:
        return 0.0  # also where there is nobody to share it
    return BOUND * (load + 1) / sum([account.weight for account in accounts])


def _over(account: Account, share: float) -> bool:
    """Whether an account has more than its share of the load."""
    return account.in_flight >= FREE_LOAD and 0 < share * account.weight <= account.in_flight


def _last_resort(model: str, groups: Sequence[Group], now: float) -> list[Account]:
    """Accounts to try although they are cooling: those that failed, not those that said "later"."""
    serving = [account for group in groups for account in group.accounts]
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

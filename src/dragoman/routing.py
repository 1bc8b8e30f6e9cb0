"""Which accounts may serve a request, and in which order. Pure: everything it needs is handed in.

Accounts that serve the model are taken by priority, then by their claim on the conversation (or by
chance where affinity is off). Accounts that are cooling or full are left out. When that leaves
nobody, throttled and full accounts make the request wait outside (429 with the earliest return),
while accounts that merely failed are tried all the same: a guess at health must not turn into an
outage.

Load is bounded: where accounts are busy, one that has much more than its share of the requests in
flight is passed over for the next, so that one busy conversation does not weigh on a single account
while others idle. Below that conversations stay where they are.

A prompt that is worth caching and that no account is known to hold goes first where its opening
(tools and system) is likely to be warm: along the opening's own claims, to the first account that
had less than its share of the last minutes' requests. An opening that many conversations share thus
spreads over as many accounts as it keeps busy, and no more. Where none of them has room, the
lightest of the conversation's own best claims takes it. docs/routing.md has the measurements.

A conversation that was served away from home has its warm cache there. Such detours are remembered
for as long as the cache lives (``pool.py``) and handed in here: while it lasts, the account of a
detour comes first, if it is available, no heavier than its share and of no lower priority than who
would come first without it. A conversation with thinking that only one organisation can read goes
to other accounts of that organisation before it goes anywhere else.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
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
SOON_S = 1.0
"""When to come back where accounts are only full: nobody knows, but it is soon."""
FREE_LOAD = 8
"""Requests in flight below which an account is never passed over for its load."""
NOT_TO_BE_ASKED = frozenset({"upstream_throttled", "upstream_refused", "upstream_unpaid"})
"""Reasons for which an account that cools down is not even a last resort: it said so itself."""
_REFUSED = frozenset({"upstream_refused", "upstream_unpaid"})
BOUND = 1.25
"""How many times its share of the load an account may have beyond that."""
EVEN = 1.05
"""How many times its share of the last minutes' requests an account may have, with those that..."""
BRINGS = 7
"""...a new conversation is likely to bring, and still be given it for its opening's sake."""
FREE_RECENT = 4
"""Requests that it may have in any case: a quiet pool does not spread what belongs together."""
OPENING_PLACES = 8
"""Accounts that are looked at for an opening's sake."""
ROOM_PLACES = 6
"""Accounts of which the lightest has a new conversation, where none of those has room."""
MOST_HOMES = 8192
"""Homes that a group remembers; finding one again costs some claims."""
NOT_THERE = "The account that keeps what this conversation uses is not available."
RECENT_RECOUNT_S = 1.0
"""How old a group's average of the last minutes' requests may be."""


class Wanted(NamedTuple):
    """What routing needs to know of a request."""

    model: str
    """The wire id."""
    conversation: int
    """64 bits: an affinity hash, or chance."""
    max_attempts: int
    bound: bool = False
    """It holds thinking that only the organisation it was made for can read."""
    placed: bool = False
    """Its prompt is worth caching: it goes where it was served last or, where that is not known,
    where its opening is."""
    opening: int = 0
    """64 bits of the tools and system of such a prompt, where nothing is known; else 0."""
    tied: bool = False
    """What is :attr:`bound` is no use at all to others: they are not asked."""


class Detour(NamedTuple):
    """Where a conversation was served last that was not at home."""

    account: Account
    until: float
    """``mono()`` seconds, while its cache there may be warm."""


Detours = Mapping[int, Detour]
"""By conversation; few or none while all is well."""
NO_DETOURS: Detours = {}


class Moved(list[Account]):
    """A plan of a conversation that is not at home, or was not: whoever serves it is to be
    remembered (``Pool.moved``)."""


def plan(
    wanted: Wanted, roster: Roster, now: float, detours: Detours = NO_DETOURS
) -> list[Account]:
    """Accounts to try, best first, at most ``max_attempts``; :class:`Moved` where the first is not
    the conversation's home, or need not be.

    Raises ``no_account`` (nobody serves the model) or ``rate_limited`` (everybody is throttled or
    full).
    """
    groups = roster.groups(wanted.model)
    order = _order(groups, wanted, now)
    if wanted.opening:
        return _placed(order, groups, wanted, now)
    known = detours.get(wanted.conversation) if detours else None
    if known is None and not wanted.bound:
        return order
    if known is not None and not wanted.bound and _is_free(known, order[0], wanted, now):
        last = known.account
        return Moved([last, *(one for one in order if one is not last)][: wanted.max_attempts])
    return _kept(order, wanted, roster, (now, known))


def start(
    wanted: Wanted, roster: Roster, now: float, detours: Detours = NO_DETOURS
) -> list[Account]:
    """:func:`plan`, or its first account alone where that is plainly the conversation's home: which
    it is while all is well, and found in a third of the time. Where else to go is planned anew when
    it is needed.

    Raises what :func:`plan` does.
    """
    conversation = wanted.conversation
    if not (wanted.opening or wanted.bound or (detours and conversation in detours)):
        groups = roster.groups(wanted.model)
        if groups:
            group = groups[0]
            at_home = group.homes.get(conversation)
            if at_home is None:
                at_home = group.homes[conversation] = _home(group, conversation)
                if len(group.homes) > MOST_HOMES:
                    group.homes.clear()
            if at_home.available(now, wanted.model) and (
                at_home.in_flight < FREE_LOAD or not _is_heavy(at_home, group, wanted.model, now)
            ):
                return [at_home]
    return plan(wanted, roster, now, detours)


def _is_heavy(one: Account, group: Group, model: str, now: float) -> bool:
    """Whether an available account of a group has more than its share of the load."""
    if group.ring is not None:
        return _over(one, _share_now(group, model, now))
    # Its own load alone is a part of all load, and what is available a part of all accounts.
    if one.in_flight - FREE_LOAD < BOUND * (one.in_flight + 1) / group.weight * one.weight:
        return False
    return _over(one, _share([other for other in group.accounts if other.available(now, model)]))


def home(wanted: Wanted, roster: Roster) -> Account | None:
    """Where a conversation lives while all is well; ``None`` where nobody serves the model."""
    groups = roster.groups(wanted.model)
    return _home(groups[0], wanted.conversation) if groups else None


def _home(group: Group, conversation: int) -> Account:
    if group.ring is None:
        return max(group.accounts, key=lambda one: claim(conversation, one.seed, one.weight))
    points, owners = group.ring
    return owners[bisect_right(points, conversation) % len(points)]


def _order(groups: Sequence[Group], wanted: Wanted, now: float) -> list[Account]:
    """Who would serve a request of which nothing is remembered."""
    order, moved = _available(groups, wanted, now)
    if not order:
        order = _ranked(_last_resort(wanted.model, groups, now), wanted)
        order.sort(key=_priority, reverse=True)
        moved = True
    del order[wanted.max_attempts :]
    if moved and order[0] is not _home(groups[0], wanted.conversation):
        return Moved(order)
    return order


def _available(groups: Sequence[Group], wanted: Wanted, now: float) -> tuple[list[Account], bool]:
    """Accounts that are available, as many as are wanted, and whether the first may not be the
    home."""
    order: list[Account] = []
    moved = False
    model = wanted.model
    for group in groups:
        accounts = group.accounts
        if group.ring is not None:
            order += _along(group, group.ring, wanted, now)
            moved = True
        elif accounts[1:]:
            able = [one for one in accounts if one.available(now, model)]
            ranked = _ranked(able, wanted)
            moved = moved or len(able) < len(accounts) or ranked.__class__ is Moved
            order += ranked
        elif accounts[0].available(now, model):
            order += accounts
        else:
            moved = True
        if len(order) >= wanted.max_attempts:
            break
    return order, moved


def _placed(
    order: list[Account], groups: Sequence[Group], wanted: Wanted, now: float
) -> list[Account]:
    """The plan of a conversation that starts, or of which nothing is warm any more: where its
    opening is likely to be warm, where there is room for it."""
    first = order[0]
    group = next(group for group in groups if group.priority == first.priority)
    if not group.accounts[1:]:
        return order
    if not first.available(now, wanted.model):
        return Moved(order)
    usual = _usual(group, wanted.model, now)
    there, _ = _available((group,), Wanted(wanted.model, wanted.opening, OPENING_PLACES), now)
    for one in there[:OPENING_PLACES]:
        if one.recent <= max(EVEN * usual * one.weight - BRINGS, FREE_RECENT * one.weight):
            chosen = one
            break
    else:
        near, _ = _available((group,), wanted._replace(max_attempts=ROOM_PLACES), now)
        chosen = min(near[:ROOM_PLACES], key=lambda one: one.recent / one.weight)
    found = [chosen, *(one for one in order if one is not chosen)]
    return Moved(found[: wanted.max_attempts])


def _usual(group: Group, model: str, now: float) -> float:
    """The average of the last minutes' requests, for a weight of 1."""
    if group.counted + RECENT_RECOUNT_S <= now:
        group.counted = now
        there = [one for one in group.accounts if one.available(now, model)]
        weight = sum([one.weight for one in there])
        group.usual = sum([one.recent for one in there]) / weight if there else 0.0
    return group.usual


def _kept(
    order: list[Account], wanted: Wanted, roster: Roster, known: tuple[float, Detour | None]
) -> list[Account]:
    """The plan of a conversation of which more is known than its claims: where it was served last,
    and that it holds an organisation's own thinking."""
    now, detour = known
    groups = roster.groups(wanted.model)
    at_home = _home(groups[0], wanted.conversation)
    last = at_home if detour is None or detour.until <= now else detour.account
    found: list[Account] = []
    if last is not at_home and _may_stay(last, order[0], groups, (wanted, now)):
        found.append(last)
    if wanted.bound and last.organization:
        siblings, _ = _available(roster.siblings(wanted.model, last.organization), wanted, now)
        found += siblings
    if wanted.tied:
        there = last in order or (last.available(now, wanted.model) and not last.draining)
        others = [one for one in found if one is not last]
        found = [last, *others] if there and last.serves(wanted.model) else others
        if not found:
            raise Failure("no_account", NOT_THERE, retry_after_s=1)
        return Moved(found[: wanted.max_attempts])
    found = list(dict.fromkeys([*found, *order]))[: wanted.max_attempts]
    return found if detour is None and found[0] is at_home else Moved(found)


def _is_free(known: Detour, instead: Account, wanted: Wanted, now: float) -> bool:
    """Whether it takes no further look to let a conversation stay where it was served last: the
    usual case of :func:`_may_stay`."""
    last = known.account
    return (
        known.until > now
        and last.in_flight < FREE_LOAD
        and last.priority >= instead.priority
        and last.available(now, wanted.model)
        and last.serves(wanted.model)
    )


def _may_stay(
    last: Account, instead: Account, groups: Sequence[Group], asked: tuple[Wanted, float]
) -> bool:
    """Whether the account of a detour is to come before the one that would come first without."""
    wanted, now = asked
    if not (last.available(now, wanted.model) and last.serves(wanted.model)):
        return False
    if last.priority < instead.priority:
        return False
    return last.in_flight < FREE_LOAD or not any(
        _over(last, _share_now(group, wanted.model, now))
        for group in groups
        if group.priority == last.priority
    )


_priority = attrgetter("priority")


def _ranked(accounts: list[Account], wanted: Wanted) -> list[Account]:
    """Accounts by their claim on the conversation, those above their share of the load last;
    :class:`Moved` where the first is one of those."""
    conversation = wanted.conversation
    if len(accounts) == 2:
        first, second = accounts
        if claim(conversation, first.seed, first.weight) < claim(
            conversation, second.seed, second.weight
        ):
            accounts.reverse()
    else:
        claims = {one: claim(conversation, one.seed, one.weight) for one in accounts}
        accounts.sort(key=claims.__getitem__, reverse=True)
    for one in accounts:
        if one.in_flight >= FREE_LOAD:
            share = _share(accounts)
            found = sorted(accounts, key=lambda one: _over(one, share))
            return found if found[0] is accounts[0] else Moved(found)
    return accounts


def _along(group: Group, ring: Ring, wanted: Wanted, now: float) -> list[Account]:
    """Accounts in the order of the ring, those above their share of the load last."""
    model = wanted.model
    share = _share_now(group, model, now)
    order: list[Account] = []
    heavy: list[Account] = []
    seen: set[Account] = set()
    points, owners = ring
    patience = min(_PATIENCE, len(group.accounts))
    start = bisect_right(points, wanted.conversation)
    for at in range(start, start + len(points)):
        owner = owners[at if at < len(points) else at - len(points)]
        if owner in seen:
            continue
        seen.add(owner)
        if owner.available(now, model):
            (heavy if _over(owner, share) else order).append(owner)
            if len(order) == wanted.max_attempts:
                return order
        if len(seen) >= patience:
            break
    if not order:
        # Most of the pool is away: whoever is not, in the order of their claims.
        rest = [one for one in group.accounts if one not in seen and one.available(now, model)]
        order = _ranked(rest, wanted)
    return order + heavy


def _share_now(group: Group, model: str, now: float) -> float:
    """:func:`_share` of a group's available accounts; of a ring's not counted at every request."""
    if group.ring is None or group.stamp + RECOUNT_S <= now:
        group.stamp = now
        group.share = _share([one for one in group.accounts if one.available(now, model)])
    return group.share


def _share(accounts: Sequence[Account]) -> float:
    """The most requests in flight for an account of weight 1; 0 while nobody is busy."""
    load = sum([account.in_flight for account in accounts])
    if load < FREE_LOAD:
        return 0.0  # also where there is nobody to share it
    return BOUND * (load + 1) / sum([account.weight for account in accounts])


def _over(account: Account, share: float) -> bool:
    """Whether an account has more than its share of the load, and some: who runs stays, since
    moving costs the whole prompt."""
    beyond = account.in_flight - FREE_LOAD
    return beyond >= 0 and 0 < share * account.weight <= beyond


def _last_resort(model: str, groups: Sequence[Group], now: float) -> list[Account]:
    """Accounts to try although they are cooling: those that failed, not those that said "later"."""
    every = [account for group in groups for account in group.accounts]
    if not every:
        raise Failure(
            "no_account", f"No upstream account serves the model `{model}`.", retry_after_s=30
        )
    serving = [account for account in every if not account.lacks(model, now)] or every
    free = [account for account in serving if not account.full]
    probing = [account for account in free if account.cool_until <= now]
    if probing:
        return probing
    trial = [one for one in free if one.reason not in NOT_TO_BE_ASKED]
    if trial:
        return trial
    refused = [account for account in free if account.reason in _REFUSED]
    if len(refused) == len(serving):
        return refused
    waits = [max(account.cool_until - now, SOON_S if account.full else 0.0) for account in serving]
    raise Failure(
        "rate_limited",
        "Every upstream account for this model is at its limit. Please try again later.",
        retry_after_s=min(waits),
    )

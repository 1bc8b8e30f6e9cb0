"""The accounts of a pool, arranged so that finding a conversation's home costs the same for ten
accounts and for ten thousand.

For each model the accounts that serve it stand in groups of one priority. A small group is asked in
full: every account makes its claim on the conversation (rendezvous hashing, ``affinity.claim``),
which keeps to the weights exactly. A large one is a ring: every account owns points on it, as many
as its weight, and a conversation belongs to the owner of the next point (consistent hashing); who
comes after is found by going on. Either way an account that goes takes only its own conversations
with it. Groups never change: a reload makes a new roster. Accounts that are draining stand in none.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from dragoman.account import Account

RING_FROM = 17
"""The size from which a group is a ring."""
POINTS = 96
"""Points of an account of average weight; more are fairer and take longer to make."""
MOST_POINTS = 200_000
"""Points of a whole ring. With very many accounts each has fewer: load bounds even out the rest."""
_MOST_MODELS = 1000
_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


class Ring(NamedTuple):
    """Points in rising order, and the account that owns each."""

    points: list[int]
    owners: list[Account]


class Group:
    """Accounts of one priority that serve one model."""

    __slots__ = (
        "accounts",
        "counted",
        "homes",
        "priority",
        "ring",
        "share",
        "stamp",
        "usual",
        "weight",
    )

    def __init__(self, accounts: Sequence[Account]) -> None:
        self.accounts = tuple(accounts)
        self.priority = self.accounts[0].priority
        self.weight = sum([one.weight for one in self.accounts])
        self.homes: dict[int, Account] = {}
        """Of conversations that were here lately, where they live while all is well."""
        self.ring = _ring(self.accounts) if len(self.accounts) >= RING_FROM else None
        self.share = 0.0
        """For a ring: the most requests in flight for an account of weight 1, at ``stamp``."""
        self.usual = 0.0
        """The average of the last minutes' requests, for a weight of 1, at ``counted``."""
        self.counted = float("-inf")
        """``mono()`` seconds, as ``stamp``."""
        self.stamp = float("-inf")
        """``mono()`` seconds."""


class Roster:
    """All accounts, by model and priority."""

    __slots__ = ("_groups", "_known", "_of", "accounts", "members")

    def __init__(self, accounts: Sequence[Account]) -> None:
        self.accounts = tuple([one for one in accounts if not one.draining])
        """Those that take new requests."""
        self.members = frozenset(self.accounts)
        self._groups: dict[str, tuple[Group, ...]] = {}
        self._of: dict[tuple[str, str], tuple[Group, ...]] = {}
        self._known: dict[tuple[Account, ...], Group] = {}
        # Most models are served by all accounts: their rings are made now, not for a request.
        self._by_priority(self.accounts)

    def groups(self, model: str) -> tuple[Group, ...]:
        """The groups that serve a model, highest priority first."""
        found = self._groups.get(model)
        if found is None:
            found = self._arrange(model)
            if len(self._groups) < _MOST_MODELS:
                self._groups[model] = found
        return found

    def siblings(self, model: str, organization: str) -> tuple[Group, ...]:
        """The groups of one organisation that serve a model."""
        found = self._of.get((model, organization))
        if found is None:
            own = [one for one in self.accounts if one.organization == organization]
            found = self._by_priority([one for one in own if one.serves(model)])
            if len(self._of) < _MOST_MODELS:
                self._of[model, organization] = found
        return found

    def _arrange(self, model: str) -> tuple[Group, ...]:
        return self._by_priority([one for one in self.accounts if one.serves(model)])

    def _by_priority(self, accounts: Sequence[Account]) -> tuple[Group, ...]:
        members: dict[int, list[Account]] = {}
        for account in accounts:
            members.setdefault(account.priority, []).append(account)
        return tuple(self._group(tuple(members[one])) for one in sorted(members, reverse=True))

    def _group(self, accounts: tuple[Account, ...]) -> Group:
        """The group of these accounts, made once."""
        found = self._known.get(accounts)
        if found is None:
            found = self._known[accounts] = Group(accounts)
        return found


def _ring(accounts: Sequence[Account]) -> Ring:
    average = sum(account.weight for account in accounts) / len(accounts)
    each = min(POINTS, MOST_POINTS / len(accounts)) / average
    owners: dict[int, Account] = {}
    for account in accounts:
        points = _points(account.seed, max(1, round(each * account.weight)))
        owners.update(dict.fromkeys(points, account))
    # Numbers alone are sorted several times as fast as pairs.
    placed = sorted(owners)
    return Ring(placed, [owners[point] for point in placed])


@lru_cache(maxsize=20_000)
def _points(seed: int, count: int) -> tuple[int, ...]:
    """Where an account stands on the ring: the same points for the same name, always.

    Remembered, for most accounts stay when one is changed, and requests wait meanwhile.
    """
    found: list[int] = []
    state = seed
    for _ in range(count):
        # splitmix64: every step is a new, well mixed 64-bit number.
        state = state + _STEP & _MASK
        mixed = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
        found.append(mixed ^ mixed >> 31)
    return tuple(found)

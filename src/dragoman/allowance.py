"""What is left of an account's rate limits, by what its answers say.

Every answer says how much of each limit remains. Limits refill all the time (they are token
buckets, protocol.md §2c), so what remains now is what remained then and what flowed in since. Two
answers some time apart also show how fast the account is being used, by us and by whoever else
shares its limits. That is all it takes to see a limit's end coming: what remains will not do for
the requests that are on their way before the next answer is read.
"""

from collections.abc import Mapping
from typing import NamedTuple

AHEAD_S = 1.0
"""For how long what remains has to do: the requests of about this time are already on their way
when an answer tells of it."""
SHORTEST_S = 0.1
"""The least time over which a pace is measured."""
MINUTE_S = 60.0
"""Time in which a limit fills when nothing else is said: limits are per minute."""


class Limit(NamedTuple):
    """One limit as an answer tells it."""

    limit: float
    """Requests or tokens when whole; 0 where it was not said."""
    remaining: float
    whole_s: float
    """Seconds until it is whole again; 0 where it was not said or is whole."""
    window: bool = False
    """It is whole again all at once, and nothing flows in before."""


class Allowance:
    """An account's limits as of the last answer that was looked at."""

    __slots__ = ("_since", "at", "limits", "pace")

    def __init__(self) -> None:
        self.limits: Mapping[str, Limit] = {}
        """By what they count: ``requests``, ``tokens``, ``input-tokens``, ``output-tokens``."""
        self.at = 0.0
        """``mono()`` seconds of what ``limits`` says."""
        self.pace: dict[str, float] = {}
        """Used a second, lately."""
        self._since: tuple[Mapping[str, Limit], float] = ({}, float("-inf"))
        """What the pace is measured from."""

    def told(self, limits: Mapping[str, Limit], now: float) -> None:
        """Take what an answer says."""
        self.limits, self.at = limits, now
        before, then = self._since
        gap_s = now - then
        if gap_s < SHORTEST_S:
            # One request in a millisecond is no thousand a second.
            return
        self._since = limits, now
        expected = _left(before, gap_s)
        self.pace = {
            what: max(0.0, expected[what] - limit.remaining) / gap_s
            for what, limit in limits.items()
            if what in expected
        }

    def remaining(self, now: float) -> dict[str, float]:
        """What is left of each limit now, as far as that can be known."""
        return _left(self.limits, now - self.at)

    def short_s(self) -> float:
        """For how many seconds the account had better be left alone; 0 when there is enough.

        Until what is used in :data:`AHEAD_S` is there twice.
        """
        longest = 0.0
        for what, one in self.limits.items():
            need = self.pace.get(what, 0.0) * AHEAD_S
            if one.remaining < need and (refill := _refill(one)):
                longest = max(longest, (2 * need - one.remaining) / refill)
        return longest


def _left(limits: Mapping[str, Limit], after_s: float) -> dict[str, float]:
    return {
        what: one.limit
        if one.window and 0 < one.whole_s <= after_s
        else min(one.remaining + _refill(one) * after_s, max(one.limit, one.remaining))
        for what, one in limits.items()
    }


def _refill(limit: Limit) -> float:
    """What flows in a second."""
    if limit.window:
        return 0.0
    if limit.whole_s > 0 and limit.limit > limit.remaining:
        return (limit.limit - limit.remaining) / limit.whole_s
    return limit.limit / MINUTE_S

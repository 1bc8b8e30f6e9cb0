"""How many requests may be tried again, and whose turn it is. Pure: time and traffic are handed in.

When an upstream is in trouble, every failure wants to become another request, just when the
upstream can take it least. So a retry that costs an upstream work needs two things:

- a *place*: at most :data:`SHARE` of the requests in flight are retries, or :data:`FLOOR`;
- a *token*: requests earn :data:`SHARE` of a token each, and :data:`FLOOR` of them come every
  second in any case. What is not used is kept: as many as come in :data:`WINDOW_S` seconds, or
  half as many as requests are in flight, so that those of an account that dies need not stand in
  line.

Who gets neither waits. Keys take turns, and one that had half of what was given lately leaves
:data:`RESERVED` of the tokens to the others, so that its failures cannot use up what theirs need.
"""

import math
from collections import OrderedDict, deque

SHARE = 0.1
"""Retries for each request."""
FLOOR = 3
"""Retries that are always in order: at the same time, and a second."""
WINDOW_S = 10.0
"""How many seconds' tokens are kept."""
AT_ONCE = 0.5
"""Tokens there are at least after a calm time, for each request in flight."""
RESERVED = 0.25
"""The part of the tokens kept for keys that hardly needed any."""
HOLD_S = 1.0
"""How long a retry keeps its place at most: a whole reply takes minutes, and that is not the
retry's doing."""


class Ticket:
    """One request's wish to be tried again."""

    __slots__ = ("granted", "key", "until")

    def __init__(self, key: str) -> None:
        self.key = key
        self.granted = False
        self.until = 0.0
        """When it loses its place, ``mono()`` seconds."""


class Retries:
    """The budget of one process."""

    def __init__(self) -> None:
        self.used = 0.0
        """Tokens taken and not yet earned again."""
        self.in_flight = 0
        """Requests under way, when that was last told."""
        self._under_way: deque[Ticket] = deque()
        """Those that have a place, longest first."""
        self._lines: OrderedDict[str, deque[Ticket]] = OrderedDict()
        """Those that wait: keys in the order of their turns, each with its oldest first."""
        self._given: dict[str, float] = {}
        """What each key was given lately; it fades like the tokens do."""
        self._now = -math.inf
        self._sent = 0

    @property
    def capacity(self) -> float:
        """The most tokens that are kept."""
        return max(FLOOR * WINDOW_S, AT_ONCE * self.in_flight)

    @property
    def level(self) -> float:
        """Tokens there are; below zero where capacity has shrunk since they were taken."""
        return self.capacity - self.used

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(map(len, self._lines.values()))

    @property
    def under_way(self) -> int:
        """How many have a place."""
        return len(self._under_way)

    def ask(self, key: str) -> Ticket:
        """Stand in line. :meth:`grant` says when it is one's turn."""
        ticket = Ticket(key)
        self._lines.setdefault(key, deque()).append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give up waiting, or a place that is no longer needed."""
        if ticket.granted:
            if ticket in self._under_way:
                self._under_way.remove(ticket)
            return
        line = self._lines.get(ticket.key)
        if line is not None and ticket in line:
            line.remove(ticket)
            if not line:
                del self._lines[ticket.key]

    def grant(self, now: float, sent: int, in_flight: int) -> list[Ticket]:
        """Whose turn it is now.

        ``sent`` counts the requests since the start, retries not included; ``in_flight`` those
        that are under way or wait here.
        """
        self._refill(now, sent)
        self.in_flight = in_flight
        places = max(FLOOR, int(SHARE * in_flight))
        granted: list[Ticket] = []
        while len(self._under_way) < places and (key := self._next()) is not None:
            line = self._lines.pop(key)
            ticket = line.popleft()
            if line:
                # To the end: the other keys come first now.
                self._lines[key] = line
            ticket.granted = True
            ticket.until = now + HOLD_S
            self._under_way.append(ticket)
            self.used += 1
            self._given[key] = self._given.get(key, 0.0) + 1
            granted.append(ticket)
        return granted

    def due_s(self, key: str | None = None) -> float:
        """Seconds until somebody who waits may be granted, if nothing else happens before; or
        somebody of this ``key``, if nobody waits."""
        modest = self._is_modest(key) if key is not None else self._modest() is not None
        wants = 1.0 if modest else 1.0 + RESERVED * self.capacity
        if self.level < wants:
            return (wants - self.level) / FLOOR
        return max(0.0, self._under_way[0].until - self._now) if self._under_way else 0.0

    def _next(self) -> str | None:
        """The key whose turn it is."""
        if self.level < 1:
            return None
        if self.level >= 1 + RESERVED * self.capacity:
            return next(iter(self._lines), None)
        return self._modest()

    def _modest(self) -> str | None:
        """The first key in turn that has not had half of all."""
        return next(filter(self._is_modest, self._lines), None)

    def _is_modest(self, key: str) -> bool:
        return self._given.get(key, 0.0) < self.capacity / 2

    def _refill(self, now: float, sent: int) -> None:
        places = self._under_way
        while places and places[0].until <= now:
            places.popleft()
        past_s = now - self._now
        if not 0 < past_s < math.inf:
            self._now = max(now, self._now)
            self._sent = sent if past_s > 0 else self._sent
            return
        fresh = max(0, sent - self._sent)
        self._now, self._sent = now, sent
        fades = math.exp(-past_s / WINDOW_S)
        self.used = max(0.0, self.used - max(FLOOR * past_s, SHARE * fresh))
        self._given = {
            key: given * fades for key, given in self._given.items() if given * fades > 0.1
        }

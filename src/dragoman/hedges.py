"""When an account takes unusually long, and whether a second one may be asked. Pure.

Per account, model and way of answering the times to the first byte of the last answers are kept,
and their 95th percentile is what "unusually" means. A request that has been waiting for longer may
be sent to a second account as well, but never more than :data:`SHARE` of all requests: every
hundred requests earn two such chances, of which few are kept.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

SHARE = 0.02
"""Requests that may be sent twice, of all."""
MOST_CHANCES = 5.0
"""Chances kept: after a calm day not everything may be sent twice."""
QUANTILE = 0.95
SAMPLES = 100
"""Times kept of each account and model."""
ENOUGH = 20
"""Times that are needed before they say anything."""
_EVERY = 10
_MOST_CLASSES = 10_000


class Class(NamedTuple):
    """Answers that can be compared: a whole one comes when a stream would end."""

    account: str
    model: str
    stream: bool


class _Times:
    """The last times of one class, and what 95 % of them stay below."""

    __slots__ = ("count", "last", "usual_s")

    def __init__(self) -> None:
        self.last: deque[float] = deque(maxlen=SAMPLES)
        self.count = 0
        self.usual_s: float | None = None

    def add(self, seconds: float) -> None:
        self.last.append(seconds)
        self.count += 1
        if self.count >= ENOUGH and self.count % _EVERY == 0:
            ordered = sorted(self.last)
            self.usual_s = ordered[int(QUANTILE * (len(ordered) - 1))]


class Hedges:
    """What is known of the times of one process' accounts, and how often it was acted on."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        """``mono()`` seconds."""
        self._times: dict[Class, _Times] = {}
        self._chances = 0.0
        self.sent = 0
        """Requests sent a second time."""
        self.won = 0
        """Of those the second account answered first."""

    def usual_s(self, which: Class) -> float | None:
        """The time within which 95 % of answers begin; ``None`` while too little is known."""
        known = self._times.get(which)
        return known.usual_s if known is not None else None

    def took(self, which: Class, seconds: float) -> None:
        """An answer has begun, or was given up, after this time."""
        known = self._times.get(which)
        if known is None:
            if len(self._times) >= _MOST_CLASSES:
                del self._times[next(iter(self._times))]
            known = self._times[which] = _Times()
        known.add(seconds)

    def passed(self) -> None:
        """A request goes out."""
        self._chances = min(MOST_CHANCES, self._chances + SHARE)

    def take(self) -> bool:
        """Whether one more request may be sent a second time; it counts as sent then."""
        # A hundred times 0.02 is not quite 2.
        if self._chances < 1 - 1e-9:
            return False
        self._chances -= 1
        self.sent += 1
        return True

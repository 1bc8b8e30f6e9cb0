"""How fast a stream's events come: a number a second, whoever is listening and however late.

Events are due by the clock, not after one another's delivery, so a reader that was busy gets what
has become due in the meantime at once, and the stream's length does not depend on timer accuracy.
"""

import asyncio
from collections.abc import Callable

AT_ONCE = 64
"""Most events handed over together, so that one stream at full speed leaves room for others."""


class Pacer:
    """Says how many events are due. ``pace`` is events per second; 0: as fast as possible."""

    __slots__ = ("_due", "_interval_s", "_mono")

    def __init__(self, mono: Callable[[], float], pace: float) -> None:
        self._mono = mono
        self._interval_s = 1 / pace if pace > 0 else 0.0
        self._due = mono()

    async def due(self) -> int:
        """Wait until an event is due; how many are, at most :data:`AT_ONCE`."""
        if not self._interval_s:
            await asyncio.sleep(0)
            return AT_ONCE
        early_s = self._due - self._mono()
        if early_s > 0:
            await asyncio.sleep(early_s)
        late_s = max(0.0, self._mono() - self._due)
        count = min(AT_ONCE, 1 + int(late_s / self._interval_s))
        self._due += count * self._interval_s
        return count

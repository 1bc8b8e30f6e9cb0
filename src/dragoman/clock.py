"""The only reader of time.

``wall()`` is for records that people read, ``mono()`` for durations and deadlines. Both are handed
to whoever needs them as a :class:`Clock`, so a test can move time by hand.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Two readings of time, in seconds."""

    wall: Callable[[], float]
    """Seconds since 1970-01-01T00:00:00Z; may jump."""
    mono: Callable[[], float]
    """Seconds since some fixed moment; never goes back."""


SYSTEM = Clock(wall=time.time, mono=time.monotonic)

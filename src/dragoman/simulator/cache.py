"""The prompt cache of one account.

A request is a row of segments in the order tools, system, messages; a breakpoint stands after a
segment that carries ``cache_control``. Each prefix has a hash that depends on everything before it.
What is read is the longest prefix that was kept, looked for at every breakpoint and up to twenty
segments before it; what is written lies between there and the last breakpoint. A read renews the
life of what it read.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

LIFE_S = {"5m": 300.0, "1h": 3600.0}
"""Seconds a prefix is kept after its last use, by ``ttl``."""
LOOKBACK = 20
"""Segments before a breakpoint at which an earlier entry is looked for."""
MAX_ENTRIES = 4096
"""Prefixes kept per account; the one unused for longest goes first."""


class Segment(NamedTuple):
    """One block of a request."""

    prefix: bytes
    """Hash of everything up to and including this block."""
    tokens: int
    """Tokens of the prefix that ends with this block."""
    ttl: str
    """``5m`` or ``1h`` where a breakpoint stands after the block, else empty."""


class CacheUse(NamedTuple):
    """How many input tokens were read from the cache and written to it."""

    read: int = 0
    written_5m: int = 0
    written_1h: int = 0


class _Entry:
    __slots__ = ("expires", "life_s")

    def __init__(self, life_s: float, now: float) -> None:
        self.life_s = life_s
        self.expires = now + life_s


class PromptCache:
    """Prefixes that were paid for, by hash."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def look(self, segments: Sequence[Segment], least_tokens: int, now: float) -> CacheUse:
        """What using the cache for this request would come to. Changes nothing."""
        marks = _marks(segments, least_tokens)
        if not marks:
            return CacheUse()
        hit = self._hit(segments, marks, now)
        return _bill(segments, marks, hit)

    def use(self, segments: Sequence[Segment], least_tokens: int, now: float) -> CacheUse:
        """Read and write for one answered request. ``now`` is monotonic seconds."""
        marks = _marks(segments, least_tokens)
        if not marks:
            return CacheUse()
        hit = self._hit(segments, marks, now)
        if hit >= 0:
            self._renew(segments[hit].prefix, now)
        for mark in marks:
            self._keep(segments[mark], now)
        return _bill(segments, marks, hit)

    def _hit(self, segments: Sequence[Segment], marks: list[int], now: float) -> int:
        """Index of the longest segment prefix that is still kept; -1: none."""
        for mark in reversed(marks):
            for index in range(mark, max(-1, mark - LOOKBACK), -1):
                entry = self._entries.get(segments[index].prefix)
                if entry is not None and entry.expires > now:
                    return index
        return -1

    def _renew(self, prefix: bytes, now: float) -> None:
        entry = self._entries[prefix]
        entry.expires = now + entry.life_s
        self._entries.move_to_end(prefix)

    def _keep(self, segment: Segment, now: float) -> None:
        entry = self._entries.get(segment.prefix)
        life_s = LIFE_S[segment.ttl]
        if entry is None or entry.expires <= now or entry.life_s < life_s:
            self._entries[segment.prefix] = _Entry(life_s, now)
        else:
            entry.expires = now + entry.life_s
        self._entries.move_to_end(segment.prefix)
        if len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)


def _marks(segments: Sequence[Segment], least_tokens: int) -> list[int]:
    """Indices of the breakpoints that are long enough to be kept."""
    if not least_tokens:
        return []
    return [
        index
        for index, segment in enumerate(segments)
        if segment.ttl and segment.tokens >= least_tokens
    ]


def _bill(segments: Sequence[Segment], marks: list[int], hit: int) -> CacheUse:
    """Split the tokens: read up to the hit, then what lives an hour, then what lives five
    minutes."""
    read = segments[hit].tokens if hit >= 0 else 0
    last = max(read, segments[marks[-1]].tokens)
    hour_end = read
    for mark in marks:
        if segments[mark].ttl == "1h":
            hour_end = max(hour_end, segments[mark].tokens)
    return CacheUse(read, last - hour_end, hour_end - read)

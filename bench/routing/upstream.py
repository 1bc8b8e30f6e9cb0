"""Upstream as the simulation has it: organisations with limits and a prompt cache, that fail.

Limits are token buckets that refill all the time and hold a minute's worth: requests, input tokens
(what is read from the cache does not count) and output tokens. A request is taken when each bucket
holds what it needs; an answer's tokens are taken from the bucket as they come and may leave it
below nothing. Who is refused is told the whole seconds until it would be taken.

The cache keeps what stood before a mark: the shared instructions, and the whole prompt of each
conversation's last turn. Every use renews it for as long as it was asked for. It can be read from
the moment the answer that wrote it has begun. What is too short is not kept.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from bench.routing.trace import HOUR_S

FIVE_MINUTES_S = 300.0
MIN_CACHE_TOKENS = 1024
"""Shortest prompt that is kept (`min_cache_tokens` of Claude Sonnet 5)."""


class Tier(NamedTuple):
    """An account's limits, all per minute."""

    requests: int
    input_tokens: int
    output_tokens: int


TIER_2 = Tier(1000, 450_000, 90_000)
TIER_3 = Tier(2000, 800_000, 160_000)
"""Anthropic's published limits of Claude Sonnet 4.x for usage tiers 2 and 3."""


class Bucket:
    """Tokens that refill all the time."""

    __slots__ = ("at", "level", "most", "rate")

    def __init__(self, per_minute: float) -> None:
        self.most = float(per_minute)
        self.rate = per_minute / 60.0
        self.level = self.most
        self.at = 0.0

    def now(self, now: float) -> float:
        """What it holds."""
        if now > self.at:
            self.level = min(self.most, self.level + (now - self.at) * self.rate)
            self.at = now
        return self.level

    def lacks_s(self, needs: float, now: float) -> float:
        """Seconds until it holds ``needs``, 0 when it does. What it can never hold it lacks until
        it is full."""
        missing = min(needs, self.most) - self.now(now)
        return missing / self.rate if missing > 0 else 0.0


class Hit(NamedTuple):
    """What a prompt's tokens were, for the bill and for the limit."""

    read: int
    written: int
    plain: int


class Cache:
    """An organisation's prompt cache."""

    __slots__ = ("_conversations", "_prefixes", "_sweep")

    def __init__(self) -> None:
        self._prefixes: dict[tuple[int, float], tuple[float, float]] = {}
        """(instructions, life): readable from, until."""
        self._conversations: dict[int, tuple[int, float, float]] = {}
        """Conversation: tokens behind the instructions, readable from, until."""
        self._sweep = 0.0

    def warm(self, conversation: int, prefix: int, life_s: float, now: float) -> int:
        """2: the conversation can be read; 1: its instructions can; 0: nothing."""
        known = self._conversations.get(conversation)
        if known is not None and known[1] <= now < known[2]:
            return 2
        shared = self._prefixes.get((prefix, life_s))
        return 1 if shared is not None and shared[0] <= now < shared[1] else 0

    def look(self, ask: "Prompt", now: float) -> Hit:
        """What a prompt would read and write now."""
        whole = ask.instructions + ask.length
        if whole < MIN_CACHE_TOKENS:
            return Hit(0, 0, whole)
        read = 0
        known = self._conversations.get(ask.conversation)
        if known is not None and known[1] <= now < known[2] and known[0] <= ask.length:
            read = ask.instructions + known[0]
        else:
            shared = self._prefixes.get((ask.prefix, ask.life_s))
            if shared is not None and shared[0] <= now < shared[1]:
                read = ask.instructions
        return Hit(read, whole - read, 0)

    def keep(self, ask: "Prompt", now: float, begun: float) -> None:
        """A prompt was taken, and its answer begins at ``begun``."""
        if ask.instructions + ask.length < MIN_CACHE_TOKENS:
            return
        until = begun + ask.life_s
        if ask.instructions >= MIN_CACHE_TOKENS:
            key = (ask.prefix, ask.life_s)
            shared = self._prefixes.get(key)
            alive = shared is not None and now < shared[1]
            since = min(shared[0], begun) if shared is not None and alive else begun
            self._prefixes[key] = (since, max(until, shared[1]) if shared and alive else until)
        if ask.last:
            self._conversations.pop(ask.conversation, None)
        else:
            self._conversations[ask.conversation] = (ask.length, begun, until)
        if now > self._sweep:
            self._sweep = now + HOUR_S / 2
            gone = [one for one, kept in self._conversations.items() if kept[2] <= now]
            for one in gone:
                del self._conversations[one]


class Prompt(NamedTuple):
    """A request as the cache sees it."""

    conversation: int
    prefix: int
    instructions: int
    """Tokens of the shared instructions."""
    length: int
    """Tokens behind them."""
    life_s: float
    last: bool = False
    """The conversation is over then: nobody will read it."""


class Organisation:
    """One account's other side."""

    __slots__ = ("_ends", "_starts", "cache", "index", "inputs", "outputs", "requests", "tier")

    def __init__(self, index: int, tier: Tier, away: Sequence[tuple[float, float]] = ()) -> None:
        self.index = index
        self.tier = tier
        self.cache = Cache()
        self.requests = Bucket(tier.requests)
        self.inputs = Bucket(tier.input_tokens)
        self.outputs = Bucket(tier.output_tokens)
        self._starts = [start for start, _ in away]
        self._ends = [end for _, end in away]

    def fails(self, now: float) -> bool:
        """Whether it answers nothing but errors now."""
        if not self._starts:
            return False
        at = bisect_right(self._starts, now) - 1
        return at >= 0 and now < self._ends[at]

    def breaks(self, start: float, end: float) -> float:
        """When it begins to fail within a time, else infinity."""
        if not self._starts:
            return math.inf
        at = bisect_right(self._starts, start)
        return self._starts[at] if at < len(self._starts) and self._starts[at] < end else math.inf

    def lacks_s(self, uncached: int, now: float) -> float:
        """Seconds until it would take a request, 0 when it takes it."""
        waits = self.requests.lacks_s(1, now), self.inputs.lacks_s(uncached, now)
        return max(*waits, self.outputs.lacks_s(1, now))

    def take(self, uncached: int) -> None:
        """A request was taken: what it needs goes out of the buckets."""
        self.requests.level -= 1
        self.inputs.level -= uncached

    def low(self) -> bool:
        """Whether less than a quarter of a limit is left; before that headers change nothing."""
        return (
            self.inputs.level < self.inputs.most / 4
            or self.outputs.level < self.outputs.most / 4
            or self.requests.level < self.requests.most / 4
        )

    def wrote(self, tokens: int, now: float) -> None:
        """An answer has ended."""
        self.outputs.now(now)
        self.outputs.level -= tokens


class Weather(NamedTuple):
    """What goes wrong."""

    failing_an_hour: float = 0.0
    """Part of the accounts that begin to fail within an hour."""
    minutes: float = 5.0
    """How long one fails, in the median."""
    overloaded: float = 0.0
    """Part of the requests that get a 529, whatever the account."""


def outages(
    weather: Weather, count: int, until_s: float, seed: int
) -> list[list[tuple[float, float]]]:
    """When each account fails: from, until, in order; each between 1 and 30 minutes."""
    rng = random.Random(seed)
    found: list[list[tuple[float, float]]] = []
    for _ in range(count):
        mine: list[tuple[float, float]] = []
        now = 0.0
        while weather.failing_an_hour:
            now += rng.expovariate(weather.failing_an_hour / HOUR_S)
            if now >= until_s:
                break
            long = min(30.0, max(1.0, weather.minutes * math.exp(rng.gauss(0, 0.7)))) * 60
            mine.append((now, now + long))
            now += long
        found.append(mine)
    return found

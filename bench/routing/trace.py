"""What clients ask, made up but stated: conversations, their turns, their pauses.

A trace is fixed before anything runs, from a seed: every policy gets the same conversations with
the same pauses, texts and answers. Only the moments of later turns follow from the policy, since
a client answers an answer.

Three kinds of conversation:

- **chat**: a person, some turns, a minute or more between them; one pause in ten outlives a cache
  of five minutes;
- **agent**: a tool loop, many turns seconds apart, a prompt that grows by thousands of tokens a
  turn, now and then a person who looks at it first;
- **task**: one call with an application's own instructions, as pipelines make them.

The instructions (tools and system) are shared: by all conversations of an application, and
applications differ in size as words do in frequency (Zipf).
"""

import math
import random
from array import array
from bisect import bisect_left
from itertools import accumulate
from typing import NamedTuple

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
MOST_TOKENS = 180_000
"""Where a conversation ends for the length of its prompt."""
KINDS = ("chat", "agent", "task")


class Kind(NamedTuple):
    """Log-normal figures are (median, sigma)."""

    part: float
    """Of all conversations."""
    turns: tuple[float, float]
    think_s: tuple[float, float]
    """From an answer to the next request."""
    slow: float
    """Part of the pauses that a person makes."""
    slow_s: tuple[float, float]
    new: tuple[float, float]
    """Tokens that a turn adds to the prompt beside the answer before it."""
    out: tuple[float, float]
    """Tokens of an answer."""
    applications: int
    zipf: float


MODEL: dict[str, Kind] = {
    "chat": Kind(0.60, (2.8, 0.85), (45, 1.5), 0.0, (1, 1), (90, 1.2), (350, 0.8), 600, 1.0),
    "agent": Kind(0.25, (13, 1.0), (3, 1.0), 0.08, (120, 1.4), (800, 1.2), (250, 0.9), 150, 0.8),
    "task": Kind(0.15, (1, 0.0), (1, 1.0), 0.0, (1, 1), (1500, 1.0), (400, 0.7), 250, 1.0),
}
"""The stated model; `docs/routing.md` shows it as a table."""
HOUR_CACHE = 0.2
"""Part of the agents whose client asks for a cache of one hour."""
SWING = 0.6
"""Load swings by this part of its average over a day, lowest at 0:00 and highest at 12:00."""
MOST_TURNS = 400
OUT_PER_S = 70.0
"""Tokens a second that an answer comes with, log-normal with sigma 0.25."""


class Trace:
    """Conversations by number, in the order of their beginning."""

    def __init__(self, count: int, over_s: float, seed: int = 1) -> None:
        """``count`` conversations that begin within ``over_s`` seconds.

        A trace shorter than a day is the middle of the day.
        """
        self.count = count
        self.over_s = over_s
        self.seed = seed
        rng = random.Random(seed)
        self.starts = array("d", _starts(rng, count, over_s))
        self.hashes = array("Q", (rng.getrandbits(64) for _ in range(count)))
        self.kinds = bytearray(count)
        self.hour = bytearray(count)
        """1 where the client asks for a cache of one hour."""
        self.prefix = array("L", bytes(array("L").itemsize * count))
        """Number of the shared instructions."""
        self.first = array("L", [0])
        """Where a conversation's turns begin; the last entry is where all end."""
        self.think_s = array("f")
        """Pause before a turn; 0 for the first."""
        self.prompt = array("L")
        """Tokens of a turn's prompt behind the instructions."""
        self.out = array("L")
        """Tokens of a turn's answer."""
        self.out_s = array("f")
        """Seconds that the answer takes once it has begun."""
        self.sizes: list[int] = []
        """Tokens of the shared instructions."""
        applications = _Applications(rng, self.sizes)
        bounds = list(accumulate(kind.part for kind in MODEL.values()))
        for at in range(count):
            number = bisect_left(bounds, rng.random() * bounds[-1])
            kind = MODEL[KINDS[number]]
            self.kinds[at] = number
            self.hour[at] = KINDS[number] == "agent" and rng.random() < HOUR_CACHE
            self.prefix[at] = applications.draw(number)
            self._converse(rng, kind, self.sizes[self.prefix[at]])
            self.first.append(len(self.out))

    @property
    def requests(self) -> int:
        return len(self.out)

    def _converse(self, rng: random.Random, kind: Kind, instructions: int) -> None:
        lognormal = rng.lognormvariate
        turns = min(MOST_TURNS, max(1, round(_draw(rng, kind.turns))))
        new_mu, new_sigma = math.log(kind.new[0]), kind.new[1]
        out_mu, out_sigma = math.log(kind.out[0]), kind.out[1]
        length = 0
        for turn in range(turns):
            length += int(min(40_000, lognormal(new_mu, new_sigma))) + 4
            if length + instructions > MOST_TOKENS and turn:
                break
            out = int(min(16_000, lognormal(out_mu, out_sigma))) + 1
            pause = 0.0
            if turn:
                slow = kind.slow and rng.random() < kind.slow
                pause = min(6 * HOUR_S, _draw(rng, kind.slow_s if slow else kind.think_s))
            self.think_s.append(pause)
            self.prompt.append(length)
            self.out.append(out)
            self.out_s.append(out / (OUT_PER_S * lognormal(0, 0.25)))
            length += out


class _Applications:
    """Who shares instructions with whom."""

    def __init__(self, rng: random.Random, sizes: list[int]) -> None:
        self._rng = rng
        self._kinds: list[tuple[int, list[float]]] = []
        for name in KINDS:
            kind = MODEL[name]
            ranks = range(1, kind.applications + 1)
            weights = list(accumulate(rank**-kind.zipf for rank in ranks))
            self._kinds.append((len(sizes), weights))
            least, most = (8_000, 20_000) if name == "agent" else (2_000, 12_000)
            sizes += [int(least * (most / least) ** rng.random()) for _ in range(kind.applications)]

    def draw(self, kind: int) -> int:
        """The instructions of a new conversation."""
        start, weights = self._kinds[kind]
        return start + bisect_left(weights, self._rng.random() * weights[-1])


def load(at_s: float) -> float:
    """How much of the average load there is at a time of day."""
    return 1 - SWING * math.cos(2 * math.pi * at_s / DAY_S)


def _starts(rng: random.Random, count: int, over_s: float) -> list[float]:
    """Moments of a process whose rate follows the time of day."""
    begin = 0.0 if over_s >= DAY_S else DAY_S / 2 - over_s / 2
    steps = 1000
    weights = list(accumulate(load(begin + (at + 0.5) * over_s / steps) for at in range(steps)))
    found: list[float] = []
    for _ in range(count):
        step = bisect_left(weights, rng.random() * weights[-1])
        found.append(begin + (step + rng.random()) * over_s / steps)
    found.sort()
    return found


def _draw(rng: random.Random, figures: tuple[float, float]) -> float:
    median, sigma = figures
    return median * math.exp(rng.gauss(0, sigma)) if sigma else median

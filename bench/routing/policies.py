"""Whom to ask: ours, the usual ones, and one that knows what nobody can.

All stand on the same health of the same accounts, so that what is compared is the choice alone.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate

from bench.routing.trace import HOUR_S
from bench.routing.upstream import MIN_CACHE_TOKENS
from bench.routing.world import MAX_ATTEMPTS, MODEL, Asked, Policy, World
from dragoman.account import Account
from dragoman.routing import Moved, Wanted, plan


class Dragoman:
    """``routing.plan`` as the gateway calls it: with an opening where nothing is remembered."""

    def __init__(self, world: World, placed: bool = True) -> None:
        self._pool = world.pool
        rng = random.Random(7)
        self._openings = [rng.getrandbits(64) | 1 for _ in world.trace.sizes]
        self._placed = placed

    def order(self, asked: Asked, now: float) -> Sequence[Account]:
        pool = self._pool
        return plan(self._wanted(asked), pool.roster, now, pool.detours)

    def answered(
        self, asked: Asked, account: Account, order: Sequence[Account], now: float
    ) -> None:
        if order.__class__ is Moved or account is not order[0]:
            self._pool.moved(self._wanted(asked), account, asked.prompt.life_s)

    def _wanted(self, asked: Asked) -> Wanted:
        pool, prompt = self._pool, asked.prompt
        if not self._placed or prompt.instructions + prompt.length < MIN_CACHE_TOKENS:
            return Wanted(MODEL, asked.hash, MAX_ATTEMPTS)
        opening = 0 if pool.remembers(asked.hash) else self._openings[prompt.prefix]
        return Wanted(MODEL, asked.hash, MAX_ATTEMPTS, placed=True, opening=opening)


def hashed(world: World) -> Dragoman:
    """``routing.plan`` without openings: every conversation at home, by hashing alone."""
    return Dragoman(world, placed=False)


class _Simple:
    """A policy that sees accounts and nothing else. Nobody available: what ``plan`` says then."""

    def __init__(self, world: World) -> None:
        self.accounts = list(world.accounts)
        self.rng = random.Random(world.setting.seed + 1)
        self._roster = world.pool.roster

    def order(self, asked: Asked, now: float) -> Sequence[Account]:
        found = self.choose(asked, now)
        return found or plan(Wanted(MODEL, asked.hash, MAX_ATTEMPTS), self._roster, now)

    def choose(self, asked: Asked, now: float) -> list[Account]:
        raise NotImplementedError

    def answered(
        self, asked: Asked, account: Account, order: Sequence[Account], now: float
    ) -> None: ...


class Shuffle(_Simple):
    """By chance and weight, as LiteLLM's default does (`simple-shuffle`)."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._weights = list(accumulate(one.weight for one in self.accounts))

    def choose(self, asked: Asked, now: float) -> list[Account]:
        found: list[Account] = []
        for _ in range(8):
            at = bisect_left(self._weights, self.rng.random() * self._weights[-1])
            one = self.accounts[at]
            if one.available(now) and one not in found:
                found.append(one)
                if len(found) == MAX_ATTEMPTS:
                    return found
        rest = [one for one in self.accounts if one not in found and one.available(now)]
        rest.sort(key=lambda one: self.rng.random() ** (1 / one.weight), reverse=True)
        return found + rest[: MAX_ATTEMPTS - len(found)]


class LeastBusy(_Simple):
    """Whoever has least in flight for its weight; equals by chance."""

    def choose(self, asked: Asked, now: float) -> list[Account]:
        chance = self.rng.random
        there = [one for one in self.accounts if one.available(now)]
        if len(there) <= MAX_ATTEMPTS:
            return sorted(there, key=lambda one: one.in_flight / one.weight)
        found: list[Account] = []
        loads = [(one.in_flight + chance()) / one.weight for one in there]
        for _ in range(MAX_ATTEMPTS):
            at = loads.index(min(loads))
            found.append(there[at])
            loads[at] = math.inf
        return found


class RoundRobin(_Simple):
    """In turn, an account of weight 2 twice as often (smooth weighted, as nginx does)."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        turns = sorted(
            ((turn + 0.5) / one.weight, at)
            for at, one in enumerate(self.accounts)
            for turn in range(round(one.weight))
        )
        self._turns = [self.accounts[at] for _, at in turns]
        self._next = 0

    def choose(self, asked: Asked, now: float) -> list[Account]:
        found: list[Account] = []
        for step in range(len(self._turns)):
            one = self._turns[(self._next + step) % len(self._turns)]
            if one.available(now) and one not in found:
                if not found:
                    self._next += step + 1
                found.append(one)
                if len(found) == MAX_ATTEMPTS:
                    break
        return found


class Pins(Shuffle):
    """A table of conversations: by chance at first, then where the last answer came from, for an
    hour. What gateways with sticky sessions do."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._pins: dict[int, tuple[Account, float]] = {}

    def choose(self, asked: Asked, now: float) -> list[Account]:
        found = super().choose(asked, now)
        pin = self._pins.get(asked.number)
        if pin is not None and pin[1] > now and pin[0].available(now):
            found = [pin[0], *(one for one in found if one is not pin[0])][:MAX_ATTEMPTS]
        return found

    def answered(
        self, asked: Asked, account: Account, order: Sequence[Account], now: float
    ) -> None:
        if asked.prompt.last:
            self._pins.pop(asked.number, None)
        else:
            self._pins[asked.number] = account, now + HOUR_S


class Oracle(_Simple):
    """Knows every cache and every limit as they are, every failure before it happens, and how long
    a conversation will go on.

    A conversation stays where most of its prompt is warm. A new one, or one whose account is about
    to fail or has no room, goes where its instructions are warm, among accounts whose work of the
    last hour and to come is at most ``slack`` times the average; else to the one with least.
    """

    def __init__(self, world: World, slack: float = 1.1) -> None:
        super().__init__(world)
        self._world = world
        self._slack = slack
        self._homes: dict[int, Account] = {}
        self._holders: dict[tuple[int, float], dict[Account, None]] = {}
        self._work = dict.fromkeys(self.accounts, 0.0)
        """Seconds for a weight of 1, growing instead of fading: e-fold an hour."""
        self._sum = 0.0
        self._weight = sum(one.weight for one in self.accounts)
        self._start = world.now

    def choose(self, asked: Asked, now: float) -> list[Account]:
        home = self._homes.get(asked.number)
        if home is not None and self._takes(home, asked, now) and self._warm(home, asked, now) == 2:
            return self._and_others(home, asked, now)
        prompt = asked.prompt
        most = self._slack * self._sum / self._weight
        holders = self._holders.get((prompt.prefix, prompt.life_s), {})
        warm = [one for one in holders if self._warm(one, asked, now)]
        fit = [one for one in warm if self._work[one] <= most and self._takes(one, asked, now)]
        if not fit:
            fit = [one for one in self.accounts if self._takes(one, asked, now)]
        if not fit:
            return []
        return self._and_others(min(fit, key=self._work.__getitem__), asked, now)

    def _and_others(self, first: Account, asked: Asked, now: float) -> list[Account]:
        """Even it is surprised by an overload, which is not the account's: two more, by chance."""
        if not self._world.setting.weather.overloaded:
            return [first]
        others = self.rng.sample(self.accounts, min(len(self.accounts), 4))
        fit = [one for one in others if one is not first and self._takes(one, asked, now)]
        return [first, *fit][:MAX_ATTEMPTS]

    def answered(
        self, asked: Asked, account: Account, order: Sequence[Account], now: float
    ) -> None:
        prompt = asked.prompt
        self._holders.setdefault((prompt.prefix, prompt.life_s), {})[account] = None
        if self._homes.get(asked.number) is not account:
            self._homes[asked.number] = account
            trace = self._world.trace
            end = trace.first[asked.number + 1]
            work = sum(trace.out_s[asked.turn : end]) + (end - asked.turn)
            work *= math.exp((now - self._start) / HOUR_S)
            self._work[account] += work / account.weight
            self._sum += work
        if prompt.last:
            del self._homes[asked.number]

    def _warm(self, account: Account, asked: Asked, now: float) -> int:
        prompt = asked.prompt
        cache = self._world.sides[account].cache
        return cache.warm(prompt.conversation, prompt.prefix, prompt.life_s, now)

    def _takes(self, account: Account, asked: Asked, now: float) -> bool:
        """Whether an account would answer to the end."""
        if not account.available(now):
            return False
        side = self._world.sides[account]
        if (
            side.fails(now)
            or side.breaks(now, now + 5 + self._world.trace.out_s[asked.turn]) < 1e99
        ):
            return False
        hit = side.cache.look(asked.prompt, now)
        return side.lacks_s(hit.written + hit.plain, now) == 0


POLICIES: dict[str, Callable[[World], Policy]] = {
    "dragoman": Dragoman,
    "hashing": hashed,
    "pins": Pins,
    "shuffle": Shuffle,
    "least busy": LeastBusy,
    "round robin": RoundRobin,
    "oracle": Oracle,
}

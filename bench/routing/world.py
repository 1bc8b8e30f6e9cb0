"""The simulation itself: a clock, a heap of events, and the gateway's own pool between them.

An event is a client that asks, an answer that ends, or a probe that is answered. What happens at
the gateway then is the real thing: a plan from ``routing.plan`` (or from a policy it is compared
with), health kept by ``pool.Pool`` on accounts of ``account.Account``. Around it stands as little
as possible: one account after the other is asked, at most three; where the plan says that everybody
is at his limit the request waits as in the waiting room, up to ten seconds; a client that is
refused asks again as SDKs do (twice, after what it was told), then each minute, then gives up.
"""

import heapq
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from bench.routing.trace import HOUR_S, Trace
from bench.routing.upstream import FIVE_MINUTES_S, Hit, Organisation, Prompt, Tier, Weather
from dragoman.account import Account
from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.pool import Pool
from dragoman.upstream import Timeouts, UpstreamResponse

MODEL = "claude-sonnet-5"
MAX_ATTEMPTS = 3
QUEUE_TIMEOUT_S = 10.0
SDK_RETRIES = 2
MOST_RETRIES = 8
LATER_S = 60.0
TIDY_S = 10.0
_ASK, _DONE, _BEGUN = range(3)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Nowhere:
    """An account's client that is never used: nothing is sent."""

    async def send(
        self, method: str, path: str, headers: bytes, body: bytes, timeouts: Timeouts
    ) -> UpstreamResponse:
        raise AssertionError("a simulation sends nothing")

    async def close(self) -> None: ...


class Setting(NamedTuple):
    """A pool and its circumstances."""

    tiers: Sequence[tuple[Tier, float]]
    """Limits and weight of each account."""
    weather: Weather = Weather()
    seed: int = 1


class Asked(NamedTuple):
    """What a policy is told of a request. Only the oracle may look at more than the hash."""

    hash: int
    number: int
    """Of the conversation."""
    turn: int
    """Place of the turn in the trace's lists."""
    prompt: Prompt


class Policy(Protocol):
    """Who is asked, in which order."""

    def order(self, asked: Asked, now: float) -> Sequence[Account]:
        """Accounts to try. Raises Failure ``rate_limited`` when everybody is at his limit."""
        ...

    def answered(
        self, asked: Asked, account: Account, order: Sequence[Account], now: float
    ) -> None:
        """An account of this order has taken a request."""
        ...


@dataclass
class Tally:
    """What was counted."""

    requests: int = 0
    answered: int = 0
    read: int = 0
    written: int = 0
    written_hour: int = 0
    plain: int = 0
    out: int = 0
    throttled: int = 0
    """Upstream's 429s, most of which only moved a request."""
    overloaded: int = 0
    faults: int = 0
    moved: int = 0
    """Requests that a second account or a third was asked."""
    waited: int = 0
    """Requests that waited for an account."""
    refused: int = 0
    """429s that a client saw."""
    errors: int = 0
    """Other errors that a client saw before an answer began."""
    broken: int = 0
    """Answers that broke off because their account began to fail."""
    given_up: int = 0
    """Conversations that ended because of it."""
    busy_s: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    """By hour: seconds of requests in flight of each account, for a weight of 1."""
    ends: float = 0.0


class _Client:
    """A conversation that runs."""

    __slots__ = ("asked", "end", "patience", "queued", "retries", "turn")

    def __init__(self, turn: int, end: int) -> None:
        self.turn = turn
        self.end = end
        self.retries = 0
        self.queued = math.inf
        """Until when this request may wait."""
        self.asked: Asked | None = None
        self.patience = 0


class World:
    """One run of one policy."""

    def __init__(
        self, setting: Setting, trace: Trace, away: Sequence[Sequence[tuple[float, float]]] = ()
    ) -> None:
        self.now = trace.starts[0] if trace.count else 0.0
        self.trace = trace
        self.setting = setting
        accounts: list[Account] = []
        self.sides: dict[Account, Organisation] = {}
        for index, (tier, weight) in enumerate(setting.tiers):
            account = Account(f"account-{index}", "anthropic", Nowhere(), b"")
            account.weight = weight
            account.max_concurrency = 100
            accounts.append(account)
            self.sides[account] = Organisation(index, tier, away[index] if away else ())
        self._rng = random.Random(setting.seed)
        clock = Clock(wall=lambda: self.now, mono=lambda: self.now)
        self.pool = Pool(accounts, clock, self._rng.random)
        self.accounts = self.pool.snapshot()
        self.tally = Tally()
        self._events: list[tuple[float, int, int, object]] = []
        self._number = 0
        self._tidy = self.now

    def run(self, make: Callable[["World"], Policy]) -> Tally:
        """The whole trace under one policy."""
        self._policy = make(self)
        trace, events = self.trace, self._events
        starts, firsts = trace.starts, trace.first
        following = 0
        while events or following < trace.count:
            if following < trace.count and (not events or starts[following] <= events[0][0]):
                self.now = starts[following]
                self._ask(following, _Client(firsts[following], firsts[following + 1]))
                following += 1
                continue
            self.now, _, kind, what = heapq.heappop(events)
            if kind == _ASK:
                self._ask(*what)  # type: ignore[misc]
            elif kind == _DONE:
                self._done(*what)  # type: ignore[misc]
            else:
                self.pool.succeeded(what)  # type: ignore[arg-type]
            if self.now >= self._tidy:
                self._tidy = self.now + TIDY_S
                self.pool.tidy()
        self.tally.ends = self.now
        return self.tally

    def _at(self, when: float, kind: int, what: object) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, kind, what))

    def _ask(self, number: int, client: _Client) -> None:
        """A client's request reaches the gateway."""
        asked = client.asked
        if asked is None:
            asked = client.asked = self._asked(number, client)
            self.tally.requests += 1
        try:
            order = self._policy.order(asked, self.now)
        except Failure as refused:
            self._queue(number, client, refused)
            return
        client.queued = math.inf
        last: Failure | None = None
        for tried, account in enumerate(order):
            self.tally.moved += tried == 1
            self.pool.trying(account)
            failure = self._attempt(number, client, account)
            if failure is None:
                self._policy.answered(asked, account, order, self.now)
                return
            self.pool.failed(account, failure)
            last = failure
        assert last is not None
        self._refuse(number, client, last)

    def _asked(self, number: int, client: _Client) -> Asked:
        trace, turn = self.trace, client.turn
        prefix = trace.prefix[number]
        life_s = HOUR_S if trace.hour[number] else FIVE_MINUTES_S
        last = turn + 1 == client.end
        length = trace.prompt[turn]
        prompt = Prompt(number, prefix, trace.sizes[prefix], length, life_s, last)
        return Asked(trace.hashes[number], number, turn, prompt)

    def _attempt(self, number: int, client: _Client, account: Account) -> Failure | None:
        """One account is asked; why it did not take the request, if so."""
        side, now, tally, asked = self.sides[account], self.now, self.tally, client.asked
        assert asked is not None
        if side.fails(now):
            tally.faults += 1
            return Failure("upstream_fault", "")
        overloaded = self.setting.weather.overloaded
        if overloaded and self._rng.random() < overloaded:
            tally.overloaded += 1
            return Failure("upstream_overloaded", "")
        prompt = asked.prompt
        hit = side.cache.look(prompt, now)
        uncached = hit.written + hit.plain
        wait_s = side.lacks_s(uncached, now)
        if wait_s > 0:
            tally.throttled += 1
            return Failure("upstream_throttled", "", retry_after_s=float(math.ceil(wait_s)))
        side.take(uncached)
        begun = now + 0.7 + uncached / 25_000 + hit.read / 400_000
        end = begun + self.trace.out_s[asked.turn]
        side.cache.keep(prompt, now, begun)
        account.in_flight += 1
        if side.low():
            self.pool.heard(account, headers(side, now))
        if account.failures:
            self._at(begun, _BEGUN, account)
        breaks = side.breaks(now, end)
        self._count(hit, prompt.life_s)
        self._at(min(end, breaks), _DONE, (number, client, account, now, breaks < end))
        return None

    def _count(self, hit: Hit, life_s: float) -> None:
        tally = self.tally
        tally.read += hit.read
        tally.plain += hit.plain
        if life_s == FIVE_MINUTES_S:
            tally.written += hit.written
        else:
            tally.written_hour += hit.written

    def _done(
        self, number: int, client: _Client, account: Account, start: float, broken: bool
    ) -> None:
        """An answer has ended, or broke off."""
        account.release()
        now, tally, trace = self.now, self.tally, self.trace
        self._busy(account, start, now)
        if broken:
            tally.broken += 1
            self.pool.failed(account, Failure("upstream_reset", ""))
            self._at(now + 1, _ASK, (number, client))
            return
        out = trace.out[client.turn]
        self.sides[account].wrote(out, now)
        tally.answered += 1
        tally.out += out
        client.turn += 1
        if client.turn < client.end:
            client.asked = None
            client.retries = 0
            self._at(now + trace.think_s[client.turn], _ASK, (number, client))

    def _busy(self, account: Account, start: float, end: float) -> None:
        """Seconds in flight, by hour."""
        index = self.sides[account].index
        while start < end:
            hour = int(start // HOUR_S)
            until = min(end, (hour + 1) * HOUR_S)
            row = self.tally.busy_s.get(hour)
            if row is None:
                row = self.tally.busy_s[hour] = [0.0] * len(self.accounts)
            row[index] += (until - start) / account.weight
            start = until

    def _queue(self, number: int, client: _Client, refused: Failure) -> None:
        """Everybody is at his limit: wait if that can help."""
        if client.queued == math.inf:
            client.queued = self.now + QUEUE_TIMEOUT_S
            self.tally.waited += 1
        wait_s = max(refused.retry_after_s or 1.0, 0.01)
        if self.now + wait_s <= client.queued:
            self._at(self.now + wait_s, _ASK, (number, client))
        else:
            self._refuse(number, client, refused)

    def _refuse(self, number: int, client: _Client, failure: Failure) -> None:
        """The client gets an error."""
        client.queued = math.inf
        if failure.status == 429:
            self.tally.refused += 1
        else:
            self.tally.errors += 1
        client.retries += 1
        if client.retries > MOST_RETRIES:
            self.tally.given_up += 1
        elif client.retries <= SDK_RETRIES:
            told = failure.retry_after_s or 0.5 * 2**client.retries
            self._at(self.now + min(told, LATER_S), _ASK, (number, client))
        else:
            self._at(self.now + LATER_S, _ASK, (number, client))


def headers(side: Organisation, now: float) -> bytes:
    """What an answer's head says of the limits: tokens in thousands, times to the second."""
    lines = [b"HTTP/1.1 200 OK\r\ndate: %b\r\n" % _stamp(now, "%a, %d %b %Y %H:%M:%S GMT")]
    for name, bucket, unit in (
        (b"requests", side.requests, 1),
        (b"input-tokens", side.inputs, 1000),
        (b"output-tokens", side.outputs, 1000),
    ):
        level = max(0.0, bucket.level)
        whole = _stamp(now + (bucket.most - level) / bucket.rate, "%Y-%m-%dT%H:%M:%SZ")
        lines.append(
            b"anthropic-ratelimit-%b-limit: %d\r\nanthropic-ratelimit-%b-remaining: %d\r\n"
            b"anthropic-ratelimit-%b-reset: %b\r\n"
            % (name, bucket.most, name, round(level / unit) * unit, name, whole)
        )
    return b"".join(lines) + b"\r\n"


def _stamp(at: float, form: str) -> bytes:
    return (_EPOCH + timedelta(seconds=at)).strftime(form).encode()

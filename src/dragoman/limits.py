"""What a key may consume, and the ticket every request carries: admit → reserve → settle once.

A key's counters live in memory. Rates are token buckets: full at first, refilled evenly, so a limit
of 60 a minute allows a burst of 60 and then one a second. Tokens are charged an estimate before the
request is sent and corrected by what upstream reported; a bucket may go below zero by that
correction, never by admission. The ticket is the only place where usage is folded and where a
request ends.
"""

from collections.abc import Sequence
from math import ceil
from types import TracebackType

from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.hub.usage import Usage
from dragoman.principal import Principal

_FRESH_S = 0.01
"""A level that was counted so recently need not be counted again."""


class Bucket:
    """A token bucket of ``per_minute`` units. Time is ``mono()`` seconds."""

    __slots__ = ("_limit", "_ms", "capacity", "level", "rate", "stamp", "what")

    def __init__(self, what: str, per_minute: int, now: float) -> None:
        self.what = what
        self._limit = f"x-ratelimit-limit-{what}: {per_minute}\r\nx-ratelimit-remaining-{what}: "
        self._ms = 60_000 / per_minute
        """Milliseconds until there is one more."""
        self.capacity = float(per_minute)
        self.level = self.capacity
        self.rate = per_minute / 60.0
        self.stamp = now

    def refill(self, now: float) -> float:
        """The level now."""
        # Rounded up by a hair: a wait that was told exactly must not end a rounding error too
        # early.
        if now > self.stamp:
            self.level = min(self.capacity, self.level + (now - self.stamp) * self.rate + 1e-9)
            self.stamp = now
        return self.level

    def wait_s(self, amount: float) -> float:
        """Seconds until ``amount`` units are there; call after :meth:`refill`."""
        return max(0.0, (min(amount, self.capacity) - self.level) / self.rate)

    def lines(self) -> str:
        """Limit, what remains of it, and when it is whole again, as header lines."""
        level = self.level
        # Nearly always it is a matter of milliseconds, rounded up.
        missing = self.capacity - level
        whole_ms = ceil(missing * self._ms)
        whole = f"{whole_ms}ms" if 0 <= whole_ms < 1000 else duration(missing / self.rate)
        left = int(level) if level > 0 else 0
        return f"{self._limit}{left}\r\nx-ratelimit-reset-{self.what}: {whole}\r\n"


class Counters:
    """What one key is consuming."""

    __slots__ = ("in_flight", "requests", "reserved", "tokens", "used")

    def __init__(self, principal: Principal, now: float) -> None:
        self.in_flight = 0
        self.requests = Bucket("requests", principal.rpm, now) if principal.rpm else None
        self.tokens = Bucket("tokens", principal.tpm, now) if principal.tpm else None
        self.used = 0
        """Tokens of every kind, for life."""
        self.reserved = 0
        """Estimates of requests under way, held against the quota."""


class Limits:
    """The counters of all keys, and the way in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counters: dict[str, Counters] = {}

    def counters(self, principal: Principal) -> Counters:
        """A key's counters, made when first needed."""
        found = self._counters.get(principal.id)
        if found is None:
            found = self._counters[principal.id] = Counters(principal, self._clock.mono())
        return found

    def adopt(self, before: "Limits", principals: Sequence[Principal]) -> None:
        """Carry over what the same keys consumed, after a reload.

        Changed rates start with full buckets.
        """
        for principal in principals:
            old = before._counters.get(principal.id)
            if old is None:
                continue
            fresh = Counters(principal, self._clock.mono())
            for new_bucket, old_bucket in (
                (fresh.requests, old.requests),
                (fresh.tokens, old.tokens),
            ):
                if new_bucket and old_bucket and new_bucket.capacity == old_bucket.capacity:
                    new_bucket.level, new_bucket.stamp = old_bucket.level, old_bucket.stamp
            # Requests under way release into the old object, so the shared figures move as one
            # object.
            old.requests, old.tokens = fresh.requests, fresh.tokens
            self._counters[principal.id] = old

    def ticket(self, principal: Principal, usage: Usage, started: float) -> "Ticket":
        """A ticket for one request, not yet admitted; ``usage`` is what it folds into."""
        return Ticket(principal, self.counters(principal), usage, started)


class Ticket:
    """One request's claim on its key's limits.

    Entering it admits the request before its body is read; leaving it settles, exactly once,
    whatever happened in between.
    """

    __slots__ = ("_started", "counters", "estimate", "principal", "usage")

    def __init__(
        self, principal: Principal, counters: Counters, usage: Usage, started: float
    ) -> None:
        self.principal = principal
        self.counters = counters
        self.usage = usage
        self.estimate = 0
        self._started = started

    def __enter__(self) -> "Ticket":
        """Admit.

        Raises ``quota_exhausted`` or ``rate_limited`` (requests, concurrency, overdrawn tokens).
        """
        principal, counters = self.principal, self.counters
        if principal.token_quota and counters.used + counters.reserved >= principal.token_quota:
            raise _quota(principal)
        if principal.concurrency and counters.in_flight >= principal.concurrency:
            raise Failure(
                "rate_limited",
                f"This API key already has {principal.concurrency} requests in flight, its limit.",
                retry_after_s=1,
            )
        # A busy key's buckets were filled up a moment ago, and are full enough for one more.
        now = self._started
        tokens, requests = counters.tokens, counters.requests
        if tokens is not None and (tokens.level <= 0 or now - tokens.stamp > _FRESH_S):
            if tokens.refill(now) <= 0:
                raise _rate("tokens", principal.tpm, tokens.wait_s(1))
        if requests is not None:
            if requests.level < 1 or now - requests.stamp > _FRESH_S:
                if requests.refill(now) < 1:
                    raise _rate("requests", principal.rpm, requests.wait_s(1))
            requests.level -= 1
        counters.in_flight += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        counters = self.counters
        counters.in_flight -= 1
        counters.reserved -= self.estimate
        usage = self.usage
        spent = usage.input + usage.cache_read + usage.cache_write + usage.output
        counters.used += spent
        if counters.tokens is not None:
            counters.tokens.level += self.estimate - spent

    @property
    def metered(self) -> bool:
        """Whether an estimate of the prompt is needed at all."""
        return bool(self.principal.tpm or self.principal.token_quota)

    def reserve(self, estimate: int, now: float) -> None:
        """Charge an estimate of the prompt's tokens.

        Raises ``rate_limited`` or ``quota_exhausted``.
        """
        principal, counters = self.principal, self.counters
        if principal.token_quota and (
            counters.used + counters.reserved + estimate > principal.token_quota
        ):
            raise _quota(principal)
        bucket = counters.tokens
        if bucket is not None:
            level = bucket.refill(now) if now - bucket.stamp > _FRESH_S else bucket.level
            # A prompt larger than the whole bucket passes when the bucket is full: it could never
            # pass otherwise.
            if estimate > level and level < bucket.capacity:
                raise _rate("tokens", principal.tpm, bucket.wait_s(estimate))
            bucket.level -= estimate
        counters.reserved += estimate
        self.estimate = estimate

    def only_looking(self) -> "Ticket":
        """For what no limit counts: brings :meth:`rate_lines` up to date, admits nothing."""
        for bucket in (self.counters.requests, self.counters.tokens):
            if bucket is not None:
                bucket.refill(self._started)
        return self

    def rate_lines(self) -> str:
        """``x-ratelimit-*`` in OpenAI's names for the limits the key has: header lines."""
        requests, tokens = self.counters.requests, self.counters.tokens
        lines = requests.lines() if requests is not None else ""
        return lines + tokens.lines() if tokens is not None else lines


def duration(seconds: float) -> str:
    """Seconds as OpenAI writes them: ``120ms``, ``1.5s``, ``6m0s`` (protocol.md §4b)."""
    if seconds <= 0:
        return "0ms"
    if seconds < 1:
        return f"{-int(-seconds * 1000 // 1)}ms"
    if seconds < 60:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    minutes, rest = divmod(ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"


def _rate(what: str, limit: int, wait_s: float) -> Failure:
    return Failure(
        "rate_limited",
        f"Rate limit reached for this API key: {limit} {what} per minute. "
        f"Please try again in {duration(wait_s)}.",
        retry_after_s=wait_s,
    )


def _quota(principal: Principal) -> Failure:
    return Failure(
        "quota_exhausted",
        f"You exceeded your current quota: the API key {principal.name!r} has used up its "
        f"{principal.token_quota} tokens.",
    )

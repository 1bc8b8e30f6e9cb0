"""Rate limits of one account: token buckets, their headers, their refusal.

Each bucket holds a minute's allowance and refills continuously, as the vendor describes it. Input
is charged when a request is admitted, output when it has been made. A limit of 0 is no limit and
sends no headers.
"""

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from dragoman.simulator.problem import ApiError

_HELP = (
    " For details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response"
    " headers for current usage. Please reduce the prompt length or the maximum tokens requested,"
    " or try again later. You may also contact sales at https://claude.com/contact-sales to discuss"
    " your options for a rate limit increase."
)


class Limits(NamedTuple):
    """Allowances of each account, per minute."""

    requests: int = 1_000_000
    input_tokens: int = 1_000_000_000
    """Input tokens not read from the prompt cache."""
    output_tokens: int = 1_000_000_000


class Bucket:
    """One allowance. ``limit`` per minute, refilled continuously; may be overdrawn by output."""

    __slots__ = ("_at", "_held", "limit")

    def __init__(self, limit: int, now: float) -> None:
        self.limit = limit
        self._held = float(limit)
        self._at = now

    def held(self, now: float) -> float:
        """What is left, at ``now`` (monotonic seconds)."""
        self._held = min(self.limit, self._held + (now - self._at) * self.limit / 60)
        self._at = now
        return self._held

    def take(self, amount: float, now: float) -> None:
        self._held = self.held(now) - amount

    def seconds_until(self, amount: float, now: float) -> float:
        """How long until ``amount`` is there; never longer than it takes to fill."""
        missing = min(amount, self.limit) - self.held(now)
        return max(0.0, missing * 60 / self.limit)


class Meter:
    """The buckets of one account."""

    __slots__ = ("_input", "_output", "_requests")

    def __init__(self, limits: Limits, now: float) -> None:
        self._requests = Bucket(limits.requests, now)
        self._input = Bucket(limits.input_tokens, now)
        self._output = Bucket(limits.output_tokens, now)

    def admit(self, input_tokens: int, now: float) -> None:
        """Charge one request. Raises ApiError (429, with retry-after) when a bucket is too
        empty."""
        wants = (
            (self._requests, 1, "requests"),
            (self._input, input_tokens, "input tokens"),
            (self._output, 1, "output tokens"),
        )
        for bucket, amount, name in wants:
            if not bucket.limit:
                continue
            wait_s = bucket.seconds_until(amount, now)
            if wait_s > 0:
                raise ApiError(
                    f"This request would exceed your organization's rate limit of {bucket.limit:,}"
                    f" {name} per minute.{_HELP}",
                    status=429,
                    retry_after_s=math.ceil(wait_s),
                )
        if self._requests.limit:
            self._requests.take(1, now)
        if self._input.limit:
            self._input.take(input_tokens, now)

    def spend(self, output_tokens: int, now: float) -> None:
        """Charge what was answered."""
        if self._output.limit:
            self._output.take(output_tokens, now)

    def headers(self, now: float, wall: float) -> list[tuple[str, str]]:
        """``anthropic-ratelimit-*``, with resets as RFC 3339 (protocol.md §2c)."""
        made: list[tuple[str, str]] = []
        for name, bucket in (
            ("requests", self._requests),
            ("input-tokens", self._input),
            ("output-tokens", self._output),
        ):
            if bucket.limit:
                made.extend(_three(name, bucket.limit, bucket.held(now), wall))
        if self._input.limit and self._output.limit:
            both = self._input.limit + self._output.limit
            left = self._input.held(now) + self._output.held(now)
            made.extend(_three("tokens", both, left, wall))
        return made


def _three(name: str, limit: int, left: float, wall: float) -> list[tuple[str, str]]:
    full_in_s = (limit - left) * 60 / limit
    reset = _moment(math.ceil(wall + full_in_s))
    prefix = f"anthropic-ratelimit-{name}"
    return [
        (f"{prefix}-limit", str(limit)),
        (f"{prefix}-remaining", str(max(0, math.floor(left)))),
        (f"{prefix}-reset", reset),
    ]


@lru_cache(maxsize=64)
def _moment(second: int) -> str:
    """RFC 3339; many requests of one second ask for the same few moments."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

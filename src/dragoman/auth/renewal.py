"""A credential that lives for a while, renewed by one request at a time.

::

    new ─────── used as it is ───────┬─ old: one request renews it, ─┬─ over: all wait for one
                                     │  the others go on with it     │
                                   early                           until

Nobody waits while the credential is good, fifty requests that find it over cause one renewal, and
when a renewal fails the old one is used for as long as it lives. A failure is told to everybody
who asks within the next seconds, so that an endpoint that is down is not asked by every request.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from dragoman.clock import Clock
from dragoman.errors import Failure

EARLY_S = 300.0
"""How long before its end a credential is renewed; never more than half its life before."""
MARGIN_S = 10.0
"""It is not used in the last seconds of its life: the request has still a way to go."""
PAUSE_S = 5.0
"""After a failure nothing is asked for this long."""
YOUNG_S = 60.0
"""One that was refused at this age was not refused for its age."""

T = TypeVar("T")


class Fresh(NamedTuple, Generic[T]):
    """A credential as it is given out."""

    value: T
    life_s: float


class Renewing(Generic[T]):
    """Keeps a credential and renews it with ``fetch``, which raises :class:`Failure`."""

    def __init__(self, fetch: Callable[[], Awaitable[Fresh[T]]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._born = self._early = self._until = 0.0
        self._failure: Failure | None = None
        self._quiet_until = 0.0

    async def get(self) -> T:
        """The credential, renewed where that is due. Raises what ``fetch`` does."""
        now, value = self._clock.mono(), self._value
        if value is not None and (now < self._early or (now < self._until and self._lock.locked())):
            return value
        async with self._lock:
            return await self._renewed()

    def refused(self, value: T) -> bool:
        """Upstream did not take this credential; whether :meth:`get` may have a better one.

        One that was just made is not asked for again: whatever was refused, it was not its age.
        """
        if value != self._value:
            return True
        if self._clock.mono() - self._born < YOUNG_S:
            return False
        self._value = None
        return True

    async def _renewed(self) -> T:
        now, value = self._clock.mono(), self._value
        if value is not None and now < self._early:
            return value
        if self._failure is not None and now < self._quiet_until:
            return self._or_raise(value, now, self._failure)
        try:
            fresh = await self._fetch()
        except Failure as failure:
            self._failure, self._quiet_until = failure, self._clock.mono() + PAUSE_S
            return self._or_raise(value, now, failure)
        self._failure = None
        self._value, self._born = fresh.value, now
        self._early = now + fresh.life_s - min(EARLY_S, fresh.life_s / 2)
        self._until = max(now + fresh.life_s - MARGIN_S, self._early)
        return fresh.value

    def _or_raise(self, value: T | None, now: float, failure: Failure) -> T:
        if value is not None and now < self._until:
            self._early = min(self._quiet_until, self._until)
            return value
        raise Failure(
            failure.kind,
            failure.message,
            detail=failure.detail,
            retry_after_s=failure.retry_after_s,
        )

"""The upstream accounts in memory: who is there, who is cooling down, how busy each is.

::

    well ──failure──▶ cooling ──time──▶ probing: one request goes ahead ──success──▶ well
                         ▲                              │
                         └────────────failure───────────┘     (each time twice as long, or as told)

How long an account cools depends on why it failed. One that says that nothing remains of its rate
limit is left before it has to refuse. The figures here are read by ``routing.plan`` and written
only by the attempts of requests, so there is one availability rule for every path. State is per
process and starts fresh.
"""

import random
from collections.abc import Callable, Sequence

from dragoman.account import Account
from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.roster import Roster

COOL_S = {
    "upstream_refused": 60.0,
    "upstream_unpaid": 300.0,
    "upstream_throttled": 5.0,
    "upstream_overloaded": 2.0,
    "upstream_fault": 2.0,
    "upstream_unreachable": 1.0,
    "upstream_reset": 1.0,
    "upstream_truncated": 1.0,
    "upstream_nonsense": 5.0,
    "upstream_timeout": 2.0,
}
"""First cool-down by failure kind, seconds; it doubles with every failure in a row."""
MAX_COOL_S = 600.0
JITTER = 0.25
"""The part of a cool-down that is left to chance, so that accounts that failed together do not come
back together. What an upstream told is kept to the second."""
SPENT = "limit_spent"
"""The reason of an account that nothing failed on, but of whose rate limit nothing remains."""
MAX_SPENT_S = 60.0
WITHOUT_MODEL = "without_model"
"""What counts, among an account's faults, a model that it may not use."""
WITHOUT_MODEL_S = 600.0
"""How long a model is sent elsewhere for that."""
PROBE_S = 10.0
"""How long one request has to show that an account is back before another may try."""


class Pool:
    """All accounts, and what is known of their health."""

    def __init__(
        self,
        accounts: Sequence[Account],
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._accounts = tuple(accounts)
        self.roster = Roster([one for one in accounts if not one.draining])
        """The accounts as ``routing.plan`` wants them: without those that take nothing new."""
        self.sent = 0
        """Requests sent since the start, each counted once, however often it was tried."""
        self._clock = clock
        self._chance = chance

    def snapshot(self) -> tuple[Account, ...]:
        """The accounts as they are now, draining ones too."""
        return self._accounts

    def trying(self, account: Account) -> None:
        """A request goes to an account; one that failed before gets no other until then."""
        if account.failures:
            account.probe_until = self._clock.mono() + PROBE_S

    def succeeded(self, account: Account) -> None:
        if account.failures:
            account.failures = 0
            account.cool_until = account.probe_until = 0.0
            account.reason = ""
        elif account.reason and account.cool_until <= self._clock.mono():
            account.reason = ""

    def exhausted(self, account: Account, reset_s: float) -> None:
        """Nothing remains of an account's rate limit, which is whole again in ``reset_s`` seconds.

        It answered, so it is well; and limits refill all the time, so it is still better than
        nobody.
        """
        if not account.never_disable:
            account.failures = 0
            account.probe_until = 0.0
            account.reason = SPENT
            account.cool_until = self._clock.mono() + min(reset_s, MAX_SPENT_S)

    def exclude(self, account: Account, model: str) -> None:
        """Send a model elsewhere for a while: upstream does not serve it to this account.

        The account is well otherwise. Where no account is left, it is asked all the same.
        """
        account.probe_until = 0.0
        account.faults[WITHOUT_MODEL] = account.faults.get(WITHOUT_MODEL, 0) + 1
        if not account.never_disable:
            account.without[model] = self._clock.mono() + WITHOUT_MODEL_S

    def failed(self, account: Account, failure: Failure) -> None:
        """Let an account cool down after a failure that is its own."""
        account.probe_until = 0.0
        if not failure.row.cools:
            return
        account.faults[failure.kind] = account.faults.get(failure.kind, 0) + 1
        pause = COOL_S[failure.kind] * 2 ** min(account.failures, 10)
        pause *= 1 + JITTER * (self._chance() - 0.5)
        if failure.retry_after_s is not None and failure.retry_after_s > 0:
            pause = failure.retry_after_s
        if failure.retry_after_s is None and failure.status in (429, 503):
            # Nobody said when to come back: when this account is asked again is the honest answer.
            failure.retry_after_s = pause
        if account.never_disable:
            return
        account.failures += 1
        account.reason = failure.kind
        account.cool_until = self._clock.mono() + min(pause, MAX_COOL_S)

    def adopt(self, before: "Pool") -> None:
        """Carry over health and load of accounts that a reload kept."""
        old = {account.name: account for account in before.snapshot()}
        for account in self._accounts:
            known = old.get(account.name)
            if known is not None and known.headers == account.headers:
                account.cool_until, account.failures = known.cool_until, known.failures
                account.reason = known.reason

    async def close(self) -> None:
        for account in self._accounts:
            await account.client.close()

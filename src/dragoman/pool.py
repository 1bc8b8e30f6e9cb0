"""The upstream accounts in memory: who is there, who is cooling down, how busy each is.

An account that failed is left alone for a while; how long depends on why. The figures here are read
by ``routing.plan`` and written only by the attempts of requests, so there is one availability rule
for every path. State is per process and starts fresh.
"""

from collections.abc import Sequence

from dragoman.account import Account
from dragoman.clock import Clock
from dragoman.errors import Failure

COOL_S = {
    "upstream_refused": 60.0,
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


class Pool:
    """All accounts, and what is known of their health."""

    def __init__(self, accounts: Sequence[Account], clock: Clock) -> None:
        self._accounts = tuple(accounts)
        self._clock = clock

    def snapshot(self) -> tuple[Account, ...]:
        """The accounts as they are now, for ``routing.plan`` to read."""
        return self._accounts

    def succeeded(self, account: Account) -> None:
        if account.failures:
            account.failures = 0
            account.cool_until = 0.0
            account.reason = ""

    def failed(self, account: Account, failure: Failure) -> None:
        """Let an account cool down after a failure that is its own."""
        if not failure.row.cools:
            return
        pause = COOL_S[failure.kind] * 2 ** min(account.failures, 10)
        if failure.retry_after_s is not None and failure.retry_after_s > 0:
            pause = failure.retry_after_s
        if failure.retry_after_s is None and failure.status in (429, 503):
            # Nobody said when to come back: when this account is asked again is the honest answer.
            failure.retry_after_s = pause
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

"""The upstream accounts in memory: who is there, who is cooling down, how busy each is.

::

    well ──failure──▶ cooling ──time──▶ probing: one request goes ahead ──success──▶ well
                         ▲                              │
                         └────────────failure───────────┘     (each time twice as long, or as told)

How long an account cools depends on why it failed. One whose answers say that its rate limit is at
its end is left before it has to refuse. The figures here are read by ``routing.plan`` and written
only by the attempts of requests, so there is one availability rule for every path.

A pool lives as long as the process. Changed accounts come in by :meth:`Pool.change`: one that stays
keeps its load, its connections and its health, one that goes ends what it has begun. ``health.py``
carries over a restart what must not be learned again the hard way.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dragoman.account import Account, Terms
from dragoman.allowance import Allowance
from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.hedges import Hedges
from dragoman.roster import Roster
from dragoman.routing import NOT_TO_BE_ASKED, Detour, Wanted, home
from dragoman.upstream import UpstreamClient

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
"""The reason of an account that nothing failed on, but whose rate limit is at its end."""
MAX_SPENT_S = 60.0
WITHOUT_MODEL = "without_model"
"""What counts, among an account's faults, a model that it may not use."""
WITHOUT_MODEL_S = 600.0
"""How long a model is sent elsewhere for that."""
MOST_WITHOUT = 256
"""How many models of an account are remembered for it: their names are the clients' to choose."""
PROBE_S = 10.0
"""How long one request has to show that an account is back before another may try."""
LOOK_S = 0.2
"""How often at most the limits that an account's answers tell are looked at."""
RETIRE_S = 60.0
"""How long an account that went must have been idle before its connections are closed."""
RECENT_S = 600.0
"""The time in which a request comes to count e times less among an account's recent ones."""
MOST_DETOURS = 100_000
"""Detours remembered; the one unused for longest is forgotten first."""


class Retired(NamedTuple):
    """An account that went, and the client that its last requests run on."""

    account: Account
    client: UpstreamClient
    idle_since: float
    """``mono()`` seconds."""


class Pool:
    """All accounts, and what is known of their health."""

    def __init__(
        self,
        accounts: Sequence[Account],
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._accounts = tuple(accounts)
        self.roster = Roster(accounts)
        """The accounts as ``routing.plan`` wants them: without those that take nothing new."""
        self.detours: dict[int, Detour] = {}
        """Conversations that are not at home, the one unused for longest first."""
        self.changed: Callable[[], None] | None = None
        """Told when there is something new to carry over a restart."""
        self.retired: list[Retired] = []
        """Accounts that went and whose connections may still be needed."""
        self.sent = 0
        """Requests sent since the start, each counted once, however often it was tried."""
        self.hedges: Hedges | None = None
        """What hedging knows, while it is on."""
        self._clock = clock
        self._chance = chance
        self._tidied = clock.mono()

    def snapshot(self) -> tuple[Account, ...]:
        """The accounts as they are now, draining ones too."""
        return self._accounts

    # What attempts tell.

    def trying(self, account: Account) -> None:
        """A request goes to an account; one that failed before gets no other until then."""
        account.recent += 1
        if account.failures:
            account.probe_until = self._clock.mono() + PROBE_S

    def heard(self, account: Account, head: bytes) -> None:
        """An account gave a good answer, and this is its head.

        Its rate limits are in there. They are looked at a few times a second at most, except where
        nothing remains.
        """
        now = self._clock.mono()
        account.last_head = head
        account.heard_at = now
        # Not `in`: for bytes that raises and drops an exception before it looks.
        if account.look_at <= now or head.find(account.carrier.spent) >= 0:
            self._look(account)

    def remaining(self, account: Account) -> dict[str, float]:
        """What is left now of each of an account's rate limits (``requests``, ``tokens``,
        ``input-tokens``, ``output-tokens``), as far as its answers told."""
        if account.last_head:
            self._look(account)
        known = account.allowance
        return known.remaining(self._clock.mono()) if known is not None else {}

    def _look(self, account: Account) -> None:
        told = account.carrier.limits(account.last_head)
        account.last_head = b""
        account.look_at = account.heard_at + LOOK_S
        if not told:
            return
        known = account.allowance = account.allowance or Allowance()
        known.told(told, account.heard_at)
        wait_s = account.carrier.reset_s(told) or known.short_s()
        if wait_s > 0:
            self.exhausted(account, wait_s)

    def succeeded(self, account: Account) -> None:
        """An account answered."""
        if not account.reason:
            return
        now = self._clock.mono()
        if account.cool_until > now and account.reason == SPENT:
            return
        if self._told_later(account, now):
            return
        account.failures = 0
        account.cool_until = account.probe_until = 0.0
        account.reason = ""
        self._note()

    def _told_later(self, account: Account, now: float) -> bool:
        """Whether an account asked to be left alone and nobody has asked it since: who hears of it
        now was there before."""
        return (
            account.reason in NOT_TO_BE_ASKED
            and account.cool_until > now
            and not account.probe_until
        )

    def exhausted(self, account: Account, wait_s: float) -> None:
        """An account's rate limit is at its end; there is enough of it again in ``wait_s`` seconds.

        It answered, so it is well; and limits refill all the time, so it is still better than
        nobody.
        """
        now = self._clock.mono()
        if account.never_disable or self._told_later(account, now):
            return
        account.failures = 0
        account.probe_until = 0.0
        account.reason = SPENT
        account.cool_until = now + min(wait_s, MAX_SPENT_S)
        self._note()

    def exclude(self, account: Account, model: str) -> None:
        """Send a model elsewhere for a while: upstream does not serve it to this account.

        The account is well otherwise. Where no account is left, it is asked all the same.
        """
        account.probe_until = 0.0
        account.faults[WITHOUT_MODEL] = account.faults.get(WITHOUT_MODEL, 0) + 1
        known = model in account.without or len(account.without) < MOST_WITHOUT
        if known and not account.never_disable:
            account.without[model] = self._clock.mono() + WITHOUT_MODEL_S
            self._note()

    def failed(self, account: Account, failure: Failure) -> None:
        """Let an account cool down after a failure that is its own.

        Many requests may fail together on one trouble: only the first of them, and those that come
        after its cool-down, make the next one longer.
        """
        account.probe_until = 0.0
        if not failure.row.cools:
            return
        account.faults[failure.kind] = account.faults.get(failure.kind, 0) + 1
        now = self._clock.mono()
        told_s = failure.retry_after_s or 0.0
        pause = min(told_s, MAX_COOL_S) if told_s > 0 else self._guess(account, failure)
        cooling = account.failures > 0 and account.cool_until > now
        if cooling and told_s <= 0:
            pause = account.cool_until - now
        if failure.retry_after_s is None and failure.status in (429, 503):
            # Nobody said when to come back: when this account is asked again is the honest answer.
            failure.retry_after_s = pause
        if account.never_disable:
            return
        if not cooling:
            account.failures += 1
            account.cool_until = 0.0
        if not cooling or account.reason not in NOT_TO_BE_ASKED:
            account.reason = failure.kind
        account.cool_until = max(account.cool_until, now + pause)
        self._note()

    def _guess(self, account: Account, failure: Failure) -> float:
        """Seconds to cool down where upstream named none."""
        pause = COOL_S[failure.kind] * 2 ** min(account.failures, 10)
        return min(pause * (1 + JITTER * (self._chance() - 0.5)), MAX_COOL_S)

    # Where conversations went.

    def remembers(self, conversation: int) -> bool:
        """Whether it is known where a conversation's cache may be warm."""
        known = self.detours.get(conversation)
        return known is not None and known.until > self._clock.mono()

    def moved(self, wanted: Wanted, account: Account, life_s: float) -> None:
        """Remember who served a conversation: for ``life_s`` seconds its cache there may be warm.

        Not where it is at home, unless it is one that is placed by its opening.
        """
        self.detours.pop(wanted.conversation, None)
        if account not in self.roster.members:
            return
        if not wanted.placed and account is home(wanted, self.roster):
            return
        self.detours[wanted.conversation] = Detour(account, self._clock.mono() + life_s)
        if len(self.detours) > MOST_DETOURS:
            del self.detours[next(iter(self.detours))]

    def tidy(self) -> None:
        """Forget what is over: detours, exclusions and, little by little, requests. To be called
        several times a minute."""
        now = self._clock.mono()
        fade = math.exp((self._tidied - now) / RECENT_S)
        self._tidied = now
        for account in self._accounts:
            account.recent *= fade
        for conversation in [one for one, detour in self.detours.items() if detour.until <= now]:
            del self.detours[conversation]
        for account in self._accounts:
            for model in [one for one, until in account.without.items() if until <= now]:
                del account.without[model]

    # Change.

    def change(self, accounts: Sequence[tuple[Account, Terms]]) -> None:
        """These are the accounts from now on, on these terms.

        One that is there already goes on as it is. One of the same name takes over from its
        predecessor. Those that are not named take no new requests and end what they have begun.
        """
        gone = {account.name: account for account in self._accounts}
        heirs: dict[Account, Account] = {}
        for account, terms in accounts:
            account.settle(terms)
            before = gone.pop(account.name, account)
            if before is not account:
                heirs[before] = account
                self._part_with(before)
                before.hand_over(account)
        for account in gone.values():
            account.freed = None
            self._part_with(account)
        self._accounts = tuple([account for account, _ in accounts])
        self.roster = Roster(self._accounts)
        self.detours = {
            conversation: Detour(account, detour.until)
            for conversation, detour in self.detours.items()
            if (account := heirs.get(detour.account, detour.account)) in self.roster.members
        }
        self._note()

    def _part_with(self, account: Account) -> None:
        self.retired.append(Retired(account, account.client, self._clock.mono()))

    def retire(self) -> list[UpstreamClient]:
        """Clients that nobody needs any more, to be closed."""
        now = self._clock.mono()
        kept: list[Retired] = []
        over: list[UpstreamClient] = []
        for one in self.retired:
            if one.account.in_flight:
                kept.append(one._replace(idle_since=now))
            elif one.idle_since + RETIRE_S > now:
                kept.append(one)
            else:
                over.append(one.client)
        self.retired = kept
        return over

    async def close(self) -> None:
        """Close every connection."""
        for one in (*self._accounts, *self.retired):
            await one.client.close()

    def _note(self) -> None:
        if self.changed is not None:
            self.changed()

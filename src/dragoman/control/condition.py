"""How an account is: one word for it, and everything that is known of it, without its credential.

The word follows the one rule of availability (``Account.available``): ``well`` and ``probing``
without a moment are the states in which the account gets requests.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from dragoman.account import Account
from dragoman.catalogue.catalogue import Catalogue
from dragoman.config.structs import AccountConfig
from dragoman.control.desk import Desk
from dragoman.control.dollars import decimal, saved
from dragoman.observe.tally import Row
from dragoman.pool import SPENT

State = Literal["well", "cooling", "probing", "limit_spent", "full", "draining", "disabled"]
STATES: tuple[State, ...] = (
    "well", "cooling", "probing", "limit_spent", "full", "draining", "disabled"
)  # fmt: skip
DISABLED: State = "disabled"
"""Of an account that is configured and not in the pool."""


class Condition(NamedTuple):
    """An account's state."""

    state: State
    reason: str = ""
    """A kind of failure, or why it is disabled; empty where the state says it all."""
    until: float | None = None
    """``mono()`` seconds; None: not a matter of time."""


def condition(account: Account, now: float) -> Condition:
    """An account's state at ``mono()`` seconds ``now``."""
    if account.draining:
        return Condition("draining")
    if account.cool_until > now:
        state: State = "limit_spent" if account.reason == SPENT else "cooling"
        return Condition(state, account.reason, account.cool_until)
    if account.probe_until > now:
        return Condition("probing", account.reason, account.probe_until)
    if account.full:
        return Condition("full")
    if account.failures:
        return Condition("probing", account.reason)
    return Condition("well")


class Moment(NamedTuple):
    """The two clocks at one moment."""

    wall: float
    mono: float

    def tell(self, until: float | None) -> dict[str, Any]:
        """A moment of ``mono()`` as people read it, and in seconds from now."""
        if until is None:
            return {"until": None, "until_s": None}
        left = max(0.0, until - self.mono)
        return {"until": rfc3339(self.wall + left), "until_s": round(left, 3)}


def rfc3339(wall: float) -> str:
    """Seconds since 1970 as ``2026-11-20T19:00:00.123Z``."""
    told = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")


class Lister:
    """Describes accounts as of one moment; sums over all of them are made once."""

    def __init__(self, desk: Desk) -> None:
        self.moment = Moment(desk.clock.wall(), desk.clock.mono())
        self._running = running = desk.running()
        self._added = {account.name for account in desk.book.changes.accounts}
        self._pool = {account.name: account for account in running.pool.snapshot()}
        self._sums = desk.tally.by_account()
        self._saved = saved_by_account(desk, running.catalogue)
        self._requests = sum(row.requests for row in self._sums.values())
        self._weights: dict[int, float] = {}
        for account in self._pool.values():
            if not account.draining:
                weight = self._weights.get(account.priority, 0.0) + account.weight
                self._weights[account.priority] = weight

    @property
    def declared(self) -> Sequence[AccountConfig]:
        """All accounts, in order."""
        return self._running.config.accounts

    def describe(self, declared: AccountConfig) -> dict[str, Any]:
        """One account."""
        name = declared.name
        account = self._pool.get(name)
        added = name in self._added and name not in self._running.declared
        return {
            "name": name,
            "provider": declared.provider,
            "base_url": declared.base_url,
            "organization": declared.organization,
            "owner": "api" if added else "file",
            "models": declared.models,
            "model_ids": dict(declared.model_ids),
            "headers": sorted(declared.headers),
            "weight": declared.weight,
            "priority": declared.priority,
            "max_concurrency": declared.max_concurrency,
            "never_disable": declared.never_disable,
            "drain": declared.drain,
            **self._state(declared, account),
            "waiting": self._running.waiting.count,
            "share": self._share(name, account),
            **self._figures(name),
        }

    def _state(self, declared: AccountConfig, account: Account | None) -> dict[str, Any]:
        if account is None:
            now = Condition(DISABLED, f"provider {declared.provider} is not used yet")
        else:
            now = condition(account, self.moment.mono)
        return {
            "state": now.state,
            "reason": now.reason,
            **self.moment.tell(now.until),
            "in_flight": account.in_flight if account else 0,
            "limits": self._limits(account) if account else {},
            "without_models": [
                {"model": model, **self.moment.tell(until)}
                for model, until in (account.without if account else {}).items()
                if until > self.moment.mono
            ],
            "failures": dict(account.faults) if account else {},
        }

    def _limits(self, account: Account) -> dict[str, Any]:
        """What is left of its rate limits by now, as far as its answers told."""
        left = self._running.pool.remaining(account)
        if account.allowance is None:
            return {}
        told = account.allowance.limits
        return {
            what: {"limit": told[what].limit, "remaining": int(remaining)}
            for what, remaining in left.items()
        }

    def _share(self, name: str, account: Account | None) -> dict[str, float]:
        """Its part of new conversations within its priority, and of all requests so far."""
        row = self._sums.get(name)
        new = 0.0
        if account is not None and not account.draining:
            new = account.weight / self._weights[account.priority]
        requests = row.requests / self._requests if row is not None else 0.0
        return {"weight": round(new, 6), "requests": round(requests, 6)}

    def _figures(self, name: str) -> dict[str, Any]:
        row = self._sums.get(name)
        nano = self._saved.get(name, 0)
        return {
            "requests": row.requests if row else 0,
            "tokens": tokens(row),
            "cache": {
                "hit_rate": hit_rate(row),
                "saved_nano_usd": nano,
                "saved_usd": decimal(nano),
            },
        }


def tokens(row: Row | None) -> dict[str, int]:
    """Tokens by class; ``input`` is what was neither read from nor written to the cache."""
    return {
        "input": row.input if row else 0,
        "cache_read": row.cache_read if row else 0,
        "cache_write": row.cache_write if row else 0,
        "output": row.output if row else 0,
    }


def hit_rate(row: Row | None) -> float | None:
    """The part of all input tokens that the prompt cache had; None while there were none."""
    if row is None:
        return None
    prompt = row.input + row.cache_read + row.cache_write
    return round(row.cache_read / prompt, 6) if prompt else None


def saved_by_account(desk: Desk, catalogue: Catalogue) -> Mapping[str, int]:
    """Nano-dollars that the prompt cache saved on each account."""
    sums: dict[str, int] = {}
    for labels, row in desk.tally.rows():
        nano = saved(catalogue, labels, row)
        if nano:
            sums[labels.account] = sums.get(labels.account, 0) + nano
    return sums

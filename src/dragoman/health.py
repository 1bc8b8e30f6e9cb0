"""What a restart must not forget of the pool: ``pool.json`` in the data folder.

An account that asked to be left alone for minutes, or whose credential is refused, would otherwise
be asked again by a process that does not know. The file holds what differs from a fresh account,
and nothing that is secret: accounts are named, with a hash of their credential, so that another
credential starts fresh. It is written a second after something changed, in a thread, and when the
process ends in order; then the detours are in it, too. A file that cannot be read is said and
ignored: the pool learns everything anew.

Times are those of the wall clock. One that was put back makes nobody cool longer than any cool-down
lasts.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from dragoman.account import Account
from dragoman.auth import privatefile
from dragoman.clock import Clock
from dragoman.codec import jsonio
from dragoman.pool import COOL_S, MAX_COOL_S, MOST_DETOURS, SPENT, WITHOUT_MODEL_S, Pool
from dragoman.routing import Detour

NAME = "pool.json"
SAVE_AFTER_S = 1.0
"""The most that a crash forgets."""
TIDY_S = 10.0
"""How often the pool lets go of what is over."""
LONGEST_DETOUR_S = 3600.0
_REASONS = frozenset({*COOL_S, SPENT})


class Kept(Struct, omit_defaults=True):
    """What is kept of an account."""

    credential: str
    reason: str = ""
    failures: int = 0
    cool_until: float = 0.0
    """Seconds since 1970."""
    without: dict[str, float] = {}
    """Models that it may not use, and until when (seconds since 1970)."""


class Moved(Struct, array_like=True):
    """A conversation that is not at home."""

    conversation: str
    account: str
    until: float
    """Seconds since 1970."""


class State(Struct):
    """The file."""

    version: Literal[1] = 1
    accounts: dict[str, Kept] = {}
    detours: list[Moved] = []


class Broken(ValueError):
    """The file is there and cannot be used; the text says why."""


_states = jsonio.Decoder(State)


def state(pool: Pool, clock: Clock, *, detours: bool = False) -> State:
    """What is to be kept of a pool now."""
    now = clock.mono()
    ahead = clock.wall() - now
    made = State()
    for account in pool.snapshot():
        known = Kept(account.credential)
        if account.cool_until > now:
            known.reason, known.failures = account.reason, account.failures
            known.cool_until = account.cool_until + ahead
        without = {model: until + ahead for model, until in account.without.items() if until > now}
        known.without = without
        if known.cool_until or without:
            made.accounts[account.name] = known
    if detours:
        made.detours = [
            Moved(f"{conversation:016x}", detour.account.name, detour.until + ahead)
            for conversation, detour in pool.detours.items()
            if detour.until > now
        ]
    return made


def restore(pool: Pool, kept: State, clock: Clock) -> None:
    """Let a fresh pool know what an earlier process knew; what is over is dropped."""
    accounts = {account.name: account for account in pool.snapshot()}
    for name, known in kept.accounts.items():
        account = accounts.get(name)
        if account is not None and account.credential == known.credential:
            _restore(account, known, clock)
    now, wall = clock.mono(), clock.wall()
    for moved in kept.detours[-MOST_DETOURS:]:
        account = accounts.get(moved.account)
        left_s = min(moved.until - wall, LONGEST_DETOUR_S)
        if account in pool.roster.members and left_s > 0 and _is_hash(moved.conversation):
            pool.detours[int(moved.conversation, 16)] = Detour(account, now + left_s)


def _restore(account: Account, known: Kept, clock: Clock) -> None:
    now, wall = clock.mono(), clock.wall()
    if account.never_disable:
        return
    left_s = min(known.cool_until - wall, MAX_COOL_S)
    if left_s > 0 and known.reason in _REASONS:
        account.cool_until = now + left_s
        account.reason = known.reason
        account.failures = max(0, known.failures)
    for model, until in known.without.items():
        if until > wall:
            account.without[model] = now + min(until - wall, WITHOUT_MODEL_S)


def _is_hash(text: str) -> bool:
    return len(text) == 16 and all(sign in "0123456789abcdef" for sign in text)


def read(path: Path) -> State:
    """The file; an empty state where there is none. Raises :class:`Broken`."""
    try:
        return _states.decode(path.read_bytes())
    except FileNotFoundError:
        return State()
    except (OSError, jsonio.Malformed, jsonio.Mismatch) as error:
        raise Broken(f"{path}: {error}") from None


class Keeper:
    """Reads a pool's state at the start, writes it when it changed, and lets go of what is over."""

    def __init__(self, path: Path, pool: Pool, clock: Clock) -> None:
        self.path = path
        self._pool = pool
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._failing = False
        self._say: Callable[[str, str], None] | None = None
        self._writing = asyncio.Lock()

    def open(
        self, spawn: Callable[[Coroutine[Any, Any, None]], Any], say: Callable[[str, str], None]
    ) -> None:
        """Take over what is in the file, and from now on write every change.

        ``say`` is told (event, text) of a file that cannot be read, and once of one that cannot be
        written.
        """
        loop = asyncio.get_running_loop()
        self._say = say
        try:
            restore(self._pool, read(self.path), self._clock)
        except Broken as broken:
            say("pool_state_ignored", str(broken))

        def changed() -> None:
            # What changes while a write is due goes with it.
            if self._timer is None:
                self._timer = loop.call_later(SAVE_AFTER_S, due)

        def due() -> None:
            self._timer = None
            spawn(self._save(state(self._pool, self._clock)))

        self._pool.changed = changed
        spawn(self._tidy())

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            self._pool.tidy()
            for client in self._pool.retire():
                await client.close()

    async def close(self) -> None:
        """Write once more, the detours too, and no further."""
        self._pool.changed = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._save(state(self._pool, self._clock, detours=True))

    async def _save(self, kept: State) -> None:
        async with self._writing:
            try:
                await asyncio.to_thread(_write, self.path, kept)
                self._failing = False
            except OSError as error:
                if self._say is not None and not self._failing:
                    self._say("pool_state_not_written", str(error))
                self._failing = True


def _write(path: Path, kept: State) -> None:
    if kept.accounts or kept.detours or path.exists():
        privatefile.replace(path, jsonio.encode(kept))

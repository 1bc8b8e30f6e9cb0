"""What the simulator remembers of one account: its limits, its prompt cache, the faults it has
had."""

import hashlib
import uuid
from collections import OrderedDict

from dragoman.simulator.cache import PromptCache
from dragoman.simulator.limits import Limits, Meter

MAX_ACCOUNTS = 1024
"""Accounts remembered; the one unused for longest is forgotten first."""
_MAX_LABELS = 1024


class AccountState:
    """One account's memory. ``organization`` is its made-up id."""

    def __init__(self, organization: str, limits: Limits, now: float) -> None:
        self.organization = organization
        self.meter = Meter(limits, now)
        self.cache = PromptCache()
        self._fired: OrderedDict[str, None] = OrderedDict()

    def first_time(self, label: str) -> bool:
        """Whether a ``once`` with this label has not been seen before; from now on it has."""
        if label in self._fired:
            return False
        self._fired[label] = None
        if len(self._fired) > _MAX_LABELS:
            self._fired.popitem(last=False)
        return True


class Accounts:
    """All accounts, made on first sight."""

    def __init__(self, limits: Limits, seed: str) -> None:
        self._limits = limits
        self._seed = seed
        self._known: OrderedDict[str, AccountState] = OrderedDict()

    def get(self, name: str, now: float) -> AccountState:
        """The state of an account. ``now`` is monotonic seconds."""
        state = self._known.get(name)
        if state is None:
            organization = _organization(self._seed, name)
            state = self._known[name] = AccountState(organization, self._limits, now)
            if len(self._known) > MAX_ACCOUNTS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(name)
        return state


def _organization(seed: str, name: str) -> str:
    """A made-up organisation id: the same account of the same simulator always has the same."""
    person = b"dragoman-org"
    digest = hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=16, person=person)
    return str(uuid.UUID(bytes=digest.digest(), version=4))

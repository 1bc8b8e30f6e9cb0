"""How often prompt caches were hit and missed, and why: by account, by key, by model.

In memory, since the process started; a reload keeps it. Three additions a request that has cache
marks, nothing for one that has none.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dragoman.caches.verdict import Verdict

MAX_NAMES = 1000
"""Names counted apart, of each sort; those that come later are counted together as ``other``."""
OTHER = "other"


class Label(NamedTuple):
    """What is counted: at most some 60 of them, for details are left out."""

    outcome: str
    """``hit``, ``partial``, ``miss``, ``written`` or ``off``."""
    reason: str
    """A ``Kind``; empty for a hit."""


Table = dict[str, dict[Label, int]]


class Counts:
    """Requests by name and label.

    ``accounts``, ``keys`` and ``models`` may be read as they are; :meth:`read` copies them.
    """

    __slots__ = ("accounts", "keys", "models")

    def __init__(self) -> None:
        self.accounts: Table = {}
        self.keys: Table = {}
        self.models: Table = {}

    def add(self, account: str, key: str, model: str, verdict: Verdict) -> None:
        """Count one request."""
        reason = verdict.reason
        label = Label(verdict.outcome, "" if reason is None else reason.kind)
        _add(self.accounts, account, label)
        _add(self.keys, key, label)
        _add(self.models, model, label)

    def read(self) -> Mapping[str, Table]:
        """A copy: ``account``, ``key``, ``model`` → name → label → requests."""
        return {
            sort: {name: dict(counted) for name, counted in table.items()}
            for sort, table in (
                ("account", self.accounts),
                ("key", self.keys),
                ("model", self.models),
            )
        }


def _add(table: Table, name: str, label: Label) -> None:
    counted = table.get(name)
    if counted is None:
        if len(table) >= MAX_NAMES:
            counted = table.setdefault(OTHER, {})
        else:
            counted = table[name] = {}
    counted[label] = counted.get(label, 0) + 1

"""Fields that this version accepts and does not act on yet.

One table. Bringing a field to life deletes its row.
"""

import re
from typing import Any, NamedTuple

from dragoman.auth.secret import Secret
from dragoman.config.structs import Config, Provider


class NotYet(NamedTuple):
    """A field, or a section with all its fields."""

    path: str
    """``[]`` stands for any position in a list."""
    instead: str
    """What happens meanwhile."""
    idle: tuple[Any, ...] = ()
    """Values that ask for nothing, so that nothing need be said."""


NOT_YET = (
    NotYet("server.workers", "one process serves", (1,)),
    NotYet("storage.database", "keys come from this file and usage is not recorded"),
    NotYet("storage.redis", "limits are per process", ("",)),
    NotYet("storage.journal", "usage is not recorded"),
    NotYet("keys[].budget_usd", "spending is not counted", (0,)),
    NotYet("keys[].budget_period", "spending is not counted", ("total",)),
)

PROVIDERS_NOT_YET: frozenset[Provider] = frozenset()
"""Accounts of these are left out of the pool."""


def served(config: Config) -> tuple[int, ...]:
    """Positions of the accounts that this version can use."""
    return tuple(
        index
        for index, account in enumerate(config.accounts)
        if account.provider not in PROVIDERS_NOT_YET
    )


def pending(config: Config) -> list[str]:
    """One plain sentence for every row of the table that the configuration touches."""
    sentences: list[str] = []
    for row in NOT_YET:
        pattern = re.compile(re.escape(row.path).replace(r"\[\]", r"\[\d+\]") + r"(?:\..*)?")
        paths = [path for path in config.given if pattern.fullmatch(path)]
        paths = sorted(path for path in paths if _value(config, path) not in row.idle)
        if paths:
            verb = "is" if len(paths) == 1 else "are"
            sentences.append(f"{_joined(paths)} {verb} accepted but not used yet: {row.instead}")
    sentences += [
        f"accounts[{index}] ({account.name}) is left out of the pool: "
        f"provider {account.provider} is accepted but not used yet"
        for index, account in enumerate(config.accounts)
        if account.provider in PROVIDERS_NOT_YET
    ]
    return sentences


def is_pending(path: str) -> bool:
    """Whether a field, written as in the table, is in it or in one of its sections."""
    return any(path == row.path or path.startswith(f"{row.path}.") for row in NOT_YET)


def _value(config: Config, path: str) -> Any:
    value: Any = config
    for name, index in re.findall(r"(\w+)(?:\[(\d+)\])?", path):
        value = getattr(value, name)
        if index:
            value = value[int(index)]
    return value.reveal() if isinstance(value, Secret) else value


def _joined(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{', '.join(paths[:-1])} and {paths[-1]}"

"""The accounts that the admin API added, and the accounts of the file that it drained.

They are kept in ``accounts.json`` in the data folder, credentials included, readable by its owner
only. The file of the configuration stays the operator's own: nothing is ever written into it, and
of its accounts only ``drain`` can be changed here. When the file comes to declare an account of a
name that was added here, the file's holds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, structs, to_builtins

from dragoman.auth.privatefile import replace
from dragoman.auth.secret import Secret
from dragoman.codec import jsonio
from dragoman.config.accounts import Wrong, decode, settled
from dragoman.config.load import is_implicit
from dragoman.config.structs import AccountConfig, Config

FILE = "accounts.json"


class _Stored(Struct):
    version: int
    accounts: list[dict[str, Any]]
    drain: dict[str, bool]


_decoder = jsonio.Decoder(_Stored)


class Changes(Struct, frozen=True):
    """What the admin API changed."""

    accounts: tuple[AccountConfig, ...] = ()
    drain: Mapping[str, bool] = {}
    """By name of an account that the configuration declares."""

    def account(self, name: str) -> AccountConfig | None:
        """The added account of this name."""
        return next((one for one in self.accounts if one.name == name), None)

    def with_account(self, account: AccountConfig) -> "Changes":
        """With an account added, or changed at its place."""
        if self.account(account.name) is None:
            return structs.replace(self, accounts=(*self.accounts, account))
        changed = [account if one.name == account.name else one for one in self.accounts]
        return structs.replace(self, accounts=tuple(changed))

    def without_account(self, name: str) -> "Changes":
        """With an added account removed."""
        kept = [one for one in self.accounts if one.name != name]
        return structs.replace(self, accounts=tuple(kept))

    def with_drain(self, name: str, drain: bool) -> "Changes":
        """With an account of the configuration drained, or taken back."""
        return structs.replace(self, drain={**self.drain, name: drain})


class Book:
    """Holds the changes in force and keeps them in a file."""

    def __init__(self, folder: Path) -> None:
        """Raises ValueError when the file is damaged."""
        self.path = folder / FILE
        self.changes = self._read()

    def save(self, changes: Changes) -> None:
        """Write changes to the file; for a thread, since disks are slow. Raises OSError."""
        accounts = [fields_of(account) for account in changes.accounts]
        replace(self.path, jsonio.encode(_Stored(1, accounts, dict(changes.drain))))

    def _read(self) -> Changes:
        if not self.path.exists():
            return Changes()
        try:
            stored = _decoder.decode(self.path.read_bytes())
            accounts = tuple(map(decode, stored.accounts))
        except (jsonio.Malformed, jsonio.Mismatch, Wrong) as error:
            raise ValueError(
                f"{self.path} is damaged: {error}; mend it, or remove it to forget the accounts "
                "added through the admin API"
            ) from None
        return Changes(accounts, stored.drain)


def fields_of(account: AccountConfig) -> dict[str, Any]:
    """An account as the fields that differ from their defaults, credentials in plain text."""
    fields = to_builtins(account, enc_hook=_reveal)
    plain = to_builtins(AccountConfig(name=""), enc_hook=_reveal)
    return {name: value for name, value in fields.items() if value != plain[name]}


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(type(value))


def declared_names(config: Config) -> frozenset[str]:
    """Names of the accounts that the file or the environment declares."""
    return frozenset() if is_implicit(config) else frozenset(one.name for one in config.accounts)


def merged(config: Config, changes: Changes) -> Config:
    """The configuration with the changes of the admin API."""
    implicit = is_implicit(config)
    if not changes.accounts and not changes.drain:
        return config
    # The simulator stands in while there is no account at all.
    declared = () if implicit and changes.accounts else config.accounts
    names = {account.name for account in declared}
    kept = [structs.replace(one, drain=changes.drain.get(one.name, one.drain)) for one in declared]
    added = [settled(one) for one in changes.accounts if one.name not in names]
    note = config.upstream_note
    if added:
        who = f"{len(added)} of the admin API: {', '.join(one.name for one in added)}"
        note = f"{note}, and {who}" if declared else f"upstream: {who}"
    return structs.replace(config, accounts=(*kept, *added), upstream_note=note)

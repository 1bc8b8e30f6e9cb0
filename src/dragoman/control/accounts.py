"""``/admin/v1/accounts``: the upstream accounts, their live state, and changes under traffic.

A change is checked by the rules of ``dragoman.yaml``, written to the data folder, and put in force
as a reload is: requests under way end on what they started with. Accounts that the configuration
file declares are its own: here they can be drained and taken back, and nothing else.
"""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dragoman.config.accounts import Wrong, decode
from dragoman.config.pending import PROVIDERS_NOT_YET
from dragoman.config.structs import AccountConfig
from dragoman.control import bodies
from dragoman.control.book import Changes, fields_of
from dragoman.control.condition import Lister
from dragoman.control.desk import Desk
from dragoman.errors import Failure

SLICE = 50
"""Accounts described before requests get their turn again."""


class Accounts:
    """The handlers of the accounts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._changing = asyncio.Lock()

    async def index(self, _: Request) -> Response:
        """``GET /admin/v1/accounts``."""
        lister = Lister(self._desk)
        data: list[dict[str, Any]] = []
        for at, declared in enumerate(lister.declared, 1):
            data.append(lister.describe(declared))
            if at % SLICE == 0:
                await asyncio.sleep(0)
        waiting = self._desk.running().waiting.count
        return bodies.answer({"object": "list", "data": data, "waiting": waiting})

    async def show(self, request: Request) -> Response:
        """``GET /admin/v1/accounts/{name}``."""
        return bodies.answer(self._described(request.path_params["name"]))

    async def add(self, request: Request) -> Response:
        """``POST /admin/v1/accounts``: the fields of an account of ``dragoman.yaml``."""
        account = _decoded(await bodies.fields(request))
        async with self._changing:
            if any(one.name == account.name for one in self._desk.running().config.accounts):
                raise Failure(
                    "conflict", f"There is an account named {account.name} already.", param="name"
                )
            await self._change(self._desk.book.changes.with_account(account))
        self._audit(request, "added", account.name, sorted(fields_of(account)))
        return bodies.answer(self._described(account.name), 201)

    async def edit(self, request: Request) -> Response:
        """``PATCH /admin/v1/accounts/{name}``: fields to change; null stands for the default."""
        name = request.path_params["name"]
        fields = await bodies.fields(request)
        if fields.get("name", name) != name:
            raise Failure("invalid_value", "name: cannot be changed.", param="name")
        async with self._changing:
            self._find(name)
            changes = self._desk.book.changes
            if self._is_added(name):
                before = changes.account(name)
                assert before is not None  # noqa: S101 - it is added
                account = _decoded({**fields_of(before), **fields})
                await self._change(changes.with_account(account))
            else:
                await self._change(changes.with_drain(name, _drain(name, fields)))
        self._audit(request, "changed", name, sorted(fields))
        return bodies.answer(self._described(name))

    async def remove(self, request: Request) -> Response:
        """``DELETE /admin/v1/accounts/{name}``: nothing new goes there; what runs goes on."""
        name = request.path_params["name"]
        async with self._changing:
            self._find(name)
            if not self._is_added(name):
                raise _owned(name, "remove it there, or drain it here")
            await self._change(self._desk.book.changes.without_account(name))
        self._audit(request, "removed", name, [])
        return bodies.answer({"name": name, "removed": True})

    async def _change(self, changes: Changes) -> None:
        """Keep changes and put them in force. What cannot be put in force is not kept."""
        book = self._desk.book
        before = book.changes
        await self._save(changes)
        book.changes = changes
        try:
            self._desk.apply()
        except (ValueError, OSError) as error:  # an unreadable certificate file is an OSError
            book.changes = before
            await self._save(before)
            raise Failure("invalid_value", str(error)) from None

    async def _save(self, changes: Changes) -> None:
        book = self._desk.book
        try:
            await asyncio.to_thread(book.save, changes)
        except OSError as error:
            failure = Failure("internal", f"{book.path} cannot be written: {error.strerror}.")
            raise failure from None

    def _described(self, name: str) -> dict[str, Any]:
        return Lister(self._desk).describe(self._find(name))

    def _find(self, name: str) -> AccountConfig:
        for account in self._desk.running().config.accounts:
            if account.name == name:
                return account
        raise Failure("not_found", f"There is no account named {name[:64]}.")

    def _is_added(self, name: str) -> bool:
        added = self._desk.book.changes.account(name) is not None
        return added and name not in self._desk.running().declared

    def _audit(self, request: Request, what: str, name: str, fields: list[str]) -> None:
        """Who changed what; names of fields only, since values may be secret."""
        client = request.client.host if request.client else "unknown"
        changed = f" fields={','.join(fields)}" if fields else ""
        self._desk.audit(f"account {what} name={name}{changed} from={client}")


def _decoded(fields: dict[str, Any]) -> AccountConfig:
    try:
        account = decode(fields)
    except Wrong as wrong:
        first = wrong.mistakes[0]
        unknown = first.message.startswith("unknown field")
        kind = "unknown_parameter" if unknown else "invalid_value"
        raise Failure(kind, f"{wrong}.", param=first.path or None) from None
    if account.provider in PROVIDERS_NOT_YET:
        raise Failure(
            "invalid_value", f"provider: {account.provider} is not used yet.", param="provider"
        )
    return account


def _drain(name: str, fields: dict[str, Any]) -> bool:
    """The one thing that can be changed about an account of the file."""
    others = sorted(set(fields) - {"name", "drain"})
    if others:
        raise _owned(name, f"change {', '.join(others)} there; only drain can be changed here")
    drain = fields.get("drain")
    if not isinstance(drain, bool):
        raise Failure("invalid_value", "drain: expected true or false.", param="drain")
    return drain


def _owned(name: str, instead: str) -> Failure:
    return Failure("conflict", f"{name} belongs to the configuration: {instead}.", param="name")

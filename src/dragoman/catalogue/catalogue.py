"""Names → models.

The catalogue is built once, from the built-in rows and the ``models:`` entries of the
configuration, into one dictionary that holds every name: ids, aliases, the ids other clouds use,
each also with the ``anthropic/`` in front that clients of other gateways write. A known name costs
one look-up. An unknown ``claude-*`` name is forwarded and taken to follow the newest rules, so
that a model released tomorrow works today; any other unknown name is a 404.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Literal, NamedTuple

from msgspec import UNSET, structs

from dragoman.catalogue.model import Model
from dragoman.catalogue.override import Override, Problem, apply, inconsistencies
from dragoman.catalogue.rows import Builtin, builtin, named
from dragoman.errors import Failure

PREFIX = "anthropic/"
"""What clients of OpenRouter and LiteLLM write before a Claude model's name."""

RetiredPolicy = Literal["forward", "successor"]

_UNKNOWN = re.compile(r"claude-[A-Za-z0-9][A-Za-z0-9._:@-]{0,119}")
_SHOWN = 100
"""Characters of an unknown name repeated in the error, and compared with known ones."""
_HINTS = 1000
"""Unknown names whose hint is kept."""


class Resolved(NamedTuple):
    """What a client's model name stands for."""

    model: Model
    wire_id: str
    """The id sent upstream."""
    warning: str | None = None
    """The reason of a ``model`` warning, when another model serves than was asked for."""


class Catalogue:
    """Every model that can be named.

    ``overrides`` are the configuration's ``models:`` entries, ``today`` (``2026-11-20``) retires
    the models whose announced day has come. Raises ``ValueError`` for overrides in which
    :func:`problems` finds something.
    """

    def __init__(
        self,
        rows: Builtin | None = None,
        overrides: Sequence[Override] = (),
        retired_policy: RetiredPolicy = "forward",
        today: str = "",
    ) -> None:
        table = _Table(rows or builtin(), overrides)
        for index, problem in table.problems:
            raise ValueError(f"models[{index}].{problem.field}: {problem.message}")
        self._newest = table.newest
        self._rows = {key: _aged(row, today) for key, row in table.rows.items()}
        names = {name: self._rows[key] for name, key in table.names.items()}
        self._names = list(names)
        self._hints: dict[str, str] = {}
        resolved = {name: self._serving(row, names, retired_policy) for name, row in names.items()}
        self._resolved = {PREFIX + name: value for name, value in resolved.items()} | resolved

    def resolve(self, name: str) -> Resolved:
        """The model behind a client's name. Raises :class:`Failure` ``model_not_found``."""
        found = self._resolved.get(name)
        return found if found is not None else self._unknown(name)

    def knows(self, name: str) -> bool:
        """Whether :meth:`resolve` finds a model of that name."""
        return name in self._resolved or _UNKNOWN.fullmatch(name.removeprefix(PREFIX)) is not None

    def adapt(self, change: Callable[[Model], Model]) -> None:
        """Change every row, those of unknown names too, by what the accounts of the pool can do."""
        self._newest = change(self._newest)
        self._rows = {key: change(row) for key, row in self._rows.items()}
        self._resolved = {
            name: found._replace(model=change(found.model))
            for name, found in self._resolved.items()
        }

    def listed(self) -> list[Model]:
        """All models for ``GET /v1/models``, newest first; retired ones too, names from the
        configuration too."""
        return sorted(self._rows.values(), key=lambda row: (_descending(row.released), row.id))

    def bounds(self) -> set[int]:
        """All numbers of prompt tokens above which some model has other prices."""
        return {tier.above_prompt_tokens for row in self._rows.values() for tier in row.tiers}

    def _unknown(self, name: str) -> Resolved:
        bare = name.removeprefix(PREFIX)
        if _UNKNOWN.fullmatch(bare):
            return Resolved(named(self._newest, bare, bare), bare)
        shown = name[:_SHOWN]
        message = f"The model `{shown}` does not exist or you do not have access to it."
        raise Failure("model_not_found", f"{message} {self._hint(shown)}", param="model")

    def _hint(self, name: str) -> str:
        """What was probably meant. Finding it takes milliseconds, so some answers are kept."""
        hint = self._hints.get(name)
        if hint is None:
            near = get_close_matches(name, self._names, n=1, cutoff=0.7)
            hint = f"Did you mean `{near[0]}`?" if near else "GET /v1/models lists the models."
            if len(self._hints) < _HINTS:
                self._hints[name] = hint
        return hint

    @staticmethod
    def _serving(row: Model, names: dict[str, Model], policy: RetiredPolicy) -> Resolved:
        heir = row
        seen = {row.id}
        while policy == "successor" and heir.retired is not None and heir.successor in names:
            heir = names[heir.successor]
            if heir.id in seen:
                return Resolved(row, row.wire_id)
            seen.add(heir.id)
        if heir is row:
            return Resolved(row, row.wire_id)
        warning = f"{row.id} retired on {row.retired}; served by {heir.id}"
        return Resolved(heir, heir.wire_id, warning)


def problems(overrides: Sequence[Override]) -> list[tuple[int, Problem]]:
    """What is wrong with ``models:`` entries, by position."""
    return _Table(builtin(), overrides).problems


class _Table:
    """Rows by id and names to ids, after the overrides."""

    def __init__(self, rows: Builtin, overrides: Sequence[Override]) -> None:
        self.newest = rows.newest
        self.rows = {row.id: row for row in rows.models}
        self.names = dict(_names(rows.models))
        self.problems: list[tuple[int, Problem]] = []
        self._claimed: set[str] = set()
        waiting = {
            index: entry for index, entry in enumerate(overrides) if entry.target is not UNSET
        }
        for index, entry in enumerate(overrides):
            if index not in waiting:
                self._change(index, entry)
        while waiting:
            ids = {entry.id for entry in waiting.values()}
            ready = [index for index, entry in waiting.items() if entry.target not in ids]
            for index in ready:
                self._alias(index, waiting.pop(index))
            if not ready:
                loop = Problem("target", "leads back to itself")
                self.problems += [(index, loop) for index in waiting]
                return

    def _change(self, index: int, entry: Override) -> None:
        key = self.names.get(entry.id)
        base = named(self.newest, entry.id, entry.id) if key is None else self.rows[key]
        self._put(index, entry, structs.replace(base, known=True))

    def _alias(self, index: int, entry: Override) -> None:
        target = str(entry.target)
        bare = target.removeprefix(PREFIX)
        key = self.names.get(target, self.names.get(bare))
        if key is not None:
            base = self.rows[key]
        elif _UNKNOWN.fullmatch(bare):
            base = named(self.newest, bare, bare)
        else:
            near = get_close_matches(target, list(self.names), n=1)
            hint = f", did you mean {near[0]}?" if near else ""
            self.problems.append((index, Problem("target", f"no such model{hint}")))
            return
        row = structs.replace(base, id=entry.id, target=base.wire_id, aliases=(), known=True)
        self._put(index, entry, row)

    def _put(self, index: int, entry: Override, base: Model) -> None:
        try:
            row = apply(base, entry)
        except ValueError as error:
            self.problems.append((index, Problem("usd_per_mtok", str(error))))
            return
        for problem in inconsistencies(row):
            self.problems.append((index, problem))
        for name in (entry.id, *(row.aliases if entry.aliases is not UNSET else ())):
            if name in self._claimed:
                self.problems.append((index, Problem("id", f"{name} is defined twice")))
            self._claimed.add(name)
            self.names[name] = row.id
        self.rows[row.id] = row


def _names(rows: Iterable[Model]) -> Iterator[tuple[str, str]]:
    """Every name of every row; ids come last, so that nothing takes an id away from its row."""
    rows = list(rows)
    for row in rows:
        clouds = row.clouds
        if clouds.bedrock:
            yield clouds.bedrock, row.id
            for profile in clouds.bedrock_profiles:
                yield f"{profile}.{clouds.bedrock}", row.id
        for name in (clouds.bedrock_mantle, clouds.vertex, clouds.foundry, *row.aliases):
            if name:
                yield name, row.id
    for row in rows:
        yield row.id, row.id


def _aged(row: Model, today: str) -> Model:
    """The row as of ``today``: an announced day of retirement may have come since this file was
    written."""
    due = row.retires is not None and not row.retires_earliest and row.retires <= today
    return structs.replace(row, retired=row.retires) if due and row.retired is None else row


def _descending(text: str) -> tuple[int, ...]:
    return tuple(-ord(character) for character in text)

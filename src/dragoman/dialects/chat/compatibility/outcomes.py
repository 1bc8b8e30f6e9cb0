"""A piece of a request × every model of the catalogue → what becomes of it.

Nothing is told here that the code does not do: each piece is put into the simplest request, read by
:func:`~dragoman.dialects.chat.request.parse` for each model, and compared with what the simplest
request becomes.
"""

from typing import Any, NamedTuple

from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.rows import builtin
from dragoman.codec import jsonio
from dragoman.dialects.chat.request import parse
from dragoman.errors import Failure

MODELS = tuple(model.id for model in builtin().models)
_CATALOGUE = Catalogue()
_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
_SIMPLEST: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}


class Outcome(NamedTuple):
    """What one piece becomes with some models."""

    models: tuple[str, ...]
    upstream: str
    """What the body upstream has more, as JSON without its outer braces; empty: nothing."""
    warnings: tuple[tuple[str, str], ...]
    """(field, reason) of ``x-dragoman-warnings``."""
    refusal: tuple[str, str, str]
    """(code, param, message) of a 400; empty texts where it is none."""


def outcomes(probe: str) -> list[Outcome]:
    """What a piece of a body becomes, models with the same outcome together."""
    piece: dict[str, Any] = jsonio.decode(probe.encode())
    models = (piece["model"],) if "model" in piece else MODELS
    found: dict[tuple[Any, ...], list[str]] = {}
    for model in models:
        found.setdefault(_outcome(model, piece), []).append(model)
    return [Outcome(tuple(names), *what) for what, names in found.items()]


def _outcome(model: str, piece: dict[str, Any]) -> tuple[Any, ...]:
    try:
        body, warnings = _read(model, {**_SIMPLEST, **piece})
    except Failure as failure:
        code = failure.row.openai_code or ""
        return "", (), (code, failure.param or "", failure.message)
    plain, _ = _read(model, _SIMPLEST)
    limited = not _LIMITS.isdisjoint(piece)
    added = {
        name: value
        for name, value in body.items()
        if plain.get(name) != value or (limited and name == "max_tokens")
    }
    return jsonio.encode(added).decode()[1:-1], warnings, ("", "", "")


def _read(model: str, fields: dict[str, Any]) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    parsed = parse(jsonio.encode({"model": model, **fields}), _CATALOGUE, strict=False)
    return jsonio.decode(jsonio.encode(parsed.request)), tuple(parsed.warnings)

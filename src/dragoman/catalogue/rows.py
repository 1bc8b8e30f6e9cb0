"""models.toml → rows.

A row of the file takes the fields of its generation and overrides what differs. Prices stand there
in US dollars per million tokens and become whole nano-dollars per token.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import structs

from dragoman.catalogue.model import Clouds, Model

Fields = dict[str, Any]
"""A row on its way to a :class:`Model`: plain values by field name."""

PRICES = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")


class Builtin(NamedTuple):
    """What models.toml holds."""

    models: tuple[Model, ...]
    newest: Model
    """What an unknown ``claude-*`` name is taken for: no id, and ``{id}`` still in the names of
    other clouds."""


def nano(usd_per_mtok: float) -> int:
    """US dollars per million tokens → nano-dollars per token.

    Raises ``ValueError`` if that is not a whole number ≥ 0.
    """
    amount = round(usd_per_mtok * 1000)
    if amount < 0 or abs(usd_per_mtok * 1000 - amount) > 1e-6:
        raise ValueError(f"{usd_per_mtok} is not a price ≥ 0 with at most three decimals")
    return amount


@cache
def builtin() -> Builtin:
    """The rows shipped with Dragoman, read once."""
    return read(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))


def read(text: str) -> Builtin:
    """The rows of a file like models.toml. Raises ``ValueError`` or ``KeyError`` if it is not
    one."""
    document = tomllib.loads(text)
    generations = cast("Mapping[str, Fields]", document["generation"])
    models = (_row(fields, generations) for fields in document["model"])
    newest = _row({"id": "", "name": "", **document["newest"]}, generations)
    return Builtin(tuple(named(row, row.id, row.name) for row in models), newest)


def named(template: Model, model_id: str, name: str) -> Model:
    """A copy of a row under an id of its own, which also stands for ``{id}`` in the names of other
    clouds."""
    clouds = template.clouds
    return structs.replace(
        template,
        id=model_id,
        name=name,
        clouds=Clouds(
            bedrock=clouds.bedrock.replace("{id}", model_id),
            bedrock_profiles=clouds.bedrock_profiles,
            bedrock_mantle=clouds.bedrock_mantle.replace("{id}", model_id),
            vertex=clouds.vertex.replace("{id}", model_id),
            foundry=clouds.foundry.replace("{id}", model_id),
            bedrock_structured_outputs=clouds.bedrock_structured_outputs,
            bedrock_automatic_cache=clouds.bedrock_automatic_cache,
        ),
    )


def _row(own: Fields, generations: Mapping[str, Fields]) -> Model:
    fields = {**generations[own["generation"]], **own}
    del fields["generation"]
    fields["prices"] = _prices(fields.pop("usd_per_mtok"))
    fields["tiers"] = [
        {
            "above_prompt_tokens": tier["above_prompt_tokens"],
            "prices": _prices(tier["usd_per_mtok"]),
        }
        for tier in fields.get("tiers", ())
    ]
    return msgspec.convert(fields, Model)


def _prices(usd_per_mtok: Mapping[str, float]) -> dict[str, int]:
    return {key: nano(usd_per_mtok[key]) for key in PRICES}

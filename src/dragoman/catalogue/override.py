"""The ``models:`` entries of the configuration: aliases, changed rows, models of one's own.

An entry with a ``target`` is a new name for another model, which may differ from it in some
fields. Without one it changes the row of that name, or adds a model that follows the newest rules
but for what it says.
"""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from dragoman.catalogue.model import EFFORTS, Clouds, Effort, Model, Prices, ThinkingType, Tier
from dragoman.catalogue.rows import nano

Natural = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Positive = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Dollars = Annotated[float, Meta(ge=0, le=1_000_000)]


class UsdPerMTok(Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars per million tokens, three decimals at most.

    Cache prices left out follow a given input price: 1.25, 2 and 0.1 times. What else is left out
    stays.
    """

    input: Dollars | UnsetType = UNSET
    """Input tokens neither read from nor written to the prompt cache."""
    output: Dollars | UnsetType = UNSET
    """Output tokens, thinking included."""
    cache_write_5m: Dollars | UnsetType = UNSET
    """Tokens written to the prompt cache for five minutes."""
    cache_write_1h: Dollars | UnsetType = UNSET
    """Tokens written to the prompt cache for an hour."""
    cache_read: Dollars | UnsetType = UNSET
    """Tokens read from the prompt cache."""


class TierEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """Other prices for a request whose prompt is longer than a bound."""

    above_prompt_tokens: Natural
    """All input tokens, cached ones included; the tier begins above this number."""
    usd_per_mtok: UsdPerMTok
    """Prices of the whole request in this tier."""


class Override(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One addition to the catalogue, or one change.

    Beside `id` and `target`, every field replaces that of the model.
    """

    id: str
    """Name that clients use."""
    target: str | UnsetType = UNSET
    """The model that serves it; left out: the entry changes or adds the model ``id``."""
    usd_per_mtok: UsdPerMTok | UnsetType = UNSET
    """Prices in US dollars per million tokens; they replace the tiers too, unless these are
    given."""
    tiers: tuple[TierEntry, ...] | UnsetType = UNSET
    """Other prices for long prompts, in rising order."""
    name: str | UnsetType = UNSET
    aliases: tuple[str, ...] | UnsetType = UNSET
    context_tokens: Positive | UnsetType = UNSET
    max_output_tokens: Positive | UnsetType = UNSET
    line: str | UnsetType = UNSET
    restricted: bool | UnsetType = UNSET
    thinking: tuple[ThinkingType, ...] | UnsetType = UNSET
    thinking_default: Literal["on", "off", "always"] | UnsetType = UNSET
    thinking_display: Literal["summarized", "omitted", "full"] | UnsetType = UNSET
    thinking_off_effort: Literal["", "high"] | UnsetType = UNSET
    interleaved: Literal["no", "beta", "adaptive"] | UnsetType = UNSET
    keeps_thinking: bool | UnsetType = UNSET
    bound_thinking: bool | UnsetType = UNSET
    org_locked_thinking: bool | UnsetType = UNSET
    effort: tuple[Effort, ...] | UnsetType = UNSET
    effort_default: str | UnsetType = UNSET
    effort_none: Literal["omit", "disabled", "between_tools", "low"] | UnsetType = UNSET
    sampling: Literal["free", "one_of", "fixed", "none"] | UnsetType = UNSET
    fixed_temperature: float | UnsetType | None = UNSET
    fixed_top_p: float | UnsetType | None = UNSET
    forced_tool_choice: bool | UnsetType = UNSET
    prefill: bool | UnsetType = UNSET
    structured_outputs: bool | UnsetType = UNSET
    mid_system: bool | UnsetType = UNSET
    documents: bool | UnsetType = UNSET
    foreign: bool | UnsetType = UNSET
    url_sources: bool | UnsetType = UNSET
    image_long_edge: Positive | UnsetType = UNSET
    image_tokens: Positive | UnsetType = UNSET
    max_images: Natural | UnsetType = UNSET
    max_pdf_pages: Natural | UnsetType = UNSET
    min_cache_tokens: Natural | UnsetType = UNSET
    cache_reads_limited: bool | UnsetType = UNSET
    overflow: Literal["error", "stop"] | UnsetType = UNSET
    token_percent: Positive | UnsetType = UNSET
    extended_context_tokens: Natural | UnsetType = UNSET
    extended_context_beta: str | UnsetType = UNSET
    extended_output_tokens: Natural | UnsetType = UNSET
    extended_output_beta: str | UnsetType = UNSET
    released: str | UnsetType = UNSET
    deprecated: str | UnsetType | None = UNSET
    retires: str | UnsetType | None = UNSET
    retires_earliest: bool | UnsetType = UNSET
    retired: str | UnsetType | None = UNSET
    successor: str | UnsetType = UNSET
    us_geo_percent: Natural | UnsetType = UNSET
    regional_percent: Natural | UnsetType = UNSET
    clouds: Clouds | UnsetType = UNSET


_OWN = frozenset({"id", "target", "usd_per_mtok", "tiers"})
"""Fields that do not simply replace the row's field of that name."""


class Problem(NamedTuple):
    """Why an entry cannot be served."""

    field: str
    message: str


def foreign(name: str) -> Override:
    """A model of another maker, of which nothing is known but its name: it may be asked for
    anything, and its upstream decides. It costs nothing until a price is given."""
    return Override(
        id=name,
        name=name,
        foreign=True,
        usd_per_mtok=UsdPerMTok(0, 0, 0, 0, 0),
        context_tokens=1_000_000,
        max_output_tokens=32_000,
        line="",
        restricted=False,
        thinking=("disabled", "adaptive"),
        thinking_default="off",
        thinking_off_effort="",
        interleaved="adaptive",
        keeps_thinking=True,
        bound_thinking=False,
        org_locked_thinking=False,
        effort=EFFORTS,
        effort_default="",
        effort_none="disabled",
        sampling="free",
        forced_tool_choice=True,
        prefill=True,
        structured_outputs=True,
        mid_system=True,
        min_cache_tokens=0,
        retires=None,
        retires_earliest=False,
        clouds=Clouds(),
    )


def apply(base: Model, entry: Override) -> Model:
    """The row that ``entry`` makes of ``base``. Raises ``ValueError`` for a price that is none."""
    changes: dict[str, Any] = {
        field: value
        for field in Override.__struct_fields__
        if field not in _OWN and (value := getattr(entry, field)) is not UNSET
    }
    if entry.usd_per_mtok is not UNSET:
        changes["prices"] = _prices(base.prices, entry.usd_per_mtok)
        changes["tiers"] = ()
    if entry.tiers is not UNSET:
        prices = changes.get("prices", base.prices)
        changes["tiers"] = tuple(
            Tier(tier.above_prompt_tokens, _prices(prices, tier.usd_per_mtok))
            for tier in entry.tiers
        )
    return structs.replace(base, **changes)


def _prices(base: Prices, usd: UsdPerMTok) -> Prices:
    def price(given: float | UnsetType, hundredths: int, otherwise: int) -> int:
        if given is not UNSET:
            return nano(given)
        if usd.input is not UNSET:
            return (nano(usd.input) * hundredths + 50) // 100
        return otherwise

    return Prices(
        input=price(usd.input, 100, base.input),
        output=base.output if usd.output is UNSET else nano(usd.output),
        cache_write_5m=price(usd.cache_write_5m, 125, base.cache_write_5m),
        cache_write_1h=price(usd.cache_write_1h, 200, base.cache_write_1h),
        cache_read=price(usd.cache_read, 10, base.cache_read),
    )


def inconsistencies(row: Model) -> Iterator[Problem]:
    """What contradicts itself in a row; nothing in a sound one."""
    for field in ("released", "deprecated", "retires", "retired"):
        if not _is_day(getattr(row, field)):
            yield Problem(field, "is not a day like 2026-11-20")
    if row.max_output_tokens > row.context_tokens:
        yield Problem("max_output_tokens", "is larger than context_tokens")
    if not row.thinking and row.thinking_default != "off":
        yield Problem("thinking_default", "needs a thinking type")
    if row.effort_default and row.effort_default not in row.effort:
        yield Problem("effort_default", "is not one of effort")
    if row.effort_none in {"disabled", "between_tools"} and row.effort_none not in row.thinking:
        yield Problem("effort_none", "is not one of thinking")
    if row.effort_none == "low" and "low" not in row.effort:
        yield Problem("effort_none", "is not one of effort")
    if row.sampling == "fixed" and row.fixed_temperature is None and row.fixed_top_p is None:
        yield Problem("sampling", "fixed needs fixed_temperature or fixed_top_p")
    bounds = [tier.above_prompt_tokens for tier in row.tiers]
    if bounds != sorted(set(bounds)):
        yield Problem("tiers", "above_prompt_tokens must rise from tier to tier")


def _is_day(day: str | None) -> bool:
    if day is None:
        return True
    try:
        return date.fromisoformat(day).isoformat() == day
    except ValueError:
        return False

"""The rows themselves: facts that were looked up once, and rules that every row keeps."""

from datetime import date

import pytest

from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.model import EFFORTS, Clouds, Model, Prices
from dragoman.catalogue.override import inconsistencies
from dragoman.catalogue.rows import builtin, nano, read

ROWS = builtin().models
CATALOGUE = Catalogue()
K, M = 1000, 1_000_000
PRICES = (
    "usd_per_mtok = "
    "{ input = 1, output = 2, cache_write_5m = 3, cache_write_1h = 4, cache_read = 5 }"
)


def get(name: str) -> Model:
    return CATALOGUE.resolve(name).model


# model, context, max_tokens, shortest cached prompt at the end, between them dollars a million:
# input, output, 5-minute write, 1-hour write, read
LIMITS_AND_PRICES = [
    ("claude-fable-5-2", M, 128 * K, 8, 40, 10, 16, 0.2, 512),
    ("claude-mythos-5-2", M, 128 * K, 8, 40, 10, 16, 0.2, 512),
    ("claude-fable-5-1", M, 128 * K, 10, 50, 12.5, 20, 0.25, 512),
    ("claude-mythos-5-1", M, 128 * K, 10, 50, 12.5, 20, 0.25, 512),
    ("claude-fable-5", M, 128 * K, 10, 50, 12.5, 20, 1, 512),
    ("claude-mythos-5", M, 128 * K, 10, 50, 12.5, 20, 1, 512),
    ("claude-opus-5-5", M, 128 * K, 4, 20, 5, 8, 0.2, 512),
    ("claude-opus-5", M, 128 * K, 5, 25, 6.25, 10, 0.5, 512),
    ("claude-opus-4-8", M, 128 * K, 5, 25, 6.25, 10, 0.5, 1024),
    ("claude-opus-4-7", M, 128 * K, 5, 25, 6.25, 10, 0.5, 2048),
    ("claude-opus-4-6", M, 128 * K, 5, 25, 6.25, 10, 0.5, 4096),
    ("claude-opus-4-5", 200 * K, 64 * K, 5, 25, 6.25, 10, 0.5, 4096),
    ("claude-sonnet-5-5", M, 128 * K, 2, 10, 2.5, 4, 0.1, 512),
    ("claude-sonnet-5", M, 128 * K, 2, 10, 2.5, 4, 0.2, 1024),
    ("claude-sonnet-4-6", M, 128 * K, 3, 15, 3.75, 6, 0.3, 1024),
    ("claude-sonnet-4-5", 200 * K, 64 * K, 3, 15, 3.75, 6, 0.3, 1024),
    ("claude-haiku-5-5", M, 128 * K, 0.1, 0.5, 0.125, 0.2, 0.01, 512),
    ("claude-haiku-4-5", 200 * K, 64 * K, 1, 5, 1.25, 2, 0.1, 4096),
    ("claude-mythos-preview", M, 128 * K, 10, 50, 12.5, 20, 1, 2048),
    ("claude-opus-4-1", 200 * K, 32 * K, 15, 75, 18.75, 30, 1.5, 1024),
    ("claude-opus-4-0", 200 * K, 32 * K, 15, 75, 18.75, 30, 1.5, 1024),
    ("claude-sonnet-4-0", 200 * K, 64 * K, 3, 15, 3.75, 6, 0.3, 1024),
    ("claude-3-7-sonnet-latest", 200 * K, 64 * K, 3, 15, 3.75, 6, 0.3, 1024),
    ("claude-3-5-haiku-latest", 200 * K, 8192, 0.8, 4, 1, 1.6, 0.08, 2048),
    ("claude-3-5-sonnet-20241022", 200 * K, 8192, 3, 15, 3.75, 6, 0.3, 1024),
    ("claude-3-5-sonnet-20240620", 200 * K, 8192, 3, 15, 3.75, 6, 0.3, 1024),
    ("claude-3-haiku-20240307", 200 * K, 4096, 0.25, 1.25, 0.3, 0.5, 0.03, 2048),
    ("claude-3-opus-20240229", 200 * K, 4096, 15, 75, 18.75, 30, 1.5, 1024),
    ("claude-3-sonnet-20240229", 200 * K, 4096, 3, 15, 3.75, 6, 0.3, 0),
]


@pytest.mark.parametrize("fact", LIMITS_AND_PRICES, ids=lambda fact: fact[0])
def test_limits_and_prices(
    fact: tuple[str, int, int, float, float, float, float, float, int],
) -> None:
    name, context, output, *dollars, shortest = fact
    row = get(name)
    assert (row.context_tokens, row.max_output_tokens) == (context, output)
    assert row.prices == Prices(*(nano(price) for price in dollars))
    assert row.min_cache_tokens == shortest


def test_every_row_is_in_the_table_of_facts() -> None:
    assert {get(fact[0]).id for fact in LIMITS_AND_PRICES} == {row.id for row in ROWS}


# model, thinking, default, how none is said, effort (first letters), default level, sampling,
# forced tool choice, prefill, structured outputs, system inside messages
BOTH = "adaptive enabled disabled"
BETWEEN = "adaptive between_tools"
BEHAVIOUR = [
    ("claude-fable-5-2", "adaptive", "always", "low", "lmhxm", "medium", "none", 0, 0, 1, 1),
    ("claude-fable-5-1", "adaptive", "always", "low", "lmhxm", "high", "none", 0, 0, 1, 1),
    ("claude-mythos-5", "adaptive", "always", "low", "lmhxm", "high", "none", 1, 0, 1, 1),
    ("claude-opus-5-5", "adaptive", "always", "low", "lmhxm", "medium", "none", 0, 0, 1, 1),
    ("claude-opus-5", "adaptive disabled", "on", "disabled", "lmhxm", "high", "none", 1, 0, 1, 1),
    ("claude-opus-4-8", "adaptive disabled", "off", "omit", "lmhxm", "high", "none", 1, 0, 1, 1),
    ("claude-opus-4-7", "adaptive disabled", "off", "omit", "lmhxm", "high", "none", 1, 0, 1, 0),
    ("claude-opus-4-6", BOTH, "off", "omit", "lmhm", "high", "one_of", 1, 0, 1, 0),
    ("claude-opus-4-5", "enabled disabled", "off", "omit", "lmh", "high", "one_of", 1, 1, 1, 0),
    ("claude-sonnet-5-5", BETWEEN, "on", "between_tools", "lmhxm", "high", "none", 0, 0, 1, 1),
    ("claude-sonnet-5", "adaptive disabled", "on", "disabled", "lmhxm", "high", "none", 1, 0, 1, 0),
    ("claude-sonnet-4-6", BOTH, "off", "omit", "lmhm", "high", "one_of", 1, 0, 1, 0),
    ("claude-sonnet-4-5", "enabled disabled", "off", "omit", "", "", "one_of", 1, 1, 1, 0),
    (
        "claude-haiku-5-5",
        "adaptive disabled",
        "on",
        "disabled",
        "lmhxm",
        "medium",
        "fixed",
        1,
        0,
        1,
        1,
    ),
    ("claude-haiku-4-5", "enabled disabled", "off", "omit", "", "", "one_of", 1, 1, 1, 0),
    (
        "claude-mythos-preview",
        "adaptive enabled",
        "always",
        "low",
        "lmhm",
        "high",
        "none",
        0,
        0,
        1,
        0,
    ),
    ("claude-opus-4-1", "enabled disabled", "off", "omit", "", "", "free", 1, 1, 0, 0),
    ("claude-3.7-sonnet", "enabled disabled", "off", "omit", "", "", "free", 1, 1, 0, 0),
    ("claude-3-haiku-20240307", "", "off", "omit", "", "", "free", 1, 1, 0, 0),
]


@pytest.mark.parametrize("fact", BEHAVIOUR, ids=lambda fact: fact[0])
def test_behaviour(fact: tuple[str, str, str, str, str, str, str, int, int, int, int]) -> None:
    name, thinking, default, none, levels, level, sampling, *flags = fact
    row = get(name)
    assert (" ".join(row.thinking), row.thinking_default) == (thinking, default)
    assert row.effort_none == none
    assert ("".join(effort[0] for effort in row.effort), row.effort_default) == (levels, level)
    assert row.sampling == sampling
    found = (row.forced_tool_choice, row.prefill, row.structured_outputs, row.mid_system)
    assert found == tuple(map(bool, flags))


def test_a_long_prompt_has_another_price() -> None:
    row = get("claude-haiku-5-5")
    assert row.prices_for(100_000) == row.prices
    assert row.prices_for(100_001) == Prices(500, 2500, 625, 1000, 50)
    assert get("claude-opus-5-5").prices_for(900_000) == get("claude-opus-5-5").prices


def test_fixed_sampling_has_its_values() -> None:
    row = get("claude-haiku-5-5")
    assert (row.fixed_temperature, row.fixed_top_p) == (1.0, 0.99)


@pytest.mark.parametrize(
    ("name", "retired", "successor"),
    [
        ("claude-opus-4-1", "2026-08-05", "claude-opus-4-8"),
        ("claude-opus-4-20250514", "2026-06-15", "claude-opus-4-8"),
        ("claude-sonnet-4-20250514", "2026-06-15", "claude-sonnet-4-6"),
        ("claude-3-7-sonnet-20250219", "2026-02-19", "claude-sonnet-4-6"),
        ("claude-3-5-haiku-20241022", "2026-02-19", "claude-haiku-4-5-20251001"),
        ("claude-3-5-sonnet-20241022", "2025-10-28", "claude-sonnet-4-6"),
        ("claude-3-5-sonnet-20240620", "2025-10-28", "claude-sonnet-4-6"),
        ("claude-3-haiku-20240307", "2026-04-20", "claude-haiku-4-5-20251001"),
        ("claude-3-opus-20240229", "2026-01-05", "claude-opus-4-8"),
        ("claude-3-sonnet-20240229", "2025-07-21", "claude-sonnet-4-6"),
        ("claude-mythos-preview", "2026-06-30", "claude-mythos-5"),
    ],
)
def test_retired_models(name: str, retired: str, successor: str) -> None:
    row = get(name)
    assert (row.lifecycle, row.retired, row.successor) == ("retired", retired, successor)


def test_a_retirement_that_is_announced() -> None:
    row = get("claude-sonnet-4-5")
    assert (row.lifecycle, row.retires, row.retired) == ("deprecated", "2026-11-30", None)


@pytest.mark.parametrize(
    ("name", "bedrock", "mantle", "vertex", "foundry"),
    [
        ("claude-opus-5-5", "anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5",
         "claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-4-6", "anthropic.claude-opus-4-6-v1", "",
         "claude-opus-4-6", "claude-opus-4-6"),
        ("claude-haiku-4-5", "anthropic.claude-haiku-4-5-20251001-v1:0",
         "anthropic.claude-haiku-4-5", "claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("claude-3-5-sonnet-latest", "anthropic.claude-3-5-sonnet-20241022-v2:0", "",
         "claude-3-5-sonnet-v2@20241022", ""),
    ],
)  # fmt: skip
def test_names_on_other_clouds(
    name: str, bedrock: str, mantle: str, vertex: str, foundry: str
) -> None:
    clouds = get(name).clouds
    found = (clouds.bedrock, clouds.bedrock_mantle, clouds.vertex, clouds.foundry)
    assert found == (bedrock, mantle, vertex, foundry)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_does_not_contradict_itself(row: Model) -> None:
    assert list(inconsistencies(row)) == []
    assert row.known
    assert row.line in row.id
    assert row.name.startswith("Claude ")
    assert row.thinking_display in {"summarized", "omitted", "full"}
    assert list(row.effort) == [level for level in EFFORTS if level in row.effort]
    assert min(row.prices.input, row.prices.output, row.prices.cache_read) > 0
    assert (row.extended_context_tokens > 0) == bool(row.extended_context_beta)
    assert (row.extended_output_tokens > 0) == bool(row.extended_output_beta)
    assert "{" not in "".join((row.clouds.bedrock, row.clouds.vertex, row.clouds.foundry))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_model_that_goes_has_a_successor_that_stays(row: Model) -> None:
    if row.lifecycle == "active":
        assert row.successor == ""
        return
    heir = get(row.successor)
    assert heir.lifecycle == "active"
    assert heir.id == row.successor
    assert heir.line == row.line
    days = [row.released, row.deprecated, row.retired or row.retires]
    known = [date.fromisoformat(day) for day in days if day]
    assert known == sorted(known)


def test_the_newest_row_costs_as_much_as_any_live_model() -> None:
    newest = builtin().newest.prices
    for row in ROWS:
        if row.lifecycle == "active":
            for field in Prices.__struct_fields__:
                assert getattr(row.prices, field) <= getattr(newest, field)


def test_prices_are_whole_nano_dollars() -> None:
    assert [nano(price) for price in (0, 0.01, 0.125, 3.75, 18.75)] == [0, 10, 125, 3750, 18750]
    for price in (-1, 0.0001, 0.12345):
        with pytest.raises(ValueError, match="not a price"):
            nano(price)


def test_a_row_takes_its_generation_and_overrides_it() -> None:
    rows = read(
        f"""
        [generation.g]
        context_tokens = 10
        max_output_tokens = 5
        prefill = true
        clouds = {{ vertex = "{{id}}", bedrock = "anthropic.{{id}}-v1" }}
        [newest]
        generation = "g"
        released = "2026-01-01"
        {PRICES}
        [[model]]
        generation = "g"
        id = "m"
        name = "M"
        released = "2026-01-02"
        prefill = false
        {PRICES}
        """
    )
    (row,) = rows.models
    assert (row.context_tokens, row.prefill) == (10, False)
    assert row.clouds == Clouds(vertex="m", bedrock="anthropic.m-v1")
    assert (rows.newest.id, rows.newest.clouds.vertex) == ("", "{id}")


@pytest.mark.parametrize("field", ['colour = "red"', 'thinking = ["loud"]', 'prefill = "yes"'])
def test_a_field_that_does_not_exist_is_an_error(field: str) -> None:
    with pytest.raises(ValueError, match=r"unknown field|Invalid enum value|Expected `bool`"):
        read(
            f"""
            [generation.g]
            context_tokens = 10
            max_output_tokens = 5
            [newest]
            generation = "g"
            released = "2026-01-01"
            {PRICES}
            {field}
            [[model]]
            generation = "g"
            id = "m"
            name = "M"
            released = "2026-01-02"
            {PRICES}
            """
        )

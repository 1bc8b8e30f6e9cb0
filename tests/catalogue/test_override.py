"""The ``models:`` entries of the configuration."""

from typing import Any

import pytest
from msgspec import structs

from dragoman.catalogue.catalogue import Catalogue, problems
from dragoman.catalogue.model import Clouds, Model, Prices, Tier
from dragoman.catalogue.override import Override, Problem, TierEntry, UsdPerMTok, inconsistencies


def with_entries(*entries: Override, policy: Any = "forward") -> Catalogue:
    return Catalogue(overrides=entries, retired_policy=policy)


def test_an_alias_is_sent_upstream_as_its_target() -> None:
    catalogue = with_entries(Override(id="my-alias", target="claude-haiku-4-5-20251001"))
    model, wire_id, warning = catalogue.resolve("my-alias")
    assert (model.id, wire_id, warning) == ("my-alias", "claude-haiku-4-5-20251001", None)
    haiku = catalogue.resolve("claude-haiku-4-5").model
    assert haiku.id == "claude-haiku-4-5-20251001"
    assert structs.replace(model, id=haiku.id, target="", aliases=haiku.aliases) == haiku
    assert {"my-alias", haiku.id} <= {row.id for row in catalogue.listed()}


def test_an_alias_may_differ_from_its_target() -> None:
    entry = Override(id="short", target="claude-opus-5-5", max_output_tokens=1000, name="Short")
    catalogue = with_entries(entry)
    assert catalogue.resolve("short").model.max_output_tokens == 1000
    assert catalogue.resolve("claude-opus-5-5").model.max_output_tokens == 128_000


def test_an_alias_may_lead_through_others_in_any_order() -> None:
    catalogue = with_entries(
        Override(id="c", target="b"),
        Override(id="b", target="a", max_output_tokens=7),
        Override(id="a", target="anthropic/claude-opus-5.5"),
        Override(id="claude-opus-5-5", context_tokens=200_000),
    )
    resolved = catalogue.resolve("c")
    assert resolved.wire_id == "claude-opus-5-5"
    assert (resolved.model.max_output_tokens, resolved.model.context_tokens) == (7, 200_000)


def test_an_alias_may_take_the_name_of_a_known_model() -> None:
    catalogue = with_entries(Override(id="claude-3-opus-20240229", target="claude-opus-5-5"))
    resolved = catalogue.resolve("claude-3-opus-latest")
    assert resolved.wire_id == "claude-opus-5-5"
    assert resolved.model.retired is None


def test_an_entry_without_target_changes_a_row_under_all_its_names() -> None:
    catalogue = with_entries(Override(id="claude-haiku-4-5", max_images=3, prefill=False))
    for name in ("claude-haiku-4-5", "claude-haiku-4-5-20251001", "claude-haiku-4.5"):
        model, wire_id, _ = catalogue.resolve(name)
        assert (model.max_images, model.prefill) == (3, False)
        assert wire_id == "claude-haiku-4-5-20251001"


def test_a_model_of_ones_own_follows_the_newest_rules_but_for_what_it_says() -> None:
    catalogue = with_entries(
        Override(
            id="house-model",
            aliases=("house", "house-2"),
            clouds=Clouds(vertex="house@1"),
            retires=None,
            released="2026-10-01",
        )
    )
    model, wire_id, _ = catalogue.resolve("house-2")
    assert (model.id, wire_id, model.known) == ("house-model", "house-model", True)
    assert (model.sampling, model.thinking) == ("none", ("adaptive",))
    assert model.clouds == Clouds(vertex="house@1")
    assert model in catalogue.listed()


def test_an_unknown_claude_model_may_be_a_target() -> None:
    resolved = with_entries(Override(id="next", target="anthropic/claude-opus-9")).resolve("next")
    assert (resolved.model.id, resolved.wire_id) == ("next", "claude-opus-9")


def test_prices_are_given_in_dollars() -> None:
    prices = UsdPerMTok(input=3, output=15)
    model = with_entries(Override(id="m", usd_per_mtok=prices)).resolve("m").model
    assert model.prices == Prices(3000, 15_000, 3750, 6000, 300)
    prices = UsdPerMTok(input=0.001, output=0, cache_write_5m=1, cache_write_1h=2, cache_read=0)
    model = with_entries(Override(id="m", usd_per_mtok=prices)).resolve("m").model
    assert model.prices == Prices(1, 0, 1000, 2000, 0)
    prices = UsdPerMTok(output=1)
    model = (
        with_entries(Override(id="claude-opus-5-5", usd_per_mtok=prices))
        .resolve("claude-opus-5-5")
        .model
    )
    assert model.prices == Prices(4000, 1000, 5000, 8000, 200)


def test_prices_replace_tiers_unless_tiers_are_given() -> None:
    def haiku(entry: Override) -> Model:
        return with_entries(entry).resolve("claude-haiku-5-5").model

    name = "claude-haiku-5-5"
    assert len(haiku(Override(id=name, max_output_tokens=1)).tiers) == 1
    assert haiku(Override(id=name, usd_per_mtok=UsdPerMTok(input=1))).tiers == ()
    assert haiku(Override(id=name, tiers=())).tiers == ()
    tier = TierEntry(above_prompt_tokens=5, usd_per_mtok=UsdPerMTok(output=9))
    model = haiku(Override(id=name, usd_per_mtok=UsdPerMTok(input=1, output=2), tiers=(tier,)))
    assert model.tiers == (Tier(5, Prices(1000, 9000, 1250, 2000, 100)),)
    assert haiku(Override(id=name, tiers=(tier,))).tiers[0].prices.input == 100


def test_a_retired_models_alias_goes_to_the_successor_too() -> None:
    entry = Override(id="old", target="claude-3-opus-20240229")
    assert with_entries(entry).resolve("old").wire_id == "claude-3-opus-20240229"
    served = with_entries(entry, policy="successor").resolve("old")
    assert served.wire_id == "claude-opus-4-8"
    assert served.warning == "old retired on 2026-01-05; served by claude-opus-4-8"


def test_successors_are_followed_and_a_circle_of_them_is_left_alone() -> None:
    chain = (
        Override(id="claude-opus-4-8", retired="2026-11-01", successor="claude-opus-5-5"),
        Override(id="a", retired="2026-11-01", successor="b"),
        Override(id="b", retired="2026-11-01", successor="a"),
        Override(id="c", retired="2026-11-01", successor="nowhere"),
    )
    catalogue = with_entries(*chain, policy="successor")
    assert catalogue.resolve("claude-3-opus-latest").wire_id == "claude-opus-5-5"
    for name in ("a", "c"):
        assert (catalogue.resolve(name).wire_id, catalogue.resolve(name).warning) == (name, None)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([Override(id="a", target="gpt-4o")], [(0, "target", "no such model")]),
        (
            [Override(id="a", target="haiku-4-5")],
            [(0, "target", "no such model, did you mean claude-haiku-4-5?")],
        ),
        ([Override(id="a", target="a")], [(0, "target", "leads back to itself")]),
        (
            [Override(id="a", target="b"), Override(id="x"), Override(id="b", target="a")],
            [(0, "target", "leads back to itself"), (2, "target", "leads back to itself")],
        ),
        ([Override(id="a"), Override(id="a")], [(1, "id", "a is defined twice")]),
        (
            [Override(id="a", aliases=("x",)), Override(id="x", target="a")],
            [(1, "id", "x is defined twice")],
        ),
        (
            [Override(id="a", usd_per_mtok=UsdPerMTok(input=0.12345))],
            [(0, "usd_per_mtok", "0.12345 is not a price ≥ 0 with at most three decimals")],
        ),
        (
            [Override(id="a", max_output_tokens=9, context_tokens=8)],
            [(0, "max_output_tokens", "is larger than context_tokens")],
        ),
    ],
)
def test_what_is_wrong_is_named(
    entries: list[Override], expected: list[tuple[int, str, str]]
) -> None:
    found = [(index, problem.field, problem.message) for index, problem in problems(entries)]
    assert found == expected
    with pytest.raises(ValueError, match=r"models\[\d\]\."):
        Catalogue(overrides=entries)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"thinking": (), "thinking_default": "on", "effort_none": "omit"}, "thinking_default"),
        ({"effort_default": "extreme"}, "effort_default"),
        ({"effort_none": "disabled"}, "effort_none"),
        ({"effort": (), "effort_default": "", "effort_none": "low"}, "effort_none"),
        ({"sampling": "fixed"}, "sampling"),
        ({"tiers": (Tier(5, Prices(1, 1, 1, 1, 1)), Tier(5, Prices(1, 1, 1, 1, 1)))}, "tiers"),
        ({"released": "2026-13-01"}, "released"),
        ({"retired": "20260101"}, "retired"),
        ({"retires": "soon"}, "retires"),
    ],
)
def test_a_row_that_contradicts_itself(changes: dict[str, Any], field: str) -> None:
    row = Catalogue().resolve("claude-opus-5-5").model
    assert [problem.field for problem in inconsistencies(structs.replace(row, **changes))] == [
        field
    ]


def test_sound_changes_are_sound() -> None:
    row = Catalogue().resolve("claude-opus-5-5").model
    for changes in (
        {"sampling": "fixed", "fixed_top_p": 0.9},
        {"thinking": (), "thinking_default": "off", "effort_none": "omit"},
        {"retired": "2026-12-31", "deprecated": None},
    ):
        assert list(inconsistencies(structs.replace(row, **changes))) == []


def test_every_field_of_a_row_can_be_overridden() -> None:
    beside = {"prices": "usd_per_mtok", "known": None}
    expected = {beside.get(name, name) for name in Model.__struct_fields__} - {None}
    assert set(Override.__struct_fields__) == expected


def test_a_problem_reads_as_a_pair() -> None:
    assert Problem("target", "no such model") == ("target", "no such model")

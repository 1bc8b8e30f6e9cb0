"""What docs/pool.md says of pauses is what the code does."""

import re
from pathlib import Path

import pytest

from dragoman.errors import TABLE
from dragoman.health import NAME, SAVE_AFTER_S
from dragoman.pool import (
    COOL_S,
    JITTER,
    MAX_COOL_S,
    MAX_SPENT_S,
    PROBE_S,
    RETIRE_S,
    SPENT,
    WITHOUT_MODEL_S,
)

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("pool.md", "zh/pool.md")
_ROW = re.compile(r"^\| `(\w+)` \| .+ \| (?:.*?)(\d+) s \|$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_table_of_pauses_is_the_codes(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    told = {name: float(seconds) for name, seconds in _ROW.findall(text)}
    assert told == {**COOL_S, SPENT: MAX_SPENT_S}


@pytest.mark.parametrize("page", PAGES)
def test_the_other_figures_are_the_codes(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert NAME in text
    assert (JITTER, SAVE_AFTER_S, RETIRE_S) == (0.25, 1.0, 60.0), "the page says so in words"
    for seconds in (MAX_COOL_S, PROBE_S, WITHOUT_MODEL_S):
        assert f"{seconds:g} s" in text


def test_every_failure_that_cools_has_its_pause() -> None:
    assert {kind for kind, row in TABLE.items() if row.cools} == set(COOL_S)

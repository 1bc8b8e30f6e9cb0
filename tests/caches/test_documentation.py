"""The page names every outcome and every reason, in both languages."""

import re
from typing import get_args

import pytest

from dragoman.caches import Kind
from dragoman.caches.verdict import Outcome
from tests.docs_samples import ROOT


@pytest.mark.parametrize("page", ["docs/caching.md", "docs/zh/caching.md"])
def test_every_reason_and_outcome_is_explained(page: str) -> None:
    text = (ROOT / page).read_text()
    first = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {name for cell in first for name in re.findall(r"`(\w+)", cell)}
    header = {"account", "attempts", "source", "cache", "read", "written", "expected"}
    header |= {"expires", "reason", "because"}
    assert named == {*get_args(Kind), *header}
    outcomes = next(line for line in text.splitlines() if line.startswith("| `cache` |"))
    assert {*re.findall(r"`(\w+)`[：:]", outcomes)} == {*get_args(Outcome), "unknown"}

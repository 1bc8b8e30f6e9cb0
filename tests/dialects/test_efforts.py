"""``reasoning_effort`` on every group of models, as protocol.md §5b has it, cell by cell."""

from typing import Any

import pytest

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat

CATALOGUE = Catalogue()
EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
MAX_TOKENS = 64_000
"""Enough for the largest budget."""
ALWAYS = ["low!", "adaptive low", "adaptive low", "adaptive medium", "adaptive high",
          "adaptive xhigh", "adaptive max"]  # fmt: skip
BUDGETS = ["", "1024", "2048", "8192", "16384", "24576", "32000"]
GROUPS: dict[str, list[str]] = {
    "claude-fable-5-2 claude-fable-5-1 claude-fable-5 claude-mythos-5-2 claude-mythos-5-1"
    " claude-mythos-5 claude-opus-5-5": ALWAYS,
    "claude-sonnet-5-5": ["between_tools", *ALWAYS[1:]],
    "claude-opus-5 claude-haiku-5-5 claude-sonnet-5": ["disabled", *ALWAYS[1:]],
    "claude-opus-4-8 claude-opus-4-7": ["", *ALWAYS[1:]],
    "claude-opus-4-6 claude-sonnet-4-6": ["", *ALWAYS[1:5], "adaptive high!", "adaptive max"],
    "claude-opus-4-5": ["", "1024 low", "2048 low", "8192 medium", "16384 high", "24576 high",
                        "32000 high"],
    "claude-sonnet-4-5 claude-haiku-4-5 claude-3-7-sonnet-20250219": BUDGETS,
    "claude-3-5-haiku-20241022 claude-3-haiku-20240307": ["", *["!"] * 6],
}  # fmt: skip
"""Models → for each effort: type of thinking or its budget, effort; ``!``: with a warning."""


def told(model: str, effort: str | None) -> str:
    """What goes upstream, in the words of the table."""
    limit = min(MAX_TOKENS, CATALOGUE.resolve(model).model.max_output_tokens)
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Hi"}],
        "reasoning_effort": effort,
        "max_completion_tokens": limit,
    }
    parsed = chat.parse(jsonio.encode(body), CATALOGUE, strict=False)
    sent: dict[str, Any] = jsonio.decode(anthropic.prepare(parsed.request))
    thinking = sent.get("thinking", {})
    if thinking.get("type") == "adaptive":
        assert thinking["display"] == "summarized"
    elif thinking.get("type") != "enabled":
        assert set(thinking) <= {"type"}, "no other field goes with it (rule 20)"
    kind = thinking.get("budget_tokens") or thinking.get("type") or ""
    words = f"{kind} {sent.get('output_config', {}).get('effort', '')}".strip()
    efforts = [name for name, _ in parsed.warnings if name == "reasoning_effort"]
    return words + "!" * len(efforts)


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        (model, effort, expected)
        for models, row in GROUPS.items()
        for model in models.split()
        for effort, expected in zip(EFFORTS, row, strict=True)
    ],
)
def test_each_cell(model: str, effort: str, expected: str) -> None:
    assert told(model, effort) == expected


@pytest.mark.parametrize("model", [model for models in GROUPS for model in models.split()])
def test_nothing_said_is_nothing_sent(model: str) -> None:
    assert told(model, None) == ""


def test_the_table_has_every_group_of_the_catalogue() -> None:
    """A model whose row differs in what thinking takes is in the table by itself or by a like."""
    known = {
        (model.thinking, model.effort, model.effort_none)
        for models in GROUPS
        for model in (CATALOGUE.resolve(name).model for name in models.split())
    }
    rows = {
        (row.thinking, row.effort, row.effort_none): row.id
        for row in CATALOGUE.listed()
        if row.id != "claude-mythos-preview"
    }
    assert {rows[traits] for traits in rows if traits not in known} == set()

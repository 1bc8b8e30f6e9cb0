"""What a Responses request asks for in vain is named, field by field."""

from typing import Any

import pytest

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import responses
from dragoman.dialects.responses.unsupported import IGNORED, REFUSED
from dragoman.errors import Failure

ASKS: dict[str, dict[str, Any]] = {
    "previous_response_id": {"previous_response_id": "resp_1"},
    "conversation": {"conversation": "conv_1"},
    "background": {"background": True},
    "prompt": {"prompt": {"id": "pmpt_1"}},
    "top_logprobs": {"top_logprobs": 1},
    "store": {"store": True},
    "truncation": {"truncation": "auto"},
    "max_tool_calls": {"max_tool_calls": 1},
    "context_management": {"context_management": [{"type": "compaction"}]},
    "image": {"image": {"detail": "low"}},
    "access_programs": {"access_programs": ["a"]},
    "reasoning.context": {"reasoning": {"context": "all_turns"}},
}
IN_VAIN: list[dict[str, Any]] = [
    {"store": False},
    {"truncation": "disabled"},
    {"background": False, "top_logprobs": 0, "conversation": None, "context_management": []},
    {"reasoning": {"effort": "low"}},
]


def warned(**fields: Any) -> list[str]:
    body = jsonio.encode({"model": "claude-opus-4-5", "input": "hi", **fields})
    parsed = responses.parse(body, Catalogue(), strict=False)
    return [name for name, _ in parsed.warnings]


def test_every_field_has_a_case() -> None:
    assert ASKS.keys() == REFUSED.keys() | IGNORED.keys()


@pytest.mark.parametrize("name", ASKS)
def test_it_is_named(name: str) -> None:
    if name in IGNORED:
        assert name in warned(**ASKS[name])
        return
    with pytest.raises(Failure) as refused:
        warned(**ASKS[name])
    assert refused.value.param == name


@pytest.mark.parametrize("fields", IN_VAIN)
def test_nothing_is_said_of_what_asks_for_nothing(fields: dict[str, Any]) -> None:
    assert not set(warned(**fields)) & IGNORED.keys()

"""The objects of ``GET /v1/models``, read back by the vendors' own SDKs."""

from typing import Any

import anthropic.types
import openai.types
import pytest
from msgspec import to_builtins

from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.listing import anthropic_model, openai_model
from dragoman.catalogue.model import Model
from dragoman.catalogue.override import Override

CATALOGUE = Catalogue(overrides=[Override(id="house", retires="2027-01-01", line="")])


def get(name: str) -> Model:
    return CATALOGUE.resolve(name).model


def test_openai_shape() -> None:
    found = to_builtins(openai_model(get("claude-opus-5-5")))
    assert found == {
        "id": "claude-opus-5-5",
        "object": "model",
        "created": 1790035200,
        "owned_by": "anthropic",
    }


def test_openai_shape_tells_the_end_of_a_model() -> None:
    retired = to_builtins(openai_model(get("claude-3-opus-20240229")))
    assert (retired["retired"], retired["successor"]) == ("2026-01-05", "claude-opus-4-8")
    assert "retires" not in retired
    retiring = to_builtins(openai_model(get("claude-sonnet-4-5")))
    assert (retiring["retires"], retiring["successor"]) == ("2026-11-30", "claude-sonnet-4-6")
    assert "retires" not in to_builtins(openai_model(get("claude-opus-5")))


@pytest.mark.parametrize("row", CATALOGUE.listed(), ids=lambda row: row.id)
def test_both_shapes_are_what_the_sdks_expect(row: Model) -> None:
    openai.types.Model.model_validate(to_builtins(openai_model(row)), strict=True)
    found = anthropic.types.ModelInfo.model_validate(to_builtins(anthropic_model(row)))
    assert found.capabilities is not None
    assert found.id == row.id


def capabilities(name: str) -> dict[str, Any]:
    return to_builtins(anthropic_model(get(name)).capabilities)


def test_anthropic_shape() -> None:
    found = to_builtins(anthropic_model(get("claude-opus-4-5")))
    del found["capabilities"]
    assert found == {
        "type": "model",
        "id": "claude-opus-4-5-20251101",
        "display_name": "Claude Opus 4.5",
        "created_at": "2025-11-24T00:00:00Z",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "line": "opus",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
    }


def test_anthropic_shape_tells_the_end_of_a_model() -> None:
    retired = anthropic_model(get("claude-3-opus-20240229"))
    assert (retired.lifecycle, retired.deprecated_at) == ("retired", "2025-06-30T00:00:00Z")
    assert retired.retires_at == "2026-01-05T00:00:00Z"
    retiring = anthropic_model(get("claude-sonnet-4-5"))
    assert (retiring.lifecycle, retiring.retires_at) == ("deprecated", "2026-11-30T00:00:00Z")
    house = anthropic_model(get("house"))
    assert (house.line, house.retires_at) == (None, "2027-01-01T00:00:00Z")


def test_capabilities() -> None:
    found = capabilities("claude-sonnet-5-5")
    assert found["thinking"] == {
        "supported": True,
        "types": {
            "enabled": {"supported": False},
            "disabled": {"supported": False},
            "adaptive": {"supported": True},
            "between_tools": {"supported": True},
        },
    }
    assert found["effort"]["xhigh"] == {"supported": True}
    assert capabilities("claude-opus-4-6")["effort"]["xhigh"] == {"supported": False}
    old = capabilities("claude-3-haiku-20240307")
    assert old["thinking"]["supported"] is False
    assert old["thinking"]["types"]["disabled"] == {"supported": True}
    assert old["effort"]["supported"] is False
    assert old["pdf_input"] == {"supported": False}
    assert old["structured_outputs"] == {"supported": False}

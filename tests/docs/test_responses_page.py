"""docs/responses.md names every parameter, and says of each what the code does."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects.completions.request import CompletionRequest
from dragoman.dialects.registry import RESPONSES
from dragoman.dialects.responses.shapes import ResponsesRequest
from dragoman.dialects.responses.tools import HOSTED, LEFT_OUT
from dragoman.dialects.responses.unsupported import IGNORED, REFUSED
from dragoman.errors import Failure

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ["responses.md", "zh/responses.md"]
ROW = re.compile(r"^\| (`.*?) \| (.*) \|$", re.MULTILINE)


def table(text: str) -> dict[str, str]:
    """A parameter → what becomes of it."""
    return {
        name: said for names, said in ROW.findall(text) for name in re.findall(r"`(\w+)`", names)
    }


def halves(page: str) -> tuple[str, str]:
    responses, _, completions = (DOCS / page).read_text("utf-8").partition("\n## Completions\n")
    return responses, completions


@pytest.mark.parametrize("page", PAGES)
def test_every_parameter_is_named(page: str) -> None:
    responses, completions = halves(page)
    assert set(table(responses)) == {field.name for field in fields(ResponsesRequest)}
    assert set(table(completions)) == {field.name for field in fields(CompletionRequest)}


@pytest.mark.parametrize("page", PAGES)
def test_what_is_not_honoured_is_said(page: str) -> None:
    said = table(halves(page)[0])
    for name in REFUSED:
        assert "400" in said[name], name
    for name in IGNORED:
        assert re.search("warning|警告", said[name.partition(".")[0]]), name


@pytest.mark.parametrize("page", PAGES)
def test_tools_that_are_refused_or_left_out_are_named(page: str) -> None:
    text = halves(page)[0]
    assert [name for name in sorted({*HOSTED, *LEFT_OUT}) if f"`{name}`" not in text] == []


BAD: dict[str, Any] = {
    "max_tool_calls": 1,
    "truncation": "auto",
    "store": True,
    "context_management": [{"type": "compaction"}],
    "moderation": {"model": "m"},
    "image": {"context_compression": "enabled"},
    "access_programs": {"cyber": "standard"},
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_warning_is_a_warning_and_a_refusal_with_strict(name: str) -> None:
    body = jsonio.encode({"model": "claude-haiku-4-5", "input": "x", name: BAD[name]})
    parsed = RESPONSES.parse(body, Catalogue(), strict=False)
    assert [path for path, _ in parsed.warnings] == [name]
    with pytest.raises(Failure) as refused:
        RESPONSES.parse(body, Catalogue(), strict=True)
    assert refused.value.param == name


@pytest.mark.parametrize("page", PAGES)
def test_the_configuration_of_codex_is_one(page: str) -> None:
    """It is the one that tests/clients/test_codex.py writes, but for the address."""
    [block] = re.findall(r"```toml\n(.*?)```", halves(page)[0], re.DOTALL)
    config = tomllib.loads(block)
    provider = config["model_providers"][config["model_provider"]]
    assert set(provider) == {"name", "base_url", "env_key", "wire_api"}
    assert provider["wire_api"] == "responses"


@pytest.mark.parametrize("page", PAGES)
def test_the_events_named_are_those_that_are_written(page: str) -> None:
    named = set(re.findall(r"`(response\.[a-z_.]+)`", halves(page)[0]))
    folder = DOCS.parent / "src" / "dragoman" / "dialects" / "responses"
    text = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    assert [name for name in sorted(named) if name not in text and not _made(name)] == []


def _made(name: str) -> bool:
    """Names whose last part is added where they are written."""
    return name.rpartition(".")[0] in (
        "response.function_call_arguments",
        "response.custom_tool_call_input",
    )

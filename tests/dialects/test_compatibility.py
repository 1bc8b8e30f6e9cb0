"""docs/compatibility.md and its Chinese page are what the code does, and name every field."""

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from dragoman.codec import jsonio
from dragoman.dialects.chat.compatibility.outcomes import MODELS, outcomes
from dragoman.dialects.chat.compatibility.rows import rows
from dragoman.dialects.chat.compatibility.write import (
    CHINESE,
    ENGLISH,
    Language,
    document,
    main,
)
from dragoman.dialects.chat.content import ALLOWED
from dragoman.dialects.chat.shapes import ChatRequest, Message
from dragoman.dialects.chat.unsupported import IGNORED

DOCS = Path(__file__).resolve().parents[2] / "docs"
PATHS = [row.path for row in rows()]


@pytest.mark.parametrize("language", [ENGLISH, CHINESE], ids=lambda language: language.file)
def test_the_page_is_up_to_date(language: Language) -> None:
    found = (DOCS / language.file).read_text(encoding="utf-8")
    assert found == document(language), "run: make docs"


def test_the_pages_are_written(tmp_path: Path) -> None:
    main(str(tmp_path))
    for language in (ENGLISH, CHINESE):
        assert (tmp_path / language.file).read_text(encoding="utf-8") == document(language)


def test_every_field_role_and_part_has_its_row() -> None:
    expected = {field.name for field in fields(ChatRequest)}
    expected |= {f"message:{field.name}" for field in fields(Message) if field.name != "role"}
    expected |= {f"role:{role}" for role in ALLOWED}
    expected |= {f"part:{part}" for parts in ALLOWED.values() for part in parts}
    assert set(PATHS) == expected | {"part:input_audio"}
    assert len(PATHS) == len(set(PATHS))


def test_what_cannot_be_honoured_is_shown_with_a_value_that_is_not() -> None:
    shown = {row.path: row.probes for row in rows()}
    for name, (_, reason) in IGNORED.items():
        said = [outcome.warnings for probe in shown[name] for outcome in outcomes(probe)]
        assert any((name, reason) in warnings for warnings in said), name


def test_every_piece_is_an_object_that_shows_its_field() -> None:
    for row in rows():
        kind, _, name = row.path.rpartition(":")
        for probe in row.probes:
            piece = jsonio.decode(probe.encode())
            assert name in piece if not kind else "messages" in piece, row.path


def test_every_model_has_one_outcome() -> None:
    for probe in ('{"reasoning_effort":"high"}', '{"temperature":0.2}', '{"n":9}'):
        found = [model for outcome in outcomes(probe) for model in outcome.models]
        assert sorted(found) == sorted(MODELS)


def test_every_row_has_its_words_in_both_languages() -> None:
    for row in rows():
        assert row.english.endswith("."), row.path
        assert re.search("[\u4e00-\u9fff]", row.chinese), row.path
        assert set(re.findall("`[^`]+`", row.chinese)) == set(re.findall("`[^`]+`", row.english))

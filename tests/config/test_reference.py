"""docs/configuration.md and its Chinese page are what the structs say."""

import re
from pathlib import Path

import pytest

from dragoman.config import load
from dragoman.config.pending import NOT_YET
from dragoman.config.reference import chinese
from dragoman.config.reference.fields import TABLES, sections
from dragoman.config.reference.write import CHINESE, ENGLISH, Language, document, main

DOCS = Path(__file__).resolve().parents[2] / "docs"
PATHS = {field.path for section in sections() for field in section.fields}


@pytest.mark.parametrize("language", [ENGLISH, CHINESE], ids=lambda language: language.file)
def test_the_page_is_up_to_date(language: Language) -> None:
    found = (DOCS / language.file).read_text(encoding="utf-8")
    assert found == document(language), (
        "run: .venv/bin/python -m dragoman.config.reference.write docs"
    )


def test_the_pages_are_written(folder: Path) -> None:
    main("docs")
    for language in (ENGLISH, CHINESE):
        assert (folder / "docs" / language.file).read_text() == document(language)


def test_every_field_has_a_chinese_text() -> None:
    assert set(chinese.MEANINGS) == PATHS
    assert set(chinese.SECTIONS) == {section.path for section in sections()}
    assert set(chinese.INSTEAD) == {row.path for row in NOT_YET}
    for text in [*chinese.MEANINGS.values(), *chinese.INSTEAD.values()]:
        assert re.search("[\u4e00-\u9fff]", text), text


def test_code_in_a_chinese_text_is_that_of_the_english_one() -> None:
    for section in sections():
        for field in section.fields:
            code = set(re.findall("`[^`]+`", chinese.MEANINGS[field.path]))
            assert code <= set(re.findall("`[^`]+`", field.meaning)), field.path


def test_every_field_has_an_english_text() -> None:
    for section in sections():
        for field in section.fields:
            assert field.meaning.endswith("."), field.path
            assert field.meaning[0].isupper() or field.meaning[0] == "`", field.path


def test_every_field_of_the_table_of_pending_ones_exists() -> None:
    tables = {section.path for section in sections()}
    for row in NOT_YET:
        assert row.path in PATHS | tables
    assert set(TABLES.values()) < tables


# ruff: noqa: E501 - a row of a table cannot be wrapped
def test_rows_of_the_page() -> None:
    page = document(ENGLISH)
    for row in (
        "| `port` | integer, ≥ 0, ≤ 65,535 | `8080` | Port to listen on; 0 takes any free one. | yes |",
        "| `workers` | integer, ≥ 1, ≤ 256 | `1` | Processes; more than one needs `storage.redis`."
        " | not yet: one process serves |",
        '| `key` | text, secret | `""` | Bearer key of the admin API; empty: one is made and printed'
        " once. | yes |",
        "| `key` | text, secret | required | `sk-` and 48 characters of `0-9A-Za-z`. | yes |",
        '| `models` | list of text | `["*"]` | Globs over the model names the key may use. | yes |',
        "| `headers` | fields of secret text | `{}` | Added to each upstream request. | yes |",
        "| `retires` | text, or null | as the model | Day of retirement that is announced, or before"
        " which it will not be retired. | yes |",
        "| `retired_models` | `forward`, `successor` | `forward` | Retired models are sent upstream as"
        " they are, or served by the successor the catalogue names. | yes |",
        "| `tiers` | list of fields as in `models[].tiers[]` | as the model |",
    ):
        assert row in page, row


@pytest.mark.parametrize("language", [ENGLISH, CHINESE], ids=lambda language: language.file)
def test_the_sample_of_the_page_is_a_configuration(folder: Path, language: Language) -> None:
    (sample,) = re.findall(r"```yaml\n(.*?)```", language.introduction, re.DOTALL)
    (folder / "dragoman.yaml").write_text(sample, encoding="utf-8")
    environ = {"ANTHROPIC_API_KEY_A": "a", "ANTHROPIC_API_KEY_B": "b", "CI_KEY": "sk-" + "0" * 48}
    config = load(None, environ)
    assert [account.weight for account in config.accounts] == [1, 2]
    assert config.keys[0].rpm == 60

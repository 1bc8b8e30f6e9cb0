"""Write the reference: ``python -m dragoman.config.reference.write docs``.

That is docs/configuration.md and docs/zh/configuration.md.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dragoman.config.pending import NOT_YET, PROVIDERS_NOT_YET
from dragoman.config.reference import chinese, english
from dragoman.config.reference.fields import Field, Words, default_text, sections, type_text


class Language(NamedTuple):
    """Everything of the reference that is in one language."""

    file: str
    introduction: str
    columns: tuple[str, str, str, str, str]
    outside: str
    """Heading of the fields outside any section."""
    now: str
    not_yet: str
    """``{}`` is what happens meanwhile."""
    words: Words
    sections: Mapping[str, str] | None
    """Texts by path of the section; None: those of the source."""
    meanings: Mapping[str, str] | None
    """Texts by path of the field; None: those of the source."""
    instead: Mapping[str, str] | None
    """What happens meanwhile, by path; None: as the table in pending.py says."""


ENGLISH = Language(
    "configuration.md",
    english.INTRODUCTION,
    ("field", "type", "default", "meaning", "used"),
    "Outside the sections",
    "yes",
    "not yet: {}",
    english.WORDS,
    None,
    None,
    None,
)
CHINESE = Language(
    "zh/configuration.md",
    chinese.INTRODUCTION,
    ("字段", "类型", "默认值", "含义", "已生效"),
    "各节之外",
    "是",
    "尚未：{}",
    chinese.WORDS,
    chinese.SECTIONS,
    chinese.MEANINGS,
    chinese.INSTEAD,
)


def document(language: Language) -> str:
    """One whole page."""
    parts = [language.introduction.strip()]
    for section in sections():
        heading = f"`{section.path}`" if section.path else language.outside
        text = section.meaning
        if language.sections is not None:
            text = language.sections[section.path]
        parts.append(f"### {heading}\n\n{text}".strip())
        parts.append(_table(section.fields, language))
    return "\n\n".join(parts) + "\n"


def _table(rows: list[Field], language: Language) -> str:
    lines = ["| " + " | ".join(language.columns) + " |", "|---|---|---|---|---|"]
    for row in rows:
        meaning = row.meaning if language.meanings is None else language.meanings[row.path]
        cells = (
            f"`{row.name}`",
            type_text(row.shape, language.words),
            default_text(row.default, language.words),
            meaning,
            _used(row.path, language),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _used(path: str, language: Language) -> str:
    for row in NOT_YET:
        if path == row.path or path.startswith(f"{row.path}."):
            instead = row.instead if language.instead is None else language.instead[row.path]
            return language.not_yet.format(instead)
    if path == "accounts[].provider" and PROVIDERS_NOT_YET:
        return language.not_yet.format(", ".join(f"`{name}`" for name in sorted(PROVIDERS_NOT_YET)))
    return language.now


def main(folder: str) -> None:
    """Write both pages below a folder."""
    for language in (ENGLISH, CHINESE):
        path = Path(folder) / language.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document(language), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Write the pages: ``python -m dragoman.dialects.chat.compatibility.write docs``.

That is docs/compatibility.md and docs/zh/compatibility.md.
"""

# ruff: noqa: E501 - the pages' own lines
import sys
from pathlib import Path
from typing import NamedTuple

from dragoman.dialects.chat.compatibility.outcomes import MODELS, Outcome, outcomes
from dragoman.dialects.chat.compatibility.rows import Row, rows


class Language(NamedTuple):
    """Everything of the page that is in one language."""

    file: str
    introduction: str
    headings: dict[str, str]
    """By the first part of a path."""
    columns: tuple[str, str, str, str]
    every: str
    others: str
    nothing: str
    chinese: bool


ENGLISH = Language(
    "compatibility.md",
    """# What happens to each parameter

Chat Completions in, Claude out: every field of a request, what becomes of it, and what each model makes of it. The
tables are made from the code: each piece was put into the simplest request and read for each model. "Upstream" is what
the request to Anthropic has more for it; a reason in italics comes in the header `x-dragoman-warnings` and is a 400
with `strict: true`; a code is that of a 400. An empty first cell repeats the one above; models are named without
`claude-`. Fields that are not named here are warned about as unknown.
""",
    {
        "": "Parameters",
        "role": "Roles",
        "message": "Fields of a message",
        "part": "Parts of a content",
    },
    ("sent", "models", "upstream", "said"),
    "all",
    "all others",
    "nothing",
    False,
)
CHINESE = Language(
    "zh/compatibility.md",
    """# 每个参数的处理方式

Chat Completions 输入，Claude 输出：请求的每个字段如何处理，以及每个模型上的结果。表格由代码生成：把每个片段放入最简单的请求，
再对每个模型解析一遍。“上游”是发给 Anthropic 的请求因此多出的部分；斜体的原因出现在响应头 `x-dragoman-warnings` 中，
设置 `strict: true` 时则为 400；代码是 400 的错误码。第一格为空表示与上一行相同；模型名省略了 `claude-`。此处没有列出的字段
会作为未知字段提示。
""",
    {"": "参数", "role": "角色", "message": "消息的字段", "part": "内容的部分"},
    ("发送", "模型", "上游", "提示"),
    "全部",
    "其余全部",
    "无",
    True,
)


def document(language: Language) -> str:
    """One whole page."""
    parts = [language.introduction.strip()]
    kind = None
    for row in rows():
        before, _, name = row.path.rpartition(":")
        if before != kind:
            kind = before
            parts.append(f"## {language.headings[kind]}")
        words = row.chinese if language.chinese else row.english
        parts.append(f"### `{name}`\n\n{words}")
        if row.probes:
            parts.append(_table(row, language))
    return "\n\n".join(parts) + "\n"


def _table(row: Row, language: Language) -> str:
    lines = ["| " + " | ".join(language.columns) + " |", "|---|---|---|---|"]
    for probe in row.probes:
        found = outcomes(probe)
        found.sort(key=lambda outcome: len(outcome.models), reverse=True)
        found.append(found.pop(0))
        for at, outcome in enumerate(found):
            cells = (
                "" if at else f"`{probe[1:-1]}`",
                _models(outcome, found, language),
                _upstream(outcome, language),
                _said(outcome),
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _models(outcome: Outcome, found: list[Outcome], language: Language) -> str:
    if outcome.models == MODELS:
        return language.every
    if outcome is found[-1] and len(found) > 1:
        return language.others
    return ", ".join(model.removeprefix("claude-") for model in outcome.models)


def _upstream(outcome: Outcome, language: Language) -> str:
    if outcome.upstream:
        return f"`{outcome.upstream}`"
    return "" if outcome.refusal[0] else language.nothing


def _said(outcome: Outcome) -> str:
    code, param, _ = outcome.refusal
    if code:
        return f"400 `{code}`, `{param}`"
    return "; ".join(f"`{name}`: *{reason}*" for name, reason in outcome.warnings)


def main(folder: str) -> None:
    """Write both pages below a folder."""
    for language in (ENGLISH, CHINESE):
        path = Path(folder) / language.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document(language), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

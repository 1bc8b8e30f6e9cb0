"""Samples in Markdown, as things to run: fenced blocks, each with what surrounds it."""

import re
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RUN = ("sh", "python")
SHOWN = ("text", "json")
_FENCE = re.compile(r"^```([^`\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Sample(NamedTuple):
    """One fenced block. ``output`` is the block after a command or program that shows what it
    prints; ``config`` is the last YAML before it on its page, which a reader has saved by then.
    """

    page: str
    line: int
    language: str
    text: str
    output: str | None
    config: str | None

    @property
    def label(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def make(self) -> list[str]:
        """The targets named, where the block holds ``make`` commands."""
        return re.findall(r"^(?:[A-Z_]+=\S+ )*make (\w+)", self.text, re.MULTILINE)


def samples(page: str) -> list[Sample]:
    """All blocks of a page, given as its path in the repository.

    Output blocks are listed, too: one without a command is for the caller to find.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = list(_FENCE.finditer(text))
    found: list[Sample] = []
    config = None
    for block, after in zip_longest(blocks, blocks[1:]):
        language, content = block[1], block[2]
        if language == "yaml":
            config = content
        line = text.count("\n", 0, block.start()) + 1
        output = None
        if language in RUN and after is not None and after[1] in SHOWN:
            output = after[2]
        found.append(Sample(page, line, language, content, output, config))
    return found

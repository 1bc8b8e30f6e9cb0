"""Samples in Markdown, as things to run: fenced blocks, each with what surrounds it."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Sample(NamedTuple):
    """One fenced block, and the block right after it when that shows its output."""

    page: str
    line: int
    language: str
    text: str
    output: str | None

    @property
    def label(self) -> str:
        return f"{self.page}:{self.line}"


def samples(*pages: str) -> list[Sample]:
    """All blocks of the pages, paths relative to the repository."""
    found: list[Sample] = []
    for page in pages:
        text = (ROOT / page).read_text()
        blocks = list(_FENCE.finditer(text))
        for block, after in zip(blocks, [*blocks[1:], None], strict=True):
            output = None
            if after is not None and after[1] in ("text", "json"):
                between = text[block.end() : after.start()]
                # Whatever stands between a command and its output is one short line at most.
                if between.strip().count("\n") == 0 and block[1] in ("sh", "python"):
                    output = after[2]
            line = text.count("\n", 0, block.start()) + 1
            found.append(Sample(page, line, block[1], block[2], output))
    return found

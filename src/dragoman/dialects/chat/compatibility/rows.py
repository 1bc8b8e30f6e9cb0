"""rows.toml → rows: each field of a request in words, and the pieces of a body that show it."""

import tomllib
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One field, role or part type."""

    path: str
    """A field of the body, or ``role:``, ``message:`` or ``part:`` and a name."""
    english: str
    chinese: str
    probes: tuple[str, ...]
    """JSON objects whose fields are put into the simplest request."""


def rows() -> list[Row]:
    """All rows, in the order of the page."""
    text = Path(__file__).with_name("rows.toml").read_text(encoding="utf-8")
    return [
        Row(row["path"], row["english"], row["chinese"], tuple(row["probes"]))
        for row in tomllib.loads(text)["row"]
    ]

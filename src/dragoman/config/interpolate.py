"""``${NAME}`` and ``${NAME:-default}`` in a text.

``$$`` is a dollar sign. A dollar before anything else is itself, so passwords need no escaping
unless they hold ``${`` or ``$$``. A default is taken when the variable is not set or empty, as a
shell does; it ends at the first ``}``.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_TOKEN = re.compile(r"\$(?:\$|\{(?P<body>[^}]*)(?P<end>\}?))")
_BODY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class Expanded(NamedTuple):
    """A text after replacement."""

    text: str
    replaced: bool
    """Whether a variable stood in it."""
    problems: list[str]
    """What could not be replaced, in plain sentences."""


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """Replace the variables of a text. Never raises; what is wrong is listed."""
    problems: list[str] = []
    replaced = False

    def value(match: re.Match[str]) -> str:
        nonlocal replaced
        if match["body"] is None:
            return "$"
        replaced = True
        body = _BODY.fullmatch(match["body"])
        if body is None or not match["end"]:
            problems.append(f"{match[0]} is not ${{NAME}} or ${{NAME:-default}}; write $$ for a $")
            return ""
        name, default = body.groups()
        found = environ.get(name)
        if default is not None:
            return found or default.replace("$$", "$")
        if found is None:
            problems.append(
                f"the environment variable {name} is not set; set it or write ${{{name}:-default}}"
            )
            return ""
        return found

    return Expanded(_TOKEN.sub(value, text), replaced, problems)

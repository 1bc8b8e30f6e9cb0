"""The head of an answer as bytes.

The only place where header values given by others meet the wire, so the only place where a line
break in one has to be caught.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final


class _StatusLines(dict[int, str]):
    def __missing__(self, status: int) -> str:
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = ""  # A status of an upstream's own, such as 529.
        line = f"HTTP/1.1 {status} {phrase}\r\n"
        self[status] = line
        return line


_STATUS_LINES: Final = _StatusLines()


def render(status: int, headers: Sequence[tuple[str, str]], ready: str) -> bytes:
    """Status line, ``headers`` and the ``ready`` lines, each of which ends with CR LF, and the
    empty line.

    Raises ValueError when a header contains CR, LF, NUL or a character beyond Latin-1.
    """
    lines = _lines(headers) if headers else ""
    return f"{_STATUS_LINES[status]}{lines}{ready}\r\n".encode("latin-1")


def _lines(headers: Sequence[tuple[str, str]]) -> str:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    count = len(headers)
    if lines.count("\n") != count or lines.count("\r") != count or "\0" in lines:
        raise ValueError("a header contains a line break or a NUL")
    return lines

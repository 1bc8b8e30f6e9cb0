"""Texts as they stand in the client's body: JSON string literals that are never decoded."""

import re

from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.dialects.chat.shapes import ABSENT
from dragoman.errors import Failure

_QUOTE = ord('"')
_BLANK = re.compile(
    rb'"(?>(?:[ \t]++|\\[nrtf]|\\u00(?:09|0[aAbBcCdD]|1[cdefCDEF]|20|85|[aA]0)|\\u1680|\\u3000'
    rb"|\\u20(?:0[0-9aA]|2[89fF]|5[fF])|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]"
    rb'|\xe2\x81\x9f|\xe3\x80\x80)*)"'
)
"""A literal of nothing but white space, escaped or not. Anthropic refuses such texts
(protocol.md §2b rule 4)."""


is_plain = re.compile(rb"(?!%b)\"" % _BLANK.pattern).match
"""Matches a ``content`` that is a text with something in it."""
_KIND = re.compile(rb"(%b)|(\")|(\[)" % _BLANK.pattern)


BLANK, TEXT, PARTS = 1, 2, 3


def kind(raw: Raw) -> int | None:
    """What a ``content`` is: :data:`BLANK`, :data:`TEXT`, :data:`PARTS`, or ``None``."""
    found = _KIND.match(raw)
    return found.lastindex if found is not None else None


def is_blank(literal: bytes | Raw) -> bool:
    """Whether a text is empty or white space only."""
    return _BLANK.match(literal) is not None


def checked(raw: Raw, path: str) -> Raw:
    """A field that must hold a string. Raises :class:`Failure` if it is missing or another type."""
    if raw is ABSENT:
        raise missing(path)
    if memoryview(raw)[0] != _QUOTE:
        raise wrong_type(raw, path, "a string")
    return raw


def missing(path: str) -> Failure:
    """A field that must be there."""
    return Failure("missing_parameter", f"Missing required parameter: '{path}'.", param=path)


def wrong_type(raw: Raw, path: str, expected: str) -> Failure:
    """What to say of a value that is of another JSON type than it must be."""
    got = _NAMES.get(bytes(raw)[:1], "a number")
    return Failure(
        "invalid_type",
        f"Invalid type for '{path}': expected {expected}, but got {got} instead.",
        param=path,
    )


_NAMES = {
    b'"': "a string",
    b"[": "an array",
    b"{": "an object",
    b"t": "a boolean",
    b"f": "a boolean",
    b"n": "null",
}

_REMINDER = (rb"<system-reminder>\n", rb"\n</system-reminder>")


def reminder(text: Raw) -> Raw:
    """A system text as a user's text says it, where the model takes no system message in
    between."""
    return Raw(b'"%b%b%b"' % (_REMINDER[0], bytes(text)[1:-1], _REMINDER[1]))


def without_trailing_space(text: Raw) -> Raw:
    """A prefill must not end with white space (protocol.md §2b rule 6)."""
    return jsonio.quote(jsonio.text_of(text).rstrip())

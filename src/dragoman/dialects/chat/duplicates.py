"""Keys that stand twice at the top of a body.

Which of the two counts differs from one JSON reader to the next: a proxy in front might check one
``model`` and we would use the other. So ``model``, ``stream`` and ``messages`` may stand there once
only. Searching a long text for its quotes costs more than parsing it, so the messages, whose bytes
are known by now, are cut out first, and only what is left is looked at. A name may be written with
escapes as well (``"mod\\u0065l"``), which no client does but one that wants to be read in two ways.
"""

import re

from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.errors import Failure

_MODEL = b'"model"'
_STREAM = b'"stream"'
_MESSAGES = b'"messages"'
_NAMES = (_MODEL, _STREAM, _MESSAGES)
SHORT = 4096
"""Bodies below this size are searched as they are."""
_TOKEN = re.compile(rb'("[^"\\]*+(?>(?:\\.[^"\\]*+)*)")(\s*:)?|([\[{])|([\]}])', re.DOTALL)


def refuse(body: bytes, messages: Raw, field: bytes = _MESSAGES) -> None:
    """Raises :class:`Failure` ``invalid_json`` if a name stands twice.

    ``body`` is valid JSON, ``messages`` the value of ``field`` that was read from it: an array, or
    a text where the dialect takes one.
    """
    names = _NAMES if field == _MESSAGES else (_MODEL, _STREAM, field)
    if len(body) < SHORT and all([body.count(name) < 2 for name in names]) and not escaped(body):
        return
    value = bytes(messages)
    start = body.find(value[:1], body.find(field) + len(field))
    if body.startswith(value, start):
        body = body[:start] + body[start + len(value) :]
    if escaped(body) or any([body.count(name) > 1 for name in names]):
        _refuse_exactly(body, names)


def escaped(body: bytes) -> bool:
    """Whether letters of the alphabet are written as escapes: a name may be among them."""
    # One byte is found many times faster than several. Not `in`: for bytes that raises and drops
    # an exception before it looks.
    at = body.find(b"\\")
    if at < 0 or body.find(b"\\u00", at) < 0:
        return False
    return b"\\u006" in body or b"\\u007" in body


def excluded(body: bytes) -> bool:
    """Whether no name can stand twice: what stands in the whole body once stands once at its top.
    ``body`` is a short one that holds messages and a model."""
    if escaped(body):
        return False
    return body.count(_MODEL) == body.count(_MESSAGES) == 1 and body.count(_STREAM) < 2


def _refuse_exactly(body: bytes, names: tuple[bytes, ...]) -> None:
    depth = 0
    seen: set[bytes] = set()
    for text, colon, opening, closing in _TOKEN.findall(body):
        if opening:
            depth += 1
        elif closing:
            depth -= 1
        elif colon and depth == 1:
            plain = bytes(jsonio.quote(jsonio.text_of(Raw(text)))) if b"\\" in text else text
            if plain in seen and plain in names:
                name = plain[1:-1].decode()
                raise Failure("invalid_json", f"The request body holds '{name}' twice.", param=name)
            seen.add(plain)

"""JSON, and the only module that touches a JSON library.

msgspec does the work. What this module adds is one error type: malformed JSON, invalid UTF-8 and
absurd nesting all become :class:`Malformed` with a place, a wrong shape becomes :class:`Mismatch`
with a path in the client's notation (``messages[1].content``).
"""

import re
from types import UnionType
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec import Raw

T = TypeVar("T")

MAX_DEPTH = 64
"""Levels of nesting accepted in values whose shape is the client's own (schemas, metadata)."""

_encoder = msgspec.json.Encoder()
encode = _encoder.encode
"""Any value or struct → compact JSON bytes."""
_PATH = re.compile(r"^(.*?)(?: - at `\$?\.?(.*)`)?$", re.DOTALL)


class Malformed(ValueError):
    """The bytes are not JSON (or not UTF-8, or nested beyond reason)."""


class TooDeep(Malformed):
    """They may be JSON, but are nested beyond reason."""


class Mismatch(ValueError):
    """JSON of another shape than expected. ``path`` is the place, ``""`` at the root."""

    def __init__(self, reason: str, path: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


class Decoder(Generic[T]):
    """Decode bytes into one type.

    ``decode`` raises :class:`Malformed` or :class:`Mismatch`, and nothing else.
    """

    def __init__(self, shape: type[T] | UnionType) -> None:
        self._decode = msgspec.json.Decoder(shape).decode

    def decode(self, data: bytes | Raw) -> T:
        try:
            return self._decode(data)
        except msgspec.ValidationError as error:
            found = _PATH.match(str(error))
            reason, path = (found.group(1), found.group(2) or "") if found else (str(error), "")
            raise Mismatch(reason, path) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(str(error)) from None
        except RecursionError:
            raise TooDeep("the JSON is nested too deeply") from None

    def attempt(self, data: bytes | Raw) -> T | None:
        """The value, or ``None`` where :meth:`decode` would raise."""
        try:
            return self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


_any_decoder: Decoder[Any] = Decoder(object)


def decode(data: bytes | Raw) -> Any:
    """Bytes → plain Python values. Raises :class:`Malformed`, also for a number beyond floats."""
    try:
        return _any_decoder.decode(data)
    except Mismatch as error:
        raise Malformed(error.reason) from None


_raw_decoder: Decoder[Raw] = Decoder(Raw)


def raw(data: bytes) -> Raw:
    """Check that bytes are one JSON value and keep them as they are. Raises :class:`Malformed`."""
    return _raw_decoder.decode(data)


def compact(data: bytes | Raw) -> bytes:
    """The same JSON without white space between its parts; numbers and strings stay as written."""
    return msgspec.json.format(bytes(data), indent=-1)


_sorted_encoder = msgspec.json.Encoder(order="sorted")


def canonical(data: bytes | Raw) -> bytes:
    """The same bytes for values that differ in layout, escapes and order of members only.

    Raises :class:`Malformed`.
    """
    try:
        return _sorted_encoder.encode(decode(data))
    except RecursionError:
        raise TooDeep("the JSON is nested too deeply") from None


def nested(value: bytes | Raw) -> bytes:
    """A JSON value as a JSON string literal that holds it as compact JSON text."""
    return _encoder.encode(compact(value).decode())


def quote(text: str) -> Raw:
    """A Python string → a JSON string literal."""
    return Raw(_encoder.encode(text))


def unquote(literal: bytes | Raw) -> str:
    """A JSON string literal → a Python string. Raises :class:`Malformed`, :class:`Mismatch`."""
    return _string_decoder.decode(literal)


_string_decoder: Decoder[str] = Decoder(str)


def text_of(literal: bytes | Raw) -> str:
    """Like :func:`unquote`, but half a surrogate pair becomes U+FFFD instead of an error.

    Some servers cut a text between the two halves; JSON allows it, Unicode does not.
    """
    try:
        return unquote(literal)
    except Malformed:
        return unquote(without_lone_surrogates(bytes(literal)))


def without_lone_surrogates(data: bytes) -> bytes:
    """JSON with every escaped half of a surrogate pair replaced by ``\\ufffd``."""
    return _SURROGATES.sub(_replace_lone, data)


_SURROGATES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)


def _replace_lone(found: re.Match[bytes]) -> bytes:
    escape = found.group()
    return rb"\ufffd" if len(escape) == 6 else escape


_STEP = 65_536


def is_utf8(data: bytes) -> bool:
    """Whether bytes are valid UTF-8. msgspec does not look inside what it keeps as ``Raw``.

    Decoded in steps: a large text as one string would cost more in fresh memory than in decoding.
    """
    if data.isascii():
        return True
    try:
        if len(data) <= _STEP:
            str(data, "utf-8")
        else:
            _decode_in_steps(memoryview(data))
    except UnicodeDecodeError:
        return False
    return True


def _decode_in_steps(data: memoryview) -> None:
    at = 0
    while at < len(data):
        end = _boundary(data, at + _STEP)
        str(data[at:end], "utf-8")
        at = end


def _boundary(data: memoryview, near: int) -> int:
    """The last beginning of a character at or before ``near``; four bytes on, there is none."""
    if near >= len(data):
        return len(data)
    for at in range(near, near - 4, -1):
        if data[at] & 0xC0 != 0x80:
            return at
    return near


def join(literals: "list[bytes]") -> bytes:
    """Concatenate JSON string literals into one, without decoding them."""
    if len(literals) == 1:
        return literals[0]
    return b'"%b"' % b"".join([literal[1:-1] for literal in literals])


def too_deep(data: bytes | Raw, limit: int = MAX_DEPTH) -> bool:
    """Whether a JSON value is nested deeper than ``limit``.

    Counting brackets settles nearly every case.
    """
    raw = bytes(data)
    if raw.count(b"{") + raw.count(b"[") <= limit:
        return False
    return _depth(decode(raw), limit) > limit


def _depth(value: object, limit: int) -> int:
    deepest = 0
    stack: list[tuple[object, int]] = [(value, 1)]
    while stack and deepest <= limit:
        node, level = stack.pop()
        if isinstance(node, dict):
            children = list(cast("dict[str, object]", node).values())
        elif isinstance(node, list):
            children = cast("list[object]", node)
        else:
            continue
        deepest = max(deepest, level)
        stack.extend((child, level + 1) for child in children)
    return deepest

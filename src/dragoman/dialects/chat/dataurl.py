"""Data URLs and base64, as clients write them → a sound JSON literal of base64.

Base64 is sliced out as it stands and never decoded as a whole: the head is enough to see what it
is, and ``bytes.translate`` to see that nothing else is in it. What is not plain base64 (URL-safe,
wrapped, percent-encoded, without padding) is mended on a slower way (protocol.md §5a, §10).
"""

import binascii
import re
from base64 import b64encode
from urllib.parse import unquote_to_bytes

from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.errors import Failure

DATA_URL = re.compile(rb"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
"""The beginning of a data URL: its label, its parameters."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_STANDARD = bytes.maketrans(b"-_", b"+/")
_LITERAL = re.compile(rb'"data:[^,;"]*;(?:[^,"]*;)?base64,', re.IGNORECASE)
"""The beginning of a data URL's literal, up to the base64."""
_BROKEN = "The data is not valid base64."


def sliced(literal: Raw, path: str) -> bytes | None:
    """The base64 of a data URL's literal as a literal of its own, ``None`` for anything else.

    Raises :class:`Failure` ``invalid_image`` for base64 that cannot be mended.
    """
    header = _LITERAL.match(literal)
    if header is None:
        return None
    quoted = b'"%b' % memoryview(literal)[header.end() :]
    if _is_base64(quoted):
        return quoted
    return mended(jsonio.text_of(quoted).encode(), path)


def encoded(url: bytes, path: str) -> bytes:
    """The data of a data URL as a literal of base64. Raises :class:`Failure`."""
    found = DATA_URL.match(url)
    if found is None:
        raise Failure("invalid_image_url", "The data URL has no data.", param=path)
    data = url[found.end() :]
    if b"base64" in found[2].lower():
        return mended(data, path)
    return b'"%b"' % b64encode(unquote_to_bytes(data))


def mended(data: bytes, path: str) -> bytes:
    """A sound literal of base64 that is URL-safe, percent-encoded, wrapped or not padded.

    Raises :class:`Failure` ``invalid_image``.
    """
    if b"%" in data:
        data = unquote_to_bytes(data)
    data = data.translate(_STANDARD, b"\r\n\t ").rstrip(b"=")
    quoted = b'"%b%b"' % (data, b"=" * (-len(data) % 4))
    if not _is_base64(quoted):
        raise Failure("invalid_image", _BROKEN, param=path)
    return quoted


def head(quoted: bytes, size: int) -> bytes:
    """At least the first ``size`` bytes of what a sound literal holds, if it holds as many."""
    return binascii.a2b_base64(quoted[1 : 1 + (size + 2) // 3 * 4])


def _is_base64(quoted: bytes) -> bool:
    """Whether a literal holds padded standard base64 and nothing else."""
    rest = quoted.translate(None, _ALPHABET)
    return (
        rest in (b'""', b'"="', b'"=="')
        and len(quoted) > 4
        and (len(quoted) - 2) % 4 == 0
        and quoted.endswith(rest[1:])
    )

"""What images and documents really are: decoded once, recognised by their bytes.

A simulator cannot look at a picture, but it can say what it was given: the type the bytes have (not
the one the client wrote), the size in pixels and the size in bytes.
"""

import binascii
import re
from typing import NamedTuple

from dragoman.codec.image import sniff
from dragoman.simulator.shape import Json, child, text_of

_PDF_PAGE = re.compile(rb"/Type\s*/Page\b")


class Facts(NamedTuple):
    """About one image or document. ``width`` and ``height`` are 0 where unknown."""

    media_type: str
    """By its bytes; empty when they are of no known kind."""
    width: int
    height: int
    size_bytes: int
    url: str = ""
    """Given as a URL, so nothing else is known."""
    file_id: str = ""
    """Given as an uploaded file, so nothing else is known."""
    valid: bool = True
    """False: the base64 is broken."""
    pages: int = 0
    """Of a PDF, as far as its page objects can be seen."""
    encrypted: bool = False


def facts_of(block: Json) -> Facts:
    """Read an ``image`` or ``document`` block."""
    source = child(block, "source")
    match source.get("type"):
        case "base64":
            return _decoded(text_of(source, "data"), block["type"] == "document")
        case "url":
            return Facts("", 0, 0, 0, url=text_of(source, "url"))
        case "file":
            return Facts("", 0, 0, 0, file_id=text_of(source, "file_id"))
        case "text":
            data = text_of(source, "data").encode("utf-8", "surrogatepass")
            return Facts("text/plain", 0, 0, len(data))
        case _:
            return Facts("", 0, 0, 0)


def _decoded(data: str, document: bool) -> Facts:
    try:
        raw = binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        return Facts("", 0, 0, 0, valid=False)
    if document:
        return _pdf(raw)
    info = sniff(raw)
    if info is None:
        return Facts("", 0, 0, len(raw))
    return Facts(info.media_type, info.width, info.height, len(raw))


def _pdf(raw: bytes) -> Facts:
    """Pages and encryption are looked for in the plain part of the file; nothing is unpacked."""
    if raw[:5] != b"%PDF-":
        return Facts("", 0, 0, len(raw))
    pages = len(_PDF_PAGE.findall(raw))
    encrypted = b"/Encrypt" in raw
    return Facts("application/pdf", 0, 0, len(raw), pages=pages, encrypted=encrypted)


class Gallery:
    """The facts of one request's media, each read once."""

    def __init__(self) -> None:
        self._known: dict[int, Facts] = {}

    def of(self, block: Json) -> Facts:
        """Facts of a block of this request."""
        key = id(block)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = facts_of(block)
        return found

"""``image_url`` and ``file`` parts → images and documents.

Base64 is sliced out of the data URL as it stands and never decoded as a whole: the head is enough
to see what it is, and ``bytes.translate`` to see that nothing else is in it. What is not plain
base64 (URL-safe, wrapped, without padding) is mended on a slower way. The label is not believed:
the media type comes from the bytes (protocol.md §5a, §10). A URL is handed over: Anthropic fetches
it.
"""

import binascii
import re
from base64 import b64encode
from urllib.parse import unquote_to_bytes

from msgspec import UNSET, Raw

from dragoman.codec import image, jsonio
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import FileData, ImageUrl, given
from dragoman.dialects.chat.texts import checked
from dragoman.errors import Failure
from dragoman.hub.request import Base64Source, Document, Image, TextSource, UrlSource

ACCEPTED = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What Claude takes (protocol.md §2b rule 34)."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_STANDARD = bytes.maketrans(b"-_", b"+/")
_HEAD = image.HEAD_BYTES * 4 // 3 // 4 * 4
_BASE64 = re.compile(rb'"data:[^,;"]*;(?:[^,"]*;)?base64,', re.IGNORECASE)
"""The beginning of a data URL's literal, up to the base64."""
_DATA_URL = re.compile(rb"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_URL = re.compile(rb"(https?)://[^/?#\s]+([^?#\s]*)\S*", re.IGNORECASE)

_OTHER_FORMATS = (
    "The image is {found}, which Claude does not read. Send PNG, JPEG, WebP or GIF instead."
)
_NO_IMAGE = "The data is not a PNG, JPEG, WebP or GIF image."
_BROKEN = "The data is not valid base64."


def from_image_url(found: ImageUrl | str, path: str, notes: Notes) -> Image | Document:
    """An ``image_url``: the object, or the bare URL that some clients send."""
    if isinstance(found, str):
        return _from_url(jsonio.quote(found), path)
    if found.detail == "low":
        notes.warn(f"{path}.detail", "Claude has one level of detail")
    where = f"{path}.url"
    return _from_url(checked(found.url, where), where)


def _from_url(literal: Raw, path: str) -> Image | Document:
    header = _BASE64.match(literal)
    if header is not None:
        quoted = b'"%b' % memoryview(literal)[header.end() :]
        if not _is_base64(quoted):
            quoted = _mended(jsonio.text_of(quoted).encode(), path)
        return _from_base64(quoted, path)
    url = jsonio.text_of(literal).strip().encode()
    if url[:5].lower() == b"data:":
        return _from_base64(_encoded(url, path), path)
    found = _URL.fullmatch(url)
    if found is None:
        raise Failure(
            "invalid_image_url", "Expected an https URL or a base64 data URL.", param=path
        )
    if found[1].lower() == b"http":
        raise Failure(
            "invalid_image_url",
            "Images are fetched over https only. Send an https URL or a base64 data URL.",
            param=path,
        )
    source = UrlSource(jsonio.quote(url.decode()))
    return Document(source) if found[2].lower().endswith(b".pdf") else Image(source)


def _from_base64(quoted: bytes, path: str) -> Image | Document:
    """An image, or a PDF in an image's place, of a sound literal of base64."""
    head = binascii.a2b_base64(quoted[1 : 1 + _HEAD])
    if head.startswith(b"%PDF-"):
        return Document(Base64Source("application/pdf", Raw(quoted)))
    info = image.sniff(head)
    if info is None:
        raise Failure("invalid_image", _NO_IMAGE, param=path)
    if info.media_type not in ACCEPTED:
        kind = info.media_type.removeprefix("image/").removesuffix("+xml").upper()
        raise Failure("invalid_image", _OTHER_FORMATS.format(found=kind), param=path)
    return Image(Base64Source(info.media_type, Raw(quoted)))


def _is_base64(quoted: bytes) -> bool:
    """Whether a literal holds padded standard base64 and nothing else."""
    rest = quoted.translate(None, _ALPHABET)
    return (
        rest in (b'""', b'"="', b'"=="')
        and len(quoted) > 4
        and (len(quoted) - 2) % 4 == 0
        and quoted.endswith(rest[1:])
    )


def _mended(data: bytes, path: str) -> bytes:
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


def _encoded(url: bytes, path: str) -> bytes:
    """The data of a data URL as a literal of base64."""
    found = _DATA_URL.match(url)
    if found is None:
        raise Failure("invalid_image_url", "The data URL has no data.", param=path)
    data = url[found.end() :]
    if b"base64" in found[2].lower():
        return _mended(data, path)
    return b'"%b"' % b64encode(unquote_to_bytes(data))


def from_file(file: FileData, path: str) -> Document | Image:
    """A ``file`` part: a PDF, an image or a text, by its bytes and its label."""
    if file.file_id is not None:
        raise Failure(
            "unsupported_value",
            "Files are not stored here. Send the file itself in 'file_data'.",
            param=f"{path}.file_id",
        )
    where = f"{path}.file_data"
    url = jsonio.text_of(checked(file.file_data, where)).strip().encode()
    found = _DATA_URL.match(url)
    label = (file.format or (found[1].decode("latin-1") if found else "")).lower()
    quoted = _encoded(url, where) if found else _mended(url, where)
    title = checked(file.filename, f"{path}.filename") if given(file.filename) else UNSET
    head = binascii.a2b_base64(quoted[1 : 1 + _HEAD])
    if head.startswith(b"%PDF-"):
        return Document(Base64Source("application/pdf", Raw(quoted)), title)
    info = image.sniff(head)
    if info is not None and info.media_type in ACCEPTED:
        return Image(Base64Source(info.media_type, Raw(quoted)))
    return Document(TextSource("text/plain", _text(quoted[1:-1], label, where)), title)


def _text(encoded: bytes, label: str, path: str) -> Raw:
    """A text file's text. Only what says that it is text, or says nothing, may be one."""
    textual = label.startswith("text/") or label in ("", "application/json", "application/xml")
    try:
        if not textual:
            raise UnicodeError
        text = binascii.a2b_base64(encoded).decode()
        if "\0" in text:
            raise UnicodeError
    except UnicodeError:
        raise Failure(
            "unsupported_value", "The file is neither a PDF nor an image nor a text.", param=path
        ) from None
    return jsonio.quote(text)

"""``image_url`` and ``file`` parts → images and documents.

Base64 is sliced out of the data URL as it stands and never decoded as a whole: the head is enough
to see what it is, and ``bytes.translate`` to see that nothing else is in it. The label is not
believed: the media type comes from the bytes (protocol.md §5a, §10). A URL is handed over:
Anthropic fetches it.
"""

import binascii
import re
from base64 import b64encode
from urllib.parse import unquote_to_bytes

from msgspec import UNSET, Raw

from dragoman.codec import image, jsonio
from dragoman.dialects.chat.decode import Reader
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
_DATA_URL = re.compile(rb"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_URL = re.compile(rb"(https?)://[^/?#\s]+([^?#\s]*)\S*", re.IGNORECASE)
_images = Reader(ImageUrl)

_OTHER_FORMATS = (
    "The image is {found}, which Claude does not read. Send PNG, JPEG, WebP or GIF instead."
)
_NO_IMAGE = "The data is not a PNG, JPEG, WebP or GIF image."


def from_image_url(raw: Raw, path: str, notes: Notes) -> Image | Document:
    """An ``image_url``: the object, or the bare URL that some clients send."""
    if bytes(raw)[:1] == b'"':
        return _from_url(raw, path)
    found: ImageUrl = _images.read(raw, path, notes)
    if found.detail == "low":
        notes.warn(f"{path}.detail", "Claude has one level of detail")
    where = f"{path}.url"
    return _from_url(checked(found.url, where), where)


def _from_url(literal: Raw, path: str) -> Image | Document:
    url = _plain(literal)
    if url[:5].lower() == b"data:":
        return _from_data_url(url, path)
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
    source = UrlSource(literal if bytes(literal)[1:-1] == url else jsonio.quote(url.decode()))
    return Document(source) if found[2].lower().endswith(b".pdf") else Image(source)


def _plain(literal: Raw) -> bytes:
    """The text of a literal. Data URLs hold escapes only where a client escapes slashes."""
    text = bytes(literal)[1:-1]
    if b"\\" in text:
        text = jsonio.text_of(literal).encode()
    return text.strip()


def _from_data_url(url: bytes, path: str) -> Image | Document:
    found = _DATA_URL.match(url)
    if found is None:
        raise Failure("invalid_image_url", "The data URL has no data.", param=path)
    data = url[found.end() :]
    if b"base64" in found[2].lower():
        encoded = clean_base64(data, path)
    else:
        encoded = b64encode(unquote_to_bytes(data))
    head = binascii.a2b_base64(encoded[:_HEAD])
    if head.startswith(b"%PDF-"):
        return Document(Base64Source("application/pdf", _literal(encoded)))
    info = image.sniff(head)
    if info is None:
        raise Failure("invalid_image", _NO_IMAGE, param=path)
    if info.media_type not in ACCEPTED:
        kind = info.media_type.removeprefix("image/").upper()
        raise Failure("invalid_image", _OTHER_FORMATS.format(found=kind), param=path)
    return Image(Base64Source(info.media_type, _literal(encoded)))


def _literal(encoded: bytes) -> Raw:
    return Raw(b'"%b"' % encoded)


def clean_base64(data: bytes, path: str) -> bytes:
    """Standard, padded base64 of one line. Raises :class:`Failure` ``invalid_image``."""
    rest = data.translate(None, _ALPHABET)
    if rest and rest.strip(b"="):
        data = unquote_to_bytes(data).translate(_STANDARD, b"\r\n\t ")
        rest = data.translate(None, _ALPHABET)
    digits = len(data) - len(rest)
    sound = digits % 4 != 1 and rest in (b"", b"=", b"==") and data.endswith(rest)
    if not digits or not sound:
        raise Failure("invalid_image", "The data is not valid base64.", param=path)
    return data[:digits] + b"=" * (-digits % 4)


def from_file(file: FileData, path: str, notes: Notes) -> Document | Image:
    """A ``file`` part: a PDF, an image or a text, by its bytes and its label."""
    if file.file_id is not None:
        raise Failure(
            "unsupported_value",
            "Files are not stored here. Send the file itself in 'file_data'.",
            param=f"{path}.file_id",
        )
    where = f"{path}.file_data"
    url = _plain(checked(file.file_data, where))
    found = _DATA_URL.match(url) if url[:5].lower() == b"data:" else None
    label = (file.format or (found[1].decode("latin-1") if found else "")).lower()
    data = url[found.end() :] if found else url
    if found is not None and b"base64" not in found[2].lower():
        data = b64encode(unquote_to_bytes(data))
    encoded = clean_base64(data, where)
    title = file.filename if given(file.filename) else UNSET
    head = binascii.a2b_base64(encoded[:_HEAD])
    if head.startswith(b"%PDF-"):
        return Document(Base64Source("application/pdf", _literal(encoded)), title)
    info = image.sniff(head)
    if info is not None and info.media_type in ACCEPTED:
        return Image(Base64Source(info.media_type, _literal(encoded)))
    return Document(TextSource("text/plain", _text(encoded, label, where)), title)


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

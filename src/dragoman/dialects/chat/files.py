"""``file`` parts → documents, and images that came as files.

What a file is, is told by its bytes; only whether something that is neither PDF nor image may be
read as a text is told by its label and its name. A URL takes the place of the data where clients
know that convention (``file_data``, and ``file_id`` as LiteLLM has it): Anthropic fetches PDFs and
images over https, everything else is fetched by ``dragoman.media``.
"""

import binascii
import re

from msgspec import UNSET, Raw

from dragoman.codec import image, jsonio
from dragoman.dialects.chat import dataurl
from dragoman.dialects.chat.images import from_pdf, from_picture, is_foreign
from dragoman.dialects.chat.parsed import Notes, Seen
from dragoman.dialects.chat.shapes import FileData, given
from dragoman.dialects.chat.texts import checked
from dragoman.errors import Failure
from dragoman.hub.request import Document, Image, TextSource, UrlSource

_URL = re.compile(rb"(https?)://[^/?#\s]+([^?#\s]*)\S*", re.IGNORECASE)
_TEXT_LABEL = re.compile(
    r"text/.*|application/(?:(?:.*\+)?(?:json|xml)|csv|x-ndjson|jsonl|yaml|x-yaml|toml|javascript)"
)
_TEXT_NAME = re.compile(rb".*\.(?:txt|md|markdown|csv|tsv|json|jsonl|xml|ya?ml|toml|html?|log)")
_IMAGE_NAME = re.compile(rb".*\.(?:png|jpe?g|gif|webp|heic|heif|avif|bmp|tiff?)")
_NOT_A_FILE = "The file is neither a PDF nor an image nor a text."


def from_file(file: FileData, path: str, notes: Notes) -> Document | Image:
    """A ``file`` part: a PDF, an image or a text. Raises :class:`Failure`."""
    where = f"{path}.file_data"
    title = checked(file.filename, f"{path}.filename") if given(file.filename) else UNSET
    if file.file_id is not None:
        where = f"{path}.file_id"
        url = file.file_id.strip().encode("utf-8", "replace")
        if _URL.fullmatch(url) is None:
            raise Failure(
                "unsupported_value",
                "Files are not stored here. Send the file itself in 'file_data'.",
                param=where,
            )
    else:
        url = jsonio.text_of(checked(file.file_data, where)).strip().encode()
    web = _URL.fullmatch(url)
    block = _from_web(web, file, where, notes) if web else _from_data(url, file, where, notes)
    if isinstance(block, Document):
        block.title = title
    return block


def _from_web(found: re.Match[bytes], file: FileData, path: str, notes: Notes) -> Document | Image:
    source = UrlSource(jsonio.quote(found[0].decode()))
    label = (file.format or "").lower()
    names = [found[2].lower()]
    if given(file.filename):
        names.append(bytes(file.filename).lower().strip(b'"'))
    by_http = found[1].lower() == b"http"
    if label.startswith("image/") or (not label and any(map(_IMAGE_NAME.fullmatch, names))):
        picture = Image(source)
        foreign = any(map(is_foreign, names)) or label in image.CONVERTED
        notes.seen.append(Seen(picture, path, None, by_http or foreign))
        return picture
    if label:
        text = _TEXT_LABEL.fullmatch(label) is not None
    else:
        text = any(map(_TEXT_NAME.fullmatch, names))
    block = Document(source)
    # What says nothing of itself is handed over as a PDF, or judged once it is here.
    notes.seen.append(Seen(block, path, None, text or by_http, text=text or not label))
    return block


def _from_data(url: bytes, file: FileData, path: str, notes: Notes) -> Document | Image:
    found = dataurl.DATA_URL.match(url)
    label = (file.format or (found[1].decode("latin-1") if found else "")).lower()
    quoted = dataurl.encoded(url, path) if found else dataurl.mended(url, path)
    start = dataurl.head(quoted, image.HEAD_BYTES)
    document = from_pdf(quoted, start, path, notes)
    if document is not None:
        return document
    textual = bool(_TEXT_LABEL.fullmatch(label))
    if not (textual and image.is_drawing(start)):
        picture = from_picture(quoted, start, path, notes)
        if picture is not None:
            return picture
    if not textual and label not in ("", "application/octet-stream"):
        raise Failure("unsupported_value", _NOT_A_FILE, param=path)
    return Document(TextSource("text/plain", _text(quoted[1:-1], path)))


def _text(encoded: bytes, path: str) -> Raw:
    """A text file's text."""
    try:
        text = binascii.a2b_base64(encoded).decode()
        if "\0" in text:
            raise UnicodeError
    except UnicodeError:
        raise Failure("unsupported_value", _NOT_A_FILE, param=path) from None
    return jsonio.quote(text)

"""``image_url`` parts → images, and documents that came in an image's place.

The label is not believed: the media type comes from the bytes (protocol.md §5a, §10). What Claude
takes goes on untouched, an https URL is handed over: Anthropic fetches it. Formats that Claude
does not take, images beyond the limits, http URLs and the URLs of pictures that must be converted
are left to ``dragoman.media``: :func:`pending` says which.
"""

import re
from collections.abc import Sequence

from msgspec import Raw

from dragoman.catalogue.model import Model
from dragoman.codec import image, jsonio
from dragoman.codec.image import ImageInfo
from dragoman.dialects.chat import dataurl
from dragoman.dialects.chat.parsed import Notes, Seen
from dragoman.dialects.chat.shapes import ImageUrl
from dragoman.dialects.chat.texts import checked
from dragoman.errors import Failure
from dragoman.hub.media import Bounds, Pending
from dragoman.hub.request import Base64Source, Document, Image, UrlSource

MOST_EDGE = 8000
"""Pixels of an image's edge that Anthropic accepts (protocol.md §2b rule 34)."""
MANY_IMAGES = 20
MOST_EDGE_OF_MANY = 2000
"""The same in a request with more than :data:`MANY_IMAGES`."""
MOST_BASE64 = 10 * 1024 * 1024
"""Bytes of an image's base64 that Anthropic accepts."""

_LONGER_HEADS = (128 * 1024, 1024 * 1024)
"""Where a photo's metadata stands before its size, this much is looked at."""
_URL = re.compile(rb"(https?)://[^/?#\s]+([^?#\s]*)\S*", re.IGNORECASE)

_OTHER_FORMATS = (
    "The image is {found}, which Claude does not read. Send PNG, JPEG, WebP or GIF instead."
)
_NO_IMAGE = "The data is not a PNG, JPEG, WebP or GIF image."
_NO_URL = "Expected an https URL or a base64 data URL."


def from_image_url(found: ImageUrl | str, path: str, notes: Notes) -> Image | Document:
    """An ``image_url``: the object, or the bare URL that some clients send."""
    if isinstance(found, str):
        return _from_url(jsonio.quote(found), path, notes)
    if found.detail == "low":
        notes.warn(f"{path}.detail", "Claude has one level of detail")
    where = f"{path}.url"
    return _from_url(checked(found.url, where), where, notes)


def pending(seen: Sequence[Seen], model: Model) -> list[Pending]:
    """What must be fetched or converted of all that a request holds.

    Raises :class:`Failure` for more images than the model takes and for images that are too large
    to be decoded.
    """
    paths = [one.path for one in seen if isinstance(one.block, Image)]
    if len(paths) > model.max_images:
        raise Failure(
            "array_too_long",
            f"The request has {len(paths)} images. The model takes at most {model.max_images}.",
            param=paths[model.max_images],
        )
    edge = MOST_EDGE_OF_MANY if len(paths) > MANY_IMAGES else MOST_EDGE
    bounds = Bounds(edge, MOST_BASE64, min(edge, model.image_long_edge))
    return [
        Pending(one.block, one.path, bounds, one.text)
        for one in seen
        if not _ready(one, bounds, urls=model.url_sources)
    ]


def _ready(one: Seen, bounds: Bounds, *, urls: bool) -> bool:
    info, source = one.info, one.block.source
    if info is None or not isinstance(source, Base64Source):
        return not one.fetch and (urls or not isinstance(source, UrlSource))
    image.refuse_too_many_pixels(info, one.path)
    return image.fits(info, len(memoryview(source.data)) - 2, bounds)


def _from_url(literal: Raw, path: str, notes: Notes) -> Image | Document:
    quoted = dataurl.sliced(literal, path)
    if quoted is None:
        url = jsonio.text_of(literal).strip().encode()
        if url[:5].lower() != b"data:":
            return from_web(url, path, notes)
        quoted = dataurl.encoded(url, path)
    start = dataurl.head(quoted, image.HEAD_BYTES)
    block = from_pdf(quoted, start, path, notes) or from_picture(quoted, start, path, notes)
    if block is None:
        raise Failure("invalid_image", _NO_IMAGE, param=path)
    return block


def from_web(url: bytes, path: str, notes: Notes) -> Image | Document:
    """The block of an http or https URL. Raises :class:`Failure` for any other."""
    found = _URL.fullmatch(url)
    if found is None:
        raise Failure("invalid_image_url", _NO_URL, param=path)
    scheme, name = found[1].lower(), found[2].lower()
    # A scheme is the same in capitals (RFC 3986 §3.1), but upstream compares it as it stands.
    source = UrlSource(jsonio.quote((scheme + url[len(scheme) :]).decode()))
    block = Document(source) if name.endswith(b".pdf") else Image(source)
    notes.seen.append(Seen(block, path, None, scheme == b"http" or is_foreign(name)))
    return block


def is_foreign(name: bytes) -> bool:
    """Whether a URL's path, in lower case, is that of a picture that must be converted."""
    return name.endswith((b".heic", b".heif", b".avif", b".bmp", b".tif", b".tiff"))


def from_pdf(quoted: bytes, start: bytes, path: str, notes: Notes) -> Document | None:
    """The document of a literal of base64 that begins with ``start``, if it is a PDF."""
    if not start.startswith(b"%PDF-"):
        return None
    block = Document(Base64Source("application/pdf", Raw(quoted)))
    notes.seen.append(Seen(block, path, None))
    return block


def from_picture(quoted: bytes, start: bytes, path: str, notes: Notes) -> Image | None:
    """The image of a literal of base64 that begins with ``start``, if it is an image.

    Raises :class:`Failure` for one that neither Claude takes nor we can convert.
    """
    info = image.sniff(start)
    if info is None:
        return None
    if info.media_type not in image.ACCEPTED and info.media_type not in image.CONVERTED:
        kind = info.media_type.removeprefix("image/").removesuffix("+xml").upper()
        raise Failure("invalid_image", _OTHER_FORMATS.format(found=kind), param=path)
    if not info.width and info.media_type == "image/jpeg":
        info = _measured(quoted, info)
    block = Image(Base64Source(info.media_type, Raw(quoted)))
    notes.seen.append(Seen(block, path, info))
    return block


def _measured(quoted: bytes, info: ImageInfo) -> ImageInfo:
    for size in _LONGER_HEADS:
        found = image.sniff(dataurl.head(quoted, size))
        if found is not None and found.width:
            return found
    return info

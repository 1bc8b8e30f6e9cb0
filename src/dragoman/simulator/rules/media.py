"""Images and documents: kind, size, number (protocol.md §2b, rules 34 to 36)."""

from collections.abc import Iterator

from dragoman.catalogue.model import Model
from dragoman.simulator.media import Facts, Gallery
from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.content import IMAGE_TYPES
from dragoman.simulator.rules.fields import refuse
from dragoman.simulator.shape import Json, blocks_of, child, objects, text_of

MAX_IMAGE_BASE64 = 10 * 1024 * 1024
MAX_EDGE = 8000
"""Pixels of an image's longer edge."""
MANY_IMAGES = 20
MAX_EDGE_OF_MANY = 2000
"""The same when a request has more than :data:`MANY_IMAGES`."""


def check(body: Json, model: Model, gallery: Gallery) -> None:
    """All media of a request. Raises ApiError."""
    found = list(_media(body))
    images = sum(block["type"] == "image" for _, block in found)
    if images > model.max_images:
        raise ApiError(f"messages: Too many images in the request: {images} > {model.max_images}")
    for path, block in found:
        if block["type"] == "image":
            _image(path, block, gallery.of(block), images > MANY_IMAGES)
        else:
            _document(path, block, gallery.of(block), model)


def _media(body: Json) -> Iterator[tuple[str, Json]]:
    for index, message in enumerate(objects(body.get("messages"))):
        for position, block in enumerate(blocks_of(message.get("content"))):
            path = f"messages.{index}.content.{position}"
            if block["type"] in ("image", "document"):
                yield path, block
            elif block["type"] == "tool_result":
                for inner, item in enumerate(blocks_of(block.get("content"))):
                    if item["type"] in ("image", "document"):
                        yield f"{path}.tool_result.content.{inner}", item


def _image(path: str, block: Json, facts: Facts, many: bool) -> None:
    source = child(block, "source")
    if source["type"] == "url":
        _url(f"{path}.image.source.url.url", facts.url)
        return
    if source["type"] != "base64":
        return
    place = f"{path}.image.source.base64"
    size = len(source["data"])
    if size > MAX_IMAGE_BASE64:
        raise refuse(place, f"image exceeds 10 MB maximum: {size} bytes > {MAX_IMAGE_BASE64} bytes")
    if not facts.valid:
        raise refuse(f"{place}.data", "invalid base64 data")
    if facts.size_bytes == 0:
        raise refuse(f"{place}.data", "image cannot be empty")
    if facts.media_type not in IMAGE_TYPES:
        raise ApiError("Could not process image")
    declared = text_of(source, "media_type")
    if facts.media_type != declared:
        raise refuse(
            place,
            f"The image was specified using the {declared} media type, but the image appears to be"
            f" a {facts.media_type} image",
        )
    edge = max(facts.width, facts.height)
    if edge > MAX_EDGE:
        raise refuse(
            f"{place}.data",
            f"At least one of the image dimensions exceed max allowed size: {MAX_EDGE} pixels",
        )
    if many and edge > MAX_EDGE_OF_MANY:
        raise refuse(
            f"{place}.data",
            "At least one of the image dimensions exceed max allowed size for many-image requests:"
            f" {MAX_EDGE_OF_MANY} pixels",
        )


def _document(path: str, block: Json, facts: Facts, model: Model) -> None:
    source = child(block, "source")
    if source["type"] == "url":
        _url(f"{path}.document.source.url.url", facts.url)
    elif source["type"] == "base64":
        if not model.documents:
            raise ApiError(f"'{model.id}' does not support PDF input.")
        place = f"{path}.pdf.source.base64.data"
        if not facts.valid:
            raise refuse(place, "invalid base64 data")
        if facts.size_bytes == 0:
            raise refuse(place, "PDF cannot be empty")
        if facts.media_type != "application/pdf":
            raise refuse(place, "The PDF specified was not valid.")
        if facts.encrypted:
            raise refuse(place, "The PDF specified is password protected.")
        if facts.pages > model.max_pdf_pages:
            raise refuse(place, f"A maximum of {model.max_pdf_pages} PDF pages may be provided.")


def _url(path: str, url: str) -> None:
    if not url.startswith("https://") or len(url) < len("https://x"):
        raise refuse(path, "Only HTTPS URLs are supported.")

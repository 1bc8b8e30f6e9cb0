"""What kind of image some bytes are, and how large, told from their head alone.

Labels lie: a phone's HEIC arrives as ``image/png``, a screenshot as ``image/jpg``. So the media
type is read from the bytes, and pixels are never decoded here. The first few KiB are enough for
every format but a JPEG with metadata longer than the head given: its kind is known then, its size
is not.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from dragoman.errors import Failure
from dragoman.hub.media import Bounds

ACCEPTED = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What Claude takes (protocol.md §2b rule 34)."""
CONVERTED = frozenset({"image/heic", "image/heif", "image/avif", "image/bmp", "image/tiff"})
"""What is brought into one of those."""
MAX_PIXELS = 100_000_000
"""An image with more is refused before anything is decoded; 400 MB is what this many take."""

HEAD_BYTES = 4096
"""How much of a file :func:`sniff` wants: more only helps a JPEG with long metadata."""


class ImageInfo(NamedTuple):
    """``width`` and ``height`` are pixels, 0 where the head does not say."""

    media_type: str
    width: int
    height: int


def sniff(data: bytes) -> ImageInfo | None:
    """PNG, JPEG, GIF, WebP, HEIC, HEIF, AVIF, BMP, TIFF and SVG; ``None`` for anything else."""
    for magic, read in _MAGIC:
        if data.startswith(magic):
            found = read(data)
            if found is not None:
                return found
    if data[4:8] == b"ftyp":
        return _iso_media(data)
    return _svg(data)


def is_drawing(data: bytes) -> bool:
    """Whether it is an SVG, which is a text as well."""
    return _svg(data) is not None


def fits(info: ImageInfo, base64_bytes: int, bounds: Bounds) -> bool:
    """Whether an image can go upstream untouched. One whose size is not known cannot."""
    return (
        info.media_type in ACCEPTED
        and 0 < info.width <= bounds.edge
        and 0 < info.height <= bounds.edge
        and base64_bytes <= bounds.base64_bytes
    )


def refuse_too_many_pixels(info: ImageInfo, path: str) -> None:
    """Raise ``invalid_image`` for an image that would take too much memory to decode."""
    if info.width * info.height > MAX_PIXELS:
        raise Failure(
            "invalid_image",
            f"The image has {info.width} x {info.height} pixels. Send at most"
            f" {MAX_PIXELS // 1_000_000} million.",
            param=path,
        )


def _big(data: bytes, start: int, end: int) -> int:
    return int.from_bytes(data[start:end], "big")


def _little(data: bytes, start: int, end: int) -> int:
    return int.from_bytes(data[start:end], "little")


def _png(data: bytes) -> ImageInfo:
    if data[12:16] != b"IHDR" or len(data) < 24:
        return ImageInfo("image/png", 0, 0)
    return ImageInfo("image/png", _big(data, 16, 20), _big(data, 20, 24))


def _gif(data: bytes) -> ImageInfo:
    if len(data) < 10:
        return ImageInfo("image/gif", 0, 0)
    return ImageInfo("image/gif", _little(data, 6, 8), _little(data, 8, 10))


def _jpeg(data: bytes) -> ImageInfo:
    """Walk the marker segments up to the first frame header (ITU T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a segment
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return ImageInfo("image/jpeg", _big(data, at + 7, at + 9), _big(data, at + 5, at + 7))
        else:
            at += 2 + max(_big(data, at + 2, at + 4), 2)
    return ImageInfo("image/jpeg", 0, 0)


def _webp(data: bytes) -> ImageInfo | None:
    if data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return ImageInfo("image/webp", 1 + _little(data, 24, 27), 1 + _little(data, 27, 30))
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a" and len(data) >= 30:
        return ImageInfo(
            "image/webp", _little(data, 26, 28) & 0x3FFF, _little(data, 28, 30) & 0x3FFF
        )
    if kind == b"VP8L" and data[20:21] == b"\x2f" and len(data) >= 25:
        bits = _little(data, 21, 25)
        return ImageInfo("image/webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    return ImageInfo("image/webp", 0, 0)


def _bmp(data: bytes) -> ImageInfo | None:
    """``BM`` alone could open any text: the second header must have a known size as well."""
    header = _little(data, 14, 18)
    if header == 12:
        return ImageInfo("image/bmp", _little(data, 18, 20), _little(data, 20, 22))
    if header not in (16, 40, 52, 56, 64, 108, 124) or len(data) < 26:
        return None
    height = int.from_bytes(data[22:26], "little", signed=True)  # negative: rows from the top
    return ImageInfo("image/bmp", _little(data, 18, 22), abs(height))


def _tiff(_: bytes) -> ImageInfo:
    return ImageInfo("image/tiff", 0, 0)


_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF = frozenset({b"avif", b"avis"})
_HEIF = frozenset({b"mif1", b"msf1", b"mif2", b"heif"})


def _iso_media(data: bytes) -> ImageInfo | None:
    """The brands of the ``ftyp`` box, the major one and the compatible ones (ISO/IEC 23008-12)."""
    end = min(_big(data, 0, 4), len(data), 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]
    for names, media_type in ((_AVIF, "image/avif"), (_HEIC, "image/heic"), (_HEIF, "image/heif")):
        if any(brand in names for brand in brands):
            width, height = _spatial_extents(data)
            return ImageInfo(media_type, width, height)
    return None


def _spatial_extents(data: bytes) -> tuple[int, int]:
    """The largest ``ispe`` property in the head: tiles and thumbnails are smaller."""
    sizes = [
        (_big(data, at + 8, at + 12), _big(data, at + 12, at + 16))
        for at in (found.start() for found in re.finditer(b"ispe", data))
        if at + 16 <= len(data)
    ]
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


_COMMENTS = rb"(?>(?:<!--(?>(?:[^-]++|-(?!->))*)-->\s*+)*)"
_SVG_HEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]*+>\s*+)?%b(?:<!DOCTYPE\s+svg[^>]*+>\s*+)?%b<svg[\s>]"
    % (_COMMENTS, _COMMENTS)
)
"""Possessive throughout: a head made of comments costs no more than one pass."""


def _svg(data: bytes) -> ImageInfo | None:
    return ImageInfo("image/svg+xml", 0, 0) if _SVG_HEAD.match(data[:HEAD_BYTES]) else None


_MAGIC: tuple[tuple[bytes, Callable[[bytes], ImageInfo | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"RIFF", _webp),
    (b"BM", _bmp),
    (b"II*\x00", _tiff),
    (b"MM\x00*", _tiff),
    (b"II+\x00", _tiff),
    (b"MM\x00+", _tiff),
)

"""Images are known by their bytes, never by their label."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.codec.image import ImageInfo, sniff


def png(width: int, height: int) -> bytes:
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\0" * 9
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + before + frame


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0"


def webp_lossy(width: int, height: int) -> bytes:
    data = b"\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0" + data


def webp_lossless(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    return b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", bits)


def webp_extended(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + size


def bmp(width: int, height: int) -> bytes:
    return b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, width, -height)


def iso(major: bytes, *compatible: bytes, tail: bytes = b"") -> bytes:
    brands = major + b"\0\0\0\0" + b"".join(compatible)
    return struct.pack(">I", len(brands) + 8) + b"ftyp" + brands + tail


ISPE = (
    b"ispe\0\0\0\0"
    + struct.pack(">II", 320, 240)
    + b"..ispe\0\0\0\0"
    + struct.pack(">II", 4032, 3024)
)

CASES = {
    "png": (png(640, 480), ImageInfo("image/png", 640, 480)),
    "png-cut": (png(640, 480)[:12], ImageInfo("image/png", 0, 0)),
    "jpeg": (jpeg(800, 600), ImageInfo("image/jpeg", 800, 600)),
    "jpeg-exif": (
        jpeg(8, 6, b"\xff\xe1\x00\x08Exif\0\0\xff\xff\xfe\0\x04hi"),
        ImageInfo("image/jpeg", 8, 6),
    ),
    "jpeg-fill": (jpeg(8, 6, b"\xff\xff\x01\xff\xd0"), ImageInfo("image/jpeg", 8, 6)),
    "jpeg-cut": (jpeg(800, 600)[:20], ImageInfo("image/jpeg", 0, 0)),
    "gif": (gif(3, 2), ImageInfo("image/gif", 3, 2)),
    "gif-cut": (b"GIF87a\x01", ImageInfo("image/gif", 0, 0)),
    "webp-lossy": (webp_lossy(77, 55), ImageInfo("image/webp", 77, 55)),
    "webp-lossless": (webp_lossless(1200, 900), ImageInfo("image/webp", 1200, 900)),
    "webp-extended": (webp_extended(9000, 100), ImageInfo("image/webp", 9000, 100)),
    "webp-cut": (b"RIFF\0\0\0\0WEBPVP", ImageInfo("image/webp", 0, 0)),
    "heic": (iso(b"heic", b"mif1", tail=ISPE), ImageInfo("image/heic", 4032, 3024)),
    "heic-generic-major": (iso(b"mif1", b"mif1", b"heic"), ImageInfo("image/heic", 0, 0)),
    "heif": (iso(b"mif1", b"mif1"), ImageInfo("image/heif", 0, 0)),
    "avif": (iso(b"avif", b"mif1", b"miaf"), ImageInfo("image/avif", 0, 0)),
    "avif-generic-major": (iso(b"mif1", b"avif"), ImageInfo("image/avif", 0, 0)),
    "bmp-top-down": (bmp(30, 20), ImageInfo("image/bmp", 30, 20)),
    "bmp-core": (b"BM" + b"\0" * 12 + struct.pack("<IHH", 12, 5, 4), ImageInfo("image/bmp", 5, 4)),
    "tiff-little": (b"II*\0\x08\0\0\0", ImageInfo("image/tiff", 0, 0)),
    "tiff-big": (b"MM\0*\0\0\0\x08", ImageInfo("image/tiff", 0, 0)),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', ImageInfo("image/svg+xml", 0, 0)),
    "svg-xml": (
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a -->\n<!DOCTYPE svg PUBLIC "x">\n<svg >',
        ImageInfo("image/svg+xml", 0, 0),
    ),
}

NOT_IMAGES = {
    "empty": b"",
    "text": b"hello there",
    "text-bm": b"BM is a German word for nothing at all, really",
    "html": b"<html><svg></svg></html>",
    "pdf": b"%PDF-1.7",
    "mp4": iso(b"isom", b"mp41"),
    "wav": b"RIFF\0\0\0\0WAVEfmt ",
    "zip": b"PK\x03\x04",
}


@pytest.mark.parametrize(("data", "info"), CASES.values(), ids=CASES)
def test_known_by_its_bytes(data: bytes, info: ImageInfo):
    assert sniff(data) == info


@pytest.mark.parametrize("data", NOT_IMAGES.values(), ids=NOT_IMAGES)
def test_not_an_image(data: bytes):
    assert sniff(data) is None


@given(st.sampled_from([data for data, _ in CASES.values()]), st.data())
def test_any_prefix_and_any_flip_is_survived(data: bytes, draw: st.DataObject):
    cut = draw.draw(st.integers(0, len(data)))
    at = draw.draw(st.integers(0, len(data) - 1))
    broken = bytearray(data)
    broken[at] ^= draw.draw(st.integers(1, 255))
    for candidate in (data[:cut], bytes(broken), bytes(broken)[:cut]):
        found = sniff(candidate)
        assert found is None or (found.width >= 0 and found.height >= 0)

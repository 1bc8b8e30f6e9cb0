"""Real pictures in real formats, and what a converted one is."""

import io
import random
import struct
import zlib
from base64 import b64decode, b64encode
from typing import Any

import pillow_heif
from PIL import Image

from dragoman.hub.media import Bounds
from dragoman.media.converter import Converted, Converter, Job

pillow_heif.register_heif_opener()
BOUNDS = Bounds(8000, 10 << 20, 1568)
RED, BLUE = (250, 10, 10), (10, 10, 250)


def two_halves(width: int = 300, height: int = 200, mode: str = "RGB") -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (0, height // 2, width, height))
    return picture.convert(mode)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def noise(width: int, height: int) -> Image.Image:
    """A picture that hardly shrinks."""
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))


def empty_png(width: int, height: int) -> bytes:
    """A PNG of nothing but black; of any size it is a few hundred kilobytes at most."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    packer = zlib.compressobj(1)
    row = bytes(1 + 4 * width)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


async def convert(converter: Converter, data: bytes, bounds: Bounds = BOUNDS) -> Converted:
    return await converter.convert(Job(memoryview(b64encode(data)), True, bounds))


def opened(encoded: bytes | str) -> Image.Image:
    """The picture of some base64."""
    picture = Image.open(io.BytesIO(b64decode(encoded)))
    picture.load()
    return picture


def near(found: Any, wanted: tuple[int, ...]) -> bool:
    """Lossy formats change a colour a little."""
    return all(abs(one - other) < 16 for one, other in zip(found, wanted, strict=True))

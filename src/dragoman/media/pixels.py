"""The only code that decodes images; a worker's alone.

Photos become JPEG, what is transparent becomes PNG, and of what moves the first picture stays. The
orientation that a camera noted is applied, the colour profile goes along, all other metadata (the
place where a photo was taken) stays behind. The same image gives the same bytes each time, so a
conversation keeps its prompt cache.
"""

import binascii
import contextlib
import struct
import zlib
from io import BytesIO

import pillow_heif  # pyright: ignore[reportMissingTypeStubs]
from PIL import AvifImagePlugin, Image, TiffImagePlugin, WebPImagePlugin
from PIL.Image import Resampling, Transpose

from dragoman.codec.image import MAX_PIXELS
from dragoman.hub.media import Bounds
from dragoman.media.frames import MEDIA_TYPES, Status

FORMATS = (
    "PNG",
    "JPEG",
    "GIF",
    "BMP",
    "HEIF",
    str(WebPImagePlugin.WebPImageFile.format),
    str(TiffImagePlugin.TiffImageFile.format),
    str(AvifImagePlugin.AvifImageFile.format),
)
"""The decoders that are let near the data, of the dozens that Pillow has."""
ANOTHER_TRY = 0.75
"""An image that is still too many bytes gets its edges multiplied by this."""
SMALLEST_EDGE = 64

OPAQUE = 255

_ORIENTATION = 0x0112
_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""EXIF's orientation → what brings the image upright."""
_KINDS = {"PNG": 0, "JPEG": 1, "MPO": 1, "GIF": 2, "WEBP": 3}
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What decoders raise for broken data; anything else ends the worker."""

Result = tuple[Status, int, bytes]
"""Status, index into MEDIA_TYPES, base64."""


def prepare() -> None:
    """Make the decoders known, one thread each, and leave the count of pixels to us."""
    Image.preinit()
    pillow_heif.register_heif_opener(  # pyright: ignore[reportUnknownMemberType]
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None


def fit(data: bytes, bounds: Bounds) -> Result:
    """Bring an image within its bounds; raises nothing but what ends a worker."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            return _fit(image, len(data), bounds)
    except MemoryError:
        return Status.TOO_LARGE, 0, b""
    except _BROKEN:
        return Status.BROKEN, 0, b""


def _fit(image: Image.Image, size: int, bounds: Bounds) -> Result:
    width, height = image.size
    if width * height > MAX_PIXELS:
        return Status.TOO_LARGE, 0, b""
    kind = _KINDS.get(image.format or "")
    base64_bytes = (size + 2) // 3 * 4
    if kind is not None and max(width, height) <= bounds.edge:
        if base64_bytes <= bounds.base64_bytes:
            image.load()
            return Status.KEPT, kind, b""
    edge = bounds.scale_to
    lossless = image.format not in ("JPEG", "MPO", "HEIF", "AVIF", "WEBP")
    pixels = _upright(image, edge)
    while True:
        kind, encoded = _encoded(pixels, lossless=lossless)
        if len(encoded) <= bounds.base64_bytes or max(pixels.size) <= SMALLEST_EDGE:
            return Status.CONVERTED, kind, encoded
        edge = int(max(pixels.size) * ANOTHER_TRY)
        pixels.thumbnail((edge, edge), Resampling.LANCZOS)


def _upright(image: Image.Image, edge: int) -> Image.Image:
    """RGB, RGBA or L, no larger than ``edge``, the right way up."""
    image.draft(None, (edge, edge))  # a JPEG is then decoded at a fraction of its size
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
    image.load()
    turn = None
    with contextlib.suppress(*_BROKEN):  # what the camera noted may be broken, the picture is not
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    plain = _plain(image)
    plain.thumbnail((edge, edge), Resampling.LANCZOS, reducing_gap=3.0)
    if turn is not None:
        plain = plain.transpose(turn)
    plain.info = {} if profile is None else {"icc_profile": profile}
    return plain


def _plain(image: Image.Image) -> Image.Image:
    mode = image.mode
    if mode.startswith(("I", "F")):
        image = _eight_bits(image)
    elif mode != "RGBA" and image.has_transparency_data:
        image = image.convert("RGBA")
    elif mode == "1":
        image = image.convert("L")
    elif mode not in ("RGB", "RGBA", "L"):
        image = image.convert("RGB")
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[0] == OPAQUE:
        image = image.convert("RGB")
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or of floating point: its range becomes that of a byte."""
    wide = image.mode.startswith("I;16")
    image = image.convert("I").convert("F") if image.mode != "F" else image
    low, high = (0.0, 65535.0) if wide else _range(image)
    scale = 255.0 / max(high - low, 1e-9)
    shift = -low * scale
    # Of a picture of floats, ``point`` takes the factors of a line and nothing else.
    image = image.point(lambda value: value * scale + shift)  # pyright: ignore[reportUnknownMemberType]
    return image.convert("L")


def _range(image: Image.Image) -> tuple[float, float]:
    low, high = image.getextrema()
    if isinstance(low, tuple) or isinstance(high, tuple):  # more than one channel
        return 0.0, float(OPAQUE)
    return float(low), float(high)


def _encoded(image: Image.Image, *, lossless: bool) -> tuple[int, bytes]:
    """Index of the kind, and base64."""
    out = BytesIO()
    profile = image.info.get("icc_profile")
    media_type = "image/png" if image.mode == "RGBA" else "image/jpeg"
    if image.mode == "RGBA":
        image.save(out, "PNG", icc_profile=profile)
    else:
        # Screenshots keep their colours at full resolution.
        image.save(out, "JPEG", quality=90, subsampling=0 if lossless else 2, icc_profile=profile)
    return MEDIA_TYPES.index(media_type), binascii.b2a_base64(out.getbuffer(), newline=False)

"""What becomes of pictures; here the code of a worker runs in the test's own process."""

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from dragoman.codec.image import ACCEPTED, CONVERTED, sniff
from dragoman.hub.media import Bounds
from dragoman.media import pixels
from dragoman.media.frames import MEDIA_TYPES, Status
from tests.media.pictures import (
    BLUE,
    BOUNDS,
    RED,
    empty_png,
    near,
    noise,
    opened,
    saved,
    two_halves,
)

pixels.prepare()
pytestmark = pytest.mark.filterwarnings("ignore")  # nobody reads what a worker is warned of

FOREIGN = {
    "heic": ("HEIF", {}, "image/heic"),
    "avif": ("AVIF", {}, "image/avif"),
    "tiff": ("TIFF", {}, "image/tiff"),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}, "image/tiff"),
    "tiff-jpeg": ("TIFF", {"compression": "jpeg"}, "image/tiff"),
    "bmp": ("BMP", {}, "image/bmp"),
}


def converted(data: bytes, bounds: Bounds = BOUNDS) -> tuple[str, Image.Image]:
    status, kind, encoded = pixels.fit(data, bounds)
    assert status == Status.CONVERTED
    found = opened(encoded)
    assert found.get_format_mimetype() == MEDIA_TYPES[kind]
    return MEDIA_TYPES[kind], found


@pytest.mark.parametrize(("kind", "options", "known_as"), FOREIGN.values(), ids=FOREIGN)
def test_other_formats_become_jpeg(kind: str, options: dict[str, Any], known_as: str):
    data = saved(two_halves(), kind, **options)
    info = sniff(data)
    assert info is not None
    assert info.media_type == known_as
    assert known_as in CONVERTED
    media_type, found = converted(data)
    assert (media_type, found.size) == ("image/jpeg", (300, 200))
    assert near(found.getpixel((150, 20)), RED)
    assert near(found.getpixel((150, 180)), BLUE)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "PNG", "WEBP"])
def test_what_is_transparent_becomes_png(kind: str):
    picture = two_halves(mode="RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 0))
    data = saved(picture, kind)
    media_type, found = converted(data, Bounds(100, 10 << 20, 100))
    assert (media_type, found.mode, found.size) == ("image/png", "RGBA", (100, 67))


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF"])
def test_a_channel_that_hides_nothing_is_no_transparency(kind: str):
    assert converted(saved(two_halves(mode="RGBA"), kind))[0] == "image/jpeg"


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "LA", "PA", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"]
)
def test_every_mode_that_a_tiff_has(mode: str):
    if mode == "I;16":
        picture = Image.new(mode, (300, 200), 40000)
    elif mode in ("I", "F"):
        picture = two_halves(mode="L").convert(mode)
    elif mode == "PA":
        picture = two_halves(mode="P").convert(mode)
    else:
        picture = two_halves(mode="RGBA").convert(mode)
    media_type, found = converted(saved(picture, "TIFF"))
    assert media_type == "image/jpeg"
    assert found.size == (300, 200)
    if mode == "I;16":
        assert abs(found.getpixel((5, 5)) - 40000 / 257) < 3  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_what_fits_is_left_alone(kind: str):
    data = saved(two_halves(), kind)
    status, index, encoded = pixels.fit(data, BOUNDS)
    assert (status, encoded) == (Status.KEPT, b"")
    info = sniff(data)
    assert info is not None
    assert MEDIA_TYPES[index] == info.media_type


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "HEIF", "BMP"])
def test_too_large_is_scaled_down(kind: str):
    data = saved(two_halves(2400, 1200), kind)
    _, found = converted(data, Bounds(2000, 10 << 20, 1568))
    assert found.size == (1568, 784)
    assert near(found.getpixel((700, 20)), RED)
    assert near(found.getpixel((700, 760)), BLUE)


def test_a_strip_keeps_a_pixel():
    _, found = converted(saved(two_halves(9000, 2), "PNG"))
    assert found.size == (1568, 1)


def test_too_many_bytes_are_brought_under_the_limit():
    data = saved(noise(1000, 1000), "PNG")
    bounds = Bounds(8000, 400_000, 1568)
    status, _, encoded = pixels.fit(data, bounds)
    assert status == Status.CONVERTED
    assert len(encoded) <= 400_000
    assert max(opened(encoded).size) > 400


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "HEIF", "AVIF", "PNG"])
def test_upright_as_the_camera_noted(kind: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = two_halves(400, 200)
    if kind == "HEIF":  # which says it in a property of its own, and its EXIF is not to be believed
        picture.info["exif"] = exif.tobytes()
        data = saved(picture, kind)
    else:
        data = saved(picture, kind, exif=exif)
    _, found = converted(data, Bounds(100, 10 << 20, 100))
    upright = orientation < 5
    assert found.size == ((100, 50) if upright else (50, 100))
    width, height = found.size
    places = {
        1: (width // 2, 4), 2: (width // 2, 4),
        3: (width // 2, height - 5), 4: (width // 2, height - 5),
        5: (4, height // 2), 8: (4, height // 2),
        6: (width - 5, height // 2), 7: (width - 5, height // 2),
    }  # fmt: skip
    assert near(found.getpixel(places[orientation]), RED)


def test_broken_metadata_is_no_broken_picture():
    data = saved(two_halves(400, 200), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    _, found = converted(data, Bounds(100, 10 << 20, 100))
    assert found.size == (100, 50)


def test_metadata_stays_behind_and_the_profile_goes_along():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    data = saved(two_halves(), "HEIF", exif=exif, icc_profile=profile)
    _, found = converted(data)
    assert found.info["icc_profile"] == profile
    assert not dict(found.getexif())
    assert b"taken at home" not in pixels.fit(data, BOUNDS)[2]


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG", "AVIF"])
def test_of_what_moves_the_first_picture_stays(kind: str):
    first, second = Image.new("RGB", (300, 300), RED), Image.new("RGB", (300, 300), BLUE)
    data = saved(first, kind, save_all=True, append_images=[second])
    _, found = converted(data, Bounds(200, 10 << 20, 200))
    assert found.size == (200, 200)
    assert near(found.convert("RGB").getpixel((100, 100)), RED)
    if kind == "GIF":
        assert pixels.fit(data, BOUNDS)[0] == Status.KEPT


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF"])
def test_half_a_picture_is_broken(kind: str):
    data = saved(noise(400, 400), kind)
    for cut in (len(data) // 2, 60):
        status, _, encoded = pixels.fit(data[:cut], Bounds(100, 10 << 20, 100))
        assert (status, encoded) == (Status.BROKEN, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
        b"P6 1 1 255 abc",
    ],
    ids=["nothing", "a-head", "postscript", "ppm"],
)
def test_other_decoders_are_not_let_near(data: bytes):
    assert pixels.fit(data, BOUNDS)[0] == Status.BROKEN


def test_too_many_pixels_are_refused_before_decoding():
    assert pixels.fit(empty_png(10_100, 10_000), BOUNDS)[0] == Status.TOO_LARGE


def test_the_same_picture_gives_the_same_bytes():
    for kind in ("HEIF", "AVIF", "TIFF"):
        data = saved(noise(64, 64), kind)
        assert pixels.fit(data, BOUNDS) == pixels.fit(data, BOUNDS)


SEEDS = [
    saved(noise(24, 16), kind) for kind in ("HEIF", "AVIF", "TIFF", "BMP", "PNG", "GIF", "WEBP")
]


@given(st.sampled_from(SEEDS), st.data())
@settings(max_examples=150, deadline=None)
def test_broken_bytes_give_an_image_or_a_refusal(data: bytes, draw: st.DataObject):
    broken = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        broken[draw.draw(st.integers(0, len(broken) - 1))] = draw.draw(st.integers(0, 255))
    bounds = Bounds(draw.draw(st.sampled_from([8, 8000])), 10 << 20, 8)
    status, kind, encoded = pixels.fit(bytes(broken), bounds)
    if status == Status.CONVERTED:
        assert opened(encoded).size <= (8, 8)
        assert MEDIA_TYPES[kind] in ACCEPTED
    else:
        assert encoded == b""


def test_the_bounds_count_base64():
    data = saved(noise(100, 100), "PNG")
    exact = len(b64encode(data))
    assert pixels.fit(data, Bounds(8000, exact, 1568))[0] == Status.KEPT
    assert pixels.fit(data, Bounds(8000, exact - 1, 1568))[0] == Status.CONVERTED

"""Which pictures a request leaves to be fetched or converted, told from their heads alone."""

import json
import struct
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec.image import MAX_PIXELS
from dragoman.dialects import chat
from dragoman.dialects.chat import dataurl
from dragoman.errors import Failure
from tests.codec.test_image import bmp, gif, jpeg, png, webp_extended

CATALOGUE = Catalogue()
MODEL = "claude-haiku-4-5-20251001"


def parse(*urls: str, model: str = MODEL) -> chat.Parsed:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": parts}]}
    return chat.parse(json.dumps(body).encode(), CATALOGUE, strict=False)


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + b64encode(data).decode()


def places(parsed: chat.Parsed) -> list[int]:
    """Positions of the pending parts."""
    return [int(one.path.split("content[")[1].split("]")[0]) for one in parsed.media]


edges = st.integers(1, 9000) | st.sampled_from([1999, 2000, 2001, 7999, 8000, 8001])
heads = st.sampled_from([png, jpeg, gif, webp_extended, bmp])


@given(st.lists(st.tuples(heads, edges, edges), min_size=1, max_size=24))
def test_what_is_within_the_limits_stays(pictures: list[tuple[Any, int, int]]):
    most = 8000 if len(pictures) <= 20 else 2000
    wanted = [
        at
        for at, (head, width, height) in enumerate(pictures)
        if head is bmp or max(width, height) > most
    ]
    parsed = parse(*[data_url(head(width, height)) for head, width, height in pictures])
    assert places(parsed) == wanted
    assert {one.bounds.edge for one in parsed.media} <= {most}
    for one in parsed.media:
        assert one.bounds.scale_to <= most
        content = parsed.request.messages[0].content
        assert any(one.block is block for block in content)


@given(st.integers(1, 65_535), st.integers(1, 65_535))
def test_too_many_pixels_are_named(width: int, height: int):
    try:
        parse(data_url(png(width, height)))
    except Failure as failure:
        assert width * height > MAX_PIXELS
        assert failure.kind == "invalid_image"
        assert failure.param == "messages[0].content[0].image_url.url"
    else:
        assert width * height <= MAX_PIXELS


@pytest.mark.parametrize("metadata", [0, 3, 17])
def test_a_photo_with_long_metadata_is_measured(metadata: int):
    segment = b"\xff\xe1" + struct.pack(">H", 60_002) + bytes(60_000)
    assert places(parse(data_url(jpeg(800, 600, segment * metadata)))) == []
    assert places(parse(data_url(jpeg(9000, 600, segment * metadata)))) == [0]


def test_what_cannot_be_measured_is_looked_at():
    segment = b"\xff\xe1" + struct.pack(">H", 60_002) + bytes(60_000)
    assert places(parse(data_url(jpeg(800, 600, segment * 20)))) == [0]
    assert places(parse(data_url(png(800, 600)[:20]))) == [0]


def test_bytes_have_a_limit():
    fits = png(80, 60) + bytes(10 * 1024 * 1024 // 4 * 3 - len(png(80, 60)))
    assert places(parse(data_url(fits))) == []
    assert places(parse(data_url(fits + b"\0"))) == [0]


@pytest.mark.parametrize(("model", "most"), [(MODEL, 100), ("claude-opus-4-6", 600)])
def test_the_row_says_how_many_images_there_may_be(model: str, most: int):
    url = "https://example.com/a.png"
    assert parse(*[url] * most, model=model).media == []
    with pytest.raises(Failure) as refused:
        parse(*[url] * (most + 1), model=model)
    assert refused.value.param == f"messages[0].content[{most}].image_url.url"


def test_a_request_without_pictures_has_nothing_pending():
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "top_p": 0.5}
    assert not chat.parse(json.dumps(body).encode(), CATALOGUE, strict=False).media


@given(st.binary(min_size=1, max_size=300), st.integers(1, 200))
def test_a_head_is_the_beginning(data: bytes, size: int):
    quoted = b'"%b"' % b64encode(data)
    found = dataurl.head(quoted, size)
    assert data.startswith(found)
    assert len(found) >= min(size, len(data))


@given(st.binary(min_size=1, max_size=300), st.data())
def test_mended_base64_is_the_same_data(data: bytes, draw: st.DataObject):
    text = b64encode(data)
    if draw.draw(st.booleans()):
        text = text.translate(bytes.maketrans(b"+/", b"-_"))
    if draw.draw(st.booleans()):
        text = text.rstrip(b"=")
    at = draw.draw(st.integers(0, len(text)))
    text = text[:at] + draw.draw(st.sampled_from([b"", b"\n", b"\r\n", b" "])) + text[at:]
    assert dataurl.mended(text, "x") == b'"%b"' % b64encode(data)

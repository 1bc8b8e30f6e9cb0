"""JSON: one error type, literals that are joined and nested without being decoded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct

from dragoman.codec import jsonio

any_text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
    max_leaves=20,
)


class Point(Struct):
    x: int
    tags: list[str] = []


points = jsonio.Decoder(Point)


@pytest.mark.parametrize(
    ("data", "path", "reason"),
    [
        (b'{"x":"1"}', "x", "Expected `int`, got `str`"),
        (b'{"x":1,"tags":["a",2]}', "tags[1]", "Expected `str`, got `int`"),
        (b"[]", "", "Expected `object`, got `array`"),
        (b"{}", "", "Object missing required field `x`"),
    ],
)
def test_a_wrong_shape_has_a_path(data: bytes, path: str, reason: str):
    with pytest.raises(jsonio.Mismatch) as caught:
        points.decode(data)
    assert (caught.value.path, caught.value.reason) == (path, reason)


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"x":1}}', b'{"x":01}', b'"\xff"', b'"\\ud800"', b"[" * 100_000, b"NaN"]
)
def test_what_is_not_json_is_malformed(data: bytes):
    with pytest.raises(jsonio.Malformed):
        jsonio.decode(data)


@given(values)
def test_values_come_back(value: object):
    data = jsonio.encode(value)
    assert jsonio.decode(data) == value == json.loads(data)
    assert bytes(jsonio.raw(data)) == data


@given(values)
def test_compact_only_takes_white_space_away(value: object):
    spaced = json.dumps(value, indent=3, ensure_ascii=True).encode()
    tight = json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()
    assert jsonio.compact(spaced) == tight


@given(values)
def test_a_nested_value_is_a_string_that_holds_it(value: object):
    assert jsonio.decode(jsonio.decode(jsonio.nested(jsonio.encode(value))).encode()) == value


@given(st.lists(any_text, min_size=1))
def test_literals_join_like_the_texts_they_stand_for(texts: list[str]):
    literals = [bytes(jsonio.quote(text)) for text in texts]
    assert jsonio.unquote(jsonio.join(literals)) == "".join(texts)


@given(st.text(st.characters()), st.booleans())
def test_half_pairs_become_replacement_characters(text: str, escaped: bool):
    """Python's own JSON writes lone surrogates as escapes, and so do servers in JavaScript."""
    literal = json.dumps(text).encode() if escaped else None
    if literal is None:
        literal = json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).encode()
    joined = json.loads(literal).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert jsonio.text_of(literal) == joined


def test_half_a_pair():
    assert jsonio.text_of(rb'"a\ud83d\u0041\ude00\\ud83d\ud83d\ude00"') == "a\ufffdA\ufffd\\ud83d😀"


def test_a_text_that_is_no_string_is_a_mismatch():
    with pytest.raises(jsonio.Mismatch):
        jsonio.text_of(b"5")


@given(st.binary(), st.integers(0, 3))
def test_utf8_is_what_python_says_it_is(data: bytes, repeat: int):
    data = data + b"x" * (repeat * 70_000) + data
    try:
        data.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert jsonio.is_utf8(data) is valid


@given(any_text, st.integers(65_520, 65_550))
def test_utf8_is_seen_across_any_boundary(text: str, before: int):
    data = b"x" * before + text.encode() + "é世😀".encode()
    assert jsonio.is_utf8(data)
    assert not jsonio.is_utf8(data[:-1])
    assert not jsonio.is_utf8(data + b"\x80" * 70_000)


@pytest.mark.parametrize(
    ("data", "limit", "deep"),
    [
        (b"[[1]]", 2, False),
        (b"[[[1]]]", 2, True),
        (b"[[],[],[],{}]", 2, False),
        (b'{"a":{"b":[1]}}', 2, True),
        (b'"[[[[[["', 2, False),
        (b'["[[[[[["]', 2, False),
        (b"5", 0, False),
    ],
)
def test_depth(data: bytes, limit: int, deep: bool):
    assert jsonio.too_deep(Raw(data), limit) is deep


def test_a_number_beyond_any_float_is_malformed():
    with pytest.raises(jsonio.Malformed, match="out of range"):
        jsonio.decode(b'{"a":1e400}')

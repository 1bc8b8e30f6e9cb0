"""Whatever arrives, :func:`parse` answers with a request or with a Failure that names the place."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.dialects.chat.forcing import LOST_THINKING
from dragoman.errors import Failure
from tests.dialects.generated import small_values

CATALOGUE = Catalogue()
GOLDEN = Path(__file__).parents[1] / "golden" / "chat-anthropic"
BODIES = [
    (path.parent.name, jsonio.compact(path.read_bytes()))
    for path in sorted(GOLDEN.glob("*/request.json"))
]
bodies = st.sampled_from([body for _, body in BODIES])
PARAM = re.compile(r"[A-Za-z_.\[\]0-9]+")


def outcome(body: bytes, *, strict: bool = False) -> bytes | Failure:
    try:
        parsed = chat.parse(body, CATALOGUE, strict=strict)
    except Failure as failure:
        assert jsonio.decode(chat.error_body(failure))["error"]["message"]
        assert 400 <= failure.status < 500
        return failure
    sent = anthropic.prepare(parsed.request)
    jsonio.decode(sent)
    return sent


@given(bodies, st.data())
@settings(max_examples=300)
def test_broken_bytes(body: bytes, draw: st.DataObject):
    broken = bytearray(body)
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(0, len(broken) - 1))
        piece = draw.draw(
            st.binary(max_size=4) | st.sampled_from([b"null", b'"', b"[", b"}", b"\\u"])
        )
        broken[at : at + draw.draw(st.integers(0, 4))] = piece
        broken = broken or bytearray(b" ")
    outcome(bytes(broken), strict=draw.draw(st.booleans()))


@given(st.binary(max_size=60))
def test_any_bytes(body: bytes):
    assert isinstance(outcome(body), Failure)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a value."""
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(found for key, part in inner for found in places(part, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


@given(bodies, small_values | st.just([[[]]]) | st.just({"type": "text"}), st.data())
@settings(max_examples=400)
def test_any_value_in_any_place(body: bytes, new: Any, draw: st.DataObject):
    value = jsonio.decode(body)
    path = draw.draw(st.sampled_from(places(value)))
    found = outcome(jsonio.encode(put(value, path, new)))
    if isinstance(found, Failure) and found.param is not None:
        assert PARAM.fullmatch(found.param)


@given(bodies, st.data())
def test_null_is_absent(body: bytes, draw: st.DataObject):
    """A field that is null says what a field that is missing says."""
    value = jsonio.decode(body)
    known = [name for name in ("temperature", "tools", "stop", "user") if name not in value]
    name = draw.draw(st.sampled_from(known)) if known else "seed"
    with_null = outcome(jsonio.encode({**value, name: None}))
    value.pop(name, None)
    without = outcome(jsonio.encode(value))
    if isinstance(without, Failure):
        assert isinstance(with_null, Failure)
        assert (with_null.message, with_null.param) == (without.message, without.param)
    else:
        assert with_null == without


@pytest.mark.parametrize("body", [body for _, body in BODIES], ids=[name for name, _ in BODIES])
def test_the_same_body_gives_the_same_bytes(body: bytes):
    first, second = outcome(body), outcome(body)
    if isinstance(first, bytes):
        assert first == second


@pytest.mark.parametrize("body", [body for _, body in BODIES], ids=[name for name, _ in BODIES])
def test_white_space_and_order_of_fields_change_nothing(body: bytes):
    value = jsonio.decode(body)
    shuffled = jsonio.encode(dict(reversed(value.items())))
    spaced = jsonio.encode(value).replace(b'","', b'" ,\n\t"')
    first = outcome(body)
    for other in (outcome(shuffled), outcome(spaced)):
        if isinstance(first, bytes):
            assert isinstance(other, bytes)
            assert jsonio.compact(other) == jsonio.compact(first)
        else:
            assert isinstance(other, Failure)


nesting = st.integers(1, 200)


@given(nesting, st.sampled_from([b"[", b'{"a":']))
@example(1_000_000, b"[")
def test_depth_is_refused_in_any_place(depth: int, opening: bytes):
    closing = b"]" if opening == b"[" else b"}"
    deep = opening * depth + b"1" + closing * depth
    message = b'{"role":"user","content":"x"}'
    tool = b'{"type":"function","function":{"name":"f","parameters":{"type":"object","x":%b}}}'
    for body in (
        b'{"model":"claude-haiku-4-5","messages":[%b],"unknown":%b}' % (message, deep),
        b'{"model":"claude-haiku-4-5","messages":[%b],"tools":[%b]}' % (message, tool % deep),
    ):
        assert isinstance(outcome(body), Failure) is (depth > 60) or depth in range(58, 64)


def test_strict_mode_refuses_each_warning():
    """What is a warning is a 400 in strict mode, and only that.

    But for thinking that is gone: a client could do nothing about it.
    """
    for _, body in BODIES:
        try:
            warnings = chat.parse(body, CATALOGUE, strict=False).warnings
            warned = any(reason != LOST_THINKING for _, reason in warnings)
        except Failure:
            continue
        refused = isinstance(outcome(body, strict=True), Failure)
        assert refused is warned

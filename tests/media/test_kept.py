"""Converted pictures are kept within a bound, the ones used last the longest."""

from hypothesis import given
from hypothesis import strategies as st

from dragoman.media.converter import Converted
from dragoman.media.media import Kept, Key
from tests.media.pictures import BOUNDS


def key(number: int) -> Key:
    return Key(bytes([number]) * 32, True, BOUNDS)


def picture(number: int, size: int) -> Converted:
    return Converted("image/jpeg", bytes([number]) * size)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3000)), max_size=60))
def test_bounded_and_never_another_picture(steps: list[tuple[int, int]]):
    kept = Kept(8000)
    for number, size in steps:
        found = kept.get(key(number))
        assert found is None or set(found.base64) <= {number}
        kept.put(key(number), picture(number, size))
        held = sum(len(one.base64) + 200 for one in kept._found.values())
        assert held == kept._bytes <= 8000


def test_what_was_used_last_stays():
    kept = Kept(4000)
    for number in range(4):
        kept.put(key(number), picture(number, 700))
    assert kept.get(key(0))
    kept.put(key(9), picture(9, 700))
    assert kept.get(key(0))
    assert kept.get(key(1)) is None


def test_other_bounds_are_another_picture():
    kept = Kept(4000)
    kept.put(key(1), picture(1, 10))
    assert kept.get(key(1)._replace(bounds=BOUNDS._replace(scale_to=100))) is None
    assert kept.get(key(1)._replace(is_base64=False)) is None

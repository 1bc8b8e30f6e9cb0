"""Members of an object changed: the same object, however it is laid out."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dragoman.codec import splice

NAMES = st.sampled_from(["model", "messages", 'a "b"', "größe", "x", "y"])
VALUES = st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=5), st.just({"model": [1]}))
OPENINGS = st.sampled_from([b"", b'"version":"v1"'])


@given(
    st.dictionaries(NAMES, VALUES, max_size=5),
    st.dictionaries(NAMES, st.sampled_from([None, b"7", b'{"k":[]}']), max_size=3),
    OPENINGS,
)
def test_compact_and_spaced_objects_are_edited_alike(
    members: dict[str, Any], changes: dict[str, bytes | None], opening: bytes
) -> None:
    changes = {name: value for name, value in changes.items() if name in members}
    expected: dict[str, Any] = {"version": "v1"} if opening else {}
    for name, value in members.items():
        if name not in changes:
            expected[name] = value
        elif (changed := changes[name]) is not None:
            expected[name] = json.loads(changed)
    for layout in ({"separators": (",", ":"), "ensure_ascii": False}, {}, {"indent": 1}):
        body = json.dumps(members, **layout).encode()
        found = splice.edited(body, splice.members(body), opening, changes)
        assert list(json.loads(found).items()) == list(expected.items())
        if "separators" in layout:
            compact = json.dumps(expected, **layout).encode()
            assert found == compact


def test_other_bytes_stay() -> None:
    body = b'{"a":1.50,"b":{ "c" : "\\u0041" },"d":[ ]}'
    found = splice.edited(body, splice.members(body), b'"v":0', {"a": b"2", "d": None})
    assert found == b'{"v":0,"a":2,"b":{ "c" : "\\u0041" }}'

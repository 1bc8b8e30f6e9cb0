"""Tool names: one to one, accepted upstream, the same for the same tools."""

import re

from hypothesis import given
from hypothesis import strategies as st

from dragoman.dialects.chat.names import Names

names = st.text(st.sampled_from(list("ab_-./ é")), min_size=1, max_size=4) | st.text(
    min_size=60, max_size=70
)


@given(st.lists(names, unique=True, max_size=8), st.lists(names, max_size=4))
def test_names_are_one_to_one(declared: list[str], called: list[str]):
    found = Names(declared)
    upstream = {name: found.upstream(name) for name in [*declared, *called]}
    assert len(set(upstream.values())) == len(upstream) == len(found)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in upstream.values())
    back = found.reverse()
    assert all(back.get(ours, ours) == theirs for theirs, ours in upstream.items())
    again = Names(declared)
    assert {name: again.upstream(name) for name in [*declared, *called]} == upstream


@given(st.lists(names, unique=True, max_size=8))
def test_a_name_that_fits_stays(declared: list[str]):
    found = Names(declared)
    for name in declared:
        if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            assert found.upstream(name) == name

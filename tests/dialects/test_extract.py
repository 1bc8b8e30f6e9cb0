"""The first JSON object of a text, whatever stands around it and however it arrives."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from dragoman.dialects.chat.extract import Extractor
from tests.dialects.generated import arguments

around = st.text(st.sampled_from(list("abc \n`'\"]}")), max_size=12)


def extract(text: str) -> str:
    extractor = Extractor()
    return extractor.feed(text) + extractor.close()


@given(arguments, around, st.text(max_size=12), st.booleans())
def test_the_object_comes_out(value: dict[str, object], before: str, after: str, spaced: bool):
    inner = json.dumps(value, indent=2 if spaced else None, ensure_ascii=False)
    assert extract(before + inner + after) == inner


@given(st.text(st.sampled_from(list('ab{}[]"\\ \n')), max_size=40), st.lists(st.integers(0, 40)))
def test_any_split_gives_the_same(text: str, cuts: list[int]):
    at = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    extractor = Extractor()
    pieces = [extractor.feed(text[a:b]) for a, b in itertools.pairwise(at)]
    assert "".join(pieces) + extractor.close() == extract(text)


@given(st.text(st.sampled_from(list('ab[]"\\ \n')), max_size=40))
def test_a_text_without_an_object_stays_whole(text: str):
    assert extract(text) == text


def test_an_object_that_is_cut_off_comes_out_as_far_as_it_came():
    assert extract('Sure: {"a": [1, "}') == '{"a": [1, "}'


def test_a_brace_in_a_sentence_begins_no_object():
    assert extract('Dear {name}, { "a": {}} it is.') == '{ "a": {}}'
    assert extract("Only {name} and { ") == "Only {name} and { "

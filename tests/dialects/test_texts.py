"""Texts that are never decoded: what is blank, what is a string, what ends with white space."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.dialects.chat import texts
from dragoman.errors import Failure

SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
mostly_space = st.text(st.sampled_from(SPACES + '\u200b\u180e\u2060xé\\"0'), max_size=5)


@given(mostly_space, st.booleans())
def test_blank_is_what_python_calls_space(text: str, escaped: bool):
    literal = Raw(json.dumps(text, ensure_ascii=escaped).encode())
    assert texts.is_blank(literal) is (not text.strip())
    assert texts.kind(literal) == (texts.BLANK if not text.strip() else texts.TEXT)


def test_every_space_escaped_in_every_way():
    upper = "".join(f"\\u{ord(space):04X}" for space in SPACES)
    assert texts.is_blank(Raw(f'"{upper}"'.encode()))
    assert texts.is_blank(Raw(f'"{upper.lower()}"'.replace("\\U", "\\u").encode()))
    assert texts.is_blank(Raw(b'"\\t\\n\\r\\f  "'))
    assert not texts.is_blank(Raw(b'"\\b"'))
    assert not texts.is_blank(Raw(b'"\\/"'))


@pytest.mark.parametrize("data", [b"null", b"5", b"{}", b"true"])
def test_other_values_are_of_no_kind(data: bytes):
    assert texts.kind(Raw(data)) is None


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"null", "null"),
        (b"5", "a number"),
        (b"-1", "a number"),
        (b"{}", "an object"),
        (b"[]", "an array"),
        (b"true", "a boolean"),
        (b"false", "a boolean"),
    ],
)
def test_a_wrong_type_is_named(data: bytes, got: str):
    with pytest.raises(Failure) as caught:
        texts.checked(Raw(data), "messages[0].content")
    assert caught.value.message == (
        f"Invalid type for 'messages[0].content': expected a string, but got {got} instead."
    )
    assert caught.value.param == "messages[0].content"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_reminder_holds_the_text(text: str):
    wrapped = jsonio.unquote(texts.reminder(jsonio.quote(text)))
    assert wrapped == f"<system-reminder>\n{text}\n</system-reminder>"


@given(mostly_space)
def test_a_prefill_ends_without_space(text: str):
    assert jsonio.unquote(texts.without_trailing_space(jsonio.quote(text))) == text.rstrip()

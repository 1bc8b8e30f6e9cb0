"""``${NAME}`` in texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.config.interpolate import expand

ENVIRON = {"NAME": "value", "EMPTY": "", "TRICKY": "${NAME} $$ }", "_x9": "y"}


@pytest.mark.parametrize(
    ("text", "expected", "replaced"),
    [
        ("plain", "plain", False),
        ("${NAME}", "value", True),
        ("a${NAME}b${NAME}c", "avaluebvaluec", True),
        ("${_x9}", "y", True),
        ("${NAME:-default}", "value", True),
        ("${MISSING:-default}", "default", True),
        ("${MISSING:-}", "", True),
        ("${EMPTY:-default}", "default", True),
        ("${EMPTY}", "", True),
        ("${MISSING:-a b:c/$d}", "a b:c/$d", True),
        ("${MISSING:-$$d}", "$d", True),
        ("${MISSING:-two\nlines}", "two\nlines", True),
        ("${TRICKY}", "${NAME} $$ }", True),
        ("pa$word", "pa$word", False),
        ("$NAME", "$NAME", False),
        ("ends in $", "ends in $", False),
        ("$$", "$", False),
        ("$${NAME}", "${NAME}", False),
        ("$$$${NAME}", "$${NAME}", False),
        ("$$${NAME}", "$value", True),
    ],
)
def test_expand(text: str, expected: str, replaced: bool) -> None:
    assert expand(text, ENVIRON) == (expected, replaced, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${MISSING}", "the environment variable MISSING is not set"),
        ("${}", "${} is not ${NAME}"),
        ("${1X}", "${1X} is not ${NAME}"),
        ("${A-B}", "${A-B} is not ${NAME}"),
        ("${NAME:default}", "${NAME:default} is not ${NAME}"),
        ("${NAME", "${NAME is not ${NAME}"),
        ("${", "${ is not ${NAME}"),
    ],
)
def test_what_cannot_be_replaced_is_named(text: str, problem: str) -> None:
    (found,) = expand(text, ENVIRON).problems
    assert found.startswith(problem)


def test_all_problems_of_a_text_are_named() -> None:
    assert len(expand("${A}${B}${", {}).problems) == 3


@given(
    st.text(alphabet=st.sampled_from("$${}:-AB \n")),
    st.dictionaries(st.sampled_from("AB"), st.text()),
)
def test_any_text_is_replaced_or_refused(text: str, environ: dict[str, str]) -> None:
    expanded = expand(text, environ)
    if "$" not in text:
        assert expanded == (text, False, [])


@given(st.text())
def test_doubling_every_dollar_keeps_a_text(text: str) -> None:
    assert expand(text.replace("$", "$$"), {}) == (text, False, [])

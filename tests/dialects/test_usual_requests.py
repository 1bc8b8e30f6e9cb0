"""The short way of reading a request reads what the long way does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects.chat import request
from dragoman.dialects.chat.parsed import Caching, Notes
from dragoman.dialects.chat.usual import usual
from dragoman.errors import Failure
from tests.dialects.test_parse_properties import BODIES

CATALOGUE = Catalogue(today="2026-11-20")
SAID = {"role": "user", "content": "x"}
LONG = "long enough for some prompt caches " * 40
CACHING: list[Caching] = ["auto", "client", "off"]
FIELDS = st.fixed_dictionaries(
    {
        "model": st.sampled_from([row.id for row in CATALOGUE.listed()] + ["claude-next", "gpt"]),
        "messages": st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(["user", "assistant", "user", "assistant", "system"]),
                    "content": st.text(max_size=3) | st.sampled_from(["hello", "é", "\n", LONG]),
                },
                optional={"name": st.none()},
            ),
            max_size=4,
        ),
    },
    optional={
        "max_tokens": st.sampled_from([None, 0, 1, 4096, 10**6]),
        "max_completion_tokens": st.sampled_from([None, 1, 8192, 10**6]),
        "temperature": st.sampled_from([None, 0, 0.7, 1, 1.5, 3]),
        "stream": st.sampled_from([None, True, False, 1]),
        "stream_options": st.sampled_from([None, {"include_usage": True}, {}, {"x": 1}]),
    },
)


def outcome(body: bytes, caching: Caching = "auto") -> Any:
    notes = Notes(strict=False, caching=caching)
    try:
        return request.full(body, CATALOGUE, notes)
    except Failure as failure:
        return failure.kind, failure.message, failure.param


def short(body: bytes, caching: Caching = "auto") -> Any:
    try:
        found = usual(body, CATALOGUE, caching)
    except Failure as failure:
        return failure.kind, failure.message, failure.param
    if found is not None:
        assert found.prompt_bytes > 0
        found.prompt_bytes = 0  # the long way does not count
    return found


@given(FIELDS, st.sampled_from(CACHING))
def test_both_ways_read_the_same(fields: dict[str, Any], caching: Caching) -> None:
    body = jsonio.encode(fields)
    found = short(body, caching)
    assert found is None or found == outcome(body, caching)


@pytest.mark.parametrize("body", [body for _, body in BODIES], ids=[name for name, _ in BODIES])
def test_the_golden_requests(body: bytes) -> None:
    if not jsonio.is_utf8(body):
        return
    found = short(body)
    assert found is None or found == outcome(body)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"temperature": 0.5, "max_tokens": 10},
        {"max_completion_tokens": 10, "stream": True, "stream_options": {"include_usage": True}},
        {
            "messages": [
                {"role": "system", "content": "a"},
                {"role": "developer", "content": "b"},
                SAID,
            ]
        },
        {"messages": [SAID, {"role": "assistant", "content": "a"}, SAID]},
        {"messages": [{"role": "system", "content": LONG}, SAID], "model": "claude-opus-5-5"},
    ],
)
def test_what_is_usual(fields: dict[str, Any]) -> None:
    assert short(jsonio.encode({"model": "claude-haiku-4-5", "messages": [SAID], **fields}))


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 1.5},
        {"max_tokens": 10**7},
        {"messages": []},
        {"messages": [SAID, SAID]},
        {"messages": [SAID, {"role": "assistant", "content": "a"}]},
        {"messages": [SAID, {"role": "system", "content": "a"}]},
        {"messages": [{"role": "user", "content": " "}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        {"stop": "x"},
        {"made_up": 1},
    ],
)
def test_what_is_not(fields: dict[str, Any]) -> None:
    body = jsonio.encode({"model": "claude-haiku-4-5", "messages": [SAID], **fields})
    assert short(body) is None


def test_a_name_that_stands_twice() -> None:
    said = ("invalid_json", "The request body holds 'model' twice.", "model")
    body = b'{"model":"a","model":"claude-haiku-4-5","messages":[{"role":"user","content":"%b"}]}'
    assert short(body % b"x") is None, "a short one is left to the long way"
    assert outcome(body % b"x") == said
    large = body % (LONG * 5).encode()
    assert short(large) == outcome(large) == said

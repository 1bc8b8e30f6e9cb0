"""Wherever a client puts its cache marks, what goes upstream keeps Anthropic's rules for them
(protocol.md §2b rule 33)."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.dialects.chat.caching import BYTES_PER_TOKEN
from tests.dialects.test_append_only import LONG, MODELS, TOOLS, Message, conversations
from tests.dialects.test_simulator_accepts import refusal

CATALOGUE = Catalogue()
marks = st.one_of(
    st.none(),
    st.none(),
    st.sampled_from(
        [
            {"type": "ephemeral"},
            {"type": "ephemeral", "ttl": "5m"},
            {"type": "ephemeral", "ttl": "1h"},
        ]
    ),
)
points = st.sampled_from([{}, {"mode": "explicit", "ttl": "30m"}, {"ttl": "12h"}])
Marked = tuple[str, dict[str, Any]]


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A conversation with marks in any of the places that may hold one, and some that may not."""

    def sprinkled(holder: dict[str, Any]) -> dict[str, Any]:
        mark = draw(marks)
        return holder if mark is None else {**holder, "cache_control": mark}

    def part(found: dict[str, Any]) -> dict[str, Any]:
        if draw(st.integers(0, 3)) == 0:
            return {**found, "prompt_cache_breakpoint": draw(points)}
        return sprinkled(found)

    def message(found: Message) -> Message:
        content = found["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}] * draw(st.integers(1, 2))
        found = {**found, "content": [part(one) for one in content]}
        for name in ("tool_calls", "thinking_blocks"):
            if name in found:
                found[name] = [sprinkled(one) for one in found[name]]
        return sprinkled(found)

    conversation = draw(conversations())
    return sprinkled(
        {
            "model": draw(st.sampled_from(MODELS)),
            "messages": [message(one) for turn in conversation for one in turn],
            "tools": [sprinkled(tool) for tool in TOOLS],
            "prompt_cache_options": draw(
                st.sampled_from([None, {"mode": "explicit"}, {"ttl": "12h"}])
            ),
            "prompt_cache_retention": draw(st.sampled_from([None, "24h", "in_memory"])),
            "tool_choice": draw(st.sampled_from(["auto", "required"])),
        }
    )


def upstream(body: dict[str, Any], caching: chat.Caching = "auto") -> dict[str, Any]:
    parsed = chat.parse(jsonio.encode(body), CATALOGUE, strict=False, caching=caching)
    return jsonio.decode(anthropic.prepare(parsed.request))


def marked(request: dict[str, Any]) -> Iterator[Marked]:
    """(kind of block, mark) in the order in which upstream reads them, its own place last."""
    blocks = [*request.get("tools", ()), *request.get("system", ())]
    for message in request["messages"]:
        blocks += message["content"]
    for block in blocks:
        inner = block.get("content", ())
        assert not any("cache_control" in one for one in inner)
        if "cache_control" in block:
            yield block.get("type", "tool"), block["cache_control"]
    if "cache_control" in request:
        yield "request", request["cache_control"]


@given(bodies())
@settings(max_examples=100)
def test_any_marks_of_a_client(body: dict[str, Any]):
    request = upstream(body)
    found = list(marked(request))
    assert len(found) <= 4
    assert not {kind for kind, _ in found} & {"thinking", "redacted_thinking"}
    lives = [mark.get("ttl", "5m") for _, mark in found]
    assert lives == sorted(lives)  # "1h" sorts before "5m"
    assert refusal(request) == ""


@given(bodies())
@settings(max_examples=50)
def test_marks_change_nothing_else(body: dict[str, Any]):
    off = upstream(body, "off")
    assert not list(marked(off))
    on = upstream(body)
    on.pop("cache_control", None)
    for block in [*on["tools"], *on.get("system", ())]:
        block.pop("cache_control", None)
    for message in on["messages"]:
        for block in message["content"]:
            block.pop("cache_control", None)
    assert on == off


@pytest.mark.parametrize("model", [row.id for row in CATALOGUE.listed()])
def test_an_automatic_breakpoint_from_a_length_on(model: str):
    """On every model: from about its minimum on, and never where it has no cache."""
    least = CATALOGUE.resolve(model).model.min_cache_tokens * BYTES_PER_TOKEN

    def breakpoint_at(size: int, *, plain: bool) -> bool:
        content: Any = "x" if plain else [{"type": "text", "text": "x"}]
        body = {"model": model, "messages": [{"role": "user", "content": content}], "stop": None}
        if plain:
            del body["stop"]
        data = jsonio.encode(body)
        data = data.replace(b'"x"', b'"%b"' % (b"x" * (1 + size - len(data))))
        assert len(data) == size
        parsed = chat.parse(data, CATALOGUE, strict=False)
        return b'"cache_control"' in anthropic.prepare(parsed.request)

    for plain in (True, False):
        if least:
            assert not breakpoint_at(least - 1, plain=plain)
            assert breakpoint_at(least, plain=plain)
        else:
            assert not breakpoint_at(100_000, plain=plain)


@pytest.mark.parametrize("caching", ["client", "off"])
def test_none_where_it_is_not_wanted(caching: chat.Caching):
    body: dict[str, Any] = {"model": "claude-opus-5-5"}
    for content in (LONG, [{"type": "text", "text": LONG}]):
        body["messages"] = [{"role": "user", "content": content}]
        assert list(marked(upstream(body)))
        assert not list(marked(upstream(body, caching)))

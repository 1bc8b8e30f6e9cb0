"""Fingerprints: the same prompt makes the same row, another another, and marks change nothing."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.caches import fingerprint
from dragoman.caches.fingerprint import WIDTH, common
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.hub.request import (
    Base64Source,
    CacheControl,
    Document,
    Image,
    Message,
    RedactedThinking,
    Request,
    Text,
    TextSource,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    UrlSource,
)

CATALOGUE = Catalogue()
PICTURE = b'"' + b"A" * 100_000 + b'"'


def raw(text: str) -> Raw:
    return Raw(jsonio.encode(text))


def picture(data: bytes) -> Image:
    return Image(Base64Source("image/png", Raw(data)))


BLOCKS: list[list[Any]] = [
    [Text(raw("a")), Text(raw("b")), Text(raw("ab"))],
    [ToolUse("1", "look", Raw(b"{}")), ToolUse("2", "look", Raw(b"{}"))],
    [ToolUse("1", "see", Raw(b"{}")), ToolUse("1", "look", Raw(b'{"a":1}'))],
    [ToolResult("1"), ToolResult("2"), ToolResult("1", is_error=True)],
    [ToolResult("1", [Text(raw("a"))]), ToolResult("1", [Text(raw("a")), Text(raw("b"))])],
    [ToolResult("1", [picture(b'"AAAA"')]), ToolResult("1", [picture(b'"BBBB"')])],
    [Thinking(raw("a"), raw("s")), Thinking(raw("a"), raw("t")), Thinking(raw("b"), raw("s"))],
    [RedactedThinking(raw("a")), RedactedThinking(raw("b")), Raw(b'{"type":"new"}')],
    [Image(UrlSource(raw("a"))), Image(UrlSource(raw("b"))), picture(b'"a"'), picture(b'"b"')],
    [Document(TextSource("text/plain", raw("a"))), Document(UrlSource(raw("a")), raw("title"))],
    [
        picture(PICTURE),
        picture(PICTURE[:-1] + b'A"'),
        *[picture(PICTURE[:at] + b"B" + PICTURE[at + 1 :]) for at in (1, 50_100, 100_000)],
    ],
]
ALL = [block for group in BLOCKS for block in group]


def row(block: Any, role: Any = "user") -> bytes:
    return fingerprint(Request("m", 1, messages=[Message(role, [block])])).row


def test_every_block_has_a_hash_of_its_own() -> None:
    rows = [row(block) for block in ALL] + [row(ALL[0], "assistant"), row(ALL[0], "system")]
    assert len({*rows}) == len(rows)
    assert [row(deepcopy(block)) for block in ALL] == rows[: len(ALL)]


@pytest.mark.parametrize("block", ALL, ids=lambda one: type(one).__name__)
def test_a_mark_changes_nothing_but_where_marks_stand(block: Any) -> None:
    if not hasattr(block, "cache_control"):
        return
    marked = deepcopy(block)
    marked.cache_control = CacheControl("ephemeral", "1h")
    assert row(marked) == row(block)
    request = Request("m", 1, messages=[Message("user", [marked, Text(raw("after"))])])
    request.cache_control = CacheControl("ephemeral")
    early, late = fingerprint(request).marks
    assert (early.place, early.life_s, late.place, late.life_s) == (3, 3600, 4, 300)
    assert late.size == early.size + len('"after"')


def test_tools() -> None:
    tools = [Tool("a", Raw(b"{}")), Tool("a", Raw(b"{}"), raw("words"))]
    tools += [Tool("a", Raw(b"{}"), strict=True), Tool("b", Raw(b"{}")), Tool("a", Raw(b'{"b":1}'))]
    rows = [fingerprint(Request("m", 1, tools=[tool])).row for tool in tools]
    rows.append(fingerprint(Request("m", 1, tools=[Raw(b'{"type":"web_search"}')])).row)
    assert len({*rows}) == len(rows)


def test_thinking_that_is_past() -> None:
    thought = Message("assistant", [Thinking(raw("a"), raw("s")), ToolUse("1", "look", Raw(b"{}"))])
    talk = [Message("user", [Text(raw("a"))]), thought, Message("user", [ToolResult("1")])]
    assert fingerprint(Request("m", 1, messages=talk)).suspects.past_thoughts == 0
    talk += [Message("assistant", [Text(raw("b"))]), Message("user", [Text(raw("c"))])]
    assert fingerprint(Request("m", 1, messages=talk)).suspects.past_thoughts == 1


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_what_rows_have_in_common(one: bytes, other: bytes) -> None:
    shared = one[:200]
    first = (shared + one)[: (len(shared + one) // WIDTH) * WIDTH]
    second = (shared + other)[: (len(shared + other) // WIDTH) * WIDTH]
    found = common(first, second)
    assert first[: found * WIDTH] == second[: found * WIDTH]
    longer = (found + 1) * WIDTH
    ended = longer > min(len(first), len(second))
    assert ended or first[:longer] != second[:longer]


SAID = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)


@st.composite
def talks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A conversation: system prompt, questions, calls with results, answers."""
    talk: list[dict[str, Any]] = [{"role": "system", "content": draw(SAID)}]
    for turn in range(draw(st.integers(1, 6))):
        talk.append({"role": "user", "content": draw(SAID)})
        calls = draw(st.integers(0, 3))
        if calls:
            ids = [f"call_{turn}_{number}" for number in range(calls)]
            function = {"name": "look", "arguments": "{}"}
            made = [{"id": one, "type": "function", "function": function} for one in ids]
            talk.append({"role": "assistant", "tool_calls": made})
            talk += [{"role": "tool", "tool_call_id": one, "content": draw(SAID)} for one in ids]
        talk.append({"role": "assistant", "content": draw(SAID)})
    return [*talk, {"role": "user", "content": draw(SAID)}]


def parsed(messages: list[dict[str, Any]]) -> chat.Parsed:
    tools = [{"type": "function", "function": {"name": "look"}}]
    body = {"model": "claude-opus-5-5", "messages": messages, "tools": tools}
    body["prompt_cache_retention"] = "in_memory"
    return chat.parse(jsonio.encode(body), CATALOGUE, strict=False)


@settings(deadline=None)
@given(talks(), st.data())
def test_the_clients_message_that_differs_is_named(
    talk: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Through the real translation, which merges results of calls into one message."""
    texts = [at for at, message in enumerate(talk) if at and "content" in message]
    changed = data.draw(st.sampled_from(texts))
    other = [*talk]
    other[changed] = {**talk[changed], "content": talk[changed]["content"] + "!"}
    one, two = parsed(talk), parsed(other)
    first = fingerprint(one.request, one.origins, one.joins)
    second = fingerprint(two.request, two.origins, two.joins)
    shared = common(first.short_row(), second.short_row())
    assert second.clients[shared - second.first] == changed
    assert first.clients == sorted(first.clients)


@settings(deadline=None)
@given(talks(), st.data())
def test_the_same_history_makes_the_same_row(
    talk: list[dict[str, Any]], data: st.DataObject
) -> None:
    questions = [at for at, message in enumerate(talk) if message["role"] == "user"]
    cut = data.draw(st.sampled_from(questions)) + 1
    one, two = parsed(talk[:cut]), parsed(talk)
    first, second = fingerprint(one.request), fingerprint(two.request)
    assert second.row.startswith(first.row)
    assert first.beginning(len(first.row) // WIDTH - 1) == second.beginning(
        len(first.row) // WIDTH - 1
    )

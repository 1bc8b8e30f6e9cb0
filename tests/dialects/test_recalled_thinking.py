"""Thinking that the client did not send back and the memory knows: where it goes, and when not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.hub.events import Reply
from dragoman.hub.recall import Recall, Turn
from dragoman.hub.request import RedactedThinking, Text, Thinking, ToolUse
from dragoman.hub.usage import Usage, WireUsage
from dragoman.thoughts import turn_of
from tests.dialects.generated import arguments, words

CATALOGUE = Catalogue()
HM = Thinking(Raw(b'"h\\u006dm \\u2028"'), Raw(b'"Eq\\/+=="'))
"""Escapes that no JSON library would write again: what goes up must be these very bytes."""
AGAIN = Thinking(Raw(b'""'), Raw(b'"second"'))
SECRET = RedactedThinking(Raw(b'"REDACTED=="'))
TOOLS = [
    {"type": "function", "function": {"name": "get.weather"}},
    {"type": "custom", "custom": {"name": "run"}},
]
Content = list[Text | Thinking | RedactedThinking | ToolUse | Raw]


def remembering(content: Content, names: dict[str, str]) -> tuple[Recall, list[str]]:
    """A memory of one answer, and the questions it is asked."""
    turn = turn_of(content, names)
    questions: list[str] = []

    def recall(call_id: str) -> Turn | None:
        questions.append(call_id)
        return turn if turn is not None and turn.call_id == call_id else None

    return recall, questions


def ask(messages: list[Any], recall: Recall | None, **fields: Any) -> chat.Parsed:
    body = {
        "model": "claude-sonnet-4-6",
        "messages": messages,
        "tools": TOOLS,
        "reasoning_effort": "high",
        **fields,
    }
    return chat.parse(jsonio.encode(body), CATALOGUE, strict=False, recall=recall)


def sent(parsed: chat.Parsed) -> dict[str, Any]:
    return jsonio.decode(anthropic.prepare(parsed.request))


def answered(content: Content, parsed: chat.Parsed) -> dict[str, Any]:
    """The message a client gets for an answer."""
    reply = Reply("msg_1", "m", content, "tool_use", None, None, WireUsage())
    body = jsonio.decode(chat.reply(parsed, [reply], 0, Usage()))
    return body["choices"][0]["message"]


def echoed(message: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the OpenAI SDK's users and LangChain send back of it: content and calls."""
    return {
        "role": "assistant",
        "content": message["content"],
        "tool_calls": message["tool_calls"],
        **changes,
    }


OPENING = [{"role": "user", "content": "Weather?"}]


def call(number: int, data: bytes = b'{"city": "Paris"}', name: str = "get_weather") -> ToolUse:
    return ToolUse(f"toolu_{number}", name, Raw(data))


def history(content: Content, /, **changes: Any) -> tuple[list[Any], Recall, list[str]]:
    first = ask(OPENING, None)
    recall, questions = remembering(content, first.names)
    message = echoed(answered(content, first), **changes)
    results = [
        {"role": "tool", "tool_call_id": one["id"], "content": "sunny"}
        for one in message["tool_calls"]
    ]
    return [*OPENING, message, *results], recall, questions


def kinds(parsed: chat.Parsed) -> list[str]:
    return [block["type"] for block in sent(parsed)["messages"][1]["content"]]


def test_it_goes_up_first_and_byte_for_byte() -> None:
    messages, recall, _ = history([HM, Text(Raw(b'"I look."')), call(1)])
    body = anthropic.prepare(ask(messages, recall).request)
    block = b'{"type":"thinking","thinking":"h\\u006dm \\u2028","signature":"Eq\\/+=="}'
    assert b'"content":[%b,{"type":"text"' % block in body


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([HM, call(1)], "thinking tool_use"),
        ([SECRET, HM, call(1)], "redacted_thinking thinking tool_use"),
        ([HM, call(1), call(2)], "thinking tool_use tool_use"),
        ([HM, call(1), AGAIN, call(2)], "thinking tool_use thinking tool_use"),
        (
            [HM, Text(Raw(b'"t"')), call(1), SECRET, AGAIN, call(2)],
            "thinking text tool_use redacted_thinking thinking tool_use",
        ),
        ([HM, Text(Raw(b'"t"')), AGAIN, call(1)], "thinking text thinking tool_use"),
        ([HM, call(1, b'{"input":"ls -l"}', "run")], "thinking tool_use"),
        ([HM, call(1, b"{}")], "thinking tool_use"),
    ],
)
def test_it_returns_to_its_place(content: Content, expected: str) -> None:
    messages, recall, _ = history(content)
    assert " ".join(kinds(ask(messages, recall))) == expected


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_a_text_that_the_client_lost_moves_nothing(missing: str | None) -> None:
    content: Content = [HM, Text(Raw(b'"t"')), call(1), AGAIN, call(2)]
    messages, recall, _ = history(content, content=missing)
    assert kinds(ask(messages, recall)) == ["thinking", "tool_use", "thinking", "tool_use"]


def test_arguments_may_be_written_anew() -> None:
    messages, recall, _ = history([HM, call(1, b'{"city":"P\\u0061ris","days":1}')])
    function = messages[1]["tool_calls"][0]["function"]
    function["arguments"] = '{ "days": 1, "city": "Paris" }'
    assert kinds(ask(messages, recall)) == ["thinking", "tool_use"]


def edits() -> list[Any]:
    def arguments(messages: list[Any]) -> None:
        messages[1]["tool_calls"][0]["function"]["arguments"] = '{"city":"London"}'

    def name(messages: list[Any]) -> None:
        messages[1]["tool_calls"][0]["function"]["name"] = "other"

    def fewer(messages: list[Any]) -> None:
        del messages[1]["tool_calls"][1]
        del messages[3]

    def order(messages: list[Any]) -> None:
        messages[1]["tool_calls"].reverse()

    def more(messages: list[Any]) -> None:
        function = {"name": "get.weather", "arguments": "{}"}
        messages[1]["tool_calls"].append({"id": "x", "type": "function", "function": function})
        messages.append({"role": "tool", "tool_call_id": "x", "content": "r"})

    return [arguments, name, fewer, order, more]


@pytest.mark.parametrize("edit", edits(), ids=lambda edit: edit.__name__)
def test_an_edited_turn_goes_up_without(edit: Any) -> None:
    messages, recall, _ = history([HM, call(1), call(2)])
    edit(messages)
    assert "thinking" not in kinds(ask(messages, recall))


def test_what_the_client_sends_wins() -> None:
    own = [{"type": "thinking", "thinking": "mine", "signature": "own"}]
    messages, recall, questions = history([HM, call(1)], thinking_blocks=own)
    first = sent(ask(messages, recall))["messages"][1]["content"][0]
    assert (first["thinking"], first["signature"], questions) == ("mine", "own", [])
    details = [{"type": "reasoning.encrypted", "data": "own", "format": "anthropic-claude-v1"}]
    messages, recall, questions = history([HM, call(1)], reasoning_details=details)
    assert kinds(ask(messages, recall)) == ["redacted_thinking", "tool_use"]
    assert questions == []


@pytest.mark.parametrize(
    "unsigned",
    [
        {"reasoning_content": "hmm"},
        {"reasoning": "hmm"},
        {"thinking_blocks": []},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hmm", "signature": ""}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hmm"}]},
    ],
)
def test_unsigned_reasoning_does_not_count_as_sent(unsigned: dict[str, Any]) -> None:
    messages, recall, _ = history([HM, call(1)], **unsigned)
    assert kinds(ask(messages, recall)) == ["thinking", "tool_use"]


@pytest.mark.parametrize(
    ("model", "fields", "used"),
    [
        ("claude-sonnet-4-6", {}, True),
        ("claude-sonnet-4-6", {"reasoning_effort": ...}, False),
        ("claude-sonnet-4-6", {"reasoning_effort": "none"}, False),
        ("claude-sonnet-4-5", {}, True),
        ("claude-opus-5", {"reasoning_effort": ...}, True),
        ("claude-opus-5", {"reasoning_effort": "none"}, False),
        ("claude-opus-5-5", {"reasoning_effort": "none"}, True),
        ("claude-sonnet-5-5", {"reasoning_effort": "none"}, True),
        ("claude-sonnet-4-6", {"reasoning_effort": ..., "thinking": {"type": "adaptive"}}, True),
        ("claude-sonnet-4-6", {"reasoning": {"enabled": False}}, False),
        ("claude-sonnet-4-6", {"enable_thinking": False, "reasoning_effort": ...}, False),
        ("claude-sonnet-4-6", {"enable_thinking": True, "reasoning_effort": ...}, True),
        ("claude-3-haiku-20240307", {}, False),
    ],
)
def test_only_while_the_model_thinks(model: str, fields: dict[str, Any], used: bool) -> None:
    messages, recall, questions = history([HM, call(1)])
    asked = {"reasoning_effort": "high", **fields}
    body = {key: value for key, value in asked.items() if value is not ...}
    if "reasoning_effort" not in body:
        body["reasoning_effort"] = None
    assert ("thinking" in kinds(ask(messages, recall, model=model, **body))) is used
    assert bool(questions) is used


def test_without_calls_nobody_is_asked() -> None:
    _, recall, questions = history([HM, call(1)])
    ask([*OPENING, {"role": "assistant", "content": "Hi"}, *OPENING], recall)
    ask(OPENING, recall, tools=None)
    assert questions == []


def test_manual_thinking_goes_on_where_it_is_remembered_and_stops_where_not() -> None:
    messages, recall, _ = history([HM, call(1)])
    kept = ask(messages, recall, model="claude-sonnet-4-5")
    assert sent(kept)["thinking"]["type"] == "enabled"
    assert kept.warnings == []
    lost = ask(messages, None, model="claude-sonnet-4-5")
    assert "thinking" not in sent(lost)
    assert [name for name, _ in lost.warnings] == ["reasoning_effort"]


def test_manual_thinking_names_who_asked_for_it() -> None:
    messages, _, _ = history([HM, call(1)])
    budget = {"type": "enabled", "budget_tokens": 2000}
    lost = ask(messages, None, model="claude-sonnet-4-5", reasoning_effort=None, thinking=budget)
    assert [name for name, _ in lost.warnings] == ["thinking.budget_tokens"]


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        ("claude-sonnet-4-6", {}, True),
        ("claude-opus-5", {"reasoning_effort": None}, True),
        ("claude-sonnet-4-6", {"reasoning_effort": None}, False),
        ("claude-opus-5", {"reasoning_effort": "none"}, False),
        ("claude-sonnet-4-6", {"tools": None}, False),
        ("claude-sonnet-4-5", {"tool_choice": "required"}, False),
        ("claude-sonnet-4-6", {"tools": None, "functions": [{"name": "f"}]}, False),
    ],
)
def test_which_answers_are_worth_remembering(
    model: str, fields: dict[str, Any], expected: bool
) -> None:
    assert ask(OPENING, None, model=model, **fields).remembers is expected


thoughts = st.lists(st.sampled_from([HM, AGAIN, SECRET]), max_size=2)


@given(
    st.lists(st.tuples(thoughts, arguments), min_size=1, max_size=4),
    st.one_of(st.none(), words),
    thoughts,
)
@settings(max_examples=200)
def test_an_answer_comes_back_as_it_was(
    parts: list[tuple[list[Any], Any]], text: str | None, first: list[Any]
) -> None:
    """Any order of thinking, text and calls that upstream writes goes up again in that order."""
    content: Content = [*first]
    if text and text.strip():
        content.append(Text(Raw(jsonio.encode(text))))
    for number, (before, data) in enumerate(parts):
        content += before
        content.append(call(number, jsonio.encode(data)))
    messages, recall, _ = history(content)
    upstream = sent(ask(messages, recall))["messages"][1]["content"]
    assert upstream == jsonio.decode(jsonio.encode(content))

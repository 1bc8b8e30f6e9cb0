"""OpenAI-compatible upstreams, ``openai`` judging: what a server is told is what the SDK calls
request parameters, and all that a client said."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dragoman.carriers.registry import OPENAI
from dragoman.catalogue import override
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects.chat import Parsed
from dragoman.dialects.registry import CHAT, MESSAGES, RESPONSES, Dialect
from tests.dialects.chat_oracles import check_chat_parameters
from tests.dialects.generated import arguments, cases, words

GOLDEN = Path(__file__).parents[1] / "golden"
CATALOGUE = Catalogue(overrides=[override.foreign("gpt-next")])
STYLES = st.sampled_from(sorted(OPENAI))


def golden(name: str, *folders: str) -> list[Any]:
    found = [path for folder in folders for path in sorted((GOLDEN / folder).glob(f"*/{name}"))]
    return [pytest.param(one, id=f"{one.parts[-3]}/{one.parts[-2]}") for one in found]


def style_of(path: Path) -> str:
    style = path.parent / "style.txt"
    return style.read_text().strip() if style.exists() else "plain"


@pytest.mark.parametrize(
    "wrong",
    [
        {"top_k": 3},
        {"messages": [{"role": "user", "content": "x", "cache_control": {}}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "n": 1}]}]},
        {"messages": [{"role": "assistant", "content": "x", "reasoning_content": "y"}]},
        {"messages": [{"role": "tool", "content": "x", "tool_call_id": "nobody"}]},
        {"tools": [{"type": "function", "function": {"name": "f"}, "strict": True}]},
        {"tool_choice": "any"},
        {"stream_options": {"usage": True}},
    ],
    ids=repr,
)
def test_a_field_in_the_wrong_place_is_found(wrong: dict[str, Any]) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    check_chat_parameters(body, "openai")
    with pytest.raises((ValidationError, AssertionError)):
        check_chat_parameters({**body, **wrong}, "openai")


@pytest.mark.parametrize(
    "path", golden("upstream.json", "chat-openai", "messages-openai", "responses-openai")
)
def test_golden_bodies_are_request_parameters(path: Path) -> None:
    check_chat_parameters(jsonio.decode(path.read_bytes()), style_of(path))


TOOLS = ("f", "g")
OBJECT = {"type": "object", "properties": {}}
ASKED: dict[str, tuple[Dialect, dict[str, Any]]] = {
    "chat": (
        CHAT,
        {
            "messages": [{"role": "user", "content": "x"}],
            "stream_options": {"include_usage": True},
            "stream": True,
            "tools": [
                {"type": "function", "function": {"name": name, "parameters": OBJECT}}
                for name in TOOLS
            ],
        },
    ),
    "messages": (
        MESSAGES,
        {
            "max_tokens": 99,
            "messages": [{"role": "user", "content": "x"}],
            "tools": [{"name": name, "input_schema": OBJECT} for name in TOOLS],
        },
    ),
    "responses": (
        RESPONSES,
        {
            "input": "x",
            "reasoning": {"summary": "auto"},
            "tools": [
                {"type": "function", "name": name, "parameters": OBJECT, "strict": False}
                for name in TOOLS
            ],
        },
    ),
}


def parsed_of(name: str, **fields: Any) -> tuple[Dialect, Parsed]:
    dialect, body = ASKED[name]
    data = jsonio.encode({"model": "gpt-next", **body, **fields})
    parsed = dialect.parse(data, CATALOGUE, strict=True)
    if parsed.later is not None:
        parsed.later.translate()
    return dialect, parsed


def as_parts(content: Any) -> str:
    """All texts of a chat message's content."""
    if isinstance(content, str):
        return content
    return "".join([part.get("text", "") for part in content or ()])


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Turns of a Messages client: texts, thoughts, calls and their results, each with a mark of its
    own that must be found upstream."""
    turns: list[dict[str, Any]] = [{"role": "user", "content": "begin-0"}]
    for turn in range(draw(st.integers(1, 4))):
        blocks: list[dict[str, Any]] = []
        if draw(st.booleans()):
            blocks.append({"type": "thinking", "thinking": f"thought-{turn}", "signature": ""})
        if draw(st.booleans()):
            blocks.append({"type": "text", "text": f"said-{turn} " + draw(words)})
        calls = [f"toolu_{turn}_{at}" for at in range(draw(st.integers(0, 2)))]
        for one in calls:
            given_ = {"mark": f"input-{one}", **draw(arguments)}
            blocks.append({"type": "tool_use", "id": one, "name": "f", "input": given_})
        if not any(one["type"] != "thinking" for one in blocks):
            blocks.append({"type": "text", "text": f"said-{turn} "})
        turns.append({"role": "assistant", "content": blocks})
        answer: list[dict[str, Any]] = [
            {
                "type": "tool_result",
                "tool_use_id": one,
                "content": f"result-{one}",
                "is_error": draw(st.booleans()),
            }
            for one in calls
        ]
        if not answer or draw(st.booleans()):
            answer.append({"type": "text", "text": f"asked-{turn} " + draw(words)})
        turns.append({"role": "user", "content": answer})
    return turns


Said = list[tuple[str, Any]]
THOUGHTS = {"plain": "reasoning_content", "openrouter": "reasoning", "openai": ""}


def told(messages: list[dict[str, Any]], field: str) -> Said:
    """All that a chat's messages say, in order. ``field``: where thoughts stand."""
    found: Said = []
    for message in messages:
        if message["role"] == "tool":
            found.append(("result", (message["tool_call_id"], message["content"])))
            continue
        if field in message:
            found.append(("thinking", message[field]))
        if as_parts(message["content"]):
            found.append((message["role"], as_parts(message["content"])))
        for call in message.get("tool_calls", ()):
            found.append(("call", (call["id"], jsonio.decode(call["function"]["arguments"]))))
    return found


def meant(role: str, block: dict[str, Any]) -> tuple[str, Any]:
    """What a block of a Messages client says."""
    if block["type"] == "tool_use":
        return "call", (block["id"], block["input"])
    if block["type"] == "tool_result":
        return "result", (block["tool_use_id"], "Error: " * block["is_error"] + block["content"])
    if block["type"] == "thinking":
        return "thinking", block["thinking"]
    return role, block["text"]


@given(conversations(), STYLES)
@settings(max_examples=cases(80))
def test_nothing_of_a_conversation_is_lost(turns: list[dict[str, Any]], style: str) -> None:
    _, parsed = parsed_of("messages", messages=turns, system="the-system")
    wire = OPENAI[style].prepare(parsed.request, "theirs", parsed.model, ())
    body = jsonio.decode(wire.body)
    check_chat_parameters(body, style)
    system, first, *sent = body["messages"]
    assert (system["role"], system["content"]) == ("system", "the-system")
    assert (first["role"], first["content"]) == ("user", "begin-0")
    expected = [meant(turn["role"], block) for turn in turns[1:] for block in turn["content"]]
    field = THOUGHTS[style]
    assert told(sent, field) == [one for one in expected if field or one[0] != "thinking"]


@given(conversations())
@settings(max_examples=cases(60))
def test_an_echoed_answer_is_what_the_server_said_itself(turns: list[dict[str, Any]]) -> None:
    """A server's own answer, read, sent to a Messages client and back, is that message again."""
    carrier = OPENAI["plain"]
    _, parsed = parsed_of("messages", messages=turns)
    first = jsonio.decode(carrier.prepare(parsed.request, "m", parsed.model, ()).body)["messages"]
    again: list[dict[str, Any]] = []
    for message in first:
        if message["role"] != "assistant":
            continue
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        choice = {"index": 0, "message": message, "finish_reason": finish}
        data = jsonio.encode({"id": "1", "model": "m", "choices": [choice]})
        content = jsonio.decode(jsonio.encode(carrier.read_reply(data).content))
        again += [{"role": "user", "content": "x"}, {"role": "assistant", "content": content}]
        again += [
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": call["id"], "content": "r"}
                    for call in message.get("tool_calls", ())
                ]
                or "y",
            }
        ]
    _, parsed = parsed_of("messages", messages=again)
    second = jsonio.decode(carrier.prepare(parsed.request, "m", parsed.model, ()).body)["messages"]
    echoed = [message for message in second if message["role"] == "assistant"]
    assert echoed == [message for message in first if message["role"] == "assistant"]

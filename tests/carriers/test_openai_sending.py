"""What an OpenAI-compatible server is told that no chat client says."""

from typing import Any

import pytest
from msgspec import Raw

from dragoman.carriers.openai import STYLES, prepare
from dragoman.catalogue import override
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub import request as hub
from dragoman.hub.wire import Wire

ROW = Catalogue(overrides=[override.foreign("m")]).resolve("m").model


def made(style: str, *messages: hub.Message, **fields: Any) -> Wire:
    request = hub.Request("m", 9, messages=list(messages), **fields)
    return prepare(STYLES[style], request, "theirs", ROW, ())


def said(style: str, *messages: hub.Message, **fields: Any) -> list[dict[str, Any]]:
    return jsonio.decode(made(style, *messages, **fields).body)["messages"]


def quoted(text: str) -> hub.Text:
    return hub.Text(jsonio.quote(text))


@pytest.mark.parametrize(
    ("style", "field"), [("plain", "reasoning_content"), ("openrouter", "reasoning")]
)
def test_thinking_goes_back_where_it_is_taken_and_never_its_signature(
    style: str, field: str
) -> None:
    thought = hub.Thinking(jsonio.quote("Hm."), jsonio.quote("SIGNATURE"))
    call = hub.ToolUse("c" * 50, "look", Raw(b"{}"))
    turn = hub.Message("assistant", [thought, hub.RedactedThinking(jsonio.quote("z")), call])
    result = hub.Message("user", [hub.ToolResult("c" * 50, is_error=True)])
    assistant, tool = said(style, turn, result)
    assert assistant[field] == "Hm."
    assert tool["content"] == "Error: "
    assert tool["tool_call_id"] == assistant["tool_calls"][0]["id"] != "c" * 50
    assert b"SIGNATURE" not in made(style, turn).body
    assert set(said("openai", turn)[0]) == {"role", "content", "tool_calls"}


def test_blocks_of_other_kinds() -> None:
    found = Raw(b'{"type":"search_result","title":"T","source":"S","content":[{"text":"C"}]}')
    document = hub.Document(hub.TextSource("text/plain", jsonio.quote("D")), jsonio.quote("N"))
    (user,) = said("plain", hub.Message("user", [found, document]))
    assert [part["text"] for part in user["content"]] == ["T\nS\nC", "N\nD"]
    done = Raw(b'{"type":"web_search_tool_result","content":[]}')
    (assistant,) = said("plain", hub.Message("assistant", [done, quoted("So.")]))
    assert assistant["content"] == "So."
    with pytest.raises(Failure) as caught:
        made("plain", hub.Message("user", [Raw(b'{"type":"container_upload"}')]))
    assert caught.value.kind == "unsupported_here"


def test_what_is_left_out_is_told() -> None:
    hello = hub.Message("user", [quoted("Hi")])
    stops = [f"s{number}" for number in range(6)]
    wire = made("openai", hello, top_k=3, stop_sequences=stops)
    assert jsonio.decode(wire.body)["stop"] == stops[:4]
    assert [name for name, _ in wire.warnings] == ["top_k", "stop"]
    assert jsonio.decode(made("openrouter", hello, top_k=3).body)["top_k"] == 3


@pytest.mark.parametrize(
    ("style", "thinking", "field"),
    [
        ("plain", hub.ThinkingConfig("enabled", 20_000), {"reasoning_effort": "high"}),
        ("plain", hub.ThinkingConfig("enabled", 1024), {"reasoning_effort": "low"}),
        ("openrouter", hub.ThinkingConfig("enabled", 9000), {"reasoning": {"effort": "medium"}}),
        ("openrouter", hub.ThinkingConfig("disabled"), {"reasoning": {"enabled": False}}),
        ("plain", hub.ThinkingConfig("disabled"), {}),
    ],
)
def test_how_much_is_thought(
    style: str, thinking: hub.ThinkingConfig, field: dict[str, Any]
) -> None:
    sent = jsonio.decode(made(style, hub.Message("user", [quoted("Hi")]), thinking=thinking).body)
    assert {name: sent[name] for name in sent if name.startswith("reasoning")} == field

"""Each parameter of ``POST /v1/responses``: honoured, named in a warning, or refused by name."""

from typing import Any

import pytest

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import responses
from dragoman.dialects.chat import Parsed
from dragoman.errors import Failure
from dragoman.hub.usage import Usage

CATALOGUE = Catalogue()
MODEL = "claude-opus-4-8"
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA"
    "60e6kgAAAABJRU5ErkJggg=="
)


def parse(*, strict: bool = False, **fields: Any) -> Parsed:
    body = {"model": MODEL, "input": "x", **fields}
    return responses.parse(jsonio.encode(body), CATALOGUE, strict=strict)


def sent(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = jsonio.decode(anthropic.prepare(parse(**fields).request))
    return found


def echoed(**fields: Any) -> dict[str, Any]:
    """The response object of an answer to such a request."""
    data = b"".join(
        b"data: %b\n\n" % event
        for event in (
            b'{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{}}}',
            b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}}',
            b'{"type":"message_stop"}',
        )
    )
    writer = responses.StreamWriter(parse(**fields), 1, 0)
    out = writer.feed(anthropic.Reader().feed(data)) + writer.close(Usage())
    last = out.rstrip().rpartition(b"\ndata: ")[2]
    found: dict[str, Any] = jsonio.decode(last)["response"]
    return found


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include[0]"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"type": "local_shell_call", "call_id": "c"}]}, "input[0].type"),
        *[
            ({"tools": [FUNCTION, {"type": kind}]}, "tools[1].type")
            for kind in (
                "mcp",
                "file_search",
                "computer_use_preview",
                "computer",
                "code_interpreter",
                "image_generation",
            )
        ],
    ],
    ids=repr,
)
def test_refused_by_name(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(Failure) as caught:
        parse(**fields)
    assert caught.value.status == 400
    assert caught.value.param == name
    assert name in caught.value.message


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"store": True}, "store"),
        ({"truncation": "auto"}, "truncation"),
        ({"max_tool_calls": 2}, "max_tool_calls"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"include": ["file_search_call.results"]}, "include[]"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"reasoning": {"context": "current_turn"}}, "reasoning.context"),
        ({"tools": [{"type": "local_shell"}]}, "tools[]"),
        ({"tools": [{"type": "web_search", "external_web_access": False}]},
         "tools[].external_web_access"),
    ],
    ids=repr,
)  # fmt: skip
def test_named_in_a_warning_and_refused_where_strict(fields: dict[str, Any], name: str) -> None:
    assert [warned for warned, _ in parse(**fields).warnings] == [name]
    with pytest.raises(Failure) as caught:
        parse(strict=True, **fields)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"store": False},
        {"store": None},
        {"background": False},
        {"truncation": "disabled"},
        {"text": {"verbosity": "medium", "format": {"type": "text"}}},
        {"service_tier": "auto"},
        {"include": ["reasoning.encrypted_content", "web_search_call.action.sources"]},
        {"conversation": None, "prompt": None, "previous_response_id": None, "top_logprobs": 0},
        {"metadata": {"a": "b"}, "client_metadata": {"c": "d"}},
    ],
    ids=repr,
)
def test_what_asks_for_nothing_is_not_warned_of(fields: dict[str, Any]) -> None:
    assert parse(strict=True, **fields).warnings == []
    assert sent(**fields) == sent()


def test_what_goes_upstream() -> None:
    assert sent(max_output_tokens=77)["max_tokens"] == 77
    assert sent(safety_identifier="abc")["metadata"] == {"user_id": "abc"}
    assert sent(user="u", safety_identifier="abc")["metadata"] == {"user_id": "abc"}
    assert sent(metadata={"user_id": "abc"})["metadata"] == {"user_id": "abc"}
    assert sent(service_tier="default")["service_tier"] == "standard_only"
    choice = sent(tools=[FUNCTION], parallel_tool_calls=False)["tool_choice"]
    assert choice == {"type": "auto", "disable_parallel_tool_use": True}
    assert "tool_choice" not in sent(tools=[FUNCTION], parallel_tool_calls=True)
    assert parse(prompt_cache_key="k").cache_key == "k"
    shown = sent(reasoning={"effort": "high", "summary": "auto"})
    assert shown["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert sent(reasoning={"effort": "high"})["thinking"]["display"] == "omitted"
    (search,) = sent(tools=[{"type": "web_search"}])["tools"]
    assert search["type"].startswith("web_search_")


def test_a_grammar_is_told_to_the_model() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x+/"}
    (tool,) = sent(tools=[{"type": "custom", "name": "p", "format": grammar}])["tools"]
    assert tool["input_schema"]["properties"] == {"input": {"type": "string"}}
    assert "start: /x+/" in tool["description"]


def test_input_of_every_form() -> None:
    plain = sent(input="Hi")["messages"]
    assert plain == [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert sent(input=[{"role": "user", "content": "Hi"}])["messages"] == plain
    parts = [
        {"type": "input_text", "text": "Hi"},
        {"type": "input_image", "image_url": PNG},
        {"type": "input_image", "image_url": "https://images.example/a.png"},
        {"type": "input_file", "filename": "a.txt",
         "file_data": "data:text/plain;base64,QQ=="},
    ]  # fmt: skip
    (message,) = sent(input=[{"role": "user", "content": parts}])["messages"]
    kinds = [(one["type"], one.get("source", {}).get("type")) for one in message["content"]]
    assert kinds == [("text", None), ("image", "base64"), ("image", "url"), ("document", "text")]


def test_the_answer_repeats_what_was_asked() -> None:
    asked = {
        "instructions": "Be brief.",
        "max_output_tokens": 9,
        "max_tool_calls": 2,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low", "summary": "auto"},
        "safety_identifier": "s",
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "tool_choice": "none",
        "truncation": "disabled",
    }
    answer = echoed(**asked)
    assert {name: answer[name] for name in asked} == asked
    assert (answer["store"], answer["background"]) == (False, False)
    assert (answer["status"], answer["previous_response_id"]) == ("completed", None)
    assert echoed(store=True)["store"] is False
    assert echoed(truncation="auto")["truncation"] == "disabled"

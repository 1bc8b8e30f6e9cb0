"""Which tools are called, how often, with what, and what is said when the results are there."""

from typing import Any

import pytest

from dragoman.codec import jsonio

from .asking import HAIKU55, RESULT, TOOL, USE, assistant, text, user
from .conftest import HAIKU, Bench, parsed, text_of
from .referee import complaints

WEATHER: dict[str, Any] = {
    "name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "input_schema": {
        "type": "object",
        "properties": {
            "location": {
                "type": "string",
                "description": "The city and state, e.g. San Francisco, CA",
            },
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["location"],
    },
}
SHARES: dict[str, Any] = {
    "name": "stockPrice",
    "description": "Look up the price of a share",
    "input_schema": {
        "type": "object",
        "properties": {"symbol": {"type": "string"}},
        "required": ["symbol"],
    },
}
CHINESE: dict[str, Any] = {
    "name": "cha_xun",
    "description": "查询快递单号的物流状态",
    "input_schema": {
        "type": "object",
        "properties": {"number": {"type": "string"}},
        "required": ["number"],
    },
}
ALL = [TOOL, WEATHER, SHARES, CHINESE]


def calls(message: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (block["name"], block["input"])
        for block in message["content"]
        if block["type"] == "tool_use"
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "What's the weather like in Boston today?",
            [("get_current_weather", {"location": "Boston"})],
        ),
        (
            "Compare the weather in Paris and London, in celsius",
            [
                ("get_current_weather", {"location": "Paris", "unit": "celsius"}),
                ("get_current_weather", {"location": "London", "unit": "celsius"}),
            ],
        ),
        ("波士顿今天天气怎么样？", [("get_current_weather", {"location": "波士顿"})]),
        ("Какая погода в Казани?", [("get_current_weather", {"location": "Казани"})]),
        ("What is the stock price of ACME?", [("stockPrice", {"symbol": "ACME"})]),
        ("我的快递到哪里了？单号 12345", [("cha_xun", {"number": "12345"})]),
        ("Hello!", []),
        ("你好，给我科普一下量子力学吧", []),
        ("Tell me a joke about cats", []),
        ("What does the word current mean?", []),
    ],
)
def test_tools_that_the_question_calls_for(
    bench: Bench, question: str, expected: list[tuple[str, Any]]
) -> None:
    message = bench.ask(question, tools=ALL)
    assert calls(message) == expected
    assert message["stop_reason"] == ("tool_use" if expected else "end_turn")
    if expected:
        assert expected[0][0] in text_of(message)


def test_forced_tools_are_called_without_a_word(bench: Bench) -> None:
    message = bench.ask("Hello", tools=ALL, tool_choice={"type": "tool", "name": "stockPrice"})
    assert [block["type"] for block in message["content"]] == ["tool_use"]
    assert calls(message)[0][0] == "stockPrice"
    message = bench.ask("Hello", tools=ALL, tool_choice={"type": "any"})
    assert message["stop_reason"] == "tool_use"
    message = bench.ask("Hello", model=HAIKU55, tools=ALL, tool_choice={"type": "any"})
    assert [block["type"] for block in message["content"]] == ["tool_use"]


def test_no_tool_is_called_when_none_may_be(bench: Bench) -> None:
    question = "What's the weather like in Boston today?"
    assert calls(bench.ask(question, tools=ALL, tool_choice={"type": "none"})) == []


def test_parallel_calls_can_be_switched_off(bench: Bench) -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    message = bench.ask("Weather in Paris and Rome?", tools=ALL, tool_choice=choice)
    assert calls(message) == [("get_current_weather", {"location": "Paris"})]


def test_call_ids_are_unique_and_change_from_turn_to_turn(bench: Bench) -> None:
    first = bench.ask("Weather in Paris and Rome?", tools=ALL)["content"][1:]
    ids = [block["id"] for block in first]
    assert len(set(ids)) == 2
    assert all(one.startswith("toolu_01") for one in ids)
    messages = [
        {"role": "user", "content": "Weather in Paris and Rome?"},
        assistant(*first),
        user(
            *[{"type": "tool_result", "tool_use_id": one, "content": "sun"} for one in ids],
            text("Weather in Paris and Rome?"),
        ),
    ]
    answer = bench.ask("", messages=messages, tools=ALL, tool_choice={"type": "any"})
    assert not {block["id"] for block in answer["content"]} & set(ids)


def test_results_are_quoted(bench: Bench) -> None:
    messages = [
        {"role": "user", "content": "What is the weather in Boston?"},
        assistant({**USE, "name": "get_current_weather"}),
        user({**RESULT, "content": [text("22 degrees, sunny")]}),
    ]
    message = bench.ask("", messages=messages, tools=ALL)
    assert message["stop_reason"] == "end_turn"
    assert "The tool get_current_weather answered: “22 degrees, sunny”." in text_of(message)
    messages[-1]["content"][0].update(content="no such city", is_error=True)
    said = text_of(bench.ask("", messages=messages, tools=ALL))
    assert "The tool get_current_weather reported an error: “no such city”." in said


def test_results_without_content_and_in_chinese(bench: Bench) -> None:
    messages = [
        {"role": "user", "content": "波士顿今天天气怎么样？"},
        assistant({**USE, "name": "get_current_weather"}),
        user({"type": "tool_result", "tool_use_id": "t1"}),
    ]
    assert "工具 get_current_weather 返回：“∅”。" in text_of(
        bench.ask("", messages=messages, tools=ALL)
    )


def test_arguments_are_streamed_in_pieces(bench: Bench) -> None:
    answer = bench.post(
        {
            "model": HAIKU,
            "max_tokens": 500,
            "stream": True,
            "tools": ALL,
            "messages": [{"role": "user", "content": "What's the weather like in Boston today?"}],
        }
    )
    assert answer.events is not None
    events = parsed(b"".join(answer.events))
    start = next(data for name, data in events if name == "content_block_start" and data["index"])
    assert start["content_block"]["input"] == {}
    pieces = [
        data["delta"]["partial_json"]
        for name, data in events
        if name == "content_block_delta" and data["delta"]["type"] == "input_json_delta"
    ]
    assert pieces[0] == ""
    assert len(pieces) > 2
    assert jsonio.decode("".join(pieces).encode()) == {"location": "Boston"}


def test_a_tool_without_arguments_streams_no_arguments(bench: Bench) -> None:
    body = {
        "model": HAIKU,
        "max_tokens": 500,
        "stream": True,
        "tools": [TOOL],
        "tool_choice": {"type": "any"},
        "messages": [{"role": "user", "content": "Hi"}],
    }
    events = parsed(b"".join(bench.post(body).events or ()))
    deltas = [data["delta"] for name, data in events if name == "content_block_delta"]
    assert deltas == [{"type": "input_json_delta", "partial_json": ""}]


def test_a_call_that_does_not_fit_is_cut_off(bench: Bench) -> None:
    message = bench.ask("Hi", tools=ALL, tool_choice={"type": "any"}, max_tokens=3)
    assert message["stop_reason"] == "max_tokens"
    assert calls(message) == []


def test_arguments_satisfy_nested_schemas(bench: Bench) -> None:
    schema = {
        "type": "object",
        "$defs": {
            "line": {
                "type": "object",
                "properties": {
                    "sku": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"},
                    "count": {"type": "integer", "minimum": 1, "maximum": 5},
                },
                "required": ["sku", "count"],
                "additionalProperties": False,
            }
        },
        "properties": {
            "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "minItems": 2},
            "ship": {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]},
        },
        "required": ["lines", "ship"],
    }
    tool = {"name": "place_order", "input_schema": schema}
    message = bench.ask("Place an order", tools=[tool], tool_choice={"type": "any"})
    ((_, made),) = calls(message)
    assert not complaints(made, schema)


SEARCH = {"type": "web_search_20250305", "name": "web_search"}


def test_web_search(bench: Bench) -> None:
    message = bench.ask("What is the latest news about bees?", tools=[SEARCH])
    kinds = [block["type"] for block in message["content"]]
    assert kinds == ["server_tool_use", "web_search_tool_result", "text", "text", "text"]
    use, result, _, cited, _ = message["content"]
    assert use["input"] == {"query": "What is the latest news about bees?"}
    assert result["tool_use_id"] == use["id"]
    assert all("imulated" in one["title"] for one in result["content"])
    citation = cited["citations"][0]
    assert citation["url"] == result["content"][0]["url"]
    assert message["usage"]["server_tool_use"]["web_search_requests"] == 1
    assert message["stop_reason"] == "end_turn"
    echoed = [
        {"role": "user", "content": "What is the latest news about bees?"},
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": "Thank you"},
    ]
    assert bench.ask("", messages=echoed, tools=[SEARCH])["stop_reason"] == "end_turn"


def test_no_web_search_without_need(bench: Bench) -> None:
    message = bench.ask("Tell me a joke", tools=[SEARCH])
    assert [block["type"] for block in message["content"]] == ["text"]


def test_web_search_is_streamed_with_its_citation(bench: Bench) -> None:
    body = {
        "model": HAIKU,
        "max_tokens": 900,
        "stream": True,
        "tools": [SEARCH],
        "messages": [{"role": "user", "content": "Search for bees"}],
    }
    events = parsed(b"".join(bench.post(body).events or ()))
    opened = [
        data["content_block"]["type"] for name, data in events if name == "content_block_start"
    ]
    assert opened == ["server_tool_use", "web_search_tool_result", "text", "text", "text"]
    kinds = {data["delta"]["type"] for name, data in events if name == "content_block_delta"}
    assert kinds == {"input_json_delta", "text_delta", "citations_delta"}

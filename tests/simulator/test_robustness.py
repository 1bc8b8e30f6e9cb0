"""Whatever a client sends, there is an answer: 200 with a well-formed message, or an error body."""

import copy
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dragoman.codec import jsonio

from .conftest import HAIKU, Bench

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["user", "assistant", "system", "text", "image", "tool_use", "tool_result"])
    | st.sampled_from(["thinking", "auto", "any", "tool", "enabled", "adaptive", "json_schema"])
    | st.sampled_from(["base64", "url", "ephemeral", "object", "string", "claude-opus-5-5", HAIKU])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=6)
            | st.sampled_from(["type", "text", "role", "content", "source", "input", "name", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAA"
    "AABJRU5ErkJggg=="
)
FULL: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 300,
    "stream": False,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "tools": [
        {
            "name": "get_weather",
            "description": "Weather of a city",
            "input_schema": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        },
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"effort": "low"},
    "stop_sequences": ["STOP"],
    "metadata": {"user_id": "u1"},
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is the weather in Boston?"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {
                    "type": "tool_use",
                    "id": "toolu_1",
                    "name": "get_weather",
                    "input": {"city": "Boston"},
                }
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"},
                {"type": "text", "text": "and tomorrow?"},
            ],
        },
    ],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a value, the value itself left out."""
    found: list[tuple[Any, ...]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in items:
        found.append((*path, key))
        if isinstance(child, dict | list):
            found += places(child, (*path, key))
    return found


PLACES = places(FULL)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """The full request with one to three of its members replaced or removed."""
    body = copy.deepcopy(FULL)
    for path in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)):
        holder: Any = body
        try:
            for key in path[:-1]:
                holder = holder[key]
            if draw(st.booleans()):
                holder[path[-1]] = draw(VALUES)
            else:
                del holder[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
    return body


def check(bench: Bench, body: bytes, path: str = "/v1/messages") -> None:
    answer = bench.post(body, path=path)
    if answer.events is not None:
        assert answer.status == 200
        assert b"".join(answer.events).endswith(b'{"type":"message_stop"}\n\n')
        return
    said = jsonio.decode(answer.body)
    if answer.status == 200:
        assert said.get("type") == "message" or said["input_tokens"] > 0
    else:
        assert said["type"] == "error"
        assert said["error"]["message"]


def test_the_unchanged_request_is_answered(bench: Bench) -> None:
    assert bench.post(FULL).status == 200


@settings(max_examples=300, deadline=None)
@given(body=mutated())
def test_mutated_requests(body: dict[str, Any]) -> None:
    bench = Bench()
    raw = jsonio.encode(body)
    check(bench, raw)
    check(bench, raw, "/v1/messages/count_tokens")


@settings(max_examples=100, deadline=None)
@given(body=VALUES)
def test_any_json(body: Any) -> None:
    check(Bench(), jsonio.encode(body))


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=60))
@example(body=b"[" * 100_000)
@example(body=b'{"model":"\xff"}')
@example(body=b'{"model":"\\ud800"}')
def test_any_bytes(body: bytes) -> None:
    check(Bench(), body)

"""The OpenAI carrier: the laws of its reader, and what is particular about these servers."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.carriers.openai import Reader, read_error, read_reply, stream_failure
from dragoman.carriers.openai.limits import duration_s, limits
from dragoman.carriers.openai.usage import read_usage
from dragoman.codec import jsonio, splice
from dragoman.errors import Failure
from dragoman.hub.events import (
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStop,
    TextDelta,
    ThinkingDelta,
    UpstreamError,
)
from dragoman.hub.request import Text, Thinking, ToolUse

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
CALLS = st.integers(0, 2)


def delta(**said: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": said}]}


def call(index: int | None, arguments: Any, **more: Any) -> dict[str, Any]:
    name = more.pop("name", None)
    function = {"arguments": arguments} | ({"name": name} if name else {})
    made: dict[str, Any] = {"function": function, **more}
    if index is not None:
        made["index"] = index
    return delta(tool_calls=[made])


PIECES = st.one_of(
    TEXTS.map(lambda text: delta(content=text)),
    TEXTS.map(lambda text: delta(reasoning_content=text)),
    TEXTS.map(lambda text: delta(reasoning=text, content="")),
    st.tuples(CALLS, TEXTS).map(lambda one: call(one[0], one[1], id=f"i{one[0]}", name="f")),
    st.just({"id": "c1", "choices": [], "x": 1}),
    st.just({"choices": [{"index": 1, "delta": {"content": "another choice"}}]}),
)
END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def sse(*chunks: Any, done: bool = True, newline: str = "\n") -> bytes:
    lines = [f"data: {json.dumps(one)}{newline * 2}" for one in chunks]
    return "".join(lines).encode() + (b"data: [DONE]\n\n" if done else b"")


def read(data: bytes, cuts: list[int], *, fast: bool = True) -> list[Event]:
    reader, events = Reader(fast=fast), []
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    for start, end in itertools.pairwise(edges):
        events += reader.feed(data[start:end])
    if not reader.done:
        events += reader.close()
    return events


def blocks(events: list[Event]) -> list[tuple[str, str, str]]:
    """Kind, name and content of every block; blocks must follow each other, numbered from 0."""
    found: list[tuple[str, str, list[bytes]]] = []
    opened = False
    for event in events:
        if isinstance(event, BlockStart):
            assert not opened and event.index == len(found)
            opened = True
            found.append((event.kind, event.name, []))
        elif isinstance(event, BlockStop):
            assert opened and event.index == len(found) - 1
            opened = False
        elif isinstance(event, TextDelta | ThinkingDelta | InputDelta):
            assert opened and event.index == len(found) - 1
            literal = {
                TextDelta: "text", ThinkingDelta: "thinking", InputDelta: "partial_json",
            }[type(event)]  # fmt: skip
            found[-1][2].append(getattr(event, literal))
    assert not opened
    return [(kind, name, jsonio.text_of(jsonio.join(said)) if said else "")
            for kind, name, said in found]  # fmt: skip


@given(
    st.lists(PIECES, max_size=8),
    st.lists(st.integers(0, 5000), max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_split_gives_the_same(pieces: list[Any], cuts: list[int], newline: str) -> None:
    data = sse(*pieces, END, newline=newline)
    try:
        whole = read(data, [])
    except Failure as failure:
        with pytest.raises(Failure) as again:
            read(data, cuts)
        assert again.value.detail == failure.detail
        return
    assert read(data, cuts) == whole
    made = blocks(whole)
    for kind, field in (("text", "content"), ("thinking", "reasoning_content")):
        given_ = [one["choices"][0]["delta"] for one in pieces
                  if one["choices"] and not one["choices"][0]["index"]]  # fmt: skip
        said = "".join(
            one.get(field) or (one.get("reasoning", "") if kind == "thinking" else "")
            for one in given_
        )
        assert "".join(text for name, _, text in made if name == kind) == said


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3))
def test_no_input_raises_anything_but_failure(data: bytes, cuts: list[int]) -> None:
    for given_ in (data, b"data: " + data + b"\n\n", b'data: {"choices":[' + data + b"]}\n\n"):
        with pytest.raises(Failure):
            read(given_, cuts)
    for read_it in (read_reply, lambda body: read_error(400, {}, body)):
        try:
            read_it(data)
        except Failure:
            pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["error", "message", "code", "type", "choices", "delta", "content", "tool_calls",
             "usage", "prompt_tokens", "index", "function", "arguments", "id", "finish_reason"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_no_json_raises_anything_but_failure(value: Any) -> None:
    body = json.dumps(value).encode()
    for attempt in (
        lambda: read(b"data: %b\n\n" % body, []),
        lambda: read_reply(body),
    ):
        try:
            attempt()
        except Failure:
            pass
    for status in (200, 400, 401, 404, 429, 500, 503):
        assert isinstance(read_error(status, {}, body), Failure)
    assert read_usage(Raw(body)).output_tokens != -1


@given(st.lists(PIECES, max_size=8), st.integers(0, 10**6))
def test_no_cut_is_a_normal_end(pieces: list[Any], cut: int) -> None:
    data = sse(*pieces)
    reader = Reader()
    events = reader.feed(data[: cut % (len(data) - 6)])
    assert not any(isinstance(one, MessageStop | MessageDelta) for one in events)
    with pytest.raises(Failure) as caught:
        reader.close()
    assert caught.value.kind == "upstream_truncated"


@given(st.lists(PIECES, max_size=20))
def test_output_is_bounded(pieces: list[Any]) -> None:
    data = sse(*pieces, END)
    try:
        events = read(data, [])
    except Failure:
        return
    assert sum(len(repr(one)) for one in events) <= 20 * len(data) + 2000


def test_done_without_a_reason_is_no_end() -> None:
    events = read(sse(delta(content="Hel")), [])
    assert isinstance(last := events[-1], UpstreamError)
    assert not any(isinstance(one, MessageStop | MessageDelta) for one in events)
    assert stream_failure(last).kind == "upstream_truncated"


def test_a_reason_without_done_is_one() -> None:
    events = read(sse(delta(content="Hello."), END, done=False), [])
    assert isinstance(events[-1], MessageStop)


def test_calls_that_come_in_turn_become_blocks_one_after_the_other() -> None:
    data = sse(
        call(0, '{"a":', id="i0", name="f"), call(1, '{"b":', id="i1", name="g"),
        call(0, "1}"), delta(content="Done."), call(1, "2}"), END,
    )  # fmt: skip
    assert blocks(read(data, [])) == [
        ("tool_use", "f", '{"a":1}'), ("tool_use", "g", '{"b":2}'), ("text", "", "Done."),
    ]  # fmt: skip


@pytest.mark.parametrize("index", [0, None])
def test_calls_told_apart_by_their_ids_alone(index: int | None) -> None:
    data = sse(
        call(index, {"a": 1}, id="i0", name="f"), call(index, "", id="i1", name="g"), END
    )  # fmt: skip
    events = read(data, [])
    assert blocks(events) == [("tool_use", "f", '{"a":1}'), ("tool_use", "g", "")]
    (stop,) = [one for one in events if isinstance(one, MessageDelta)]
    assert stop.stop_reason == "tool_use"


def test_a_call_without_an_id_gets_one_that_stays() -> None:
    data = sse(call(0, "{}", name="f"), END)
    ids = [{one.id for one in read(data, []) if isinstance(one, BlockStart)} for _ in range(2)]
    assert ids[0] == ids[1] and all(ids[0])


def test_names_come_back() -> None:
    reader = Reader({"short": "a name that is too long"})
    events = reader.feed(sse(call(0, "{}", id="i", name="short"), END))
    assert blocks(events)[0][1] == "a name that is too long"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error": {"message": "x", "code": 429}}, "upstream_throttled"),
        ({"error": {"message": "x", "type": "server_error"}}, "upstream_fault"),
        ({"error": {"message": "x", "code": "insufficient_quota"}}, "upstream_unpaid"),
        ({"error": "broken"}, "upstream_fault"),
        ({"object": "error", "message": "m"}, "upstream_fault"),
        ({"choices": [{"delta": {}, "finish_reason": "insufficient_system_resource"}]},
         "upstream_overloaded"),
    ],
)  # fmt: skip
def test_errors_inside_a_stream(said: dict[str, Any], kind: str) -> None:
    reader = Reader()
    events = reader.feed(sse(delta(content="Hel"), said, END))
    assert reader.done and isinstance(events[-1], UpstreamError)
    assert stream_failure(events[-1]).kind == kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "bad", "param": "seed"}}, "upstream_rejected"),
        (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, "context_length"),
        (401, {"error": {"message": "bad key"}}, "upstream_refused"),
        (402, {"error": {"message": "Insufficient Balance"}}, "upstream_unpaid"),
        (404, {"error": {"message": "The model `x` does not exist"}}, "model_not_found"),
        (404, {"detail": "Not Found"}, "upstream_nonsense"),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, "upstream_rejected"),
        (429, {"error": {"message": "slow", "type": "requests"}}, "upstream_throttled"),
        (429, {"error": {"message": "m", "code": "insufficient_quota"}}, "upstream_unpaid"),
        (500, {"error": {"message": "m"}}, "upstream_fault"),
        (503, {"error": "overloaded"}, "upstream_overloaded"),
        (504, None, "upstream_timeout"),
    ],
)
def test_errors_by_status(status: int, body: Any, kind: str) -> None:
    failure = read_error(status, {}, b"<html>" if body is None else json.dumps(body).encode())
    assert failure.kind == kind
    assert failure.status < 500 or "bad key" not in failure.message


def test_a_prompt_that_is_too_long_is_said_in_claudes_words() -> None:
    said = "This model's maximum context length is 8192 tokens. However, you requested 9001 tokens"
    body = json.dumps({"error": {"message": said, "code": "context_length_exceeded"}}).encode()
    found = read_error(400, {}, body).message
    assert found.startswith("prompt is too long: 9001 tokens > 8192 maximum")


def test_when_to_come_back() -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}
    assert read_error(429, headers, b"{}").retry_after_s == 90.0
    assert read_error(429, headers | {"retry-after": "7"}, b"{}").retry_after_s == 7.0
    head = b"HTTP/1.1 200 OK\r\nx-ratelimit-limit-tokens: 9\r\nx-ratelimit-remaining-tokens: 3\r\n"
    assert limits(head)["tokens"].remaining == 3
    assert [duration_s(one) for one in ("20ms", "6m0s", "", "soon")] == [0.02, 360.0, None, None]


@pytest.mark.parametrize(
    "details",
    [
        {"prompt_tokens_details": {"cached_tokens": 6}},
        {"cached_tokens": 6},
        {"prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4},
    ],
)
def test_usage_excludes_what_was_cached(details: dict[str, Any]) -> None:
    said = {"prompt_tokens": 10, "completion_tokens": 3, **details}
    usage = read_usage(Raw(json.dumps(said).encode()))
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (4, 6, 3)


def test_a_whole_reply() -> None:
    message = {
        "content": None,
        "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}],
        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "not json"}}],
    }
    body = {"id": "r", "choices": [{"message": message, "finish_reason": "stop"}]}
    reply = read_reply(json.dumps(body).encode())
    thinking, used = reply.content
    assert isinstance(thinking, Thinking) and bytes(thinking.thinking) == b'"Hm."'
    assert isinstance(used, ToolUse) and b"INVALID_JSON" in bytes(used.input)
    assert reply.stop_reason == "tool_use"
    body["choices"][0]["message"] = {"content": "No.", "refusal": None}
    (text,) = read_reply(json.dumps(body).encode()).content
    assert isinstance(text, Text) and bytes(text.text) == b'"No."'


@given(
    st.dictionaries(st.sampled_from(["model", "a", "m\u00f6", "messages"]), JSON, max_size=4),
    st.sampled_from([None, 1]),
    TEXTS,
)
def test_only_the_models_name_is_changed(
    members: dict[str, Any], indent: int | None, name: str
) -> None:
    members = {"nested": {"model": "old"}, **members, "model": "old"}
    body = json.dumps(members, indent=indent, ensure_ascii=False).encode()
    changed = splice.with_model(body, name)
    assert json.loads(changed) == {**members, "model": name}
    assert splice.with_model(body, "old") is body
    assert len(changed) - len(body) == len(jsonio.encode(name)) - len(b'"old"')

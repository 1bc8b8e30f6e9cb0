"""The vendors' own SDKs judge what we write.

What goes upstream must be what ``anthropic`` calls request parameters; replies and chunks must be
what ``openai`` calls completions, and folded by its accumulator they must say what ``anthropic``'s
accumulator makes of the same events.
"""

from pathlib import Path
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter, ValidationError

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.hub.events import MessageDelta, MessageStart
from dragoman.hub.usage import Usage
from tests.dialects.generated import Events, cases, small_values, streams, wire
from tests.dialects.oracles import check_parameters, chunks, fold
from tests.dialects.test_append_only import conversations
from tests.dialects.test_parse_properties import BODIES, places, put
from tests.fuzz import answers, requests

GOLDEN = Path(__file__).parents[1] / "golden" / "chat-anthropic"
CATALOGUE = Catalogue()
EVENTS: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def golden(name: str) -> list[Any]:
    return [pytest.param(path, id=path.parent.name) for path in sorted(GOLDEN.glob(f"*/{name}"))]


@pytest.mark.parametrize(
    "wrong",
    [
        {"stop": ["x"]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "name": "y"}]}]},
        {"tools": [{"name": "f", "input_schema": {"type": "object"}, "parameters": {}}]},
        {"tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
    ],
)
def test_a_field_in_the_wrong_place_is_found(wrong: dict[str, Any]):
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    check_parameters(body)
    with pytest.raises((ValidationError, AssertionError)):
        check_parameters({**body, **wrong})


@pytest.mark.parametrize("path", golden("upstream.json"))
def test_upstream_bodies_are_request_parameters(path: Path):
    body = jsonio.decode(path.read_bytes())
    check_parameters(body)


@pytest.mark.parametrize("path", golden("reply.json"))
def test_replies_are_chat_completions(path: Path):
    completion = ChatCompletion.model_validate_json(path.read_bytes(), strict=True)
    assert completion.choices[0].message.role == "assistant"
    assert completion.usage is not None


CUSTOM = "v083"
"""OpenAI's SDK has no type for streamed calls of custom tools."""


@pytest.mark.parametrize("path", golden("chunks.sse"))
def test_chunks_fold_into_the_whole_reply(path: Path):
    data = path.read_bytes()
    whole = path.parent / "reply.json"
    found = [chunk for chunk in chunks(data) if "error" not in chunk]
    for chunk in found:
        if not path.parent.name.startswith(CUSTOM):
            ChatCompletionChunk.model_validate(chunk, strict=True)
    if b'"error"' in data or not whole.exists() or path.parent.name.startswith(CUSTOM):
        return
    streamed, expected = fold(data), ChatCompletion.model_validate_json(whole.read_bytes())
    one, other = streamed.choices[0], expected.choices[0]
    assert one.finish_reason == other.finish_reason
    assert (one.message.content or "") == (other.message.content or "")
    assert one.message.refusal == other.message.refusal
    calls = [
        [
            (call.id, call.function.name, call.function.arguments)
            for call in message.tool_calls or ()
        ]
        for message in (one.message, other.message)
    ]
    assert calls[0] == calls[1]
    assert streamed.usage is None or streamed.usage == expected.usage


TOOLS = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
REQUEST = jsonio.encode(
    {
        "model": "claude-haiku-4-5",
        "messages": [{"role": "user", "content": "x"}],
        "tools": TOOLS,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
)


def through(events: Events) -> bytes:
    """The chunks our reader and writer make of a stream."""
    parsed = chat.parse(REQUEST, CATALOGUE, strict=True)
    writer, usage, reader = chat.StreamWriter(parsed, 1), Usage(), anthropic.Reader()
    found = reader.feed(wire(events))
    reader.close()
    for event in found:
        if isinstance(event, MessageStart | MessageDelta):
            usage.fold(event.usage)
    return writer.feed(found) + writer.close(usage)


def anthropics_own(events: Events) -> Any:
    """The message Anthropic's SDK makes of the same stream."""
    snapshot, buffers = None, {}
    for event in events:
        if event["type"] != "ping":
            snapshot = accumulate_event(
                event=EVENTS.validate_python(event), current_snapshot=snapshot, json_bufs=buffers
            )
    return snapshot


@given(streams())
@settings(max_examples=cases(150))
def test_both_sdks_read_the_same_message(events: Events):
    ours, theirs = fold(through(events)), anthropics_own(events)
    message = ours.choices[0].message
    texts = [block.text for block in theirs.content if block.type == "text"]
    assert (message.content or "") == "".join(texts)
    calls = [block for block in theirs.content if block.type == "tool_use"]
    assert [call.id for call in message.tool_calls or ()] == [call.id for call in calls]
    for call, block in zip(message.tool_calls or (), calls, strict=True):
        assert call.type == "function"
        assert call.function.name == block.name
        assert jsonio.decode(call.function.arguments.encode()) == block.input
    extra = message.to_dict()
    thoughts = [block for block in theirs.content if block.type == "thinking"]
    assert extra.get("reasoning_content", "") == "".join(block.thinking for block in thoughts)
    assert ours.usage is not None
    used = theirs.usage
    cached, written = used.cache_read_input_tokens or 0, used.cache_creation_input_tokens or 0
    assert ours.usage.prompt_tokens == used.input_tokens + cached + written
    assert ours.usage.completion_tokens == used.output_tokens


@given(streams())
@settings(max_examples=cases(60))
def test_thinking_comes_back_as_it_was(events: Events):
    """A client that collects the items and sends them back gives upstream its own blocks."""
    found = chunks(through(events))
    deltas = [choice["delta"] for chunk in found for choice in chunk["choices"]]
    blocks = [block for delta in deltas for block in delta.get("thinking_blocks", ())]
    details = [item for delta in deltas for item in delta.get("reasoning_details", ())]
    theirs = [
        block.model_dump()
        for block in anthropics_own(events).content
        if block.type in ("thinking", "redacted_thinking")
    ]
    for field, value in (("thinking_blocks", blocks), ("reasoning_details", details)):
        echoed = {"role": "assistant", "content": "said", field: value}
        messages = [{"role": "user", "content": "x"}, echoed, {"role": "user", "content": "y"}]
        body = jsonio.encode({"model": "claude-opus-5-5", "messages": messages})
        parsed = chat.parse(body, CATALOGUE, strict=True)
        sent = jsonio.decode(anthropic.prepare(parsed.request))["messages"][1]["content"]
        assert [block for block in sent if block["type"] != "text"] == theirs


def _object(body: bytes) -> dict[str, Any]:
    """A body that is an object of a depth that can be walked, or nothing."""
    try:
        value = {} if jsonio.too_deep(body) else jsonio.decode(body)
    except jsonio.Malformed:
        return {}
    return value if isinstance(value, dict) else {}


models = st.sampled_from([row.id for row in CATALOGUE.listed()])
objects = st.sampled_from([body for _, body in BODIES]).map(_object).filter(bool)


@st.composite
def crossed(draw: st.DrawFn) -> bytes:
    """A golden request with a few fields of another one, any model, sometimes another
    conversation and sometimes any value in any place."""
    body, other = draw(objects), draw(objects)
    taken = draw(st.sets(st.sampled_from(sorted(other)), max_size=4))
    body = {**body, **{name: other[name] for name in taken}}
    if draw(st.booleans()):
        body["model"] = draw(models)
    if draw(st.integers(0, 3)) == 0:
        body["messages"] = [message for turn in draw(conversations()) for message in turn]
    if draw(st.integers(0, 3)) == 0:
        body = put(body, draw(st.sampled_from(places(body))), draw(small_values))
    return jsonio.encode(body)


@given(crossed())
@settings(max_examples=cases(300))
def test_what_is_accepted_is_what_upstream_takes(body: bytes):
    """A Failure of the client's fault, or a body in which the SDK's types and the simulator's
    rules find nothing; warned of or not, the short way or the long."""
    requests.check(body)


@given(streams())
@settings(max_examples=cases(100))
def test_a_stream_says_what_the_whole_reply_says(events: Events):
    """For each way in which an answer is written."""
    answers.check(wire(events))

"""The laws of the Responses dialect: any split, only Failure, the SDK's own accumulator, and an
answer that is sent back."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw
from openai._types import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import responses
from dragoman.dialects.chat import Parsed, error_body
from dragoman.dialects.registry import COMPLETIONS, Dialect
from dragoman.dialects.registry import RESPONSES as DIALECT
from dragoman.dialects.responses.sealed import opened, seal
from dragoman.errors import TABLE, Failure
from dragoman.hub.events import (
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    Reply,
)
from dragoman.hub.request import RedactedThinking, Thinking
from dragoman.hub.usage import Usage, WireUsage
from tests.dialects.generated import Events, cases, small_values, streams, wire, words
from tests.dialects.oracles import check_parameters
from tests.dialects.test_parse_properties import PARAM, places, put
from tests.dialects.test_simulator_accepts import refusal
from tests.fuzz.answers import message_of

CATALOGUE = Catalogue()
GOLDEN = Path(__file__).parents[1] / "golden"
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
CREATED = 1_700_000_000
F, G = ({"type": "function", "name": name, "parameters": {"type": "object"}} for name in "fg")
PLAIN = {"model": "claude-haiku-4-5", "input": "x", "tools": [F, G], "stream": True}
SEARCHES = {**PLAIN, "tools": [F, G, {"type": "web_search"}]}
JSON = {**PLAIN, "text": {"format": {"type": "json_object"}}}
SHOWN = {**PLAIN, "reasoning": {"summary": "auto"}}
CUSTOM = {**PLAIN, "tools": [{"type": "custom", "name": "f"}, G]}
REQUESTS = [PLAIN, SEARCHES, JSON, SHOWN, CUSTOM]


def parse(body: dict[str, Any]) -> Parsed:
    return responses.parse(jsonio.encode(body), CATALOGUE, strict=False)


def events_of(data: bytes) -> list[dict[str, Any]]:
    frames = [frame for frame in data.split(b"\n\n") if frame.startswith(b"event: ")]
    return [jsonio.decode(frame.partition(b"\ndata: ")[2]) for frame in frames]


def used(events: list[Event]) -> Usage:
    usage = Usage()
    for event in events:
        if isinstance(event, MessageStart | MessageDelta):
            usage.fold(event.usage)
    return usage


def answer(parsed: Parsed, reads: list[bytes]) -> bytes:
    reader, writer = anthropic.Reader(), responses.StreamWriter(parsed, CREATED)
    seen: list[Event] = []
    sent: list[bytes] = []
    for data in reads:
        events = reader.feed(data)
        seen += events
        sent.append(writer.feed(events))
    reader.close()
    return b"".join([*sent, writer.close(used(seen))])


@given(st.sampled_from(REQUESTS), streams(), st.lists(st.integers(0, 5000), max_size=6))
@settings(max_examples=cases(60))
def test_any_split_gives_the_same_bytes(request_: dict[str, Any], made: Events, cuts: list[int]):
    data = wire(made)
    ends = sorted({0, *[cut % (len(data) + 1) for cut in cuts], len(data)})
    pieces = [data[a:b] for a, b in itertools.pairwise(ends)]
    assert answer(parse(request_), pieces) == answer(parse(request_), [data])


@given(st.sampled_from(REQUESTS), streams())
@settings(max_examples=cases(80))
def test_the_sdk_folds_the_stream_to_the_whole_answer(request_: dict[str, Any], made: Events):
    """Every event is typed and numbered; what the SDK accumulates is the last event's response,
    and that is the whole answer to the same message."""
    data = wire(made)
    found = events_of(answer(parse(request_), [data]))
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    texts: dict[int, str] = {}
    for number, event in enumerate(found):
        assert event["sequence_number"] == number
        state.handle_event(EVENT.validate_python(event))
        if event["type"] == "response.output_text.delta":
            at = event["output_index"]
            texts[at] = texts.get(at, "") + event["delta"]
    last = found[-1]["response"]
    Response.model_validate(last)
    said = {
        at: item["content"][0]["text"]
        for at, item in enumerate(last["output"])
        if item["type"] == "message"
    }
    assert {at: text for at, text in said.items() if text} == texts
    events = anthropic.Reader().feed(data)
    message = message_of(events)
    if message is not None:
        whole = jsonio.decode(responses.reply(parse(request_), [message], CREATED, used(events)))
        assert without_searches(whole) == without_searches(last)


def without_searches(response: dict[str, Any]) -> dict[str, Any]:
    """The generated whole message does not hold upstream's own blocks."""
    kept = [item for item in response["output"] if item["type"] != "web_search_call"]
    for item in kept:
        item.pop("id")
    texts = [item for item in kept if item["type"] == "message"]
    joined = "".join([part["text"] for item in texts for part in item["content"]])
    others = [item for item in kept if item["type"] != "message"]
    return {**response, "output": [*others, joined]}


@pytest.mark.parametrize("kind", sorted(TABLE))
@pytest.mark.parametrize("begun", [True, False])
def test_a_stream_that_breaks_off_never_looks_complete(kind: str, begun: bool):
    parsed = parse(SHOWN)
    writer = responses.StreamWriter(parsed, CREATED)
    start = b'{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{}}}'
    data = b"event: message_start\ndata: %b\n\n" % start
    sent = writer.feed(anthropic.Reader().feed(data)) if begun else b""
    found = events_of(sent + writer.fail(Failure(kind, "Why.", retry_after_s=1.5)))
    kinds = [event["type"] for event in found]
    assert kinds == ["response.created", "response.in_progress", "error", "response.failed"]
    assert [event["sequence_number"] for event in found] == [0, 1, 2, 3]
    failed = found[-1]["response"]
    assert failed["status"] == "failed" and failed["output"] == []
    assert failed["error"]["message"] == "Why. Please try again in 1.5s."
    assert found[-1]["response"]["id"] == found[0]["response"]["id"]
    if kind == "rate_limited":
        assert failed["error"]["code"] == "rate_limit_exceeded"


def test_calls_whose_pieces_come_in_turn_are_whole():
    """Some upstreams write parallel calls side by side."""
    writer = responses.StreamWriter(parse(PLAIN), CREATED)
    start = Raw(b'{"type":"tool_use","input":{}}')
    usage = WireUsage()
    sent = writer.feed(
        [
            MessageStart("msg_1", "m", usage),
            BlockStart(0, "tool_use", start, "c0", "f"),
            BlockStart(1, "tool_use", start, "c1", "g"),
            InputDelta(1, b'"{\\"b\\":"'),
            InputDelta(0, b'"{\\"a\\":1}"'),
            InputDelta(1, b'"2}"'),
            BlockStop(1),
            BlockStop(0),
            MessageDelta("tool_use", None, None, usage),
        ]
    )
    found = events_of(sent + writer.close(Usage()))
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in found:
        state.handle_event(EVENT.validate_python(event))
    output = found[-1]["response"]["output"]
    assert [(item["call_id"], item["arguments"], item["status"]) for item in output] == [
        ("c0", '{"a":1}', "completed"),
        ("c1", '{"b":2}', "completed"),
    ]


def bodies(folder: str) -> list[bytes]:
    found = sorted(GOLDEN.glob(f"{folder}/*/request.json"))
    return [jsonio.compact(path.read_bytes()) for path in found]


ALL = [(DIALECT, body) for body in bodies("responses-anthropic")]
ALL += [(COMPLETIONS, body) for body in bodies("completions-anthropic")]


@given(
    st.sampled_from(ALL),
    small_values | st.just([[[]]]) | st.just({"type": "input_text"}),
    st.booleans(),
    st.data(),
)
@settings(max_examples=cases(400))
def test_any_value_in_any_place(
    case: tuple[Dialect, bytes], new: Any, strict: bool, draw: st.DataObject
):
    """Nothing but a Failure at a place in the client's own request, or Anthropic's parameters."""
    dialect, body = case
    value = jsonio.decode(body)
    path = draw.draw(st.sampled_from(places(value)))
    changed = jsonio.encode(put(value, path, new))
    try:
        parsed = dialect.parse(changed, CATALOGUE, strict=strict)
    except Failure as failure:
        assert jsonio.decode(error_body(failure))["error"]["message"]
        assert 400 <= failure.status < 500
        if failure.param is not None and failure.kind != "unknown_parameter":
            assert PARAM.fullmatch(failure.param)
            assert failure.param.split("[")[0].split(".")[0] not in ("messages", "response_format")
    else:
        if not parsed.media:
            check_parameters(jsonio.decode(anthropic.prepare(parsed.request)))


@pytest.mark.parametrize("folder", ["responses-anthropic", "completions-anthropic"])
def test_the_simulator_takes_what_goes_upstream(folder: str):
    """Its rules are protocol.md §2b's, and it knows nothing of translation."""
    paths = sorted(GOLDEN.glob(f"{folder}/*/upstream.json"))
    assert paths
    for path in paths:
        body = jsonio.decode(path.read_bytes())
        check_parameters(body)
        assert refusal(body) == "", path.parent.name


@given(st.binary(max_size=60), st.sampled_from([DIALECT, COMPLETIONS]))
def test_any_bytes(body: bytes, dialect: Dialect):
    with pytest.raises(Failure):
        dialect.parse(body, CATALOGUE, strict=False)


@given(words, words.filter(bool))
def test_what_is_sealed_is_opened(thinking: str, signature: str):
    block = Thinking(jsonio.quote(thinking), jsonio.quote(signature))
    found = opened(jsonio.unquote(seal(block)))
    assert [(one.thinking, one.signature) for one in found] == [(block.thinking, block.signature)]
    redacted = RedactedThinking(jsonio.quote(signature))
    assert [one.data for one in opened(jsonio.unquote(seal(redacted)))] == [redacted.data]


@given(st.text() | st.binary().map(lambda data: "eyJ2IjoxLC" + data.hex()))
def test_what_others_sealed_is_nothing(sealed: str):
    assert opened(sealed) == []


def said(message: Reply) -> list[dict[str, Any]]:
    """What a message's blocks must be when they come back: upstream's own blocks stay out, blank
    texts are no use, and neighbouring texts are one."""
    made: list[dict[str, Any]] = []
    for block in jsonio.decode(jsonio.encode(message.content)):
        if block["type"] == "server_tool_use":
            continue
        if block["type"] == "text":
            block.pop("citations", None)
            if made and made[-1]["type"] == "text":
                made[-1]["text"] += block["text"]
                continue
        made.append(block)
    return [one for one in made if one["type"] != "text" or one["text"].strip()]


USAGE = {"input_tokens": 1, "output_tokens": 1}
WHOLE: Events = [
    {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": USAGE}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": USAGE},
    {"type": "message_stop"},
]
BETWEEN_CALLS: Events = [
    event
    for at, (kind, delta) in enumerate(
        [
            ({"type": "tool_use", "id": "toolu_0", "name": "f", "input": {}}, None),
            ({"type": "text", "text": ""}, {"type": "text_delta", "text": "x"}),
            ({"type": "thinking", "thinking": "", "signature": ""},
             {"type": "signature_delta", "signature": "EqQ="}),
            ({"type": "tool_use", "id": "toolu_3", "name": "f", "input": {}}, None),
        ]
    )
    for event in (
        {"type": "content_block_start", "index": at, "content_block": kind},
        *([{"type": "content_block_delta", "index": at, "delta": delta}] if delta else []),
        {"type": "content_block_stop", "index": at},
    )
]  # fmt: skip
"""A call, a text and a thought, and another call."""


@given(streams())
@example([*WHOLE[:1], *BETWEEN_CALLS, *WHOLE[1:]])
@settings(max_examples=cases(100))
def test_an_answer_comes_back_as_it_was_said(made: Events):
    """Output items sent back as input become the blocks they were made of: thinking with its
    signature, texts, calls, in their order."""
    events = anthropic.Reader().feed(wire(made))
    message = message_of(events)
    if message is None:
        return
    first = parse(PLAIN)
    whole = jsonio.decode(responses.reply(first, [message], CREATED, used(events)))
    calls = [item["call_id"] for item in whole["output"] if item["type"] == "function_call"]
    blocks = said(message)
    if not blocks or blocks[-1]["type"] != "tool_use":
        return  # what stands behind the last call is put before it
    results = [{"type": "function_call_output", "call_id": one, "output": "r"} for one in calls]
    question = {"role": "user", "content": "x"}
    second = parse({**PLAIN, "input": [question, *whole["output"], *results]})
    sent = jsonio.decode(anthropic.prepare(second.request))["messages"]
    assert [one["role"] for one in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"] == blocks


ITEMS = [
    {"role": "user", "content": "go on"},
    {"role": "developer", "content": "be brief"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "well"}]},
    {"type": "reasoning", "summary": [], "encrypted_content": jsonio.unquote(
        seal(Thinking(jsonio.quote("t"), jsonio.quote("S")))
    )},
    {"type": "web_search_call", "id": "ws_1", "status": "completed"},
]  # fmt: skip


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[int]]:
    """Items, and the places where a turn is over."""
    found: list[dict[str, Any]] = [{"role": "user", "content": "begin"}]
    ends = [1]
    for turn in range(draw(st.integers(1, 4))):
        found += draw(st.lists(st.sampled_from(ITEMS[2:]), max_size=3))
        ids = [f"c{turn}_{at}" for at in range(draw(st.integers(0, 2)))]
        for one in ids:
            found.append({"type": "function_call", "call_id": one, "name": "f", "arguments": "{}"})
        for one in draw(st.permutations(ids)):
            found.append({"type": "function_call_output", "call_id": one, "output": "r"})
        found.append({"role": "user", "content": f"question {turn}"})
        ends.append(len(found))
    return found, ends


@given(conversations(), st.sampled_from(["claude-haiku-4-5", "claude-opus-5-5"]))
@settings(max_examples=cases(60))
def test_a_longer_conversation_begins_with_the_shorter_one(
    made: tuple[list[dict[str, Any]], list[int]], model: str
):
    items, ends = made
    before: list[Any] = []
    for end in ends:
        parsed = parse({**PLAIN, "model": model, "input": items[:end]})
        sent = jsonio.decode(anthropic.prepare(parsed.request))["messages"]
        said_so_far = [(one["role"], block) for one in sent for block in one["content"]]
        assert said_so_far[: len(before)] == before
        before = said_so_far

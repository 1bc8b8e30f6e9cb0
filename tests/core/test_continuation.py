"""What goes back to an upstream that paused is what it said; what comes out is one message."""

from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from pydantic import TypeAdapter

from dragoman.carriers import anthropic
from dragoman.codec import jsonio
from dragoman.continuation import MOST, StreamedParts, WholeParts
from dragoman.hub.events import BlockStart, Event, MessageDelta, MessageStart, MessageStop, Reply
from dragoman.hub.request import Message, Request, Text, ThinkingConfig
from dragoman.hub.usage import Usage, WireUsage
from dragoman.record import fold
from tests.dialects.generated import Events, streams, wire

EVENTS: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
SAID = Raw(b'{"type":"text","text":"a"}')


def request(**fields: Any) -> Request:
    messages = [Message("user", [Text(Raw(b'"x"'))])]
    return Request("m", 10**15, messages=messages, **fields)


def paused(*blocks: bytes, output: int = 1) -> Reply:
    usage = WireUsage(output_tokens=output)
    raws = [Raw(block) for block in blocks]
    return Reply("msg_1", "m", [], "pause_turn", None, None, usage, raws)


def their_blocks(events: Events) -> list[dict[str, Any]]:
    """The blocks that Anthropic's SDK makes of a stream, but for what cannot go back."""
    snapshot, buffers = None, {}
    for event in events:
        if event["type"] != "ping":
            snapshot = accumulate_event(
                event=EVENTS.validate_python(event), current_snapshot=snapshot, json_bufs=buffers
            )
    assert snapshot is not None
    found = [block.model_dump(exclude_none=True) for block in snapshot.content]
    return [block for block in found if block["type"] != "text" or block["text"].strip()]


def with_stop(events: Events, stop: str) -> Events:
    changed: Events = []
    for event in events:
        if event["type"] == "message_delta":
            event = {**event, "delta": {**event["delta"], "stop_reason": stop}}  # noqa: PLW2901
        changed.append(event)
    return changed


def run(parts: StreamedParts, events: Events, step: int) -> list[Event]:
    data, reader, passed = wire(events), anthropic.Reader(), []
    for at in range(0, len(data), step):
        passed += parts.take(reader.feed(data[at : at + step]))
    return passed


def summed(*many: Events) -> Usage:
    total = Usage()
    for events in many:
        part = Usage()
        fold(part, anthropic.Reader().feed(wire(events)))
        total.add(part)
    return total


@given(streams(), streams(), st.integers(1, 300))
def test_what_came_goes_back_and_parts_are_one(one: Events, two: Events, step: int) -> None:
    one = with_stop(one, "pause_turn")
    parts = StreamedParts(request())
    passed = run(parts, one, step)
    blocks = their_blocks(one)
    goes_on = bool(blocks) and all(block["type"] != "tool_use" for block in blocks)
    assert parts.paused is goes_on
    if goes_on:
        sent = jsonio.decode(jsonio.encode(parts.next().messages[-1]))
        assert sent == {"role": "assistant", "content": blocks}
        passed += run(parts, two, step)
    kinds = [type(event) for event in passed]
    assert (kinds.count(MessageStart), kinds.count(MessageStop)) == (1, 1)
    assert kinds[-1] is MessageStop
    starts = [event.index for event in passed if isinstance(event, BlockStart)]
    assert starts == sorted(set(starts))
    stops = [event.stop_reason for event in passed if isinstance(event, MessageDelta)]
    last = next(event for event in reversed(two) if event["type"] == "message_delta")
    expected = last["delta"]["stop_reason"] if goes_on else "pause_turn"
    assert [stop for stop in stops if stop] == [expected]
    usage = Usage()
    fold(usage, passed)
    assert usage == (summed(one, two) if goes_on else summed(one))


@given(streams())
def test_whole_parts_say_the_same(one: Events) -> None:
    """The same blocks, told as a message, make the same next request."""
    one = with_stop(one, "pause_turn")
    streamed, whole = StreamedParts(request()), WholeParts(request())
    run(streamed, one, 10**6)
    blocks = [jsonio.encode(block) for block in their_blocks(one)]
    assert whole.take(paused(*blocks, output=summed(one).output)) is streamed.paused
    if streamed.paused:
        pair = [jsonio.decode(anthropic.prepare(parts.next())) for parts in (streamed, whole)]
        assert pair[0] == pair[1]


def test_it_ends_after_so_many() -> None:
    parts = WholeParts(request())
    for _ in range(MOST):
        assert parts.take(paused(SAID))
        parts.next()
    assert not parts.take(paused(SAID))
    assert parts.reply().stop_reason == "pause_turn"
    assert parts.usage.output == MOST + 1


def test_the_clients_own_beginning_of_the_answer_stays_in_front() -> None:
    begun = request()
    begun.messages.append(Message("assistant", [Text(Raw(b'"So"'))]))
    parts = WholeParts(begun)
    assert parts.take(paused(SAID))
    *_, last = parts.next().messages
    assert jsonio.encode(last.content) == b'[{"type":"text","text":"So"},%b]' % bytes(SAID)
    assert len(begun.messages) == 2
    assert len(begun.messages[1].content) == 1


def test_the_limit_leaves_room_for_thinking() -> None:
    asked = request(thinking=ThinkingConfig("enabled", 1024))
    asked.max_tokens = 2000
    parts = WholeParts(asked)
    assert parts.take(paused(SAID, output=1500))
    assert parts.next().max_tokens == 1025
    assert not parts.take(paused(SAID, output=500))


def test_the_request_may_be_forgotten_by_its_owner() -> None:
    asked = request(tools=[Raw(b"{}")])
    parts = StreamedParts(asked)
    asked.messages, asked.tools = [], []
    run(parts, part(TEXT), 10**6)
    again = parts.next()
    assert [message.role for message in again.messages] == ["user", "assistant"]
    assert again.tools == [Raw(b"{}")]


TEXT = [{"type": "text", "text": ""}, {"type": "text_delta", "text": "a"}]


def part(*blocks: list[dict[str, Any]]) -> Events:
    """A stream that pauses, of blocks given as their beginning and their deltas."""
    events: Events = [{"type": "message_start", "message": {"id": "msg_1", "usage": {}}}]
    for index, (begun, *deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        ]
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "pause_turn", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 3}})
    # More may be said after the reason: figures are cumulative, and count once.
    events.append({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 4}})
    events.append({"type": "message_stop"})
    return events


def sent_back(*blocks: list[dict[str, Any]]) -> Any:
    parts = StreamedParts(request())
    run(parts, part(TEXT, *blocks), 10**6)
    assert parts.usage.output == 4
    assert parts.paused
    return jsonio.decode(jsonio.encode(parts.next().messages[-1].content))[1:]


CITED = [{"type": "web_search_result_location", "url": "u"}, {"type": "new"}]
CALL = {"type": "server_tool_use", "id": "s", "name": "web_search", "caller": {"type": "direct"}}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([{"type": "text", "text": " "}, {"type": "text_delta", "text": "\n"}], []),
        (
            [
                {"type": "text", "text": "a", "citations": CITED[:1]},
                {"type": "citations_delta", "citation": CITED[1]},
                {"type": "text_delta", "text": "b"},
            ],
            [{"type": "text", "text": "ab", "citations": CITED}],
        ),
        ([{**CALL, "input": {"a": 1}}], [{**CALL, "input": {"a": 1}}]),
        (
            [{**CALL, "input": {}}, {"type": "input_json_delta", "partial_json": '{"a":'}],
            [],
        ),
        ([{"type": "thinking", "thinking": "a", "signature": ""}], []),
        (
            [
                {"type": "thinking", "thinking": "", "signature": ""},
                {"type": "signature_delta", "signature": "s"},
            ],
            [{"type": "thinking", "thinking": "", "signature": "s"}],
        ),
        ([{"type": "new_kind", "x": [1.0, None]}], [{"type": "new_kind", "x": [1.0, None]}]),
    ],
    ids=["blank", "cited", "whole call", "broken call", "unsigned", "omitted", "unknown"],
)
def test_blocks_of_every_kind(told: list[dict[str, Any]], expected: list[Any]) -> None:
    assert sent_back(told) == expected


OPEN = b'{"type":"server_tool_use","id":"s2","name":"web_search","input":{}}'
DONE = b'{"type":"server_tool_use","id":"s1","name":"web_search","input":{}}'
RESULT = b'{"type":"web_search_tool_result","tool_use_id":"s1","content":[]}'


def test_only_searches_without_a_result_are_left_out() -> None:
    parts = WholeParts(request())
    assert parts.take(paused(DONE, RESULT, OPEN))
    parts.next()
    again = parts.without_open_calls()
    assert again is not None
    assert jsonio.encode(again.messages[-1].content) == b"[%b,%b]" % (DONE, RESULT)
    assert parts.without_open_calls() is None


def test_a_turn_of_nothing_but_an_open_search_is_not_sent_without_it() -> None:
    parts = WholeParts(request())
    assert parts.take(paused(OPEN))
    assert parts.without_open_calls() is None

"""The memory of signed thinking: what is kept, who gets it, and that it stays within its bounds."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.carriers import anthropic
from dragoman.codec import jsonio
from dragoman.hub.events import InputDelta
from dragoman.hub.recall import Call, Thought, Turn, mark
from dragoman.hub.request import RedactedThinking, Text, Thinking, ToolUse
from dragoman.thoughts import TTL_S, Listener, Thoughts, size, turn_of


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def wall(self) -> float:
        return self.now

    def mono(self) -> float:
        return self.now


THINKING = Thinking(Raw(b'"Let me \\u00e9 see"'), Raw(b'"Sig+/=="'))
REDACTED = RedactedThinking(Raw(b'"DATA=="'))
CALLS = [Call("toolu_1", "get_weather", b'{"city":"Paris","days":2}')]


def made(call_id: str = "toolu_1", thinking: Thinking = THINKING) -> Turn:
    calls = [Call(call_id, "get_weather", CALLS[0].input)]
    return Turn(call_id, mark(calls), (Thought(thinking, False, 0),))


def found(thoughts: Thoughts, owner: str, calls: list[Call]) -> list[Any]:
    """The blocks a dialect gets for calls."""
    turn = thoughts.recall(owner, calls[0].id)
    return [] if turn is None or turn.mark != mark(calls) else [one.block for one in turn.thoughts]


def asked(call_id: str = "toolu_1", arguments: bytes = CALLS[0].input) -> list[Call]:
    return [Call(call_id, "get_weather", arguments)]


def memory(**bounds: int) -> tuple[Thoughts, Hand]:
    clock = Hand()
    return Thoughts(clock, **bounds), clock  # type: ignore[arg-type]


def test_a_turn_is_found_by_its_calls() -> None:
    thoughts, _ = memory()
    thoughts.keep("key-a", made())
    assert found(thoughts, "key-a", asked()) == [THINKING]
    assert found(thoughts, "key-a", asked("toolu_2")) == []


def test_one_key_never_sees_anothers() -> None:
    thoughts, _ = memory()
    other = Thinking(Raw(b'"other"'), Raw(b'"other"'))
    thoughts.keep("key-a", made())
    assert found(thoughts, "key-b", asked()) == []
    thoughts.keep("key-b", made(thinking=other))
    assert found(thoughts, "key-a", asked()) == [THINKING]
    assert found(thoughts, "key-b", asked()) == [other]


@pytest.mark.parametrize(
    ("calls", "fits"),
    [
        (asked(), True),
        (asked(arguments=b'{"city":"London","days":2}'), False),
        ([Call("toolu_1", "other", CALLS[0].input)], False),
        ([*CALLS, Call("toolu_2", "get_weather", b"{}")], False),
    ],
)
def test_edited_calls_leave_the_thinking_out(calls: list[Call], fits: bool) -> None:
    thoughts, _ = memory()
    thoughts.keep("key", made())
    assert bool(found(thoughts, "key", calls)) is fits
    assert found(thoughts, "key", asked()), "it is still there for the true ones"


def test_an_entry_lives_as_long_as_it_is_asked_for() -> None:
    thoughts, clock = memory()
    thoughts.keep("key", made())
    assert TTL_S >= 3600
    for _ in range(3):
        clock.now += TTL_S - 1
        assert found(thoughts, "key", asked())
    clock.now += TTL_S
    assert found(thoughts, "key", asked()) == []
    assert (len(thoughts), thoughts.bytes) == (0, 0)


def test_old_entries_go_when_new_ones_come() -> None:
    thoughts, clock = memory()
    for number in range(10):
        thoughts.keep("key", made(f"toolu_{number}"))
    clock.now += TTL_S
    thoughts.keep("key", made("late"))
    assert len(thoughts) == 1
    assert thoughts.bytes == size("key", made("late"))


def test_the_one_unused_for_longest_goes_first() -> None:
    thoughts, _ = memory(max_entries=2)
    thoughts.keep("key", made("a"))
    thoughts.keep("key", made("b"))
    assert found(thoughts, "key", asked("a"))
    thoughts.keep("key", made("c"))
    assert not found(thoughts, "key", asked("b"))
    assert found(thoughts, "key", asked("a"))
    assert found(thoughts, "key", asked("c"))


def test_what_is_too_large_is_not_kept_and_costs_nobody_his_place() -> None:
    thoughts, _ = memory(max_bytes=5000)
    thoughts.keep("key", made("small"))
    thoughts.keep("key", made("large", Thinking(Raw(b'"%b"' % (b"x" * 5000)), Raw(b'"S"'))))
    assert found(thoughts, "key", asked("small"))
    assert not found(thoughts, "key", asked("large"))


steps = st.lists(
    st.tuples(
        st.sampled_from(["keep", "recall", "wait"]),
        st.sampled_from(["a", "b"]),
        st.integers(0, 12),
        st.integers(0, 3000),
    ),
    max_size=60,
)


@given(steps, st.integers(700, 9000), st.integers(1, 6))
@settings(max_examples=300)
def test_it_never_exceeds_its_bounds(
    plan: list[tuple[str, str, int, int]], max_bytes: int, max_entries: int
) -> None:
    thoughts, clock = memory(max_bytes=max_bytes, max_entries=max_entries)
    kept: dict[tuple[str, str], Thinking] = {}
    for step, owner, number, length in plan:
        call_id = f"toolu_{number}"
        if step == "keep":
            block = Thinking(Raw(b'"%b"' % (b"t" * length)), Raw(b'"S"'))
            kept[owner, call_id] = block
            thoughts.keep(owner, made(call_id, block))
        elif step == "recall":
            for block in found(thoughts, owner, asked(call_id)):
                assert block == kept[owner, call_id]
        else:
            clock.now += length * 4
        assert thoughts.bytes <= max_bytes
        assert len(thoughts) <= max_entries
        assert thoughts.bytes >= len(thoughts) * 600
    clock.now += TTL_S
    for number in range(13):
        assert not found(thoughts, "a", asked(f"toolu_{number}"))


# What of an answer is kept.


def call(number: int = 1, arguments: bytes = b"{}") -> ToolUse:
    return ToolUse(f"toolu_{number}", f"up_{number}", Raw(arguments))


def test_places_between_texts_and_calls() -> None:
    second = Thinking(Raw(b'"again"'), Raw(b'"S2"'))
    turn = turn_of(
        [THINKING, Text(Raw(b'"I will look."')), call(1), second, call(2)], {"up_1": "my.tool"}
    )
    assert turn is not None
    assert turn.call_id == "toolu_1"
    assert turn.thoughts == (Thought(THINKING, False, 0), Thought(second, True, 1))
    assert turn.mark == mark([Call("toolu_1", "my.tool", b"{}"), Call("toolu_2", "up_2", b"{}")])


@pytest.mark.parametrize(
    "content",
    [
        [],
        [THINKING],
        [THINKING, Text(Raw(b'"done"'))],
        [call()],
        [Thinking(Raw(b'"unsigned"'), Raw(b'""')), call()],
        [THINKING, Raw(b'{"type":"server_tool_use"}')],
        [THINKING, call(1, b"{")],
    ],
)
def test_nothing_to_remember(content: list[Any]) -> None:
    assert turn_of(content) is None


def test_a_kept_block_does_not_hold_the_whole_reply() -> None:
    """A ``Raw`` out of a decoder is a view of all it was decoded from."""
    body = jsonio.encode(
        {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "S"},
                {"type": "text", "text": "x" * 100_000},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
            ],
            "stop_reason": "tool_use", "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    )  # fmt: skip
    turn = turn_of(anthropic.read_reply(body).content)
    assert turn is not None
    (thought,) = turn.thoughts
    assert isinstance(thought.block, Thinking)
    assert len(memoryview(thought.block.signature).obj) < 100  # type: ignore[arg-type]


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), jsonio.encode(event))
        for event in events
    )


def streamed(*blocks: tuple[dict[str, Any], list[dict[str, Any]]]) -> bytes:
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    for index, (start, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        ]
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 9}})
    return sse(*events, {"type": "message_stop"})


def thinking(*texts: str, signature: str = "S+/=") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    deltas = [{"type": "thinking_delta", "thinking": text} for text in texts]
    deltas.append({"type": "signature_delta", "signature": signature})
    return {"type": "thinking", "thinking": "", "signature": ""}, deltas


def tool(number: int, *pieces: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    start = {"type": "tool_use", "id": f"toolu_{number}", "name": f"up_{number}", "input": {}}
    return start, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


STREAM = streamed(
    thinking("Let ", "me", " see"),
    ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "I look."}]),
    tool(1, "", '{"ci', 'ty":"Par', 'is"}'),
    ({"type": "redacted_thinking", "data": "DATA=="}, []),
    thinking(signature="only the signature"),
    tool(2),
)
EXPECTED = turn_of(
    [
        Thinking(Raw(b'"Let me see"'), Raw(b'"S+/="')),
        Text(Raw(b'"I look."')),
        call(1, b'{"city":"Paris"}'),
        REDACTED,
        Thinking(Raw(b'""'), Raw(b'"only the signature"')),
        call(2),
    ]
)


def heard(data: bytes, step: int) -> Turn | None:
    reader, listener = anthropic.Reader(), Listener()
    for at in range(0, len(data), step):
        listener.feed(reader.feed(data[at : at + step]))
    reader.close()
    return listener.turn()


@pytest.mark.parametrize("step", [1, 7, 100, 100_000])
def test_a_stream_is_remembered_as_the_whole_reply_is(step: int) -> None:
    assert EXPECTED is not None
    assert heard(STREAM, step) == EXPECTED


def test_streams_with_nothing_to_remember() -> None:
    text = ({"type": "text", "text": "Hi"}, [{"type": "text_delta", "text": " you"}])
    server = ({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, [])
    assert heard(streamed(text), 100) is None
    assert heard(streamed(thinking("hm"), text), 100) is None
    assert heard(streamed(thinking("hm"), server, text), 100) is None
    assert heard(streamed(text, tool(1, "{}")), 100) is None
    assert heard(streamed(thinking("hm"), tool(1, '{"cut')), 100) is None


def test_a_listener_passes_over_what_it_does_not_know() -> None:
    listener = Listener()
    listener.feed([InputDelta(7, b'"{}"')])
    assert listener.turn() is None

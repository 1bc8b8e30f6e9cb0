"""Hypothesis strategies shared by tests: Anthropic streams as event dictionaries."""

import itertools
import os
from typing import Any

from hypothesis import strategies as st

from dragoman.codec import jsonio

Events = list[dict[str, Any]]


def cases(usual: int) -> int:
    """How many examples a property of the SDK oracles takes; DRAGOMAN_CASES asks for more."""
    return int(os.environ.get("DRAGOMAN_CASES", usual))


words = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list('"\\\u2028\u0085\x00\n{}[]:,')),
    ),
    max_size=10,
)
small_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(words, small_values, max_size=3)


def _delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": kind, **fields},
    }


def _block(index: int, block: dict[str, Any], deltas: Events) -> Events:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *deltas,
        {"type": "content_block_stop", "index": index},
    ]


@st.composite
def blocks(draw: st.DrawFn, index: int) -> Events:
    """One content block as its events."""
    kind = draw(st.sampled_from(["text", "text", "tool_use", "thinking", "redacted", "server"]))
    if kind == "text":
        pieces = draw(st.lists(words, max_size=5))
        deltas = [_delta(index, "text_delta", text=piece) for piece in pieces]
        return _block(index, {"type": "text", "text": ""}, deltas)
    if kind == "thinking":
        pieces = draw(st.lists(words, max_size=3))
        deltas = [_delta(index, "thinking_delta", thinking=piece) for piece in pieces]
        signature = draw(st.sampled_from(["EqQ=", "S/2+"]))
        deltas.append(_delta(index, "signature_delta", signature=signature))
        return _block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas)
    if kind == "redacted":
        return _block(index, {"type": "redacted_thinking", "data": "abc="}, [])
    name, given = draw(st.sampled_from(["f", "g"])), draw(arguments)
    text = jsonio.encode(given).decode() if given or draw(st.booleans()) else ""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    ends = [0, *cuts, len(text)]
    deltas = [
        _delta(index, "input_json_delta", partial_json=text[a:b])
        for a, b in itertools.pairwise(ends)
    ]
    kind, prefix = ("server_tool_use", "srv") if kind == "server" else ("tool_use", "toolu")
    name = "web_search" if prefix == "srv" else name
    block = {"type": kind, "id": f"{prefix}_{index}", "name": name, "input": {}}
    return _block(index, block, deltas)


@st.composite
def streams(draw: st.DrawFn) -> Events:
    """A whole, correct stream."""
    usage = draw(
        st.fixed_dictionaries(
            {"input_tokens": st.integers(0, 999), "output_tokens": st.integers(1, 3)},
            optional={
                "cache_read_input_tokens": st.integers(0, 999),
                "cache_creation_input_tokens": st.integers(0, 999),
            },
        )
    )
    message = {
        "id": "msg_01Gen",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    events: Events = [{"type": "message_start", "message": message}]
    for index in range(draw(st.integers(0, 5))):
        events += draw(blocks(index))
        if draw(st.booleans()):
            events.append({"type": "ping"})
    calls = any(event.get("content_block", {}).get("type") == "tool_use" for event in events)
    reason = draw(st.sampled_from(["max_tokens", "tool_use" if calls else "end_turn"]))
    events.append(
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": draw(st.integers(1, 999))},
        }
    )
    events.append({"type": "message_stop"})
    return events


def wire(events: Events) -> bytes:
    """The events as upstream sends them."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), jsonio.encode(event))
        for event in events
    )

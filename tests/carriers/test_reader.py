"""Anthropic streams: one result however the bytes arrive, and by either way of reading."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.carriers.anthropic import Reader
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub import events as hub
from dragoman.hub.usage import CacheCreation, OutputDetails, ServerToolUse, WireUsage


def event(data: object, name: str | None = None) -> bytes:
    raw = data if isinstance(data, bytes) else jsonio.encode(data)
    kind = name if name is not None else jsonio.decode(raw)["type"]
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), raw)


def text(piece: str, index: int = 0) -> bytes:
    delta = {"type": "text_delta", "text": piece}
    return event({"type": "content_block_delta", "index": index, "delta": delta})


START = event(
    {
        "type": "message_start",
        "message": {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": "claude-haiku-4-5-20251001",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 9, "output_tokens": 1},
        },
    }
)
BLOCK = event(
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
)
STOP = event({"type": "content_block_stop", "index": 0})
DELTA = event(
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 4},
    }
)
END = event({"type": "message_stop"})
PING = event({"type": "ping"})


def read(*reads: bytes, fast: bool = True) -> list[object]:
    reader = Reader(fast=fast)
    return [plain(one) for data in reads for one in reader.feed(data)]


def plain(one: hub.Event) -> object:
    """Events compare by value, but ``Raw`` does not."""
    if isinstance(one, hub.BlockStart):
        return (one.index, one.kind, bytes(one.block), one.id, one.name)
    if isinstance(one, hub.CitationDelta):
        return (one.index, bytes(one.citation))
    return one


def deltas(*found: bytes) -> list[object]:
    return read(*found)


def test_a_whole_stream():
    found = read(START + PING + BLOCK + text("Hel") + text("lo") + STOP + DELTA + END)
    assert found == [
        hub.MessageStart(
            "msg_01", "claude-haiku-4-5-20251001", WireUsage(input_tokens=9, output_tokens=1)
        ),
        hub.Ping(),
        (0, "text", b'{"type":"text","text":""}', "", ""),
        hub.TextDelta(0, b'"Hel"'),
        hub.TextDelta(0, b'"lo"'),
        hub.BlockStop(0),
        hub.MessageDelta("end_turn", None, None, WireUsage(output_tokens=4)),
        hub.MessageStop(),
    ]


def test_every_delta():
    def delta(kind: str, **fields: object) -> bytes:
        return event({"type": "content_block_delta", "index": 3, "delta": {"type": kind, **fields}})

    assert deltas(
        delta("thinking_delta", thinking="hm"),
        delta("signature_delta", signature="Eq=="),
        delta("input_json_delta", partial_json='{"a'),
        delta("citations_delta", citation={"type": "x"}),
    ) == [
        hub.ThinkingDelta(3, b'"hm"'),
        hub.SignatureDelta(3, b'"Eq=="'),
        hub.InputDelta(3, b'"{\\"a"'),
        (3, b'{"type":"x"}'),
    ]


def test_a_tool_block_has_its_id_and_name():
    block = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    found = read(event({"type": "content_block_start", "index": 1, "content_block": block}))
    assert found == [(1, "tool_use", jsonio.encode(block), "toolu_1", "f")]


def test_the_end_of_a_refusal():
    found = read(
        event(
            {
                "type": "message_delta",
                "delta": {
                    "stop_reason": "refusal",
                    "stop_details": {"type": "refusal", "category": "cyber", "explanation": "No."},
                },
                "usage": {
                    "input_tokens": 5,
                    "output_tokens": 7,
                    "cache_creation": {"ephemeral_1h_input_tokens": 2},
                    "output_tokens_details": {"thinking_tokens": 3},
                },
            }
        )
    )
    usage = WireUsage(
        input_tokens=5,
        output_tokens=7,
        cache_creation=CacheCreation(0, 2),
        output_tokens_details=OutputDetails(3),
    )
    assert found == [hub.MessageDelta("refusal", None, "No.", usage)]


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        (None, WireUsage()),
        ({}, WireUsage()),
        ("many", WireUsage()),
        ({"output_tokens": None, "input_tokens": 0}, WireUsage(input_tokens=0)),
        ({"output_tokens": 3.0, "input_tokens": "5"}, WireUsage(output_tokens=3)),
        ({"output_tokens": True, "input_tokens": 2.5}, WireUsage()),
        ({"output_tokens": -1}, WireUsage(output_tokens=0)),
        ({"output_tokens": 2**62}, WireUsage(output_tokens=10**12)),
        (
            {"output_tokens": "x", "server_tool_use": {"web_search_requests": 2.0}},
            WireUsage(server_tool_use=ServerToolUse(2)),
        ),
        (
            {"server_tool_use": {"web_search_requests": 2, "new_requests": 3}},
            WireUsage(server_tool_use=ServerToolUse(2)),
        ),
        (
            {
                "output_tokens": "x",
                "cache_read_input_tokens": 4,
                "cache_creation": {"ephemeral_5m_input_tokens": 1},
                "output_tokens_details": {"thinking_tokens": 6},
                "service_tier": "standard",
            },
            WireUsage(
                cache_read_input_tokens=4,
                cache_creation=CacheCreation(1, 0),
                output_tokens_details=OutputDetails(6),
                service_tier="standard",
            ),
        ),
    ],
)
def test_strange_usage_loses_no_reply(said: object, usage: WireUsage):
    (found,) = read(event({"type": "message_delta", "delta": {}, "usage": said}))
    assert found == hub.MessageDelta(None, None, None, usage)


UNKNOWN = [
    event({"type": "content_block_paused", "index": 0}),
    event({"type": "content_block_delta", "index": 0, "delta": {"type": "video_delta", "x": 1}}),
]


@pytest.mark.parametrize("data", UNKNOWN)
def test_what_is_unknown_is_kept(data: bytes):
    (found,) = read(data)
    assert isinstance(found, hub.Unknown)
    assert jsonio.decode(found.data)["type"].encode() == found.name.encode()


NONSENSE = {
    "not json": event(b"{", "x"),
    "not an object": event(b"[]", "x"),
    "no type": event(b"{}", "x"),
    "type not a string": event(b'{"type":1}', "x"),
    "negative index": event({"type": "content_block_stop", "index": -1}),
    "text not a string": event(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 1}}
    ),
    "no delta": event({"type": "content_block_delta", "index": 0}),
    "no block": event({"type": "content_block_start", "index": 0}),
    "block without type": event(
        {"type": "content_block_start", "index": 0, "content_block": {"a": 1}}
    ),
    "not utf-8, common layout": text("é").replace("é".encode(), b"\xe9"),
    "not utf-8, other layout": event(b'{"type":"ping","x":"\xe9"}', "ping"),
    "control character": text("a").replace(b'a"}', b'\x01"}'),
    "bad escape": text("a").replace(b'"a"', b'"\\x"'),
    "half surrogate elsewhere": event(b'{"type":"error","error":"\\ud800"}', "error"),
}


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("data", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_named(data: bytes, fast: bool):
    with pytest.raises(Failure) as caught:
        read(data, fast=fast)
    assert caught.value.kind == "upstream_nonsense"
    assert caught.value.detail


def test_half_a_surrogate_pair_passes_as_it_is():
    """A server in JavaScript may cut an emoji in two; the client puts it together again."""
    one, two = text("@").replace(b"@", rb"\ud83d"), text("@").replace(b"@", rb"\ude00")
    assert read(one, two) == [hub.TextDelta(0, rb'"\ud83d"'), hub.TextDelta(0, rb'"\ude00"')]
    assert read(one, two, fast=False) == read(one, two)
    spaced = event(
        rb'{ "type": "content_block_delta", "index": 1, "delta":'
        rb' {"type": "thinking_delta", "thinking": "\ud83d"} }',
        "content_block_delta",
    )
    assert read(spaced) == [hub.ThinkingDelta(1, rb'"\ud83d"')]


def test_half_a_surrogate_pair_elsewhere_is_mended():
    found = read(event(rb'{"type":"error","error":{"type":"x","message":"a\ud83d"}}', "error"))
    assert found == [hub.UpstreamError("x", "a\ufffd")]


def test_only_the_first_message_start_counts():
    assert read(START + START) == read(START)


def test_done_is_not_an_event():
    assert read(b"data: [DONE]\n\n", END) == [hub.MessageStop()]


def test_nothing_is_read_after_the_end():
    assert read(END + text("late"), text("later")) == [hub.MessageStop()]


def test_an_end_without_an_end_is_a_failure():
    reader = Reader()
    reader.feed(START + BLOCK + text("Hel"))
    with pytest.raises(Failure) as caught:
        reader.close()
    assert caught.value.kind == "upstream_truncated"


def test_a_stream_cut_inside_its_last_event_is_truncated():
    reader = Reader()
    reader.feed(START + END[:-1])
    with pytest.raises(Failure):
        reader.close()


def test_a_whole_stream_closes_quietly():
    reader = Reader()
    reader.feed(START + END)
    reader.close()
    assert reader.done


def test_an_error_event_ends_the_stream():
    reader = Reader()
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert reader.feed(event(error) + text("late")) == [
        hub.UpstreamError("overloaded_error", "Overloaded")
    ]
    with pytest.raises(Failure) as caught:
        reader.close()
    assert caught.value.kind == "upstream_overloaded"


def test_padding_and_line_ends_of_the_common_layout():
    padded = text("a").replace(b'"}}', b'"}          }')
    assert read(padded) == [hub.TextDelta(0, b'"a"')]
    assert read(padded.replace(b"\n", b"\r\n")) == [hub.TextDelta(0, b'"a"')]
    assert read(padded.replace(b"\n", b"\r")) == [hub.TextDelta(0, b'"a"')]


# --- both ways of reading, any split -------------------------------------------------------------

pieces = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list('"\\\u2028\u0085\x00\n{}[]:,')),
    ),
    max_size=12,
)
layouts = st.sampled_from(
    [
        lambda data: data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: data.replace(b'":', b'": '),
        lambda data: data.replace(b'":', b'": ').replace(b',"', b', "'),
        lambda data: data.replace(b"}}", b"}   }"),
        lambda data: b": comment\n" + data,
        lambda data: data.replace(b"\n\n", b"\nid: 1\n\n"),
        lambda data: data + b"\n\r\n",
    ]
)
kinds = st.sampled_from(
    [("text_delta", "text"), ("thinking_delta", "thinking"), ("input_json_delta", "partial_json")]
)
texts = st.builds(
    lambda kind, piece, index: event(
        {
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": kind[0], kind[1]: piece},
        }
    ),
    kinds,
    pieces,
    st.integers(0, 12),
)
crossed = event(
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "text": "a", "thinking": "b"},
    }
)
others = st.sampled_from([START, BLOCK, STOP, DELTA, PING, crossed, *UNKNOWN, b"data: [DONE]\n\n"])
stream_events = st.builds(lambda layout, data: layout(data), layouts, texts | others)
streams = st.builds(
    lambda begin, found, end: begin + b"".join(found) + end,
    st.sampled_from([b"", b"\xef\xbb\xbf", START]),
    st.lists(stream_events, max_size=12),
    st.sampled_from([b"", END]),
)


@given(streams, st.data())
def test_the_pattern_changes_nothing_for_any_split(stream: bytes, draw: st.DataObject):
    whole = read(stream, fast=False)
    cuts = draw.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    at = sorted({0, len(stream), *cuts})
    split = [stream[a:b] for a, b in itertools.pairwise(at)]
    assert read(stream) == whole
    assert read(*split) == whole
    assert read(*split, fast=False) == whole


def shortly(reads: list[bytes]) -> list[object]:
    """What is read, every read tried the short way first; texts without their indices."""
    reader = Reader()
    found: list[object] = []
    for data in reads:
        text = reader.plain(data)
        events = reader.feed(data) if text is None else [hub.TextDelta(0, text)]
        found += [plain(one) for one in events]
    return indifferent(found)


def indifferent(found: list[object]) -> list[object]:
    return [hub.TextDelta(0, one.text) if isinstance(one, hub.TextDelta) else one for one in found]


@given(streams, st.data())
def test_the_short_way_changes_nothing_for_any_split(stream: bytes, draw: st.DataObject):
    # Cut where events end as well, for only there the short way is open.
    ends = [found.end() for found in re.finditer(rb"\n\n", stream)]
    cuts = draw.draw(st.lists(st.integers(0, len(stream)) | st.sampled_from(ends or [0])))
    at = sorted({0, len(stream), *cuts})
    split = [stream[a:b] for a, b in itertools.pairwise(at)]
    assert shortly(split) == indifferent(read(stream, fast=False))


def test_the_short_way_is_for_one_text_alone():
    reader = Reader()
    reader.feed(START + BLOCK)
    assert reader.plain(text("Hel")) == b'"Hel"'
    assert reader.plain(text("a") + text("b")) is None
    assert reader.plain(text("lo") + STOP) is None
    assert reader.plain(PING) is None
    assert reader.feed(text("lo")[:-1]) == []
    assert reader.plain(text("x")) is None
    assert Reader(fast=False).plain(text("x")) is None


@given(streams)
def test_one_byte_at_a_time(stream: bytes):
    assert read(*[stream[at : at + 1] for at in range(len(stream))]) == read(stream)


@given(streams, st.data())
def test_broken_streams_raise_failures_only(stream: bytes, draw: st.DataObject):
    broken = bytearray(stream)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, max(len(broken) - 1, 0)))
        broken[at : at + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=3))
    outcomes: list[object] = []
    for fast in (True, False):
        try:
            outcomes.append(read(bytes(broken), fast=fast))
        except Failure as failure:
            outcomes.append(failure.kind)
    assert outcomes[0] == outcomes[1]


def test_raw_is_what_raw_was():
    """Guards the helper above: a block start really compares its bytes."""
    one = hub.BlockStart(0, "text", Raw(b"{}"))
    assert plain(one) != plain(hub.BlockStart(0, "text", Raw(b"[]")))

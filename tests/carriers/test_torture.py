"""Streams as no upstream should send them, from the upstream's bytes to the client's chunks.

The way that cuts texts out of bytes and pastes them (the reader's pattern, the writer's frame) is
held against a decoder written here that knows neither: it splits lines by the HTML standard and
reads every event with Python's own JSON.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.carriers.anthropic import Reader
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec.sse import MAX_EVENT_BYTES
from dragoman.dialects import chat
from dragoman.errors import Failure
from dragoman.hub.usage import Usage
from tests.dialects.generated import Events, streams, wire
from tests.fuzz.streams import by_the_standard, outcome, splits

GOLDEN = Path(__file__).parents[1] / "golden" / "chat-anthropic"
RECORDED = [path.read_bytes() for path in sorted(GOLDEN.glob("*/upstream-events.sse"))]
CATALOGUE = Catalogue()
REQUEST = (
    b'{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"x"}],"stream":true,'
    b'"tools":[{"type":"function","function":{"name":"f"}}]}'
)
HEAD = b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1"}}\n\n'
TAIL = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def spliced(reads: list[bytes]) -> tuple[str, str]:
    """(content, reasoning) that a client reads, halves of surrogate pairs put together."""
    reader, writer = Reader(), chat.StreamWriter(chat.parse(REQUEST, CATALOGUE, strict=True), 1)
    sent = b"".join(writer.feed(reader.feed(data)) for data in reads) + writer.close(Usage())
    deltas = [
        choice["delta"]
        for event in by_the_standard(sent)
        if event.data != b"[DONE]"
        for choice in json.loads(event.data)["choices"]
    ]
    return said(deltas, "content"), said(deltas, "reasoning_content")


def decoded(stream: bytes) -> tuple[str, str]:
    """The same by decoding everything."""
    found: list[dict[str, Any]] = []
    for event in by_the_standard(stream):
        if event.data != b"[DONE]":
            found.append(json.loads(event.data))
            if found[-1]["type"] in ("message_stop", "error"):
                break
    begun = [event["content_block"] for event in found if event["type"] == "content_block_start"]
    assert not any(block.get("text") or block.get("thinking") for block in begun)
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    return said(deltas, "text"), said(deltas, "thinking")


def said(deltas: list[dict[str, Any]], field: str) -> str:
    whole = "".join(delta.get(field) or "" for delta in deltas)
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def delta(literal: bytes, kind: bytes = b"text") -> bytes:
    """A delta whose text is written as ``literal`` is."""
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
        b'{"type":"%b_delta","%b":%b}}\n\n' % (kind, kind, literal)
    )


@given(streams())
@settings(max_examples=60)
def test_splicing_is_decoding_for_generated_streams(events: Events):
    stream = wire(events)
    for reads in splits(stream):
        assert spliced(reads) == decoded(stream)


def framed(stream: bytes, ends: list[bytes], dice: random.Random) -> bytes:
    """The stream with other line ends, and with or without the space that fields may begin with."""
    parts: list[bytes] = []
    *lines, last = stream.split(b"\n")
    for line in lines:
        tight = line.startswith(b"data: ") and dice.random() < 0.5
        end = dice.choice(ends)
        if not line and end == b"\n" and parts and parts[-1].endswith(b"\r"):
            end = b"\r\n"  # CR and LF next to each other would be one end
        parts.append((line.replace(b"data: ", b"data:", 1) if tight else line) + end)
    return b"".join(parts) + last


ENDS = {
    "cr": [b"\r"],
    "crlf": [b"\r\n"],
    "lf and crlf": [b"\n", b"\r\n"],
    "all": [b"\n", b"\r", b"\r\n"],
}


@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
def test_recorded_streams_are_read_alike_however_they_are_framed(ends: list[bytes]):
    assert len(RECORDED) > 50
    for stream in RECORDED:
        expected = outcome([stream], fast=False)
        other = framed(stream, ends, random.Random(len(stream)))
        for data in (other, b"\xef\xbb\xbf" + other, b": x\r\n" + other):
            for reads in splits(data):
                assert outcome(reads, fast=True) == expected


PIECES = [
    rb"\ud83d", rb"\ude00", rb"\uD83D\uDE00", "😀".encode(), "\u2028\u2029\u0085".encode(),
    rb"\u2028", rb"\u0000", b"data: x", rb"\n\ndata: [DONE]\n\n", rb"\r\nevent: message_stop\r\n",
    rb"\"}}", rb"\\", b"}}", "é".encode(), rb"\u00e9", b"\xef\xbb\xbf", b"[DONE]", rb"\/", b"\x7f",
]  # fmt: skip


@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join), max_size=6),
    st.sampled_from([b"text", b"thinking"]),
)
def test_no_text_is_cut_or_changed(texts: list[bytes], kind: bytes):
    """Half a surrogate pair at the end of one delta finds its other half in the next."""
    stream = HEAD + b"".join(delta(b'"%b"' % text, kind) for text in texts) + TAIL
    for reads in splits(stream):
        assert spliced(reads) == decoded(stream)


@pytest.mark.parametrize("step", [4096, 65536, 1 << 24])
@pytest.mark.parametrize("piece", ["x", "é", "\u2028", "😀", '"\\\n'])
def test_an_event_of_megabytes(piece: str, step: int):
    text = piece * (1_000_000 // len(piece))
    for literal in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        stream = HEAD + delta(literal.encode()) + TAIL
        if len(stream) < MAX_EVENT_BYTES:
            assert spliced([stream[at : at + step] for at in range(0, len(stream), step)]) == (
                text,
                "",
            )


@pytest.mark.parametrize("step", [65536, 1 << 24])
def test_an_event_beyond_the_limit_is_nonsense(step: int):
    data = b": " + b"x" * MAX_EVENT_BYTES + b"\n\n"
    reader = Reader()
    with pytest.raises(Failure) as caught:
        for at in range(0, len(data), step):
            reader.feed(data[at : at + step])
    assert caught.value.kind == "upstream_nonsense"

"""Event-stream frames: botocore reads the same, any split, no bytes do worse than fail."""

import itertools
import struct
from binascii import crc32

import pytest
from botocore import eventstream as oracle
from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.codec.eventstream import MAX_HEADERS_BYTES, Decoder, Frame
from dragoman.errors import Failure
from tests import aws_frames

SIGNED = {"byte": 7, "short": 15, "integer": 31, "long": 63, "timestamp": 63}
numbers = st.one_of(
    *[
        st.tuples(st.just(kind), st.integers(-(2**bits), 2**bits - 1))
        for kind, bits in SIGNED.items()
    ]
)
values = st.one_of(
    numbers,
    st.tuples(st.just("bool"), st.booleans()),
    st.tuples(st.just("string"), st.text(max_size=30)),
    st.tuples(st.just("bytes"), st.binary(max_size=30)),
    st.tuples(st.just("uuid"), st.binary(min_size=16, max_size=16)),
)
headers = st.dictionaries(st.text(min_size=1, max_size=20), values, max_size=6)
messages = st.lists(st.tuples(headers, st.binary(max_size=100)), max_size=5)


def written(message: tuple[dict[str, tuple[str, object]], bytes]) -> bytes:
    fields, payload = message
    lines = [aws_frames.header(name, *value) for name, value in fields.items()]
    return aws_frames.frame(b"".join(lines), payload)


def run(*reads: bytes, limit: int = 1 << 20) -> tuple[list[Frame], str]:
    """The frames, and the kind of failure at the end."""
    decoder = Decoder(limit)
    frames: list[Frame] = []
    try:
        for data in reads:
            frames += decoder.feed(data)
        decoder.close()
    except Failure as failure:
        return frames, failure.kind
    return frames, ""


def split(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(one % (len(data) + 1) for one in at), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(messages)
def test_the_sdk_reads_the_same(sent: list[tuple[dict[str, tuple[str, object]], bytes]]):
    data = b"".join(map(written, sent))
    buffer = oracle.EventStreamBuffer()
    buffer.add_data(data)
    expected = [Frame(message.headers, message.payload) for message in buffer]
    assert run(data) == (expected, "")
    assert [frame.payload for frame in expected] == [payload for _, payload in sent]


@given(messages, st.lists(st.integers(0, 10_000), max_size=5), st.integers(0, 10_000), st.data())
def test_any_split_gives_the_same_also_when_damaged(
    sent: list[tuple[dict[str, tuple[str, object]], bytes]],
    edges: list[int],
    cut: int,
    data: st.DataObject,
):
    whole = bytearray(b"".join(map(written, sent)))
    if whole and data.draw(st.booleans()):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    kept = bytes(whole[: cut % (len(whole) + 1)])
    expected = run(kept)
    assert run(*split(kept, edges)) == expected
    assert run(*[kept[at : at + 1] for at in range(len(kept))]) == expected


@given(st.binary(max_size=300))
@example(b"\0" * 12)
def test_no_bytes_do_worse_than_fail(data: bytes):
    frames, kind = run(data)
    assert kind in ("", "upstream_nonsense", "upstream_truncated")
    assert sum(len(frame.payload) for frame in frames) <= len(data)


@given(messages.filter(bool), st.data())
def test_every_flipped_bit_is_noticed(
    sent: list[tuple[dict[str, tuple[str, object]], bytes]], data: st.DataObject
):
    whole = bytearray(b"".join(map(written, sent)))
    at = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[at // 8] ^= 1 << at % 8
    frames, kind = run(bytes(whole))
    assert kind == "upstream_nonsense"
    assert len(frames) < len(sent)


GOOD = aws_frames.chunk(b"{}")


def lengths(total: int, headers: int) -> bytes:
    both = struct.pack(">II", total, headers)
    return both + struct.pack(">I", crc32(both))


@pytest.mark.parametrize(
    "bad",
    [
        lengths(15, 0),
        lengths(1 << 21, 0),
        lengths(100, 85),
        lengths(1 << 20, MAX_HEADERS_BYTES + 1),
        aws_frames.frame(b"\x01a\x0a", b""),
        aws_frames.frame(b"\x01a\x07\x00\x05ab", b""),
        aws_frames.frame(b"\x01a\x09ab", b""),
        aws_frames.frame(b"\x01a\x05\0\0", b""),
        aws_frames.frame(b"\x05a", b""),
        aws_frames.frame(b"\x01a", b""),
        aws_frames.frame(b"\x01\xff\x00", b""),
        aws_frames.frame(b"\x01a\x00\x01a\x01", b""),
    ],
    ids=["short", "beyond-the-limit", "headers-beyond-the-frame", "headers-beyond-the-limit",
         "unknown-type", "cut-text", "cut-uuid", "cut-integer", "cut-name", "no-type",
         "not-utf8", "twice"],
)  # fmt: skip
def test_frames_that_are_none(bad: bytes):
    frames, kind = run(GOOD + bad)
    assert [frame.payload for frame in frames] == [b'{"bytes":"e30=","p":"abcdefgh"}']
    assert kind == "upstream_nonsense"
    assert run(bad) == ([], "upstream_nonsense")


def test_a_wrong_length_is_known_before_its_bytes_come():
    decoder = Decoder(1 << 20)
    with pytest.raises(Failure, match="not valid"):
        decoder.feed(lengths(1 << 21, 0))


def test_a_cut_end_is_told():
    for end in range(1, len(GOOD)):
        assert run(GOOD, GOOD[:end])[1] == "upstream_truncated"


def test_nothing_is_read_after_a_broken_frame():
    decoder = Decoder()
    with pytest.raises(Failure):
        decoder.feed(b"\0" * 16)
    with pytest.raises(Failure):
        decoder.feed(GOOD)
    with pytest.raises(Failure):
        decoder.close()


def test_headers_by_name():
    (frame,), _ = run(GOOD)
    assert (frame.text(":event-type"), frame.text("nothing")) == ("chunk", "")

"""SSE framing: every line end, any split, no text ever cut."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.codec.sse import MAX_EVENT_BYTES, Decoder, Event
from dragoman.errors import Failure


def run(*reads: bytes, limit: int = MAX_EVENT_BYTES) -> list[Event]:
    decoder = Decoder(limit)
    events: list[Event] = []
    for data in reads:
        at = 0
        while at < len(data):
            event, at = decoder.take(data, at)
            if event is not None:
                events.append(event)
    return events


CASES = {
    "one": (b"event: ping\ndata: {}\n\n", [Event(b"ping", b"{}")]),
    "no-space": (b"event:ping\ndata:{}\n\n", [Event(b"ping", b"{}")]),
    "two-spaces": (b"data:  x\n\n", [Event(b"", b" x")]),
    "cr": (b"event: a\rdata: 1\r\rdata: 2\r\r", [Event(b"a", b"1"), Event(b"", b"2")]),
    "crlf": (b"event: a\r\ndata: 1\r\n\r\n", [Event(b"a", b"1")]),
    "mixed": (b"event: a\rdata: 1\n\r\ndata: 2\r\n\n", [Event(b"a", b"1"), Event(b"", b"2")]),
    "bom": (b"\xef\xbb\xbfdata: 1\n\n", [Event(b"", b"1")]),
    "bom-later-is-a-field": (b"data: 0\n\n\xef\xbb\xbfdata: 1\n\n", [Event(b"", b"0")]),
    "comments": (b": hello\n\n:\ndata: 1\n: in between\n\n", [Event(b"", b"1")]),
    "many-data-lines": (b"data: a\ndata\ndata: b\n\n", [Event(b"", b"a\n\nb")]),
    "event-without-data": (b"event: a\n\ndata: 1\n\n", [Event(b"", b"1")]),
    "other-fields": (b"id: 3\nretry: 5\nfoo: bar\ndata: 1\n\n", [Event(b"", b"1")]),
    "cut-off": (b"data: 1\n\ndata: 2\n", [Event(b"", b"1")]),
    "separators-in-text": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\n\n".encode(),
        [Event(b"", "a\u2028b\u2029c\u0085d\x0be\x0cf".encode())],
    ),
    "data-in-text": (b"data: data: event: x\\n\\n\n\n", [Event(b"", b"data: event: x\\n\\n")]),
    "extra-blank-lines": (b"\n\n\ndata: 1\n\n\n\n", [Event(b"", b"1")]),
}


@pytest.mark.parametrize(("stream", "events"), CASES.values(), ids=CASES)
def test_framing(stream: bytes, events: list[Event]):
    assert run(stream) == events


@pytest.mark.parametrize(("stream", "events"), CASES.values(), ids=CASES)
def test_one_byte_at_a_time(stream: bytes, events: list[Event]):
    assert run(*[stream[at : at + 1] for at in range(len(stream))]) == events


pieces = st.lists(
    st.sampled_from(
        [
            b"data: x",
            b"data:",
            b"event: e",
            b"event: e\ndata: y\n\n",
            b"event:e\r\ndata: y\r\n\r\n",
            b":",
            b"\r",
            b"\n",
            b"\r\n",
            b"\n\n",
            b"\xef\xbb\xbf",
            b"\xe2\x80\xa8",
        ]
    ),
    max_size=30,
)


@given(pieces, st.lists(st.integers(0, 200), max_size=8))
@example([b"data: x", b"\r\n", b"\r\n", b"data: x", b"\n\n"], [8, 10])
def test_any_split_gives_the_same_events(parts: list[bytes], cuts: list[int]):
    stream = b"".join(parts)
    at = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    reads = [stream[a:b] for a, b in itertools.pairwise(at)]
    assert run(*reads) == run(stream)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_event_beyond_the_limit_is_refused(step: int):
    stream = b"data: " + b"x" * 300 + b"\n\n"
    reads = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert len(run(*reads, limit=306)) == 1
    with pytest.raises(Failure) as caught:
        run(*reads, limit=305)
    assert caught.value.kind == "upstream_nonsense"


def test_many_lines_count_together():
    with pytest.raises(Failure):
        run(b"data: 12345\n" * 30, limit=100)


def test_the_decoder_knows_when_it_stands_between_events():
    decoder = Decoder()
    assert decoder.between
    decoder.take(b"event: a\n", 0)
    assert not decoder.between
    assert decoder.take(b"data: 1\n\n", 0)[0] == Event(b"a", b"1")
    assert decoder.between
    decoder.take(b"dat", 0)
    assert not decoder.between

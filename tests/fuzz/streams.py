"""F2 and F4: any bytes as what an upstream sends.

The laws of a codec: any split of the bytes gives the same result; nothing but a Failure is raised;
what is kept back is bounded. Framing is judged by the HTML standard's rules written down once more,
slowly; the reader's pattern by the same reader without it.
"""

import itertools
import random
import re
import zlib
from collections.abc import Iterator
from typing import Any

from dragoman.carriers import anthropic
from dragoman.codec.sse import MAX_EVENT_BYTES, Decoder, Event
from dragoman.errors import Blame, Failure
from dragoman.hub.events import BlockStart, CitationDelta

LINE_END = re.compile(rb"\r\n|\r|\n")
SMALL = 48
"""A limit that inputs of a few dozen bytes reach."""


def splits(data: bytes) -> Iterator[list[bytes]]:
    """The bytes in one piece, one by one, and cut at a few places that depend on them alone."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    dice = random.Random(zlib.crc32(data))
    for _ in range(2):
        cuts = {dice.randint(0, len(data)) for _ in range(4)} | {0, len(data)}
        yield [data[a:b] for a, b in itertools.pairwise(sorted(cuts))]


def framed(reads: list[bytes], limit: int) -> tuple[list[Event], str]:
    """The events, and the kind of failure that ended them."""
    decoder, events = Decoder(limit), list[Event]()
    try:
        for data in reads:
            at = 0
            while at < len(data):
                event, at = decoder.take(data, at)
                if event is not None:
                    events.append(event)
            assert len(decoder._line) + decoder._size <= limit
    except Failure as failure:
        return events, failure.kind
    return events, ""


def by_the_standard(data: bytes) -> list[Event]:
    """HTML §9.2.6, line by line, over the whole stream."""
    *lines, _cut_off = LINE_END.split(data.removeprefix(b"\xef\xbb\xbf"))
    events, name, parts = list[Event](), b"", list[bytes]()
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if parts:
                events.append(Event(name, b"\n".join(parts)))
            name, parts = b"", []
        elif field == b"data":
            parts.append(value)
        elif field == b"event":
            name = value
    return events


def check_framing(data: bytes) -> None:
    """F2. Raises what is wrong."""
    expected = by_the_standard(data)
    small = framed([data], SMALL)
    for reads in splits(data):
        assert framed(reads, MAX_EVENT_BYTES) == (expected, "")
        assert framed(reads, SMALL) == small, "the limit depends on how the bytes arrive"


def plain(event: Any) -> Any:
    """Events compare by value but for what they hold ``Raw``, which says nothing when printed."""
    if isinstance(event, BlockStart):
        return event.index, event.kind, bytes(event.block), event.id, event.name
    if isinstance(event, CitationDelta):
        return event.index, bytes(event.citation)
    return event


def outcome(reads: list[bytes], *, fast: bool) -> tuple[str, list[Any]]:
    """The failure's kind, empty for none; the events of a stream that was read to its end."""
    reader, events = anthropic.Reader(fast=fast), list[Any]()
    try:
        for data in reads:
            events += map(plain, reader.feed(data))
    except Failure as failure:
        assert failure.kind == "upstream_nonsense"
        assert failure.row.blame is Blame.UPSTREAM
        return failure.kind, []
    try:
        reader.close()
    except Failure as failure:
        return failure.kind, events
    return "", events


def check_reading(data: bytes) -> None:
    """F4. Raises what is wrong."""
    whole = outcome([data], fast=False)
    for reads in splits(data):
        for fast in (True, False):
            assert outcome(reads, fast=fast) == whole
    try:
        anthropic.read_reply(data)
    except Failure as failure:
        assert failure.message
    for status in (400, 413, 529):
        assert anthropic.read_error(status, {}, data).message

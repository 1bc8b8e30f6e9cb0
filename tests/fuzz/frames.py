"""F3: any bytes as AWS event-stream frames.

Bytes as they are nearly always fail at the first checksum, so they are also tried with checksums
that fit: what is behind those is the lengths and the headers. botocore judges what is read.
"""

import struct
from binascii import crc32

from botocore import eventstream as oracle

from dragoman.carriers import bedrock
from dragoman.codec.eventstream import Decoder, Frame
from dragoman.errors import Failure
from tests.fuzz.streams import splits

LIMIT = 4096


def check(data: bytes) -> None:
    """The laws of a codec, for the bytes and for the same with checksums that fit."""
    for stream in (data, mended(data)):
        expected = read([stream])
        for reads in splits(stream):
            assert read(reads) == expected
        frames, kind = expected
        assert kind in ("", "upstream_nonsense", "upstream_truncated")
        assert sum(len(frame.payload) for frame in frames) <= len(stream)
        assert frames == judged(stream)[: len(frames)]
        reader = bedrock.Reader()
        try:
            for reads in splits(stream):
                reader = bedrock.Reader()
                for part in reads:
                    reader.feed(part)
                reader.close()
        except Failure:
            pass


def read(reads: list[bytes]) -> tuple[list[Frame], str]:
    """The frames, and the kind of failure that ended them."""
    decoder, frames = Decoder(LIMIT), list[Frame]()
    try:
        for data in reads:
            frames += decoder.feed(data)
            assert len(decoder._rest) <= LIMIT
        decoder.close()
    except Failure as failure:
        return frames, failure.kind
    return frames, ""


def judged(data: bytes) -> list[Frame]:
    """What botocore reads, up to what it cannot read."""
    buffer = oracle.EventStreamBuffer()
    buffer.add_data(data)
    found: list[Frame] = []
    try:
        for message in buffer:
            found.append(Frame(message.headers, message.payload))
    except (oracle.ParserError, struct.error, KeyError, UnicodeDecodeError, IndexError):
        pass
    return found


def mended(data: bytes) -> bytes:
    """The same frames with the checksums that they should have."""
    made = bytearray(data)
    at = 0
    while len(made) - at >= 16:
        total, _ = struct.unpack_from(">II", made, at)
        struct.pack_into(">I", made, at + 8, crc32(made[at : at + 8]))
        if total < 16 or at + total > len(made):
            break
        struct.pack_into(">I", made, at + total - 4, crc32(made[at : at + total - 4]))
        at += total
    return bytes(made)

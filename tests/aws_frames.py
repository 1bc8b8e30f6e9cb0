"""AWS event-stream frames, written by hand: botocore reads them and writes none."""

import struct
from base64 import b64encode
from binascii import crc32

TYPES = {"byte": (2, ">b"), "short": (3, ">h"), "integer": (4, ">i"), "long": (5, ">q"),
         "timestamp": (8, ">q")}  # fmt: skip


def header(name: str, kind: str, value: object) -> bytes:
    """One header of a frame; ``kind`` is a type's name in the specification."""
    head = bytes([len(name.encode())]) + name.encode()
    if kind == "bool":
        return head + bytes([0 if value else 1])
    if kind in TYPES:
        number, form = TYPES[kind]
        return head + bytes([number]) + struct.pack(form, value)
    if kind == "uuid":
        assert isinstance(value, bytes)
        return head + bytes([9]) + value
    data = value.encode() if isinstance(value, str) else value
    assert isinstance(data, bytes)
    return head + bytes([7 if kind == "string" else 6]) + struct.pack(">H", len(data)) + data


def frame(headers: bytes, payload: bytes) -> bytes:
    """A frame with both checksums."""
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return message + struct.pack(">I", crc32(message))


def text_frame(payload: bytes, **headers: str) -> bytes:
    """A frame whose headers are texts; ``message_type`` is the header ``:message-type``."""
    lines = [
        header(":" + name.replace("_", "-"), "string", value) for name, value in headers.items()
    ]
    return frame(b"".join(lines), payload)


def chunk(data: bytes) -> bytes:
    """What InvokeModelWithResponseStream says: one event of a Messages stream, padded."""
    payload = b'{"bytes":"%b","p":"abcdefgh"}' % b64encode(data)
    return text_frame(
        payload, event_type="chunk", content_type="application/json", message_type="event"
    )


def exception(kind: str, payload: bytes) -> bytes:
    """An exception inside a stream."""
    return text_frame(
        payload, exception_type=kind, content_type="application/json", message_type="exception"
    )

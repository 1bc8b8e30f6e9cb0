"""The short way of reading a stream of chat chunks.

Nearly all chunks of a stream are the same but for one text: id, model, time and whatever else the
server says stay. So a chunk that says one piece of text or of thinking and nothing else is cut at
that text, and events that stand between the same bytes are read by comparing them. Everything else
goes the long way; both ways give the same events for any split of any stream.
"""

import re
from typing import NamedTuple

from dragoman.carriers.openai import chunks

LITERAL = re.compile(
    rb'"[^"\\\x00-\x1f]*+'
    rb'(?>(?:\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*)"'
)
"""A JSON string, except one with escaped surrogates: halves of them are mended on the long way."""
PADDING = re.compile(rb"[A-Za-z0-9]*+")
"""What OpenAI puts behind ``"obfuscation"``, so that the length of an event tells nothing."""
_PADDED = b',"obfuscation":"'
_EMPTY = (b"null", b'""')


class Repeated(NamedTuple):
    """What the plain chunks of a stream have in common."""

    lead: bytes
    """From the beginning of the event to the text."""
    tail: bytes
    """Behind the text, to the end of the event or to its padding."""
    rest: bytes
    """Behind the padding; ``b""`` without one."""
    kind: str
    """``text`` or ``thinking``."""


def learn(frame: bytes, chunk: chunks.Chunk) -> Repeated | None:
    """What the next plain chunks will look like; ``None`` if this one is not plain.

    ``frame``: the bytes of the event that held ``chunk``, to the end of its empty line.
    """
    found = _only_text(chunk)
    if found is None or not _is_one_line(frame):
        return None
    key, literal, kind = found
    name = b'"%b":' % key
    at = frame.find(name + literal)
    if at < 0:
        name += b" "
        at = frame.find(name + literal)
    # The name stands there once, and quotes inside of texts are escaped: this is the place.
    if at < 0 or frame.count(b'"%b"' % key) != 1:
        return None
    begin = at + len(name)
    tail, padded, rest = frame[begin + len(literal) :].partition(_PADDED)
    if not padded:
        return Repeated(frame[:begin], tail, b"", kind)
    end = PADDING.match(rest)
    return Repeated(frame[:begin], tail + padded, rest[end.end() if end else 0 :], kind)


def _is_one_line(frame: bytes) -> bool:
    ends = frame.endswith((b"\n\n", b"\r\n\r\n"))
    return ends and frame.startswith(b"data:") and len(frame.splitlines()) == 2


def _only_text(chunk: chunks.Chunk) -> tuple[bytes, bytes, str] | None:
    """Name, literal and kind of the one thing that a chunk says."""
    choices = chunk.choices
    if choices is None or len(choices) != 1:
        return None
    choice = choices[0]
    said = choice.delta
    if said is None or choice.index or choice.finish_reason:
        return None
    others = (chunk.usage, chunk.error, choice.usage, said.refusal, said.reasoning_details)
    if any(map(chunks.there, others)) or chunk.object == "error":
        return None
    if said.tool_calls or said.function_call is not None:
        return None
    found = [
        (key, bytes(raw), kind)
        for key, raw, kind in (
            (b"content", said.content, "text"),
            (b"reasoning_content", said.reasoning_content, "thinking"),
            (b"reasoning", said.reasoning, "thinking"),
        )
        if bytes(raw) not in _EMPTY
    ]
    return found[0] if len(found) == 1 and found[0][1][:1] == b'"' else None

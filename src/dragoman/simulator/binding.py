"""What a thinking block is bound to: everything before it, and the organisation it was made for.

The prefix of a turn is its tools, its system text and all earlier turns, as the model sees them:
messages of one role merged, a string and one text block the same, cache_control and thinking blocks
left out, because moving breakpoints and dropping old thinking are no edits (protocol.md §0.6).
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from dragoman.codec import jsonio
from dragoman.simulator.shape import Json, blocks_of, objects, text_of

BETA = "thinking-binding-controls-2026-08-01"
_LEFT_OUT = frozenset(("thinking", "redacted_thinking"))
_BYTES = 8


class Bond(NamedTuple):
    """What a signature holds beside its seals; :data:`LENGTH` bytes."""

    prefix: bytes
    organization: bytes


LENGTH = 2 * _BYTES


def organization_mark(organization: str) -> bytes:
    """An organisation's id as it stands in a signature."""
    return hashlib.blake2b(organization.encode(), digest_size=_BYTES).digest()


def prefix_of(body: Json) -> bytes:
    """The prefix of the answer to a request: all of it."""
    *_, (_, whole) = _rolling(body)
    return whole


def prefixes(body: Json) -> list[bytes]:
    """The prefix of each message: what stands before the turn that it belongs to."""
    return [before for before, _ in _rolling(body)][:-1]


def _rolling(body: Json) -> Iterator[tuple[bytes, bytes]]:
    """For each message, and once after the last: (prefix of its turn, prefix after it)."""
    running = hashlib.blake2b(digest_size=_BYTES)
    for tool in objects(body.get("tools")):
        running.update(b"tool" + _canonical(tool))
    for block in blocks_of(body.get("system")):
        running.update(b"system" + _canonical(block))
    role = ""
    before = running.digest()
    for message in objects(body.get("messages")):
        if text_of(message, "role") != role:
            role = text_of(message, "role")
            before = running.digest()
            running.update(b"turn" + role.encode())
        for block in blocks_of(message.get("content")):
            if block.get("type") not in _LEFT_OUT:
                running.update(_canonical(block))
        yield before, b""
    yield before, running.digest()


def _canonical(block: Json) -> bytes:
    """A block's bytes, whatever the order of its members."""
    return jsonio.encode(sorted(_members(block)))


def _members(block: Json) -> Iterator[tuple[str, Any]]:
    for name, value in block.items():
        if name == "cache_control" or value is None:
            continue
        if name == "content" and block.get("type") == "tool_result":
            yield name, [sorted(_members(item)) for item in blocks_of(value)]
        else:
            yield name, value

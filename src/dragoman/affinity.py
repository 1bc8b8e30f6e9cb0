"""Which conversation a request belongs to, and where that conversation lives.

The identity is the first of interface.md §4's sources, always scoped by the API key, reduced to 64
bits. Its home is found by rendezvous hashing over the accounts: every account gets a score from
(conversation, account), the highest wins, so replicas agree without talking and taking an account
away moves only the conversations that lived on it. Weights follow the logarithmic method: an
account of weight 2 wins twice as many conversations.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from msgspec import UNSET

from dragoman.hub.request import Request, Text, Tool

HEADERS = (
    "x-conversation-id",
    "x-session-id",
    "x-claude-code-session-id",
    "session_id",
    "conversation_id",
)
"""Headers that name a conversation, best first."""

_MASK = (1 << 64) - 1
_SCALE = 2.0**-64


class Identity(NamedTuple):
    """A conversation: its 64-bit hash, and which source named it (for logs and explanations)."""

    hash: int
    source: str
    text: str
    """The hash as 16 hexadecimal digits."""


def by_header(headers: Mapping[str, str], scope: bytes) -> Identity | None:
    """The conversation that a header names. ``scope`` is the key's seed."""
    for name in HEADERS:
        value = headers.get(name)
        if value:
            return _named(scope, name, value)
    return None


@lru_cache(maxsize=8192)
def _named(scope: bytes, source: str, *values: str | bytes) -> Identity:
    """What values of one source name. A conversation asks again with every turn."""
    parts = [one if isinstance(one, bytes) else one.encode("utf-8", "replace") for one in values]
    hashed = _hash(scope, source.encode(), *parts)
    return Identity(hashed, source, f"{hashed:016x}")


def by_body(request: Request, hints: "Hints", scope: bytes) -> Identity:
    """The conversation that the body names, or that its opening is."""
    if hints.metadata_user_id:
        return _named(scope, "metadata.user_id", hints.metadata_user_id)
    if hints.cache_key:
        return _named(scope, "prompt_cache_key", hints.cache_key)
    opening = _opening(request)
    if hints.user:
        # One user has many chats: the user alone would put them all on one account.
        return _named(scope, "user", hints.user, opening)
    return _named(scope, "opening", opening)


class Hints(NamedTuple):
    """What the body says about identity."""

    metadata_user_id: str
    cache_key: str
    user: str


def claim(conversation: int, seed: int, weight: float) -> float:
    """An account's claim on a conversation, above 0 and at most 1; the highest claim wins.

    A uniform draw per (conversation, account), raised to ``1 / weight``: the order is that of
    ``-weight / log(draw)``, without a logarithm for the usual weight of 1. Both are 64-bit hashes
    and the seed is odd, so their product is as good as a third hash and much cheaper
    (multiply-shift hashing).
    """
    draw = ((conversation * seed & _MASK) + 1) * _SCALE
    return draw if weight == 1 else draw ** (1 / weight)


def seed(name: str) -> int:
    """An account's odd 64-bit seed, from its name: stable over restarts and replicas."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) | 1


def _opening(request: Request) -> bytes:
    """Tools, system and the first user message, hashed.

    What a conversation keeps from turn to turn.
    """
    digest = _instructions(request)
    for message in request.messages:
        if message.role == "user":
            for block in message.content:
                if isinstance(block, Text):
                    digest.update(block.text)
            break
    return digest.digest()


def by_instructions(request: Request, scope: bytes) -> int:
    """What conversations with the same tools and system have in common: 64 bits, never 0.

    ``scope`` is the key's seed: nobody finds out by a prompt's speed what another key asks.
    """
    return _hash(scope, b"instructions", _instructions(request).digest()) or 1


def _instructions(request: Request) -> "hashlib.blake2b":
    digest = hashlib.blake2b(digest_size=8)
    if request.tools is not UNSET:
        for tool in request.tools:
            digest.update(tool.name.encode() if isinstance(tool, Tool) else tool)
    if request.system is not UNSET:
        for text in request.system:
            digest.update(text.text)
    return digest


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(b"\0".join(parts), digest_size=8).digest())

"""Signed thinking of earlier turns, as the memory hands it to a dialect that reads a request.

A client that echoes only texts and calls loses the thinking between them. The memory
(``dragoman.thoughts``) keeps it; a dialect asks for it by the first call of a turn, and puts it
back where it stood if the turn's calls are still those it belongs to.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dragoman.hub.request import RedactedThinking, Thinking


class Call(NamedTuple):
    """One tool call of an assistant's turn, as the client knows it."""

    id: str
    name: str
    input: bytes
    """Its arguments, in the one form that ``jsonio.canonical`` gives equal values."""


class Thought(NamedTuple):
    """A signed block, and what stood before it in its turn."""

    block: Thinking | RedactedThinking
    texts: bool
    """Whether any text did."""
    calls: int
    """How many calls did."""


class Turn(NamedTuple):
    """The signed thinking of one answer and the calls it belongs to."""

    call_id: str
    """The client's id of its first call."""
    mark: bytes
    """What :func:`mark` makes of all its calls."""
    thoughts: tuple[Thought, ...]


Recall = Callable[[str], Turn | None]
"""The turn that began its calls with the one of this id, if it is remembered."""


def mark(calls: Sequence[Call]) -> bytes:
    """A digest of calls: other ids, names or arguments give another."""
    digest = hashlib.blake2b(digest_size=16)
    for call in calls:
        for part in (call.id.encode(), call.name.encode(), call.input):
            digest.update(b"%d:" % len(part) + part)
    return digest.digest()

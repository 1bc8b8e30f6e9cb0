"""Signed thinking of earlier turns, as the memory hands it to a dialect that reads a request.

A client that echoes only texts and calls loses the thinking between them. The memory
(``dragoman.thoughts``) keeps it; a dialect asks for it by the calls of a turn, in the client's own
words, and puts it back where it stood.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dragoman.hub.request import RedactedThinking, Thinking


class Call(NamedTuple):
    """One tool call of an assistant's turn, as the client knows it."""

    id: str
    name: str
    input: bytes
    """Its arguments: JSON text, as a rule an object."""


class Thought(NamedTuple):
    """A signed block, and what stood before it in its turn."""

    block: Thinking | RedactedThinking
    texts: bool
    """Whether any text did."""
    calls: int
    """How many calls did."""


Recall = Callable[[Sequence[Call]], Sequence[Thought]]
"""The signed thinking of the turn that made exactly these calls, in order; none where nothing is
remembered or the calls are not the ones that were made."""

"""Another dialect's request, told as a chat request and translated like one.

Whatever is wrong is found at a path in the chat request. Here it is told at the client's own:
failures, warnings and what must be fetched.
"""

from collections.abc import Callable

from dragoman.dialects.chat.parsed import Caching, Notes, Parsed
from dragoman.dialects.chat.request import Way, translate
from dragoman.dialects.chat.shapes import ChatRequest, Message
from dragoman.errors import Failure

Told = Callable[[str], str]
"""A path in the chat request → the client's path."""


class MappedNotes(Notes):
    """Notes whose paths are brought back, once :attr:`told` says how."""

    __slots__ = ("told",)

    def __init__(self, strict: bool, caching: Caching = "auto") -> None:
        super().__init__(strict, caching)
        self.told: Told | None = None

    def warn(self, path: str, reason: str, kind: str = "unsupported_value") -> None:
        if self.told is not None and not self.strict:
            path = self.told(path)
        # In strict mode what is raised is brought back like any other failure.
        super().warn(path, reason, kind)


def mapped(
    asked: ChatRequest, messages: list[Message], way: Way, brought: tuple[MappedNotes, Told]
) -> Parsed:
    """Translate a request. Raises :class:`Failure` at the client's own path."""
    notes, told = brought
    notes.told = told
    try:
        parsed = translate(asked, messages, way, notes)
    except Failure as failure:
        raise at_home(failure, told) from None
    for pending in parsed.media:
        pending.path = told(pending.path)
    parsed.told = told
    return parsed


def at_home(failure: Failure, told: Told) -> Failure:
    """A failure with the client's path, in its words too."""
    theirs = failure.param
    if theirs is not None:
        failure.param = told(theirs)
        failure.message = failure.message.replace(f"'{theirs}", f"'{failure.param}")
    return failure

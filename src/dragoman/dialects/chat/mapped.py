"""Another dialect's request, told as a chat request and translated like one.

Whatever is wrong is found at a path in the chat request. Here it is told at the client's own:
failures, warnings and what must be fetched.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects.chat import errors
from dragoman.dialects.chat.parsed import Caching, Notes, Parsed
from dragoman.dialects.chat.request import Way, careful, translate
from dragoman.dialects.chat.shapes import ChatRequest, Message
from dragoman.errors import Failure
from dragoman.hub.recall import Recall

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


def localize(failure: Failure, parsed: Parsed) -> Failure:
    """Point an upstream's complaint at the client's own request."""
    failure = errors.localize(failure, parsed)
    return failure if parsed.told is None else at_home(failure, parsed.told)


class Given(NamedTuple):
    """What a body is read with."""

    catalogue: Catalogue
    strict: bool
    caching: Caching
    recall: Recall | None


class Parse(Protocol):
    """As :func:`dragoman.dialects.chat.parse`; ``param`` of a Failure is a path in the client's own
    request."""

    def __call__(
        self,
        body: bytes,
        catalogue: Catalogue,
        *,
        strict: bool,
        caching: Caching = "auto",
        recall: Recall | None = None,
    ) -> Parsed: ...


def parser(full: Callable[[bytes, Given], Parsed]) -> Parse:
    """The ``parse`` of a dialect, from what reads a body that is UTF-8 (and may raise
    ``Malformed``)."""

    def parse(
        body: bytes,
        catalogue: Catalogue,
        *,
        strict: bool,
        caching: Caching = "auto",
        recall: Recall | None = None,
    ) -> Parsed:
        given = Given(catalogue, strict, caching, recall)
        return careful(body, lambda data: full(data, given), readable=jsonio.is_utf8(body))

    return parse

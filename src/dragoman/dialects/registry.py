"""The dialects there are: one line each."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from dragoman.catalogue.catalogue import Catalogue
from dragoman.dialects import chat, completions, responses
from dragoman.errors import Failure
from dragoman.hub.events import Event, Reply
from dragoman.hub.recall import Recall
from dragoman.hub.usage import Usage


class Parse(Protocol):
    """Client bytes → what is asked. Raises Failure only."""

    def __call__(
        self,
        body: bytes,
        catalogue: Catalogue,
        *,
        strict: bool,
        caching: chat.Caching = "auto",
        recall: Recall | None = None,
    ) -> chat.Parsed: ...


class Writer(Protocol):
    """Upstream events → client bytes, for one choice of one stream."""

    def feed(self, events: list[Event]) -> bytes: ...
    def finish(self) -> bytes: ...
    def close(self, usage: Usage) -> bytes: ...
    def fail(self, failure: Failure) -> bytes:
        """The end of a stream that breaks off."""
        ...


class Dialect(NamedTuple):
    """What a client speaks."""

    name: str
    parse: Parse
    writer: Callable[[chat.Parsed, int, int], Writer]
    """For a choice: (what was asked, seconds since 1970, index of the choice)."""
    end: Callable[[chat.Parsed, int, Usage], bytes]
    """What follows the last choice of several."""
    reply: Callable[[chat.Parsed, list[Reply], int, Usage], bytes]
    localize: Callable[[Failure, chat.Parsed], Failure]
    """Points an upstream's complaint at the client's own request."""
    error_body: Callable[[Failure], bytes]
    error_event: Callable[[Failure], bytes]
    """The end of a stream that breaks off where there is no one writer: before the first, or with
    several."""
    keepalive: bytes


CHAT = Dialect(
    "chat",
    chat.parse,
    chat.StreamWriter,
    chat.end_stream,
    chat.reply,
    chat.localize,
    chat.error_body,
    chat.error_event,
    chat.KEEPALIVE,
)
RESPONSES = Dialect(
    "responses",
    responses.parse,
    responses.StreamWriter,
    responses.end_stream,
    responses.reply,
    responses.localize,
    chat.error_body,
    responses.error_event,
    responses.KEEPALIVE,
)
COMPLETIONS = Dialect(
    "completions",
    completions.parse,
    completions.StreamWriter,
    completions.end_stream,
    completions.reply,
    completions.localize,
    chat.error_body,
    chat.error_event,
    chat.KEEPALIVE,
)

"""The dialects there are: one line each."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from dragoman.catalogue.catalogue import Catalogue
from dragoman.dialects import chat, completions, messages, responses
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

    @property
    def plain(self) -> Callable[[bytes], bytes] | None:
        """The short way of one piece of text, a JSON string, behind the stream's beginning: what
        :meth:`feed` makes of it. ``None`` where all that is said has to be looked at."""
        ...

    def feed(self, events: list[Event]) -> bytes: ...
    def finish(self) -> bytes: ...
    def close(self, usage: Usage) -> bytes: ...
    def fail(self, failure: Failure) -> bytes:
        """The end of a stream that breaks off."""
        ...


class Hear(Protocol):
    """A request's headers (lower-case names) → ``parsed``. Raises Failure."""

    def __call__(
        self, headers: Mapping[str, str], parsed: chat.Parsed, *, strict: bool
    ) -> None: ...


def own_status(failure: Failure) -> int:
    """The status that the failure has."""
    return failure.status


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
    hear: "Hear | None" = None
    """Reads what a request says in its headers."""
    status: Callable[[Failure], int] = own_status
    """The HTTP status of an error."""
    final: frozenset[int] = frozenset()
    """Statuses with which a client is told not to try again."""
    id_header: str = ""
    """The name under which this API's clients look for the request's id, too."""
    passes: bool = False
    """Any body may go up as it came to accounts that speak this dialect; else ``parse`` says."""


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
    passes=True,
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
MESSAGES = Dialect(
    "messages",
    messages.parse,
    messages.StreamWriter,
    messages.end_stream,
    messages.reply,
    messages.localize,
    messages.error_body,
    messages.error_event,
    messages.PING,
    messages.hear,
    messages.status,
    messages.FINAL,
    "request-id",
)
COUNT = MESSAGES._replace(parse=messages.parse_count)
"""The same, asked for the length of a prompt."""


def of(path: str, headers: Mapping[str, str] = MappingProxyType({})) -> Dialect:
    """The dialect of an answer that no dialect has read the request of."""
    bare = path.removeprefix("/anthropic")
    theirs = bare is not path or bare.startswith("/v1/messages")
    return MESSAGES if theirs or "anthropic-version" in headers else CHAT

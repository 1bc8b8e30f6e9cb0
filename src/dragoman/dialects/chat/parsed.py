"""What a chat request was read into, and the notes taken on the way."""

import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

from dragoman.catalogue.model import Model
from dragoman.codec.image import ImageInfo
from dragoman.errors import Failure
from dragoman.hub.media import Pending
from dragoman.hub.request import Document, Image, Request

_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-\[\]]")
_LONGEST_NAME = 64
MOST_WARNINGS = 32
"""Warnings kept of one request; a body of a thousand unknown fields does not make a longer
header."""


Caching = Literal["auto", "client", "off"]
"""Whose cache marks go upstream: the client's, and the gateway's own where there are none
(``auto``); only the client's; nobody's."""


class Seen(NamedTuple):
    """An image or a document met on the way, and what is known of it."""

    block: Image | Document
    path: str
    info: ImageInfo | None
    """None where nothing can be known: URLs, and what is not an image."""
    fetch: bool = False
    """Upstream does not fetch this URL."""
    text: bool = False
    """What the URL leads to may be a text."""


class Notes:
    """What could not be done as asked. In strict mode the first such thing refuses the request."""

    __slots__ = ("cache_marks", "cache_ttl", "caching", "parts", "seen", "strict", "warnings")

    def __init__(self, strict: bool, caching: Caching = "auto") -> None:
        self.strict = strict
        self.caching: Caching = caching
        self.cache_ttl: str | None = None
        """Life of cache marks that name none: ``1h``, or ``None`` for five minutes."""
        self.warnings: list[tuple[str, str]] = []
        self.cache_marks = 0
        """Cache marks met so far."""
        self.parts: dict[str, list[int]] = {}
        """By path of a content that is a list: the parts that made a block."""
        self.seen: list[Seen] = []
        """Images and documents met so far."""

    def warn(self, path: str, reason: str, kind: str = "unsupported_value") -> None:
        """Note that the field at ``path`` is not honoured, and why. The same note is kept once.

        Raises :class:`Failure` of ``kind`` in strict mode.
        """
        if self.strict:
            why = "" if kind == "unknown_parameter" else f": {reason}"
            raise Failure(kind, f"{_PHRASES[kind]}: '{path}'{why}.", param=path)
        note = (header_name(path), reason)
        if note not in self.warnings and len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(note)


_PHRASES = {
    "unsupported_value": "Unsupported value",
    "unsupported_parameter": "Unsupported parameter",
    "unknown_parameter": "Unknown parameter",
}
_INDEX = re.compile(r"\[\d+\]")


def header_name(path: str) -> str:
    """A path as it may stand in a header: without indices, in plain characters, not too long."""
    return _UNSAFE.sub("?", _INDEX.sub("[]", path))[:_LONGEST_NAME]


class JsonMode(Enum):
    """How a reply is brought into the JSON that ``response_format`` asks for."""

    OFF = "off"
    """Nothing to do: plain text, or upstream keeps to the schema by itself."""
    EXTRACT = "extract"
    """The model was asked for JSON in words: whatever stands around the object is cut off."""
    OBJECT = "object"
    """The same, and any object will do: an answer without one is made one."""
    TOOL = "tool"
    """The answer is the input of a tool the gateway added: the input is the content."""


IN_WORDS = frozenset({JsonMode.EXTRACT, JsonMode.OBJECT})
"""Modes in which the object is cut out of the text."""
JSON_TOOL = "json_reply"
"""Name of the tool that stands for a JSON answer."""


class Later(Protocol):
    """Reads the rest of a request that is mostly passed on unread."""

    version: str
    """The client's ``anthropic-version``; empty before its headers were looked at."""

    def fill(self) -> None:
        """Complete the hub's request, as far as it can be read."""
        ...

    def translate(self) -> None:
        """The same, for another protocol: raises Failure for what cannot be said in it."""
        ...


class Parsed(Struct, gc=False):
    """A request: what goes upstream, and what its answer needs to know."""

    request: Request
    model: Model
    client_model: str
    """The name the client used; replies repeat it."""
    stream: bool
    n: int
    """Choices asked for, 1 to 8; each is an upstream request of its own."""
    include_usage: bool
    warnings: list[tuple[str, str]]
    """(name, reason) for ``x-dragoman-warnings``."""
    user: str
    """``safety_identifier`` or ``user``, empty without."""
    cache_key: str
    """``prompt_cache_key``, empty without."""
    metadata_user_id: str
    """``metadata.user_id``, empty without."""
    names: dict[str, str] = {}
    """Upstream's tool names → the client's, where they differ."""
    customs: frozenset[str] = frozenset()
    """Upstream's names of tools that the client declared as ``custom``."""
    searches: bool = False
    """The request holds a server tool, so its answer may cite and may pause."""
    remembers: bool = False
    """The answer may hold signed thinking before calls, which a client may not send back."""
    marked: bool = False
    """There are cache marks, the client's or the gateway's."""
    legacy: bool = False
    """The client speaks ``functions`` and ``function_call``."""
    json_mode: JsonMode = JsonMode.OFF
    show_reasoning: bool = True
    """False where the client asked to leave reasoning out of the answer."""
    origins: list[int] = []
    """For each upstream message, the index of the client message it begins with."""
    joins: list[tuple[int, int, int]] = []
    """Further client messages in an upstream message: (upstream message, its first block, client
    message)."""
    parts: dict[str, list[int]] = {}
    """By path of a client's content that is a list: the parts that made a block."""
    tool_places: list[int] | None = None
    """For each upstream tool its index among the client's; ``None``: all of them, in order."""
    effort_name: str = "reasoning_effort"
    """The field in which the client said how much is to be thought."""
    limit_name: str = "max_tokens"
    """The field in which the client set its limit of output tokens."""
    media: Sequence[Pending] = ()
    """What must be fetched or converted before the request can be sent; nearly always nothing."""
    prompt_bytes: int = 0
    """Size of the body as it came, where there is nothing but texts in it."""
    namespaces: dict[str, tuple[str, str]] = {}
    """The client's flat tool names → (namespace, name), where it has namespaces (Responses)."""
    echo: bytes = b""
    """What every answer repeats of the request, as JSON ready to be pasted in (Responses)."""
    prompts: tuple[bytes, ...] = ()
    """For each choice the prompt that stands before its text, a JSON string literal (Completions
    with ``echo``)."""
    requests: Sequence[Request] = ()
    """For each choice what goes upstream, where they differ (Completions of several prompts)."""
    includes: frozenset[str] = frozenset()
    """What the answer is to hold beside the usual (Responses)."""
    told: Callable[[str], str] | None = None
    """A path in the shapes of a chat request → the path in the client's own request, of a dialect
    that is read into those shapes."""
    raw: bytes = b""
    """The body, where it may go up as it came to an upstream that speaks this dialect, and the
    answer come down so."""
    betas: tuple[str, ...] = ()
    """Values of ``anthropic-beta`` that go along."""
    version: str = ""
    """The client's ``anthropic-version``; goes up where ``raw`` does."""
    later: Later | None = None
    """Where the dialect has put off reading all of ``request``."""
    bound: bool = False
    """It holds what only the account or the organisation that made it can read."""
    warned: int = 0
    """How many of ``warnings`` there were before anything was translated that may pass."""
    tied: bool = False
    """It uses what that account keeps, and no other could answer it."""
    reply_id: str = ""
    """Id of the answer, set by the first writer that learns upstream's; all choices share it."""

"""What is said and what is understood, in nobody's protocol.

A client asks something (:class:`Asked`), an upstream sees it (:class:`Seen`) and answers
(:class:`Answer`), and the client's user reads out what that means (:class:`Meaning`). Dialects and
carriers are compared by these values alone.
"""

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple


class Call(NamedTuple):
    """A tool's call, its arguments decoded."""

    id: str
    name: str
    arguments: dict[str, Any]


class Usage(NamedTuple):
    """Tokens by class; ``input`` is what was neither read from nor written to the cache, and
    ``reasoning`` a part of ``output``."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


USED = Usage(11, 200, 30, 7, 0)
"""What an answer costs of which nothing else is said."""


class Problem(NamedTuple):
    """An error as an SDK raises it."""

    status: int | None
    """``None``: inside an answer that had begun."""
    kind: str


class Meaning(NamedTuple):
    """What a user of an SDK reads out of an answer."""

    thinking: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = ""
    """``end``, ``calls``, ``limit``, ``refused``; empty where the answer did not come to an end."""
    stopped_by: str | None = None
    """The stop sequence that was met, where the protocol can say it."""
    usage: Usage = Usage()
    problem: Problem | None = None


class Image(NamedTuple):
    media_type: str
    data: bytes

    @property
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()

    @property
    def url(self) -> str:
        return f"data:{self.media_type};base64,{self.base64}"


class Thought(NamedTuple):
    text: str
    signature: str
    """Empty: nobody signed it."""


class Redacted(NamedTuple):
    """Thinking that nobody but Claude may read."""

    data: str


class Result(NamedTuple):
    """A tool's result."""

    call_id: str
    text: str
    image: Image | None = None


class Document(NamedTuple):
    """A PDF with its name."""

    name: str
    data: bytes

    @property
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()


Word = str | Image | Document
"""What a user may say."""
Part = Word | Thought | Redacted | Call | Result
Turn = tuple[str, tuple[Part, ...]]
"""A role and what it says. Results are a user's, as in the Messages API."""


class Tool(NamedTuple):
    name: str
    description: str
    schema: dict[str, Any]


class Seen(NamedTuple):
    """What an upstream understands of a request."""

    model: str
    system: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: str = ""
    """``auto``, ``any`` or a tool's name."""
    limit: int | None = None
    stops: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    effort: str = ""
    stream: bool = False
    parallel: bool = True
    temperature: float | None = None
    user: str = ""


@dataclass(frozen=True)
class Asked:
    """A request, before any dialect."""

    model: str
    words: tuple[Word, ...]
    system: str = "Be brief."
    tools: tuple[Tool, ...] = ()
    choice: str = ""
    parallel: bool = True
    limit: int = 3000
    stops: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    effort: str = ""
    temperature: float | None = None
    user: str = ""


@dataclass(frozen=True)
class Answer:
    """What an upstream says, block by block."""

    parts: tuple[Part, ...]
    finish: str = "end"
    stopped_by: str | None = None
    usage: Usage = USED

    @property
    def text(self) -> str:
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def thinking(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Thought))

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(part for part in self.parts if isinstance(part, Call))


@dataclass(frozen=True)
class Refusal:
    """An error in the place of an answer, of a kind that every upstream has its own words for."""

    kind: str


@dataclass(frozen=True)
class Broken:
    """An answer that begins with ``text`` and comes to no end."""

    text: str
    cut: bool = False
    """The connection breaks off, instead of an error that says why."""
    usage: Usage = USED


Said = Answer | Refusal | Broken


def cut(text: str) -> list[str]:
    """``text`` in three deltas or fewer, none of them empty."""
    size = max(1, -(-len(text) // 3))
    return [text[at : at + size] for at in range(0, len(text), size)]


def png() -> bytes:
    """A picture of two by two pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    pixels = zlib.compress(b"\0\xff\0\0\0\xff\0" * 2)
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts

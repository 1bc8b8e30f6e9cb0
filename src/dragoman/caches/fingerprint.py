"""A request as a row of hashes, in the order in which upstream reads it: tools, system, messages.

Two requests begin alike as far as their rows do, and rows are short, so the first difference is
found by comparing bytes and halving. What upstream takes for part of a beginning without being a
block stands in the row where it takes effect: the output format before the system prompt,
``tool_choice`` and ``thinking`` before the messages (the vendor's table of what invalidates a
cache). Marks themselves are left out: they move and change nothing.

The hash is Python's own of bytes: SipHash, 64 bits, keyed by chance at the start of the process, so
that it says nothing to anybody else and cannot be forged from outside. It costs a fifth of what
BLAKE2 or SHA-256 do (docs/decisions/0016). The rows live and die with the process.
"""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from msgspec import UNSET, Raw

from dragoman.codec import jsonio
from dragoman.hub.request import (
    Base64Source,
    Block,
    Cached,
    Document,
    Image,
    RedactedThinking,
    Request,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    UrlSource,
)

WIDTH = 8
"""Bytes of a hash."""
LIFE_S = {"5m": 300.0, "1h": 3600.0}
"""Seconds a marked beginning is kept after its last use, by ``ttl``."""
BETWEEN = 2
"""Places of a row between the system prompt and the messages: ``tool_choice``, ``thinking``."""
_SAMPLE = 4096
_WHOLE = 4 * _SAMPLE
"""A picture's data up to this size is hashed as a whole, a longer one by its length, its beginning,
its middle and its end: compressed data that differs somewhere differs in these."""
_ASSISTANT = 0x5BD1E995_5BD1E995
_SYSTEM = 0x2545F491_4F6CDD1D


class Mark(NamedTuple):
    """A cache breakpoint."""

    place: int
    """The place in the row after which it stands."""
    life_s: float
    size: int
    """Bytes of everything up to there."""


class Suspects(NamedTuple):
    """What may cost the cache, by what people have seen, though the vendor does not say so. It is
    not part of the row, and thought of only when less was read than should have been."""

    thinking: int
    """Hash of all that is said of it, not only kind and budget."""
    effort: int
    images: int
    """How many there are."""
    past_thoughts: int
    """Thinking blocks of turns that the client has gone on from with more than results of calls:
    models that do not keep them leave them out from then on, and read another prompt."""


class Fingerprint(NamedTuple):
    """What is kept of a request: no text, only hashes, counts and sizes."""

    row: bytes
    """Tools, output format, texts of the system prompt, ``tool_choice``, ``thinking``, and every
    block of the messages; :data:`WIDTH` bytes each."""
    tools: int
    """How many tools there are."""
    head: int
    """How many places are before ``tool_choice``."""
    ends: list[int]
    """Places up to the end of each of the client's messages."""
    clients: list[int]
    """For each of ``ends`` the client's own number of that message."""
    marks: list[Mark]
    suspects: Suspects

    @property
    def first(self) -> int:
        """The place of the first block of the messages."""
        return self.head + BETWEEN

    def beginning(self, place: int) -> int:
        """Hash of everything up to and including a place."""
        return hash(self.row[: (place + 1) * WIDTH])

    def short_row(self) -> bytes:
        """The row with one place for each of the client's messages."""
        first, row = self.first, self.row
        if len(self.ends) * WIDTH == len(row) - first * WIDTH:
            return row
        places: list[int] = []
        start = first
        for end in self.ends:
            piece = row[start * WIDTH : end * WIDTH]
            places.append(hash(piece))
            start = end
        return row[: first * WIDTH] + array("q", places).tobytes()


def fingerprint(
    request: Request,
    origins: Sequence[int] = (),
    joins: Sequence[tuple[int, int, int]] = (),
) -> Fingerprint:
    """Hash a request. ``origins`` and ``joins`` are those of the parsed request: which of the
    client's messages made what of it; without, messages are numbered as upstream sees them."""
    notes = _Notes()
    tools = request.tools if request.tools is not UNSET else ()
    for tool in tools:
        if isinstance(tool, Tool):
            notes.add(_tool(tool), len(tool.input_schema), tool.cache_control)
        else:
            notes.add(hash(bytes(tool)), len(tool), UNSET)
    config, thinking = request.output_config, request.thinking
    notes.row.append(0 if config is UNSET else _number(config.format))
    for text in request.system if request.system is not UNSET else ():
        notes.add(hash(bytes(text.text)), len(text.text), text.cache_control)
    head = len(notes.row)
    notes.row.append(_number(request.tool_choice))
    notes.row.append(
        0 if thinking is UNSET else _number([thinking.type, thinking.budget_tokens or None])
    )
    notes.messages(request, origins, joins)
    if request.cache_control is not UNSET:
        notes.mark(request.cache_control)
    suspects = Suspects(
        _number(thinking),
        0 if config is UNSET else _number(config.effort),
        notes.images,
        notes.past_thoughts,
    )
    row = array("q", notes.row).tobytes()
    return Fingerprint(row, len(tools), head, notes.ends, notes.clients, notes.marks, suspects)


class _Notes:
    """The row as it grows, and what is noted on the way."""

    __slots__ = (
        "clients",
        "ends",
        "images",
        "marks",
        "past_thoughts",
        "row",
        "size",
        "thoughts",
    )

    def __init__(self) -> None:
        self.row: list[int] = []
        self.ends: list[int] = []
        self.clients: list[int] = []
        self.marks: list[Mark] = []
        self.size = 0
        self.images = 0
        self.thoughts = 0
        self.past_thoughts = 0

    def add(self, hashed: int, size: int, control: Cached) -> None:
        """One more block."""
        self.row.append(hashed)
        self.size += size
        if control is not UNSET:
            self.mark(control)

    def mark(self, control: Cached) -> None:
        """A breakpoint after the last block."""
        ttl = control.ttl if control is not UNSET and control.ttl is not UNSET else "5m"
        at = len(self.row) - 1
        if self.marks and self.marks[-1].place == at:
            self.marks.pop()
        self.marks.append(Mark(at, LIFE_S.get(ttl, LIFE_S["5m"]), self.size))

    def messages(
        self, request: Request, origins: Sequence[int], joins: Sequence[tuple[int, int, int]]
    ) -> None:
        """The blocks of all messages. A text, which most are, is hashed here and now."""
        row, more = self.row, _by_message(joins)
        for at, message in enumerate(request.messages):
            client = origins[at] if at < len(origins) else at
            starts = more.get(at) if more else None
            role = message.role
            salt = 0 if role == "user" else _ASSISTANT if role == "assistant" else _SYSTEM
            before = len(row)
            for number, block in enumerate(message.content):
                if starts is not None and number in starts:
                    self.close(before, client)
                    before, client = len(row), starts[number]
                if isinstance(block, Text):
                    text = bytes(block.text)
                    row.append(hash(text) ^ salt)
                    self.size += len(text)
                    control = block.cache_control
                else:
                    row.append(self._other(block) ^ salt)
                    control = _control(block)
                if control is not UNSET:
                    self.mark(control)
            self.close(before, client)
            if role == "user" and self.thoughts:
                results = [isinstance(block, ToolResult) for block in message.content]
                if not all(results):
                    self.past_thoughts = self.thoughts

    def close(self, before: int, client: int) -> None:
        """One of the client's messages ends here, if it left anything."""
        if len(self.row) > before:
            self.ends.append(len(self.row))
            self.clients.append(client)

    def _other(self, block: Block) -> int:
        """The hash of what is no text."""
        if isinstance(block, Image):
            self.images += 1
        elif isinstance(block, ToolResult) and block.content is not UNSET:
            self.images += sum([isinstance(part, Image) for part in block.content])
        elif isinstance(block, Thinking | RedactedThinking):
            self.thoughts += 1
        parts = _parts(block)
        self.size += _size(parts)
        return hash(parts)


def _by_message(joins: Sequence[tuple[int, int, int]]) -> dict[int, dict[int, int]]:
    """Upstream message → its first blocks of further client messages → their numbers."""
    found: dict[int, dict[int, int]] = {}
    for message, first, client in joins:
        found.setdefault(message, {})[first] = client
    return found


_Parts = tuple[Any, ...]
"""Texts, bytes, numbers, and parts within parts."""


def _size(parts: _Parts) -> int:
    size = 0
    for part in parts:
        if isinstance(part, bytes):
            size += len(part)
        elif isinstance(part, tuple):
            size += _size(cast("_Parts", part))
    return size


def _tool(tool: Tool) -> int:
    description = b"" if tool.description is UNSET else bytes(tool.description)
    return hash((tool.name, description, tool.strict is True, bytes(tool.input_schema)))


def _parts(block: Block) -> _Parts:
    """What a block is made of, without its mark."""
    if isinstance(block, Text):
        return (bytes(block.text),)
    if isinstance(block, ToolUse):
        return "use", block.id, block.name, bytes(block.input)
    if isinstance(block, ToolResult):
        inner = () if block.content is UNSET else tuple([_parts(part) for part in block.content])
        return "result", block.tool_use_id, block.is_error, inner
    if isinstance(block, Thinking):
        return "thinking", bytes(block.thinking), bytes(block.signature)
    if isinstance(block, RedactedThinking):
        return "redacted", bytes(block.data)
    if isinstance(block, Image | Document):
        return _media(block)
    return "raw", bytes(block)


def _media(block: Image | Document) -> _Parts:
    source = block.source
    title = b"image"
    if isinstance(block, Document):
        title = b"" if block.title is UNSET else bytes(block.title)
    if isinstance(source, UrlSource):
        return "url", title, bytes(source.url)
    kind, data = source.media_type, source.data
    if not isinstance(source, Base64Source) or len(data) <= _WHOLE:
        return "data", kind, title, bytes(data)
    view = memoryview(data)
    size = len(view)
    begins = (0, size // 2, size - _SAMPLE)
    return "data", kind, title, size, *[bytes(view[at : at + _SAMPLE]) for at in begins]


def _control(block: Block) -> Cached:
    if isinstance(block, Thinking | RedactedThinking | Raw):
        return UNSET
    return block.cache_control


def _number(value: object) -> int:
    """A hash of a small value; 0 where it is left out."""
    return 0 if value is UNSET else hash(jsonio.encode(value))


def common(row: bytes, other: bytes) -> int:
    """How many places two rows have in common at their beginning."""
    low, high = 0, min(len(row), len(other)) // WIDTH
    if row[: high * WIDTH] == other[: high * WIDTH]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if row[low * WIDTH : middle * WIDTH] == other[low * WIDTH : middle * WIDTH]:
            low = middle
        else:
            high = middle - 1
    return low

"""The memory of signed thinking: what a model thought before its tool calls, by key and call id.

Claude goes on thinking through a tool loop only if its signed thinking comes back, byte for byte
(protocol.md §2b rules 29-31). The plain OpenAI SDK and LangChain send back texts and calls, nothing
else. So the blocks of an answer that ends with calls are kept here, and found again by the calls
when the client's next request holds them without any thinking of its own.

An answer is one entry, found by its first call's id, and of use only if ids, names and arguments of
all its calls are still those of the answer: its mark tells. One client key never sees another's.
Entries are few and small: bounded in number and bytes, the one unused for longest goes first, and
every one goes when nobody asked for it for :data:`TTL_S`.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Protocol

from msgspec import Raw, Struct

from dragoman.clock import Clock
from dragoman.codec import jsonio
from dragoman.hub.events import (
    BlockStart,
    Event,
    InputDelta,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.hub.recall import Call, Thought, Turn, mark
from dragoman.hub.request import RedactedThinking, Text, Thinking, ToolUse

TTL_S = 2 * 3600.0
"""Seconds an entry lives after it was last asked for."""
MAX_BYTES = 64 * 1024 * 1024
"""Bytes of all entries together, as :func:`size` counts them."""
MAX_ENTRIES = 50_000
_ENTRY_BYTES = 600
"""What an entry costs beside its texts, roughly."""
_BLOCK_BYTES = 250
_EMPTY = b'""'
_NO_NAMES: Mapping[str, str] = {}


class Memory(Protocol):
    """Where turns are kept.

    :class:`Thoughts` is the one in this process. Both calls are made on the request path and must
    not wait; a store that several gateways share answers from what it holds at hand.
    """

    def recall(self, owner: str, call_id: str) -> Turn | None:
        """``owner``'s turn that began its calls with this one, if it is known."""
        ...

    def keep(self, owner: str, turn: Turn) -> None:
        """Remember a turn for ``owner``, a principal's id."""
        ...


class _Entry(Struct):
    turn: Turn
    size: int
    until: float
    """``mono()`` seconds."""


class Thoughts:
    """The memory of one process; it survives reloads. See the module."""

    def __init__(
        self, clock: Clock, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES
    ) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        """The one that was used last stands last, so they also stand in order of ``until``."""
        self.bytes = 0
        """What all entries cost together."""

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, owner: str, call_id: str) -> Turn | None:
        """See :meth:`Memory.recall`. Asking makes an entry live longer."""
        key = (owner, call_id)
        entry = self._entries.get(key)
        if entry is None:
            return None
        now = self._clock.mono()
        if entry.until <= now:
            self._forget(key)
            return None
        entry.until = now + TTL_S
        self._entries.move_to_end(key)
        return entry.turn

    def keep(self, owner: str, turn: Turn) -> None:
        """See :meth:`Memory.keep`. What is larger than the whole memory is not kept."""
        key = (owner, turn.call_id)
        if key in self._entries:
            self._forget(key)
        cost = size(owner, turn)
        if cost > self._max_bytes:
            return
        now = self._clock.mono()
        self._entries[key] = _Entry(turn, cost, now + TTL_S)
        self.bytes += cost
        self._tidy(now)

    def _tidy(self, now: float) -> None:
        """Forget what is too old, and what is too much."""
        while self._entries:
            key, oldest = next(iter(self._entries.items()))
            too_much = self.bytes > self._max_bytes or len(self._entries) > self._max_entries
            if not too_much and oldest.until > now:
                return
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        self.bytes -= self._entries.pop(key).size


def size(owner: str, turn: Turn) -> int:
    """What remembering a turn costs, in bytes, roughly."""
    total = _ENTRY_BYTES + len(owner) + len(turn.call_id) + len(turn.mark)
    for thought in turn.thoughts:
        block = thought.block
        total += _BLOCK_BYTES
        if isinstance(block, Thinking):
            total += len(block.thinking) + len(block.signature)
        else:
            total += len(block.data)
    return total


def turn_of(
    content: Iterable[Text | Thinking | RedactedThinking | ToolUse | Raw],
    names: Mapping[str, str] = _NO_NAMES,
) -> Turn | None:
    """What is to be remembered of an answer; ``None`` where it made no calls or thought nothing
    that is signed. ``names`` are the client's names of tools, where they are not upstream's."""
    thoughts: list[Thought] = []
    uses: list[ToolUse] = []
    texts = False
    for block in content:
        if isinstance(block, Thinking):
            if len(block.signature) > 2:
                thoughts.append(Thought(_owned(block), texts, len(uses)))
        elif isinstance(block, RedactedThinking):
            thoughts.append(Thought(_owned(block), texts, len(uses)))
        elif isinstance(block, ToolUse):
            uses.append(block)
        elif isinstance(block, Text):
            texts = texts or len(block.text) > 2
    if not thoughts or not uses:
        return None
    try:
        calls = [
            Call(use.id, names.get(use.name, use.name), jsonio.canonical(use.input)) for use in uses
        ]
    except jsonio.Malformed:
        return None
    return Turn(uses[0].id, mark(calls), tuple(thoughts))


def _owned(block: Thinking | RedactedThinking) -> Thinking | RedactedThinking:
    """The block with bytes of its own: a ``Raw`` out of a decoder holds the whole reply."""
    if isinstance(block, RedactedThinking):
        return RedactedThinking(Raw(bytes(block.data)))
    return Thinking(Raw(bytes(block.thinking)), Raw(bytes(block.signature)))


class _Streamed(Struct):
    """A block on its way."""

    start: BlockStart
    pieces: list[bytes] = []
    """Literals: of its thinking, or of its input."""
    signature: bytes = _EMPTY


class _Started(Struct):
    """What a block's start may already hold."""

    text: Raw = Raw(_EMPTY)
    thinking: Raw = Raw(_EMPTY)
    signature: Raw = Raw(_EMPTY)
    data: Raw = Raw(_EMPTY)
    input: Raw = Raw(b"{}")


_started = jsonio.Decoder(_Started)


class Listener:
    """Listens to a stream for what is to be remembered of it. Texts are passed over."""

    __slots__ = ("_blocks", "_texts")

    def __init__(self) -> None:
        self._blocks: dict[int, _Streamed] = {}
        """Thinking and calls by upstream's index, in order."""
        self._texts: dict[int, int] = {}
        """Blocks of text that are not empty → how many other blocks began before them."""

    def feed(self, events: list[Event]) -> None:
        """Take note of the events of one read."""
        for event in events:
            if isinstance(event, TextDelta):
                self._texts.setdefault(event.index, len(self._blocks))
            elif isinstance(event, InputDelta):
                self._piece(event.index, event.partial_json)
            elif isinstance(event, ThinkingDelta):
                self._piece(event.index, event.thinking)
            elif isinstance(event, SignatureDelta):
                if event.index in self._blocks:
                    self._blocks[event.index].signature = event.signature
            elif isinstance(event, BlockStart):
                self._start(event)

    def turn(self, names: Mapping[str, str] = _NO_NAMES) -> Turn | None:
        """What is to be remembered, at the end of a complete answer; see :func:`turn_of`."""
        if not any(block.start.kind == "tool_use" for block in self._blocks.values()):
            return None
        content: list[Text | Thinking | RedactedThinking | ToolUse | Raw] = []
        before = min(self._texts.values(), default=-1)
        for number, block in enumerate(self._blocks.values()):
            if number == before:
                content.append(Text(Raw(b'"said"')))
            made = _finished(block)
            if made is None:
                return None
            content.append(made)
        return turn_of(content, names)

    def _piece(self, index: int, literal: bytes) -> None:
        block = self._blocks.get(index)
        if block is not None and literal != _EMPTY:
            block.pieces.append(literal)

    def _start(self, event: BlockStart) -> None:
        if event.kind in ("thinking", "redacted_thinking", "tool_use"):
            self._blocks[event.index] = _Streamed(event)
        elif event.kind == "text" and bytes(_started.decode(event.block).text) != _EMPTY:
            self._texts.setdefault(event.index, len(self._blocks))


def _finished(block: _Streamed) -> Thinking | RedactedThinking | ToolUse | None:
    """The whole block; ``None`` for a call whose arguments are not what they should be."""
    start = block.start
    begun = _started.decode(start.block)
    if start.kind == "redacted_thinking":
        return RedactedThinking(begun.data)
    if start.kind == "thinking":
        first = [] if bytes(begun.thinking) == _EMPTY else [bytes(begun.thinking)]
        pieces = first + block.pieces
        signature = block.signature if block.signature != _EMPTY else bytes(begun.signature)
        return Thinking(Raw(jsonio.join(pieces) if pieces else _EMPTY), Raw(signature))
    data = bytes(begun.input)
    if block.pieces:
        try:
            data = jsonio.text_of(jsonio.join(block.pieces)).encode()
        except (jsonio.Malformed, UnicodeEncodeError):
            return None
    return ToolUse(start.id, start.name, Raw(data))

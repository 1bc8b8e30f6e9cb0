"""Pieces of an answer in any order → the hub's blocks, one after the other.

Anthropic's blocks follow each other; chat chunks may mix them: text and a call in one chunk, the
arguments of two calls in turn. So every text, every thought and every call is a lane. One lane is
open, and its pieces are events at once. The next one opens when the open one cannot go on: a text
ends when something else comes, a call when its arguments are complete JSON. Until then what belongs
to others waits, at the latest to the end of the answer.
"""

from collections import deque
from collections.abc import Mapping

from msgspec import Raw

from dragoman.carriers.openai.names import made_id
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.events import (
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.hub.request import ToolUse

_BEGUN = {
    "text": Raw(b'{"type":"text","text":""}'),
    "thinking": Raw(b'{"type":"thinking","thinking":"","signature":""}'),
}
_NOTHING = b'""'


class _Lane:
    """A block in the making."""

    __slots__ = ("_known", "closed", "id", "kind", "name", "pieces", "sent")

    def __init__(self, kind: str, call_id: str = "", name: str = "") -> None:
        self.kind = kind
        self.id = call_id
        self.name = name
        self.pieces: list[bytes] = []
        """Literals; of a call all of them, else those that wait."""
        self.sent = 0
        """0 before the block has begun; then one more than the pieces of ``pieces`` that were made
        events."""
        self.closed = False
        self._known = (-1, False)
        """Whether so many pieces were complete: each is looked at once."""

    @property
    def complete(self) -> bool:
        """Whether nothing is missing before another block may begin."""
        if self.kind != "tool_use":
            return True
        if not self.name or not self.pieces:
            return False
        if self._known[0] != len(self.pieces):
            self._known = (len(self.pieces), _is_json(self.pieces))
        return self._known[1]


class Lanes:
    """All blocks of one answer. ``names``: upstream's tool names → the hub's, where they differ."""

    def __init__(self, names: Mapping[str, str] | None) -> None:
        self._names: Mapping[str, str] = names or {}
        self._open: _Lane | None = None
        self._waiting: deque[_Lane] = deque()
        self._calls: dict[int, _Lane] = {}
        """The last call of each index."""
        self._last = 0
        """Index of the call that was spoken of last."""
        self._blocks = 0
        """Blocks begun."""
        self.calls = 0
        """Calls met."""
        self.answer = ""
        """Upstream's id of the answer."""

    def say(self, kind: str, literal: bytes, events: list[Event]) -> None:
        """A piece of a ``text`` or of ``thinking``."""
        last = self._waiting[-1] if self._waiting else self._open
        if last is None or last.kind != kind:
            last = self._add(_Lane(kind), events)
        last.pieces.append(literal)
        self._flow(events)

    def call(
        self, index: int | None, given: tuple[str, str], literal: bytes, events: list[Event]
    ) -> None:
        """A piece of a call; ``given``: its id and its name, empty where not said.

        Servers that leave the index out, or say 0 for every call, begin each with another id.
        """
        call_id, name = given
        at = self._last if index is None else index
        lane = self._calls.get(at)
        if lane is not None and call_id and lane.id and call_id != lane.id and name:
            lane = None
            at = at if index is not None else at + 1
        if lane is None:
            lane = _Lane("tool_use", call_id, name)
            self._calls[at] = lane
            self.calls += 1
            self._add(lane, events)
        self._last = at
        lane.id = lane.id or call_id
        lane.name = lane.name or name
        if literal != _NOTHING:
            if lane.closed:
                if jsonio.text_of(literal).strip():
                    raise _nonsense("arguments of a call that was complete", literal)
                return
            lane.pieces.append(literal)
        self._flow(events)

    def end(self, events: list[Event]) -> None:
        """The answer is complete: what waits follows, and the last block ends."""
        while self._open is not None:
            self._flow(events)
            if not self._open.name and self._open.kind == "tool_use":
                raise _nonsense("a call without a name", self._open.id.encode())
            self._close(self._open, events)
            self._open = self._waiting.popleft() if self._waiting else None

    def sign(self, literal: bytes, events: list[Event]) -> None:
        """Behind what was thought, or all: thinking that has nothing but this signature."""
        if self._open is not None:
            self._close(self._open, events)
            self._open = None
        index, self._blocks = self._blocks, self._blocks + 1
        events.append(BlockStart(index, "thinking", _BEGUN["thinking"]))
        events.append(SignatureDelta(index, literal))
        events.append(BlockStop(index))

    def _add(self, lane: _Lane, events: list[Event]) -> _Lane:
        self._waiting.append(lane)
        while self._waiting and (self._open is None or self._open.complete):
            if self._open is not None:
                self._close(self._open, events)
            self._open = self._waiting.popleft()
            self._flow(events)
        return lane

    def _flow(self, events: list[Event]) -> None:
        """Make events of what the open lane holds."""
        lane = self._open
        if lane is None or (lane.kind == "tool_use" and not lane.name):
            return
        if lane.sent == 0:
            if not lane.pieces and lane.kind != "tool_use":
                return
            events.append(self._begin(lane))
            lane.sent = 1
        index = self._blocks - 1
        for literal in lane.pieces[lane.sent - 1 :]:
            if lane.kind == "text":
                events.append(TextDelta(index, literal))
            elif lane.kind == "thinking":
                events.append(ThinkingDelta(index, literal))
            else:
                events.append(InputDelta(index, literal))
        if lane.kind == "tool_use":
            lane.sent = len(lane.pieces) + 1
        else:
            lane.pieces.clear()

    def _begin(self, lane: _Lane) -> BlockStart:
        index, self._blocks = self._blocks, self._blocks + 1
        block = _BEGUN.get(lane.kind)
        if block is not None:
            return BlockStart(index, lane.kind, block)
        call_id = lane.id or made_id(self.answer, index)
        name = self._names.get(lane.name, lane.name)
        block = Raw(jsonio.encode(ToolUse(call_id, name, Raw(b"{}"))))
        return BlockStart(index, "tool_use", block, call_id, name)

    def _close(self, lane: _Lane, events: list[Event]) -> None:
        lane.closed = True
        events.append(BlockStop(self._blocks - 1))


def _is_json(pieces: list[bytes]) -> bool:
    try:
        jsonio.raw(jsonio.text_of(jsonio.join(pieces)).encode("utf-8", "replace"))
    except (jsonio.Malformed, jsonio.Mismatch):
        return False
    return True


def _nonsense(reason: str, data: bytes) -> Failure:
    return Failure(
        "upstream_nonsense",
        "The upstream sent an event that is not valid.",
        detail=f"{reason}: {data[:200]!r}",
    )

"""Mutations that keep an input's form: random bytes seldom are JSON, and never good events.

Half of all inputs are made here, the other half by libFuzzer. A body is changed as a tree: a part
is replaced by a part of another input or by an odd value, removed, doubled. A stream is changed as
a list of events: removed, doubled, moved, cut, taken from another stream, or changed inside as a
tree.
"""

import random
from collections.abc import Iterator
from typing import Any

from dragoman.codec import jsonio

ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    0.5,
    2**63,
    1e300,
    "",
    " ",
    "\u2028",
    "\u0085data: x",
    "\u0000",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "data: {}\n\nevent: message_stop\r\n",
    "é" * 70,
    "f",
    [],
    {},
    [[]],
    {"type": "text", "text": "x"},
    {"type": "object"},
    {"type": "ephemeral"},
]
FRAMES = [b"\r", b"\n", b"\r\n", b"\n\n", b"data:", b"data", b"event:x", b": c", b"\xef\xbb\xbf"]
HALVES = [rb"\ud83d", rb"\ude00", rb"\ud83d\ude00", b"\xe2\x80\xa8", b"\xc2\x85", b"\xff", b"\\n"]


class Mutator:
    """Knows the inputs it may borrow from."""

    def __init__(self, inputs: list[bytes]) -> None:
        self._bodies: list[Any] = []
        self._streams: list[bytes] = []
        for data in inputs:
            try:
                self._bodies.append(jsonio.decode(data))
            except (jsonio.Malformed, jsonio.Mismatch):
                self._streams.append(data)

    def __call__(self, data: bytes, dice: random.Random) -> bytes | None:
        """Another input, or ``None`` where this one has no form to keep."""
        if b"data:" in data and data[:1] != b"{":
            return self._stream(data, dice)
        try:
            value = jsonio.decode(data)
        except (jsonio.Malformed, jsonio.Mismatch):
            return None
        try:
            for _ in range(dice.choice((1, 1, 2, 3, 5))):
                value = self._tree(value, dice)
            return jsonio.encode(value)
        except RecursionError:
            return None

    def _tree(self, value: Any, dice: random.Random) -> Any:
        places = list(walk(value))
        holder, key = dice.choice(places) if places else (None, None)
        if holder is None:
            return dice.choice(ODD)
        how = dice.randrange(6)
        if how == 0:
            del holder[key]
        elif how == 1 and isinstance(holder, list):
            holder.insert(dice.randint(0, len(holder)), holder[key])
        elif how == 2 and isinstance(holder, list):
            dice.shuffle(holder)
        elif how == 3 or not self._bodies:
            holder[key] = dice.choice(ODD)
        else:
            self._borrow(holder, key, dice)
        return jsonio.decode(jsonio.encode(value))

    def _borrow(self, holder: Any, key: Any, dice: random.Random) -> None:
        """A part of another body: of the same name if there is one, or a field more."""
        other = dice.choice(self._bodies)
        places = list(walk(other))
        if isinstance(other, dict) and isinstance(holder, dict) and dice.random() < 0.3:
            name = dice.choice(list(other) or ["x"])
            holder[name] = other.get(name)
            return
        same = [(held, at) for held, at in places if at == key] or places
        if same:
            held, at = dice.choice(same)
            holder[key] = held[at]

    def _stream(self, data: bytes, dice: random.Random) -> bytes:
        events = data.split(b"\n\n")
        for _ in range(dice.choice((1, 1, 2, 4))):
            at = dice.randrange(len(events))
            how = dice.randrange(8)
            if how == 0 and len(events) > 1:
                del events[at]
            elif how == 1:
                events.insert(dice.randint(0, len(events)), events[at])
            elif how == 2 and self._streams:
                other = dice.choice(self._streams).split(b"\n\n")
                events.insert(at, dice.choice(other))
            elif how == 3:
                cut = dice.randint(0, len(events[at]))
                piece = dice.choice(FRAMES if dice.random() < 0.5 else HALVES)
                events[at] = events[at][:cut] + piece + events[at][cut:]
            elif how == 4:
                events[at] = events[at].replace(b"\n", dice.choice((b"\r", b"\r\n")))
            else:
                events[at] = self._event(events[at], dice)
        return b"\n\n".join(events)

    def _event(self, event: bytes, dice: random.Random) -> bytes:
        head, mark, body = event.partition(b"data: ")
        try:
            value = jsonio.decode(body)
        except (jsonio.Malformed, jsonio.Mismatch):
            return event
        try:
            return head + mark + jsonio.encode(self._tree(value, dice))
        except RecursionError:
            return event


def walk(value: Any) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of every part of a value."""
    if isinstance(value, dict):
        inner: list[tuple[Any, Any]] = list(value.items())
    else:
        inner = list(enumerate(value)) if isinstance(value, list) else []
    for key, part in inner:
        yield value, key
        yield from walk(part)

"""What one account keeps of one conversation for one model, as far as it can be known from here.

Upstream keeps the beginning up to each mark, and looks for a kept beginning at each mark of a new
request and up to twenty blocks before it. :class:`Mirror` does the same with hashes, so it knows
what should be read. Beside that it remembers the last requests as rows of hashes, to say where a
new one leaves them: several, because one conversation id may carry more than one line of messages
(an agent and its helpers).
"""

from collections.abc import Sequence

from msgspec import Struct

from dragoman.caches.fingerprint import BETWEEN, WIDTH, Fingerprint, Mark, Suspects, common
from dragoman.caches.verdict import Kind, Reason

LOOKBACK = 20
"""Blocks before a mark, the marked one included, at which upstream looks for what it kept."""
MAX_POINTS = 16
"""Kept beginnings remembered of one mirror."""
MAX_LINES = 4
"""Lines of messages remembered of one mirror."""
NEARLY = 0.98
"""The part of what was expected that counts as all of it: upstream may count a little differently
from one request to the next."""
_POINT_BYTES = 240
_LINE_BYTES = 400


class Point(Struct, gc=False):
    """A kept beginning."""

    tokens: int
    exact: bool
    """Upstream said so; else it is in proportion to bytes."""
    life_s: float
    made: float
    """When it was there at the latest: when the answer to the request that wrote it had begun."""
    expires: float
    place: int
    """Where it ends."""


class Line(Struct, gc=False):
    """The last request of one line of messages."""

    row: bytes
    """One place for each of the client's messages."""
    tools: int
    head: int
    suspects: Suspects
    covered: int
    """Places of the row up to the last mark."""
    tokens: int
    """Tokens up to the last mark, which upstream read or wrote."""
    made: float
    expires: float


class Left(Struct, gc=False):
    """What an answer says of the cache."""

    read: int
    written: int
    sent: float
    """When the request was sent; upstream looked at its cache then."""
    now: float
    least: int = 0
    """The model's minimum: no shorter beginning is kept."""


class Mirror:
    """See the module. Times are ``mono()`` seconds."""

    __slots__ = ("lines", "points")

    def __init__(self) -> None:
        self.points: dict[int, Point] = {}
        """By the hash of the beginning."""
        self.lines: list[Line] = []

    @property
    def size(self) -> int:
        """Bytes it takes, roughly."""
        rows = sum([len(line.row) for line in self.lines])
        return len(self.points) * _POINT_BYTES + len(self.lines) * _LINE_BYTES + rows

    def reachable(self, new: Fingerprint, sent: float | None) -> Point | None:
        """The longest kept beginning that upstream would look at, if it is kept at ``sent``; at any
        time where that is None."""
        marks = [mark.place for mark in new.marks]
        best: Point | None = None
        for name, point in self.points.items():
            at = point.place
            if best is not None and best.place >= at:
                continue
            if sent is not None and not point.made <= sent < point.expires:
                continue
            if _looks_at(marks, at, new) and new.beginning(at) == name:
                best = point
        return best

    def nearest(self, row: bytes) -> tuple[Line | None, int]:
        """The remembered line that has most in common with a short row, and how many places."""
        best: Line | None = None
        most = -1
        for line in self.lines:
            shared = common(line.row, row)
            if shared >= most:
                best, most = line, shared
        return best, max(most, 0)

    def keep(self, new: Fingerprint, left: Left) -> float:
        """Note what a request left behind; returns when that expires."""
        tokens = left.read + left.written
        last = new.marks[-1]
        point = self.reachable(new, left.sent)
        if point is not None and left.read:
            point.expires = max(point.expires, left.sent + point.life_s)
            if not point.exact and 1 <= 2 * left.read // max(point.tokens, 1) < 4:
                point.tokens, point.exact = left.read, True
        for mark in new.marks:
            self._keep(new, mark, left, tokens * mark.size // max(last.size, 1))
        self._tidy(left.now)
        expires = self.points[new.beginning(last.place)].expires
        self._remember(new, tokens, left, expires)
        return expires

    def _keep(self, new: Fingerprint, mark: Mark, left: Left, tokens: int) -> None:
        """A marked beginning is kept, or kept longer."""
        name, life_s = new.beginning(mark.place), mark.life_s
        known = self.points.pop(name, None)
        exact = mark.place == new.marks[-1].place
        if known is None:
            if exact or tokens >= left.least:
                expires = left.sent + life_s
                self.points[name] = Point(tokens, exact, life_s, left.now, expires, mark.place)
            return
        if known.expires <= left.sent:
            known.life_s, known.made = life_s, left.now
        known.life_s = max(known.life_s, life_s)
        known.expires = max(known.expires, left.sent + known.life_s)
        if exact:
            known.tokens, known.exact = tokens, True
        self.points[name] = known

    def _tidy(self, now: float) -> None:
        """Forget points that expired, then those unused for longest; the newest stand last."""
        if len(self.points) <= MAX_POINTS:
            return
        points = {name: point for name, point in self.points.items() if point.expires > now}
        for name in list(points)[:-MAX_POINTS]:
            del points[name]
        self.points = points

    def _remember(self, new: Fingerprint, tokens: int, left: Left, expires: float) -> None:
        row = new.short_row()
        nearest, shared = self.nearest(row)
        if nearest is not None and (shared >= nearest.covered or nearest.expires <= left.now):
            # Gone on with, or of no use any more; a line that was left may be gone back to.
            self.lines.remove(nearest)
        covered = covers(new)
        self.lines.append(
            Line(row, new.tools, new.head, new.suspects, covered, tokens, left.now, expires)
        )
        del self.lines[:-MAX_LINES]


def covers(new: Fingerprint) -> int:
    """Places of a short row up to the last mark."""
    last = new.marks[-1].place + 1
    if last <= new.head:
        return last
    return new.first + sum([end <= last for end in new.ends])


def _looks_at(marks: Sequence[int], at: int, new: Fingerprint) -> bool:
    """Whether upstream, looking back from one of the marks, comes to a place. Places that are no
    blocks do not count."""
    for mark in marks:
        back = mark - at
        if at < new.tools <= mark:
            back -= 1
        if at < new.head <= mark:
            back -= BETWEEN
        if 0 <= back < LOOKBACK:
            return True
    return False


def changed(line: Line, new: Fingerprint, shared: int) -> Reason:
    """What the first difference is, after ``shared`` equal places. It stands before both ends."""
    tools, head = max(line.tools, new.tools), max(line.head, new.head)
    if shared < tools:
        return Reason("tools_changed")
    if shared == tools:
        return Reason("format_changed")
    if shared < head:
        return Reason("system_changed")
    if shared == head:
        return Reason("tool_choice_changed")
    if shared < new.first:
        return Reason("thinking_changed")
    return Reason("message_changed", str(new.clients[shared - new.first]))


_SUSPECTS: Sequence[Kind] = (
    "thinking_changed",
    "effort_changed",
    "images_changed",
    "thinking_dropped",
)


def suspected(before: Suspects, after: Suspects) -> Reason:
    """What may have cost a cache that should have been read."""
    for one, other, kind in zip(before, after, _SUSPECTS, strict=True):
        if one != other:
            return Reason(kind)
    return Reason("unexplained")


def places(row: bytes) -> int:
    """How many places a row has."""
    return len(row) // WIDTH

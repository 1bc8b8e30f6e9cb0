"""What one account keeps of one conversation for one model, as far as it can be known from here.

Upstream keeps the beginning up to each mark, and looks for a kept beginning at each mark of a new
request and up to twenty blocks before it. :class:`Mirror` does the same with hashes, so it knows
what should be read. Beside that it remembers the last requests as chains of hashes, to say where a
new one leaves them: several, because one conversation id may carry more than one line of messages
(an agent and its helpers).
"""

from collections.abc import Sequence

from msgspec import Struct

from dragoman.caches.fingerprint import WIDTH, Fingerprint, Settings, common
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


class Line(Struct, gc=False):
    """The last request of one line of messages."""

    chain: bytes
    tools: int
    head: int
    settings: Settings
    covered: int
    """Hashes of the chain up to the last mark."""
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
        self.points: dict[bytes, Point] = {}
        self.lines: list[Line] = []

    @property
    def size(self) -> int:
        """Bytes it takes, roughly."""
        chains = sum([len(line.chain) for line in self.lines])
        return len(self.points) * _POINT_BYTES + len(self.lines) * _LINE_BYTES + chains

    def reachable(self, new: Fingerprint, sent: float | None) -> Point | None:
        """The longest kept beginning that upstream would look at, if it is kept at ``sent``; at any
        time where that is None."""
        points = self.points
        if not points:
            return None
        blocks = new.blocks
        for mark in reversed(new.marks):
            for at in range(mark.block, max(-1, mark.block - LOOKBACK), -1):
                point = points.get(blocks[at])
                if point is not None and (sent is None or point.made <= sent < point.expires):
                    return point
        return None

    def nearest(self, chain: bytes) -> tuple[Line | None, int]:
        """The remembered line that has most in common with a chain, and how many hashes."""
        best: Line | None = None
        most = -1
        for line in self.lines:
            shared = common(line.chain, chain)
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
            self._keep(new, mark.block, mark.life_s, left, tokens * mark.size // max(last.size, 1))
        self._tidy(left.now)
        expires = self.points[new.blocks[last.block]].expires
        self._remember(new, tokens, left, expires)
        return expires

    def _keep(self, new: Fingerprint, block: int, life_s: float, left: Left, tokens: int) -> None:
        """A marked beginning is kept, or kept longer."""
        name = new.blocks[block]
        known = self.points.pop(name, None)
        exact = block == new.marks[-1].block
        if known is None:
            if exact or tokens >= left.least:
                expires = left.sent + life_s
                self.points[name] = Point(tokens, exact, life_s, left.now, expires)
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
        chain = new.chain
        nearest, shared = self.nearest(chain)
        if nearest is not None and (shared >= nearest.covered or nearest.expires <= left.now):
            # Gone on with, or of no use any more; a line that was left may be gone back to.
            self.lines.remove(nearest)
        covered = covers(new)
        self.lines.append(
            Line(chain, new.tools, new.head, new.settings, covered, tokens, left.now, expires)
        )
        del self.lines[:-MAX_LINES]


def covers(new: Fingerprint) -> int:
    """Hashes of a chain up to the last mark."""
    last = new.marks[-1].block + 1
    return min(last, new.head) + sum([end <= last for end in new.ends])


def changed(line: Line, new: Fingerprint, shared: int) -> Reason:
    """What the first difference is, after ``shared`` equal hashes. It stands before both ends."""
    if shared < max(line.tools, new.tools):
        return Reason("tools_changed")
    before, after = line.settings, new.settings
    if before.format != after.format:
        return Reason("format_changed")
    if shared < max(line.head, new.head):
        return Reason("system_changed")
    if before.tool_choice != after.tool_choice:
        return Reason("tool_choice_changed")
    if before.thinking != after.thinking:
        return Reason("thinking_changed")
    return Reason("message_changed", str(new.clients[shared - new.head]))


_SUSPECTS: Sequence[tuple[str, Kind]] = (
    ("thinking_details", "thinking_changed"),
    ("effort", "effort_changed"),
    ("images", "images_changed"),
)


def suspected(before: Settings, after: Settings) -> Reason:
    """What may have cost a cache that should have been read."""
    for name, kind in _SUSPECTS:
        if getattr(before, name) != getattr(after, name):
            return Reason(kind)
    return Reason("unexplained")


def entries(chain: bytes) -> int:
    """How many hashes a chain holds."""
    return len(chain) // WIDTH

"""The memory of all conversations: bounded, the one unused for longest goes first.

A conversation is its 64-bit hash, which holds the client key that it belongs to, so no key's
conversation is ever compared with another's.
"""

from collections import OrderedDict
from typing import NamedTuple

from dragoman.caches.counts import Counts
from dragoman.caches.fingerprint import Fingerprint
from dragoman.caches.mirror import (
    NEARLY,
    Left,
    Line,
    Mirror,
    changed,
    places,
    suspected,
)
from dragoman.caches.verdict import Reason, Verdict

MAX_ENTRIES = 50_000
"""Conversations remembered."""
MAX_BYTES = 64 * 1024 * 1024
"""Bytes of all of them together, roughly."""
MAX_PLACES = 8
"""Accounts and models remembered of one conversation."""
_ENTRY_BYTES = 500
_PLACE_BYTES = 400


class Place(NamedTuple):
    """Where something is kept: no account reads another's cache, no model another's."""

    account: str
    model: str
    """The id sent upstream."""


class Seen(NamedTuple):
    """An answered request."""

    conversation: int
    place: Place
    new: Fingerprint
    left: Left


class _Conversation:
    __slots__ = ("places", "size")

    def __init__(self) -> None:
        self.places: dict[Place, Mirror] = {}
        """The one used last stands last."""
        self.size = 0


class Caches:
    """See the module."""

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self.counts = Counts()
        self.bytes = 0
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._conversations: OrderedDict[int, _Conversation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._conversations)

    def expect(self, conversation: int, place: Place, new: Fingerprint, sent: float) -> int:
        """Tokens that a request should read from the cache, sent to a place at that time."""
        known = self._conversations.get(conversation)
        mirror = None if known is None else known.places.get(place)
        point = None if mirror is None else mirror.reachable(new, sent)
        return 0 if point is None else point.tokens

    def conclude(self, seen: Seen) -> Verdict:
        """Compare what was read with what should have been, and note what the request left.

        ``seen.new`` has at least one mark.
        """
        known = self._conversations.get(seen.conversation)
        if known is None:
            known = self._conversations[seen.conversation] = _Conversation()
            verdict = _first(seen.left)
        else:
            self._conversations.move_to_end(seen.conversation)
            verdict = _judge(known.places, seen)
        expires = self._keep(known, seen)
        return verdict._replace(expires=expires)

    def _keep(self, known: _Conversation, seen: Seen) -> float:
        mirror = known.places.pop(seen.place, None) or Mirror()
        known.places[seen.place] = mirror
        expires = mirror.keep(seen.new, seen.left)
        while len(known.places) > MAX_PLACES:
            del known.places[next(iter(known.places))]
        size = _ENTRY_BYTES + sum([_PLACE_BYTES + one.size for one in known.places.values()])
        self.bytes += size - known.size
        known.size = size
        while self.bytes > self.max_bytes or len(self._conversations) > self.max_entries:
            _, oldest = self._conversations.popitem(last=False)
            self.bytes -= oldest.size
        return expires


def _first(left: Left) -> Verdict:
    """A conversation that nothing is known of; others may have left the same beginning."""
    reason = Reason("first_request")
    if not left.read:
        return Verdict("written", reason, 0, left.written)
    return Verdict("partial", reason, left.read, left.written)


def _judge(places: dict[Place, Mirror], seen: Seen) -> Verdict:
    left = seen.left
    mirror = places.get(seen.place)
    point = None if mirror is None else mirror.reachable(seen.new, left.sent)
    expected = 0 if point is None else point.tokens
    reason = _elsewhere(places, seen, max(expected, left.read))
    if reason is None:
        reason = _why(mirror or _latest(places, seen.place.model), seen)
    if reason is None:
        return Verdict("hit", None, left.read, left.written, expected)
    return Verdict("partial" if left.read else "miss", reason, left.read, left.written, expected)


def _elsewhere(places: dict[Place, Mirror], seen: Seen, here: int) -> Reason | None:
    """That another account or model keeps more of the request than the ``here`` tokens which the
    one it went to kept; None if none does."""
    if len(places) == 1 and seen.place in places:
        return None
    model = seen.place.model
    most, found = (0, False), seen.place
    for place, mirror in places.items():
        point = mirror.reachable(seen.new, seen.left.sent)
        if point is not None and point.tokens * NEARLY > here:
            worth = (point.tokens, place.model == model)
            if worth >= most:
                most, found = worth, place
    if found.account != seen.place.account:
        return Reason("account_changed", found.account)
    return None if found == seen.place else Reason("model_changed", found.model)


def _latest(places: dict[Place, Mirror], model: str) -> Mirror:
    """What was used last, of this model if possible."""
    best = next(reversed(places))
    for place in places:
        if place.model == model:
            best = place
    return places[best]


def _why(mirror: Mirror, seen: Seen) -> Reason | None:
    """Why less was read than the request before left; None where all of it was."""
    left, new = seen.left, seen.new
    row = new.short_row()
    line, shared = mirror.nearest(row)
    if line is None:
        return Reason("first_request")
    if shared < line.covered:
        return _left_it(seen, line, shared, places(row))
    if left.read >= line.tokens * NEARLY:
        return None
    if line.made > left.sent:
        return Reason("in_parallel")
    if line.expires <= left.sent:
        return _expired(line, left)
    kept = mirror.reachable(new, None)
    if kept is None or kept.tokens < line.tokens * NEARLY:
        return Reason("out_of_reach")
    return suspected(line.suspects, new.suspects)


def _left_it(seen: Seen, line: Line, shared: int, length: int) -> Reason | None:
    """A request of ``length`` places that does not go on from what the one before it left."""
    left, new = seen.left, seen.new
    if shared == length:
        # The same again, or its beginning only: all of it may be kept from earlier.
        if left.read >= (left.read + left.written) * NEARLY:
            return None
        if line.expires <= left.sent:
            return _expired(line, left)
        return Reason("in_parallel" if line.made > left.sent else "shortened")
    if line.expires <= left.sent:
        return _expired(line, left)
    return changed(line, new, shared)


def _expired(line: Line, left: Left) -> Reason:
    return Reason("expired", f"{left.sent - line.expires:.0f}s")

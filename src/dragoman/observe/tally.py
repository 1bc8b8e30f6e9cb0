"""What all requests came to: counters by key, model, account, status and outcome.

A finished request costs one tuple, one look-up and some additions; whoever reads the figures (the
metrics, the list of accounts) adds them up then. Names come from clients, too, so there is a bound:
beyond :data:`MOST_SERIES` time series new names are counted as ``other``.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from dragoman.record import Record

BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of the buckets that durations are counted in, seconds; the last has none."""
MOST_SERIES = 10_000
"""Time series that the metrics may have for requests."""
OTHER = "other"
_ROW_SERIES = 1
_LABELS_SERIES = 6
"""Of one key, model and account: tokens of four classes, attempts, dollars."""
_TIMES_SERIES = 2 * (len(BOUNDS_S) + 3)


class Labels(NamedTuple):
    """What one row counts."""

    key: str
    model: str
    """As the client named it."""
    account: str
    """The one that answered, or was tried last; empty where none was."""
    status: int
    """Of the answer; 0 where the client left before there was one."""
    outcome: str
    above: int
    """A bound of the catalogue's price tiers that the prompt was longer than; 0: none."""


class Times:
    """How long requests took: a histogram of whole durations, one of times to the first byte."""

    __slots__ = ("duration", "duration_s", "first", "first_s")

    def __init__(self) -> None:
        self.duration = [0] * (len(BOUNDS_S) + 1)
        self.duration_s = 0.0
        self.first = [0] * (len(BOUNDS_S) + 1)
        """Streams only: a whole reply has its first byte at its end."""
        self.first_s = 0.0


class Row:
    """Requests of the same labels."""

    __slots__ = (
        "attempts",
        "cache_read",
        "cache_write",
        "cache_write_1h",
        "input",
        "output",
        "requests",
        "times",
    )

    def __init__(self, times: Times) -> None:
        self.times = times
        self.requests = 0
        self.attempts = 0
        self.input = 0
        self.cache_read = 0
        self.cache_write = 0
        self.cache_write_1h = 0
        self.output = 0

    def add(self, other: "Row") -> None:
        """Add the figures of another row, all but its times."""
        self.requests += other.requests
        self.attempts += other.attempts
        self.input += other.input
        self.cache_read += other.cache_read
        self.cache_write += other.cache_write
        self.cache_write_1h += other.cache_write_1h
        self.output += other.output


class Tally:
    """The counters of this process, since it started."""

    def __init__(self, most_series: int = MOST_SERIES) -> None:
        self._rows: dict[tuple[str, str, str, int, str, int], Row] = {}
        self._labels: set[tuple[str, str, str]] = set()
        self._times: dict[tuple[str, str], Times] = {}
        self._most = most_series
        self._series = 0
        self._bounds: list[int] = []
        self._least = 1 << 62
        self.before_reading: Callable[[], None] = _nothing
        """Called before anybody reads: what still waits is to be added now."""

    def tiers(self, bounds: Iterable[int]) -> None:
        """Prompts longer than one of these bounds (tokens) are counted apart from now on: they have
        other prices."""
        self._bounds = sorted(bounds)
        self._least = self._bounds[0] if self._bounds else 1 << 62

    def add(self, record: Record, outcome: str, duration_s: float, first_byte_s: float) -> None:
        """Count one finished request. ``first_byte_s`` is 0 where nothing was sent."""
        usage = record.usage
        above = 0
        if usage.input + usage.cache_read + usage.cache_write > self._least:
            above = self._bounds[bisect_left(self._bounds, usage.prompt) - 1]
        name = (record.key, record.model, record.account, record.status, outcome, above)
        row = self._rows.get(name)
        if row is None:
            row = self._row(Labels(*name))
        row.requests += 1
        row.attempts += record.attempts
        row.input += usage.input
        row.output += usage.output
        if usage.cache_read:
            row.cache_read += usage.cache_read
        if usage.cache_write:
            row.cache_write += usage.cache_write
            row.cache_write_1h += usage.cache_write_1h
        times = row.times
        times.duration[bisect_left(BOUNDS_S, duration_s)] += 1
        times.duration_s += duration_s
        if first_byte_s and record.stream:
            times.first[bisect_left(BOUNDS_S, first_byte_s)] += 1
            times.first_s += first_byte_s

    def rows(self) -> Iterator[tuple[Labels, Row]]:
        """All rows, as they are now."""
        self.before_reading()
        for name, row in list(self._rows.items()):
            yield Labels(*name), row

    def times(self) -> Iterator[tuple[str, str, Times]]:
        """(model, account, times) of all requests."""
        self.before_reading()
        for (model, account), times in list(self._times.items()):
            yield model, account, times

    def by_account(self) -> dict[str, Row]:
        """The sum of each account's rows."""
        sums: dict[str, Row] = {}
        for labels, row in self.rows():
            total = sums.get(labels.account)
            if total is None:
                total = sums[labels.account] = Row(row.times)
            total.add(row)
        return sums

    def _row(self, name: Labels) -> Row:
        """A new row, or that of ``other`` when there are enough."""
        whose = (name.key, name.model, name.account)
        which = (name.model, name.account)
        cost = _ROW_SERIES
        cost += _LABELS_SERIES if whose not in self._labels else 0
        cost += _TIMES_SERIES if which not in self._times else 0
        if self._series + cost > self._most:
            name = name._replace(key=OTHER, model=OTHER, account=OTHER)
            whose, which, cost = (OTHER, OTHER, OTHER), (OTHER, OTHER), 0
            if name in self._rows:
                return self._rows[name]
        self._series += cost
        self._labels.add(whose)
        row = self._rows[name] = Row(self._times.setdefault(which, Times()))
        return row


def _nothing() -> None:
    """Nothing waits."""

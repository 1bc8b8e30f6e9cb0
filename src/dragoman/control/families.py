"""The metric families, made from the gateway's own counters at each scrape.

:data:`FAMILIES` is the list of them all: docs/admin.md shows it, a test keeps the two the same.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from dragoman import __version__
from dragoman.control.condition import DISABLED, STATES, condition
from dragoman.control.desk import Desk
from dragoman.control.dollars import NANO, saved
from dragoman.observe.tally import BOUNDS_S, Row
from dragoman.upstream import Resends


class Family(NamedTuple):
    """One family: its name, what it counts, its labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    text: str


_WHO = ("key", "model", "account")
FAMILIES = (
    Family("dragoman_build_info", "gauge", ("version",), "Always 1; the version is in the label."),
    Family(
        "dragoman_requests_total", "counter", (*_WHO, "status", "outcome"),
        "Finished requests, by the account that answered or was tried last.",
    ),
    Family(
        "dragoman_attempts_total", "counter", _WHO,
        "Upstream attempts of finished requests; more than requests where some were retried.",
    ),
    Family(
        "dragoman_tokens_total", "counter", (*_WHO, "class"),
        "Tokens as upstream counted them: input, cache_read, cache_write, output.",
    ),
    Family(
        "dragoman_cache_saved_dollars", "gauge", _WHO,
        "US dollars that reading the prompt cache saved, less what writing it cost.",
    ),
    Family(
        "dragoman_cache_requests_total", "counter", ("account", "cache", "reason"),
        "Requests with cache marks, by what the prompt cache did and why; see caching.md.",
    ),
    Family(
        "dragoman_request_duration_seconds", "histogram", ("model", "account"),
        "From the head of a request to the end of its answer.",
    ),
    Family(
        "dragoman_time_to_first_byte_seconds", "histogram", ("model", "account"),
        "From the head of a streamed request to the first byte of its answer.",
    ),
    Family(
        "dragoman_account_state", "gauge", ("account", "state"),
        "1 for the state an account is in, 0 for the others.",
    ),
    Family("dragoman_account_in_flight", "gauge", ("account",), "Requests on an account now."),
    Family(
        "dragoman_account_cool_seconds", "gauge", ("account",),
        "Seconds until an account's cool-down is over; 0: it is not cooling.",
    ),
    Family(
        "dragoman_account_failures_total", "counter", ("account", "kind"),
        "Failures of an account's own, by kind.",
    ),
    Family(
        "dragoman_account_ambiguous_total", "counter", ("account", "kind"),
        "Attempts that were sent and not answered: upstream may have worked on them, and bill it.",
    ),
    Family(
        "dragoman_account_resent_total", "counter", ("account",),
        "Requests sent once more to the same account, whose kept connection had been closed.",
    ),
    Family(
        "dragoman_account_limit_remaining", "gauge", ("account", "limit"),
        "What is left of an upstream rate limit, as far as its answers told.",
    ),
    Family(
        "dragoman_hedges_total", "counter", (),
        "Requests sent to a second account as well, because the first took unusually long.",
    ),
    Family(
        "dragoman_hedges_won_total", "counter", (),
        "Of those, the ones that the second account answered first.",
    ),
    Family(
        "dragoman_waiting_requests", "gauge", (), "Requests that wait for an account with room."
    ),
)  # fmt: skip
_BY_NAME = {family.name: family for family in FAMILIES}
_LIMITS = (*(str(bound) for bound in BOUNDS_S), "+Inf")


def families(desk: Desk) -> Iterator[Metric]:
    """All families, in the order of the list."""
    yield _gauge("dragoman_build_info", [((__version__,), 1)])
    yield from _requests(desk)
    yield _caches(desk)
    yield from _times(desk)
    yield from _accounts(desk)
    yield from _hedges(desk)
    yield _gauge("dragoman_waiting_requests", [((), desk.running().waiting.count)])


Samples = Sequence[tuple[Sequence[str], float]]


def _gauge(name: str, samples: Samples) -> Metric:
    family = _BY_NAME[name]
    metric = GaugeMetricFamily(name, family.text, labels=family.labels)
    for labels, value in samples:
        metric.add_metric(labels, value)
    return metric


def _counter(name: str, samples: Samples) -> Metric:
    family = _BY_NAME[name]
    metric = CounterMetricFamily(name, family.text, labels=family.labels)
    for labels, value in samples:
        metric.add_metric(labels, value)
    return metric


def _requests(desk: Desk) -> Iterator[Metric]:
    """What the tally's rows come to; one label set may have several rows."""
    catalogue = desk.running().catalogue
    requests: dict[tuple[str, ...], int] = {}
    sums: dict[tuple[str, str, str], Row] = {}
    nano: dict[tuple[str, ...], int] = {}
    for labels, row in desk.tally.rows():
        who = (labels.key, labels.model, labels.account)
        how = (*who, str(labels.status), labels.outcome)
        requests[how] = requests.get(how, 0) + row.requests
        total = sums.get(who)
        if total is None:
            total = sums[who] = Row(row.times)
        total.add(row)
        if row.cache_read or row.cache_write:
            nano[who] = nano.get(who, 0) + saved(catalogue, labels, row)
    yield _counter("dragoman_requests_total", list(requests.items()))
    yield _counter(
        "dragoman_attempts_total",
        [(who, row.attempts) for who, row in sums.items() if row.attempts],
    )
    yield _counter(
        "dragoman_tokens_total",
        [
            ((*who, name), count)
            for who, row in sums.items()
            for name, count in (
                ("input", row.input),
                ("cache_read", row.cache_read),
                ("cache_write", row.cache_write),
                ("output", row.output),
            )
            if count
        ],
    )
    yield _gauge(
        "dragoman_cache_saved_dollars", [(who, amount / NANO) for who, amount in nano.items()]
    )


def _caches(desk: Desk) -> Metric:
    """What the gateway made of upstream's prompt caches."""
    counts = desk.running().caches.counts.accounts
    return _counter(
        "dragoman_cache_requests_total",
        [
            ((account, label.outcome, label.reason), count)
            for account, counted in counts.items()
            for label, count in counted.items()
        ],
    )


def _times(desk: Desk) -> Iterator[Metric]:
    every = list(desk.tally.times())
    yield _histogram(
        "dragoman_request_duration_seconds",
        [(model, account, times.duration, times.duration_s) for model, account, times in every],
    )
    yield _histogram(
        "dragoman_time_to_first_byte_seconds",
        [
            (model, account, times.first, times.first_s)
            for model, account, times in every
            if any(times.first)
        ],
    )


def _histogram(name: str, rows: Sequence[tuple[str, str, list[int], float]]) -> Metric:
    family = _BY_NAME[name]
    metric = HistogramMetricFamily(name, family.text, labels=family.labels)
    for model, account, counts, total_s in rows:
        buckets = list(zip(_LIMITS, map(float, accumulate(counts)), strict=True))
        metric.add_metric((model, account), buckets, total_s)
    return metric


def _hedges(desk: Desk) -> Iterator[Metric]:
    """No samples while hedging is off."""
    known = desk.running().pool.hedges
    yield _counter("dragoman_hedges_total", [((), known.sent)] if known else [])
    yield _counter("dragoman_hedges_won_total", [((), known.won)] if known else [])


def _accounts(desk: Desk) -> Iterator[Metric]:
    now = desk.clock.mono()
    pool = desk.running().pool
    accounts = pool.snapshot()
    states = {one.name: DISABLED for one in desk.running().config.accounts}
    states.update({one.name: condition(one, now).state for one in accounts})
    yield _gauge(
        "dragoman_account_state",
        [((name, state), state == found) for name, found in states.items() for state in STATES],
    )
    yield _gauge("dragoman_account_in_flight", [((one.name,), one.in_flight) for one in accounts])
    yield _gauge(
        "dragoman_account_cool_seconds",
        [((one.name,), max(0.0, one.cool_until - now)) for one in accounts],
    )
    yield _counter(
        "dragoman_account_failures_total",
        [((one.name, kind), count) for one in accounts for kind, count in one.faults.items()],
    )
    yield _counter(
        "dragoman_account_ambiguous_total",
        [((one.name, kind), count) for one in accounts for kind, count in one.ambiguous.items()],
    )
    yield _counter(
        "dragoman_account_resent_total",
        # The built-in simulator has no connections.
        [((one.name,), one.client.resent) for one in accounts if isinstance(one.client, Resends)],
    )
    yield _gauge(
        "dragoman_account_limit_remaining",
        [
            ((one.name, limit), left)
            for one in accounts
            for limit, left in pool.remaining(one).items()
        ],
    )

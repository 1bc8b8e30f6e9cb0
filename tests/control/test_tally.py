"""Counters of finished requests: nothing is lost, whatever the names; their number is bounded."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dragoman.catalogue.catalogue import Catalogue
from dragoman.errors import Outcome
from dragoman.hub.usage import Usage
from dragoman.observe.tally import BOUNDS_S, OTHER, Tally
from dragoman.record import Record

names = st.sampled_from([f"name-{number}" for number in range(30)])
counts = st.integers(0, 10**6)


def record(**fields: Any) -> Record:
    return Record("req_1", 0.0, **fields)


records = st.builds(
    lambda key, model, account, status, stream, attempts, input, read, write, output: record(
        key=key, model=model, account=account, status=status, stream=stream, attempts=attempts,
        usage=Usage(input, read, write, 0, output, seen=True),
    ),
    names, names, names, st.sampled_from([200, 400, 429, 503]), st.booleans(), st.integers(0, 3),
    counts, counts, counts, counts,
)  # fmt: skip


@given(st.lists(st.tuples(records, st.sampled_from(list(Outcome)), st.floats(0, 1000))))
def test_all_figures_are_kept_however_many_names_there_are(
    requests: list[tuple[Record, Outcome, float]],
) -> None:
    tally = Tally(most_series=200)
    tally.tiers([1000, 50_000])
    for one, outcome, took in requests:
        tally.add(one, outcome.value, took, took / 2)
    rows = [row for _, row in tally.rows()]
    usages = [one.usage for one, _, _ in requests]
    assert sum(row.requests for row in rows) == len(requests)
    assert sum(row.attempts for row in rows) == sum(one.attempts for one, _, _ in requests)
    assert sum(row.input for row in rows) == sum(usage.input for usage in usages)
    assert sum(row.cache_read for row in rows) == sum(usage.cache_read for usage in usages)
    assert sum(row.output for row in rows) == sum(usage.output for usage in usages)
    times = [one for _, _, one in tally.times()]
    assert sum(sum(one.duration) for one in times) == len(requests)
    streamed = [took for one, _, took in requests if one.stream and took / 2]
    assert sum(sum(one.first) for one in times) == len(streamed)
    sums = tally.by_account()
    assert sum(row.requests for row in sums.values()) == len(requests)


@given(st.lists(records, max_size=300))
def test_the_number_of_series_is_bounded(requests: list[Record]) -> None:
    tally = Tally(most_series=200)
    for one in requests:
        tally.add(one, "complete", 1.0, 0.5)
    named = {(labels.key, labels.model, labels.account) for labels, _ in tally.rows()}
    timed = list(tally.times())
    own = [one for one in timed if one[0] != OTHER]
    assert len(own) * 2 * (len(BOUNDS_S) + 3) <= 200
    assert len(named) <= 200 // 7 + 1


def test_an_answer_without_usage_or_first_byte_counts_as_a_request() -> None:
    tally = Tally()
    tally.add(record(model="m", status=400), "complete", 0.01, 0.0)
    ((labels, row),) = tally.rows()
    assert (labels.key, labels.account, labels.status, labels.above) == ("", "", 400, 0)
    assert (row.requests, row.input, row.times.duration[0], sum(row.times.first)) == (1, 0, 1, 0)


def test_long_prompts_are_counted_by_the_bound_they_exceed() -> None:
    tally = Tally()
    tally.tiers(Catalogue().bounds())
    for prompt in (100_000, 100_001, 900_000):
        usage = Usage(input=1, cache_read=prompt - 1, seen=True)
        tally.add(record(model="m", status=200, usage=usage), "complete", 1.0, 0.0)
    assert {labels.above: row.requests for labels, row in tally.rows()} == {0: 1, 100_000: 2}

"""What is usual, and how often a request may be sent twice."""

from hypothesis import given
from hypothesis import strategies as st

from dragoman.hedges import ENOUGH, MOST_CHANCES, SAMPLES, Class, Hedges

HERE = Class("a", "m", True)


def test_nothing_is_usual_before_enough_is_known() -> None:
    hedges = Hedges(lambda: 0.0)
    for _ in range(ENOUGH - 1):
        hedges.took(HERE, 1)
        assert hedges.usual_s(HERE) is None
    hedges.took(HERE, 1)
    assert hedges.usual_s(HERE) == 1
    assert hedges.usual_s(Class("a", "m", False)) is None


@given(st.lists(st.floats(0, 100), min_size=SAMPLES, max_size=4 * SAMPLES))
def test_one_in_twenty_takes_longer(times: list[float]) -> None:
    hedges = Hedges(lambda: 0.0)
    times = times[: len(times) // 10 * 10]
    for one in times:
        hedges.took(HERE, one)
    usual_s = hedges.usual_s(HERE)
    assert usual_s is not None
    last = times[-SAMPLES:]
    assert sum(one <= usual_s for one in last) >= 0.95 * len(last)
    assert sum(one < usual_s for one in last) <= 0.95 * len(last)


@given(st.lists(st.booleans(), max_size=2000))
def test_never_more_than_the_share(wanted: list[bool]) -> None:
    hedges = Hedges(lambda: 0.0)
    for number, want in enumerate(wanted, 1):
        hedges.passed()
        if want:
            hedges.take()
        assert hedges.sent <= 0.02 * number + 1e-6


def test_a_calm_day_saves_little() -> None:
    hedges = Hedges(lambda: 0.0)
    for _ in range(100_000):
        hedges.passed()
    assert sum(hedges.take() for _ in range(100)) == MOST_CHANCES

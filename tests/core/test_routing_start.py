"""The short way of routing goes where the plan goes first."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.account import Account
from dragoman.errors import Failure
from dragoman.roster import RING_FROM, Roster
from dragoman.routing import MOST_HOMES, Detour, Moved, Wanted, home, plan, start
from tests.core.test_affinity_and_routing import account

NOW = 100.0
STATES = st.fixed_dictionaries(
    {
        "in_flight": st.sampled_from([0, 0, 7, 8, 20, 25, 32, 60]),
        "weight": st.sampled_from([1.0, 1.0, 0.5, 3.0]),
        "priority": st.sampled_from([0, 0, 0, 1]),
        "max_concurrency": st.sampled_from([0, 0, 8, 32]),
        "cool_until": st.sampled_from([0.0, 0.0, 0.0, 200.0]),
        "probe_until": st.sampled_from([0.0, 0.0, 0.0, 200.0]),
        "without": st.sampled_from([{}, {}, {"m": 200.0}, {"other": 200.0}]),
    }
)


def pool(states: list[dict[str, Any]]) -> list[Account]:
    return [account(f"a{at}", **state) for at, state in enumerate(states)]


def first(choose: Any, *asked: Any) -> tuple[str, bool] | str:
    """Who is asked first, and whether that is to be remembered; or why nobody is."""
    try:
        found = choose(*asked)
    except Failure as failure:
        return failure.kind
    return found[0].name, found.__class__ is Moved


@given(
    st.lists(STATES, max_size=6) | st.lists(STATES, min_size=RING_FROM, max_size=RING_FROM + 3),
    st.integers(0, 2**64 - 1),
    st.integers(0, 30),
    st.booleans(),
)
def test_it_starts_where_the_plan_does(
    states: list[dict[str, Any]], conversation: int, away: int, bound: bool
) -> None:
    roster = Roster(pool(states))
    wanted = Wanted("m", conversation, 3, bound)
    detours = {}
    if away < len(states):
        detours[conversation] = Detour(roster.accounts[away], 200.0)
    expected = first(plan, wanted, roster, NOW, detours)
    for _ in range(2):
        assert first(start, wanted, roster, NOW, detours) == expected


@pytest.mark.parametrize("count", [2, 5, RING_FROM])
def test_home_is_where_the_plan_begins_while_all_is_well(count: int) -> None:
    roster = Roster(pool([{}] * count))
    rng = random.Random(3)
    for _ in range(100):
        wanted = Wanted("m", rng.getrandbits(64), 3)
        at_home = home(wanted, roster)
        assert start(wanted, roster, NOW) == [at_home]
        assert plan(wanted, roster, NOW)[0] is at_home


def test_it_is_short_while_all_is_well() -> None:
    accounts = pool([{}, {}, {}])
    roster = Roster(accounts)
    assert len(start(Wanted("m", 1, 3), roster, NOW)) == 1
    assert len(plan(Wanted("m", 1, 3), roster, NOW)) == 3


@pytest.mark.parametrize("count", [3, RING_FROM])
def test_what_it_remembers_is_bounded(count: int) -> None:
    roster = Roster(pool([{}] * count))
    for conversation in range(MOST_HOMES + 100):
        start(Wanted("m", conversation << 40, 3), roster, NOW)
    assert 0 < len(roster.groups("m")[0].homes) <= MOST_HOMES

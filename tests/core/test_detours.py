"""Conversations that are not at home: where they stay, for how long, and what sends them on."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.account import Account, Terms
from dragoman.errors import Failure
from dragoman.pool import MOST_DETOURS, Pool
from dragoman.roster import RING_FROM
from dragoman.routing import FREE_LOAD, Detour, Moved, Wanted, home, plan
from tests.core.test_affinity_and_routing import account
from tests.core.test_limits import Hands

LIFE_S = 300.0


class Rig:
    """A pool, and the conversation that moves through it."""

    def __init__(self, *accounts: Account, conversation: int = 7, bound: bool = False) -> None:
        self.hands = Hands()
        self.pool = Pool(accounts, self.hands.clock, random.Random(1).random)
        self.wanted = Wanted("m", conversation, 9, bound)

    def plan(self) -> list[Account]:
        return plan(self.wanted, self.pool.roster, self.hands.now, self.pool.detours)

    def serve(self) -> str:
        """One request that succeeds at the first account of its plan."""
        order = self.plan()
        if isinstance(order, Moved):
            self.pool.moved(self.wanted, order[0], LIFE_S)
        return order[0].name

    @property
    def home(self) -> Account:
        found = home(self.wanted, self.pool.roster)
        assert found is not None
        return found


def several(count: int = 5, **fields: object) -> list[Account]:
    return [account(f"account-{number}", **fields) for number in range(count)]


@pytest.mark.parametrize("count", [2, 5, RING_FROM + 3])
def test_a_conversation_that_moved_stays_while_its_cache_lives(count: int) -> None:
    """R1, R7: it leaves at once, and comes back when nothing is lost by that."""
    rig = Rig(*several(count))
    at_home = rig.serve()
    assert not rig.pool.detours, "nothing is remembered of who is at home"
    rig.home.cool_until = rig.hands.now + 10
    away = rig.serve()
    assert away != at_home
    rig.hands.now += 11
    assert rig.serve() == away
    rig.hands.now += LIFE_S - 1
    assert rig.serve() == away, "each use renews the cache, and the stay"
    rig.hands.now += LIFE_S
    assert rig.serve() == at_home
    assert not rig.pool.detours


@pytest.mark.parametrize("count", [3, RING_FROM + 3])
def test_a_detour_yields_at_once_to_unavailability(count: int) -> None:
    """R1: a preference never outlives the account's health."""
    rig = Rig(*several(count))
    at_home = rig.home
    at_home.cool_until = rig.hands.now + 10
    rig.serve()
    (detour,) = rig.pool.detours.values()
    detour.account.cool_until = rig.hands.now + 500
    third = rig.serve()
    assert third not in (at_home.name, detour.account.name)
    rig.hands.now += 11
    assert rig.serve() == third, "where it was last, not where it was before"


def test_who_is_served_at_home_again_is_at_home() -> None:
    rig = Rig(*several())
    rig.home.cool_until = rig.hands.now + 10
    rig.serve()
    (detour,) = rig.pool.detours.values()
    rig.hands.now += 11
    detour.account.cool_until = rig.hands.now + 5
    assert rig.serve() == rig.home.name
    assert not rig.pool.detours
    rig.hands.now += 6
    assert rig.serve() == rig.home.name, "its cache is the younger one"


def test_a_conversation_that_found_its_home_busy_stays_where_it_was_put() -> None:
    """R8: bounded load moves new conversations, and does not send them to and fro."""
    rig = Rig(*several(3))
    rig.home.in_flight = 10 * FREE_LOAD
    away = rig.serve()
    assert away != rig.home.name
    rig.home.in_flight = 0
    assert rig.serve() == away


@pytest.mark.parametrize("count", [3, RING_FROM + 3])
def test_one_conversation_does_not_pin_everybody_to_its_detour(count: int) -> None:
    """R8: the account of a detour has no more than its share either."""
    rig = Rig(*several(count))
    rig.home.in_flight = 20 * FREE_LOAD
    away = rig.serve()
    (busy,) = [one for one in rig.pool.snapshot() if one.name == away]
    busy.in_flight = 20 * FREE_LOAD
    rig.hands.now += 1
    assert rig.serve() not in (rig.home.name, away)


def test_a_higher_priority_is_worth_more_than_a_warm_cache() -> None:
    high, low = account("high", priority=1), account("low")
    rig = Rig(high, low)
    high.cool_until = rig.hands.now + 10
    assert rig.serve() == "low"
    rig.hands.now += 11
    assert rig.serve() == "high"
    assert not rig.pool.detours


def test_failing_over_within_a_request_is_a_detour_too() -> None:
    rig = Rig(*several())
    order = rig.plan()
    rig.pool.moved(rig.wanted, order[1], LIFE_S)
    assert rig.plan()[:2] == [order[1], order[0]]


def test_what_is_remembered_is_bounded() -> None:
    rig = Rig(*several(2))
    other = next(one for one in rig.pool.snapshot() if one is not rig.home)
    for number in range(MOST_DETOURS + 10):
        rig.pool.detours[number + 1000] = Detour(other, 1e9)
        if number > MOST_DETOURS - 5:
            rig.pool.moved(rig.wanted, other, LIFE_S)
    assert len(rig.pool.detours) <= MOST_DETOURS + 1
    assert rig.wanted.conversation in rig.pool.detours, "the one unused for longest goes first"


def test_what_is_over_is_forgotten() -> None:
    rig = Rig(*several())
    rig.home.cool_until = rig.hands.now + 10
    rig.serve()
    rig.pool.tidy()
    assert rig.pool.detours
    rig.hands.now += LIFE_S
    rig.pool.tidy()
    assert not rig.pool.detours


def test_nobody_is_sent_where_an_account_was() -> None:
    rig = Rig(*several())
    rig.home.cool_until = rig.hands.now + 10
    rig.serve()
    (detour,) = rig.pool.detours.values()
    left = [one for one in rig.pool.snapshot() if one is not detour.account]
    rig.pool.change([(one, Terms()) for one in left])
    assert not rig.pool.detours
    rig.pool.moved(rig.wanted, detour.account, LIFE_S)
    assert not rig.pool.detours, "a request that was under way says nothing new"


def test_who_takes_an_accounts_place_takes_its_detours() -> None:
    rig = Rig(*several())
    rig.home.cool_until = rig.hands.now + 10
    away = rig.serve()
    heirs = [account(one.name) for one in rig.pool.snapshot()]
    rig.pool.change([(one, Terms()) for one in heirs])
    assert rig.serve() == away
    (detour,) = rig.pool.detours.values()
    assert detour.account in heirs


def test_drained_accounts_keep_no_detours() -> None:
    rig = Rig(*several())
    rig.home.cool_until = rig.hands.now + 10
    away = rig.serve()
    rig.pool.change([(one, Terms(draining=one.name == away)) for one in rig.pool.snapshot()])
    rig.hands.now += 11
    assert rig.serve() == rig.home.name


# Thinking that only one organisation can read.


def organised() -> list[Account]:
    return [
        account(f"account-{number}", organization="one" if number % 2 else "two")
        for number in range(6)
    ]


@given(st.integers(0, (1 << 64) - 1), st.sets(st.integers(0, 5), max_size=5))
def test_bound_thinking_stays_within_its_organisation(conversation: int, away: set[int]) -> None:
    """R5: the same organisation first, others only when none of it is available."""
    accounts = organised()
    rig = Rig(*accounts, conversation=conversation, bound=True)
    for at in away:
        accounts[at].cool_until = rig.hands.now + 9
    order = [one.organization for one in rig.plan()]
    assert len(order) == 6 - len(away)
    own = rig.home.organization
    assert order == sorted(order, key=lambda one: one != own)


def test_bound_thinking_goes_on_in_the_organisation_that_made_the_last_of_it() -> None:
    accounts = organised()
    rig = Rig(*accounts, bound=True)
    own = rig.home.organization
    for one in accounts:
        if one.organization == own:
            one.cool_until = rig.hands.now + 9
    other = rig.serve()
    rig.hands.now += 10
    order = rig.plan()
    assert order[0].name == other
    assert [one.organization != own for one in order] == [True] * 3 + [False] * 3


def test_thinking_that_is_not_bound_goes_by_claims_alone() -> None:
    accounts = organised()
    free, bound = Rig(*accounts, conversation=8), Rig(*accounts, conversation=8, bound=True)
    assert free.plan() != bound.plan()
    assert sorted(one.name for one in free.plan()) == sorted(one.name for one in bound.plan())


# Models that an account may not use.


def test_an_account_that_lacks_a_model_serves_others() -> None:
    rig = Rig(*several(2))
    lacking = rig.home
    rig.pool.exclude(lacking, "m")
    assert lacking not in rig.plan()
    other = plan(Wanted("n", 7, 9), rig.pool.roster, rig.hands.now)
    assert lacking in other
    rig.hands.now += 600
    assert lacking in rig.plan()
    rig.pool.tidy()
    assert not lacking.without


def test_when_all_lack_a_model_they_are_asked_all_the_same() -> None:
    rig = Rig(*several(2))
    for one in rig.pool.snapshot():
        rig.pool.exclude(one, "m")
    assert len(rig.plan()) == 2


def test_a_full_account_makes_the_honest_wait_short() -> None:
    """R12: one that is full will have room sooner than one that was refused comes back."""
    full, refused = account("full", max_concurrency=1, in_flight=1), account("refused")
    rig = Rig(full, refused)
    rig.pool.failed(refused, Failure("upstream_refused", "x"))
    with pytest.raises(Failure) as told:
        rig.plan()
    assert told.value.retry_after_s == 1.0

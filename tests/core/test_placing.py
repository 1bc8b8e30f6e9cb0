"""Where a conversation goes of which nothing is warm yet: by its opening, within an even load."""

import random
from collections import Counter

import pytest

from dragoman.account import Account
from dragoman.pool import RECENT_S, Pool
from dragoman.roster import RING_FROM
from dragoman.routing import FREE_RECENT, RECENT_RECOUNT_S, Moved, Wanted, home, plan
from tests.core.test_affinity_and_routing import account
from tests.core.test_limits import Hands

LIFE_S = 300.0
SIZES = pytest.mark.parametrize("count", [3, RING_FROM + 3])


class Rig:
    """A pool, and requests that are served at once by whoever the plan names first."""

    def __init__(self, accounts: list[Account]) -> None:
        self.hands = Hands()
        self.pool = Pool(accounts, self.hands.clock)

    def wanted(self, conversation: int, opening: int) -> Wanted:
        known = self.pool.remembers(conversation)
        return Wanted("m", conversation, 2, placed=True, opening=0 if known else opening)

    def serve(self, conversation: int, opening: int = 99) -> Account:
        wanted = self.wanted(conversation, opening)
        order = plan(wanted, self.pool.roster, self.hands.now, self.pool.detours)
        self.pool.trying(order[0])
        assert order.__class__ is Moved, "whoever serves it is remembered"
        self.pool.moved(wanted, order[0], LIFE_S)
        self.hands.now += RECENT_RECOUNT_S
        return order[0]


def many(count: int) -> list[int]:
    rng = random.Random(11)
    return [rng.getrandbits(64) for _ in range(count)]


def several(count: int) -> list[Account]:
    return [account(f"account-{at}") for at in range(count)]


@SIZES
def test_the_first_conversations_of_an_opening_share_an_account(count: int) -> None:
    rig = Rig(several(count))
    assert len({rig.serve(conversation) for conversation in range(FREE_RECENT)}) == 1


@SIZES
def test_one_opening_spreads_over_as_many_accounts_as_it_keeps_busy(count: int) -> None:
    """R8: what everybody shares does not pin everybody to one account."""
    rig = Rig(several(count))
    served = Counter(rig.serve(conversation).name for conversation in many(60 * count))
    assert len(served) == count
    assert max(served.values()) <= 60 + FREE_RECENT + 1


@SIZES
def test_weights_hold_for_openings(count: int) -> None:
    accounts = several(count)
    accounts[0].weight = 3.0
    rig = Rig(accounts)
    rng = random.Random(5)
    served = Counter(
        rig.serve(rng.getrandbits(64), rng.getrandbits(64)).name for _ in range(80 * count)
    )
    fair = 80 * count * 3 / (count + 2)
    assert abs(served["account-0"] - fair) < 0.2 * fair


@SIZES
def test_weights_hold_for_one_opening_that_all_share(count: int) -> None:
    """Its own places are full then: where there is room goes by weight, too."""
    accounts = several(count)
    for one in accounts[::2]:
        one.weight = 3.0
    rig = Rig(accounts)
    served = Counter(rig.serve(conversation).name for conversation in many(80 * count))
    fair = 80 * count / sum(one.weight for one in accounts)
    for one in accounts:
        assert served[one.name] == pytest.approx(fair * one.weight, rel=0.25), one.name


@SIZES
def test_a_conversation_stays_where_it_was_placed_while_its_cache_lives(count: int) -> None:
    rig = Rig(several(count))
    placed = [rig.serve(conversation) for conversation in range(40)]
    for _ in range(3):
        rig.hands.now += LIFE_S / 2
        assert [rig.serve(conversation) for conversation in range(40)] == placed
    at_home = [one is home(rig.wanted(at, 0), rig.pool.roster) for at, one in enumerate(placed)]
    assert any(at_home), "also one that was placed at home is remembered"
    assert not all(at_home)


def test_a_placed_conversation_leaves_an_account_that_is_away() -> None:
    rig = Rig(several(4))
    first = rig.serve(1)
    first.cool_until = rig.hands.now + 60
    second = rig.serve(1)
    assert second is not first
    first.cool_until = 0.0
    assert rig.serve(1) is second, "where its cache is now"


def test_a_new_conversation_goes_to_nobody_of_lower_priority() -> None:
    accounts = [account("low"), account("high", priority=1), account("higher", priority=1)]
    rig = Rig(accounts)
    assert "low" not in {rig.serve(conversation).name for conversation in range(100)}


def test_where_no_place_of_the_opening_has_room_the_lightest_of_some_claims_has_it() -> None:
    accounts = several(40)
    rig = Rig(accounts)
    opening = Wanted("m", 99, 20)
    for one in plan(opening, rig.pool.roster, rig.hands.now):
        one.recent = 1000.0
    free = [one for one in accounts if not one.recent]
    rng = random.Random(2)
    served = Counter(rig.serve(rng.getrandbits(64)) for _ in range(200))
    # By one claim alone it were 100, by two 150.
    assert sum(served[one] for one in free) > 185
    assert len([one for one in free if served[one]]) == len(free), "not all to the very lightest"


def test_recent_requests_are_forgotten_little_by_little() -> None:
    rig = Rig(several(2))
    (one, _) = rig.pool.snapshot()
    one.recent = 100.0
    for _ in range(60):
        rig.hands.now += RECENT_S / 60
        rig.pool.tidy()
    assert one.recent == pytest.approx(100 / 2.718, rel=0.01)

"""Many accounts: the ring, and what does not change when there are few or many."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.account import Account
from dragoman.errors import Failure
from dragoman.roster import RING_FROM, Ring, Roster
from dragoman.routing import BOUND, FREE_LOAD, RECOUNT_S, Wanted, plan
from tests.core.test_affinity_and_routing import account

MANY = 200


def many(count: int = MANY) -> list[Account]:
    return [account(f"account-{number}") for number in range(count)]


def home(roster: Roster, conversation: int, now: float = 0.0) -> str:
    return plan(Wanted("m", conversation, 1), roster, now)[0].name


def conversations(count: int, seed: int = 1) -> list[int]:
    rng = random.Random(seed)
    return [rng.getrandbits(64) for _ in range(count)]


def test_conversations_spread_over_a_ring() -> None:
    roster = Roster(many())
    homes = Counter(home(roster, one) for one in conversations(40_000))
    assert len(homes) == MANY
    assert max(homes.values()) < 1.5 * 40_000 / MANY
    assert min(homes.values()) > 0.6 * 40_000 / MANY


def test_a_ring_keeps_to_the_weights() -> None:
    accounts = many()
    for one in accounts[:100]:
        one.weight = 3.0
    heavy = {one.name for one in accounts[:100]}
    roster = Roster(accounts)
    landed = sum(home(roster, one) in heavy for one in conversations(20_000))
    assert 0.72 < landed / 20_000 < 0.78


@pytest.mark.parametrize("count", [5, RING_FROM, MANY])
def test_who_goes_takes_only_what_was_his(count: int) -> None:
    accounts = many(count)
    roster, without = Roster(accounts), Roster(accounts[1:])
    cooling = accounts[0]
    for one in conversations(2000):
        cooling.cool_until = 0.0
        before = home(roster, one)
        cooling.cool_until = 9.0
        while_cooling = home(roster, one)
        if count != RING_FROM:  # one fewer is no ring any more
            assert while_cooling == home(without, one)
        assert before in (while_cooling, cooling.name)


def test_the_order_of_the_configuration_does_not_matter() -> None:
    accounts = many()
    shuffled = random.Random(5).sample(accounts, len(accounts))
    one, other = Roster(accounts), Roster(shuffled)
    for conversation in conversations(500):
        assert home(one, conversation) == home(other, conversation)


def test_attempts_go_to_different_accounts() -> None:
    roster = Roster(many())
    for conversation in conversations(500):
        order = plan(Wanted("m", conversation, 3), roster, 0.0)
        assert len({one.name for one in order}) == 3


def test_load_on_a_ring_is_bounded() -> None:
    accounts = many(20)
    roster = Roster(accounts)
    now = 0.0
    for _ in range(1000):
        now += RECOUNT_S
        plan(Wanted("m", 42, 1), roster, now)[0].in_flight += 1
    assert max(one.in_flight for one in accounts) <= FREE_LOAD + BOUND * 1001 / 20 + 1


def test_a_pool_of_which_nearly_all_is_away_still_serves() -> None:
    accounts = many()
    for one in accounts:
        one.cool_until, one.reason = 9.0, "upstream_throttled"
    survivor = accounts[77]
    survivor.cool_until = 0.0
    roster = Roster(accounts)
    assert {home(roster, one) for one in conversations(200)} == {survivor.name}
    survivor.cool_until = 5.0
    with pytest.raises(Failure) as refused:
        home(roster, 1)
    assert (refused.value.status, refused.value.retry_after_s) == (429, 5.0)


class Looked(list[Account]):
    """Counts how often it is looked into."""

    times = 0

    def __getitem__(self, at: Any) -> Any:
        self.times += 1
        return super().__getitem__(at)


def test_who_has_seen_everybody_looks_no_further() -> None:
    accounts = many(20)
    for one in accounts:
        one.cool_until, one.reason = 9.0, "upstream_throttled"
    roster = Roster(accounts)
    (group,) = roster.groups("m")
    assert group.ring is not None
    owners = Looked(group.ring.owners)
    group.ring = Ring(group.ring.points, owners)
    with pytest.raises(Failure):
        plan(Wanted("m", 42, 3), roster, 0.0)
    assert owners.times < len(owners) / 4


def test_lower_priorities_follow() -> None:
    high, low = many(3), many(40)[3:]
    for one in high:
        one.priority = 1
    order = plan(Wanted("m", 7, 5), Roster([*low, *high]), 0.0)
    assert [one.priority for one in order] == [1, 1, 1, 0, 0]


def test_a_model_that_only_some_serve() -> None:
    some = Account("some", "anthropic", many(1)[0].client, b"", models=["claude-opus-*"])
    roster = Roster([*many(2), some])
    for one in roster.accounts[:2]:
        one.models = ("claude-haiku-*",)
    assert plan(Wanted("claude-opus-5-5", 1, 3), roster, 0.0) == [some]


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(0, (1 << 64) - 1), st.data())
def test_nobody_is_named_who_is_away(count: int, conversation: int, data: st.DataObject) -> None:
    accounts = many(count)
    away = data.draw(st.sets(st.sampled_from(range(count)), max_size=count - 1))
    for at in away:
        accounts[at].cool_until = 9.0
    order = plan(Wanted("m", conversation, 3), Roster(accounts), 0.0)
    assert len(order) == min(3, count - len(away))
    assert not any(accounts[at] in order for at in away)

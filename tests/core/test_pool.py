"""The health of accounts: cooling, probing, spent limits, load."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.account import Account, Terms
from dragoman.carriers import anthropic
from dragoman.errors import Failure
from dragoman.pool import JITTER, PROBE_S, RETIRE_S, SPENT, Pool
from dragoman.roster import Roster
from dragoman.routing import BOUND, FREE_LOAD, Wanted, plan
from tests.core.test_affinity_and_routing import account
from tests.core.test_limits import Hands

RESET = Failure("upstream_reset", "x")


def rig(*accounts: Account) -> tuple[Hands, Pool]:
    hands = Hands()
    return hands, Pool(accounts, hands.clock, random.Random(1).random)


def head(headers: dict[str, str]) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


def names(accounts: list[Account], hands: Hands, conversation: int = 7) -> list[str]:
    return [one.name for one in plan(Wanted("m", conversation, 9), Roster(accounts), hands.now)]


def test_an_account_that_is_back_gets_one_request_first() -> None:
    back, other = account("back", priority=1), account("other")
    hands, pool = rig(back, other)
    pool.failed(back, RESET)
    assert names([back, other], hands) == ["other"]
    hands.now += 5
    assert names([back, other], hands) == ["back", "other"]
    pool.trying(back)
    assert names([back, other], hands) == ["other"]
    pool.succeeded(back)
    assert names([back, other], hands) == ["back", "other"]


def test_a_probe_that_is_never_answered_does_not_keep_others_away_for_ever() -> None:
    back, other = account("back", priority=1), account("other")
    hands, pool = rig(back, other)
    pool.failed(back, RESET)
    hands.now += 5
    pool.trying(back)
    hands.now += PROBE_S
    assert names([back, other], hands) == ["back", "other"]


def test_a_probe_ends_with_a_failure_that_is_the_clients_own() -> None:
    back = account("back")
    hands, pool = rig(back)
    pool.failed(back, RESET)
    hands.now += 5
    pool.trying(back)
    pool.failed(back, Failure("upstream_rejected", "x"))
    assert back.probe_until == 0


def test_the_only_account_is_tried_while_it_is_probed() -> None:
    only = account("only", reason="upstream_throttled", failures=1)
    hands, pool = rig(only)
    pool.trying(only)
    assert names([only], hands) == ["only"]


def test_accounts_that_failed_together_come_back_apart() -> None:
    many = [account(str(number)) for number in range(50)]
    hands, pool = rig(*many)
    for one in many:
        pool.failed(one, RESET)
    pauses = {one.cool_until - hands.now for one in many}
    assert len(pauses) == 50
    assert 1 - JITTER / 2 <= min(pauses) < max(pauses) <= 1 + JITTER / 2


def test_an_account_may_be_exempt() -> None:
    exempt = account("a", never_disable=True)
    _, pool = rig(exempt)
    throttled = Failure("upstream_throttled", "x")
    pool.failed(exempt, throttled)
    pool.exhausted(exempt, 30)
    assert (exempt.cool_until, exempt.failures) == (0.0, 0)
    assert throttled.retry_after_s, "the client is told when to come back all the same"


def test_a_spent_limit_sends_requests_elsewhere_but_not_away() -> None:
    spent, other = account("spent", priority=1), account("other")
    hands, pool = rig(spent, other)
    pool.exhausted(spent, 20)
    assert spent.reason == SPENT
    assert names([spent, other], hands) == ["other"]
    assert names([spent], hands) == ["spent"]
    hands.now += 20
    assert names([spent, other], hands) == ["spent", "other"]
    pool.succeeded(spent)
    assert spent.reason == ""


def test_an_answer_that_spends_the_limit_outlasts_its_own_success() -> None:
    spent = account("spent", failures=2, cool_until=3.0)
    hands, pool = rig(spent)
    pool.exhausted(spent, 20)
    pool.succeeded(spent)
    assert spent.cool_until == hands.now + 20


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"requests-remaining": "0", "requests-reset": "2026-11-20T10:00:05Z"}, 5),
        ({"requests-remaining": "1", "requests-reset": "2026-11-20T10:00:05Z"}, None),
        ({"tokens-remaining": "0", "tokens-reset": "2026-11-20T09:59:59Z"}, None),
        ({"input-tokens-remaining": "0", "input-tokens-reset": "soon"}, None),
        ({"input-tokens-remaining": "0", "input-tokens-reset": "2026-11-20T12:00:30+02:00"}, 30),
        (
            {
                "requests-remaining": "0",
                "requests-reset": "2026-11-20T10:00:05Z",
                "output-tokens-remaining": "0",
                "output-tokens-reset": "2026-11-20T10:00:50Z",
            },
            50,
        ),
    ],
)
def test_when_a_limit_is_whole_again(headers: dict[str, str], wait_s: float | None) -> None:
    told = {f"anthropic-ratelimit-{name}": value for name, value in headers.items()}
    dated = {"date": "Fri, 20 Nov 2026 10:00:00 GMT"}
    assert anthropic.reset_s(anthropic.limits(head(told | dated))) == wait_s
    without = anthropic.limits(head(told))
    assert anthropic.reset_s(without) is None, "without a date there is nothing to count from"


def test_one_busy_conversation_does_not_weigh_on_one_account() -> None:
    accounts = [account(name) for name in "abcd"]
    for _ in range(400):
        plan(Wanted("m", 99, 1), Roster(accounts), 0.0)[0].in_flight += 1
    loads = [one.in_flight for one in accounts]
    assert max(loads) <= FREE_LOAD + BOUND * 401 / 4 + 1
    assert min(loads) > 0


def test_few_requests_stay_where_their_conversation_is() -> None:
    accounts = [account(name) for name in "abcd"]
    homes = Counter[str]()
    for _ in range(FREE_LOAD):
        home = plan(Wanted("m", 99, 1), Roster(accounts), 0.0)[0]
        home.in_flight += 1
        homes[home.name] += 1
    assert len(homes) == 1


def test_load_is_bounded_within_a_priority_and_never_moves_requests_below_it() -> None:
    high, higher = account("high", priority=1), account("higher", priority=1)
    low = account("low")
    for _ in range(100):
        plan(Wanted("m", 5, 1), Roster([high, higher, low]), 0.0)[0].in_flight += 1
    assert low.in_flight == 0
    assert max(high.in_flight, higher.in_flight) <= FREE_LOAD + BOUND * 101 / 2 + 1


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from([0.5, 1.0, 3.0]), st.integers(0, 1)),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, (1 << 64) - 1),
)
def test_an_order_names_everybody_once(
    figures: list[tuple[int, float, int]], conversation: int
) -> None:
    accounts = [
        account(str(at), in_flight=load, weight=weight, priority=priority)
        for at, (load, weight, priority) in enumerate(figures)
    ]
    order = plan(Wanted("m", conversation, 9), Roster(accounts), 0.0)
    assert sorted(one.name for one in order) == sorted(one.name for one in accounts)
    priorities = [one.priority for one in order]
    assert priorities == sorted(priorities, reverse=True)


def test_connections_are_kept_until_a_minute_after_the_last_request_of_an_account_that_went() -> (
    None
):
    gone, stays = account("gone"), account("stays")
    hands, pool = rig(gone, stays)
    gone.in_flight = 1
    pool.change([(stays, Terms())])
    for _ in range(3):
        hands.now += RETIRE_S
        assert pool.retire() == [], "a stream runs on it"
    gone.release()
    hands.now += RETIRE_S - 1
    assert pool.retire() == []
    hands.now += 1
    assert pool.retire() == [gone.client]
    assert pool.retire() == []

"""What went wrong in other gateways' pools, one test a case; the row ids are in the docstrings."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.account import Account, Terms
from dragoman.affinity import HEADERS, Hints
from dragoman.carriers.anthropic import read_error
from dragoman.errors import Failure
from dragoman.pool import COOL_S, MAX_COOL_S, MOST_WITHOUT, Pool
from dragoman.roster import RING_FROM, Roster
from dragoman.routing import BOUND, FREE_LOAD, Moved, Wanted, plan
from tests.core.test_affinity_and_routing import NO_HINTS, account, identity
from tests.core.test_limits import Hands

LIFE_S = 300.0


class Rig:
    def __init__(self, *accounts: Account) -> None:
        self.hands = Hands()
        self.pool = Pool(accounts, self.hands.clock, random.Random(1).random)

    def plan(self, conversation: int = 7, model: str = "m") -> list[Account]:
        wanted = Wanted(model, conversation, 9)
        return plan(wanted, self.pool.roster, self.hands.now, self.pool.detours)

    def serve(self, conversation: int = 7) -> Account:
        order = self.plan(conversation)
        self.pool.trying(order[0])
        if isinstance(order, Moved):
            self.pool.moved(Wanted("m", conversation, 9), order[0], LIFE_S)
        self.pool.succeeded(order[0])
        return order[0]


def several(count: int = 4) -> list[Account]:
    return [account(f"account-{number}") for number in range(count)]


def refusal(status: int, kind: str, message: str, **headers: str) -> Failure:
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    body = f'{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}'
    return read_error(status, lines, body.encode())


CREDIT = [
    refusal(400, "invalid_request_error", "Your credit balance is too low to access the API"),
    refusal(402, "billing_error", "payment required"),
    refusal(403, "permission_error", "This organization has been disabled."),
]


@pytest.mark.parametrize("failure", CREDIT, ids=["400", "402", "403"])
@pytest.mark.parametrize("at_home", [True, False])
def test_a_stay_ends_with_the_accounts_credit(failure: Failure, at_home: bool) -> None:
    """R2: what an account cannot pay for is no home and no detour."""
    rig = Rig(*several())
    if not at_home:
        rig.plan()[0].cool_until = rig.hands.now + 1
    stay = rig.serve()
    rig.hands.now += 2
    rig.pool.failed(stay, failure)
    left = rig.serve()
    assert left is not stay
    rig.hands.now += 30
    assert rig.serve() is left


@pytest.mark.parametrize("kind", sorted(COOL_S))
def test_every_kind_of_failure_lets_a_conversation_go(kind: str) -> None:
    """R3: a time-out or nonsense unties as well as a refusal does."""
    rig = Rig(*several())
    stay = rig.serve()
    rig.pool.failed(stay, Failure(kind, "x"))
    assert rig.serve() is not stay


@pytest.mark.parametrize(
    ("said", "pause_s"),
    [("30", 30), ("0", 5), ("-1", 5), ("9999999", 600), ("soon", 5), ("", 5)],
)
def test_how_long_a_429_cools(said: str, pause_s: float) -> None:
    """U7, R4: what upstream names is obeyed and bounded; what it does not name is guessed."""
    rig = Rig(*several(1))
    failure = refusal(429, "rate_limit_error", "session limit", retry_after=said)
    (one,) = rig.pool.snapshot()
    rig.pool.failed(one, failure)
    left_s = one.cool_until - rig.hands.now
    assert left_s == pytest.approx(pause_s, rel=0 if said in ("30", "9999999") else 0.13)
    rig.hands.now += left_s - 0.01
    with pytest.raises(Failure) as told:
        rig.plan()
    assert (told.value.status, told.value.retry_after_s) == (429, pytest.approx(0.01))
    rig.hands.now += 0.01
    assert rig.plan() == [one]


def test_a_long_session_limit_is_not_asked_again_and_again() -> None:
    """R4: until the reset that was named nobody is sent, whoever asks and however often."""
    rig = Rig(*several(2))
    stay = rig.serve()
    rig.pool.failed(stay, Failure("upstream_throttled", "x", retry_after_s=590))
    for _ in range(589):
        rig.hands.now += 1
        assert rig.serve() is not stay


def test_keys_never_share_a_conversation() -> None:
    """R9, S6: the same id under two keys is two conversations, whichever source names it."""
    for name in HEADERS:
        told = {name: "the same"}
        assert identity(told, scope=b"one").hash != identity(told, scope=b"two").hash
    for hints in (Hints("m", "", ""), Hints("", "c", ""), Hints("", "", "u"), NO_HINTS):
        assert identity({}, hints, b"one").hash != identity({}, hints, b"two").hash


@given(st.sets(st.sampled_from(HEADERS), min_size=1), st.booleans())
def test_headers_go_before_bodies_in_the_order_of_the_contract(
    there: set[str], hinted: bool
) -> None:
    """R9: interface §4's order, for any choice of headers that are there."""
    hints = Hints("m", "c", "u") if hinted else NO_HINTS
    first = min(there, key=HEADERS.index)
    assert identity(dict.fromkeys(there, "x"), hints).source == first
    assert HEADERS == (
        "x-conversation-id", "x-session-id", "x-claude-code-session-id",
        "session_id", "conversation_id",
    )  # fmt: skip


def test_twenty_five_failures_leave_nobody_in_rotation() -> None:
    """R10: one failure is enough, at once and to the millisecond."""
    rig = Rig(*several(2))
    bad = rig.plan()[0]
    for _ in range(25):
        rig.pool.trying(bad)
        rig.pool.failed(bad, Failure("upstream_fault", "x"))
        assert bad not in rig.plan()
        until = bad.cool_until
        rig.hands.now = until - 0.001
        assert bad not in rig.plan()
        rig.hands.now = until
        assert bad in rig.plan()
    assert bad.cool_until <= rig.hands.now
    assert bad.faults == {"upstream_fault": 25}


def test_every_account_that_fails_one_request_cools() -> None:
    """R11: the second and the third as well as the first, each for its own time."""
    rig = Rig(*several(3))
    order = rig.plan()
    for at, one in enumerate(order):
        rig.pool.trying(one)
        rig.pool.failed(one, Failure("upstream_throttled", "x", retry_after_s=10 + at))
    assert [one.cool_until - rig.hands.now for one in order] == [10, 11, 12]
    with pytest.raises(Failure) as told:
        rig.plan()
    assert told.value.retry_after_s == 10, "R12: the honest time is the earliest"


def test_a_sporadic_429_is_forgotten_by_the_next_success() -> None:
    """R13: a single one costs seconds, a burst of fifty at once no more than that."""
    rig = Rig(*several(2))
    one = rig.plan()[0]
    for _ in range(50):
        rig.pool.failed(one, Failure("upstream_throttled", "x"))
    assert one.cool_until - rig.hands.now < 6
    rig.hands.now = one.cool_until
    assert rig.serve() is not one or one.failures == 0
    rig.pool.trying(one)
    rig.pool.succeeded(one)
    rig.pool.failed(one, Failure("upstream_throttled", "x"))
    assert one.cool_until - rig.hands.now < 6


def test_an_account_may_be_exempt_from_all_of_it() -> None:
    """R13: ``never_disable``."""
    rig = Rig(account("a", never_disable=True))
    (one,) = rig.pool.snapshot()
    for kind in COOL_S:
        rig.pool.failed(one, Failure(kind, "x", retry_after_s=MAX_COOL_S))
    rig.pool.exclude(one, "m")
    rig.pool.exhausted(one, 60)
    assert rig.plan() == [one]
    assert sum(one.faults.values()) == len(COOL_S) + 1, "it is counted all the same"


def test_names_that_clients_make_up_are_not_remembered_without_end() -> None:
    rig = Rig(*several(2))
    (one, _) = rig.pool.snapshot()
    for number in range(MOST_WITHOUT + 50):
        rig.pool.exclude(one, f"claude-{number}")
    assert len(one.without) == MOST_WITHOUT
    rig.hands.now += 1
    rig.pool.exclude(one, "claude-0")
    assert one.without["claude-0"] > one.without["claude-1"], "one that is known is renewed"


def test_a_refused_credential_is_left_until_it_has_shown_itself() -> None:
    """U10: one probe at a time, and only after the pause; a new credential starts at once."""
    rig = Rig(*several(2))
    bad = rig.plan()[0]
    rig.pool.failed(bad, Failure("upstream_refused", "x"))
    rig.hands.now = bad.cool_until
    rig.pool.trying(bad)
    assert bad not in rig.plan()
    rig.pool.failed(bad, Failure("upstream_refused", "x"))
    assert bad.cool_until - rig.hands.now > 100
    fresh = account(bad.name)
    others = [one for one in rig.pool.snapshot() if one is not bad]
    rig.pool.change([(one, Terms()) for one in (fresh, *others)])
    assert fresh in rig.plan()


# Selection.


@pytest.mark.parametrize("count", [2, 6, RING_FROM + 7])
def test_one_shared_opening_does_not_pin_everybody_to_one_account(count: int) -> None:
    """R8: a thousand requests of one conversation hash, all running at once."""
    accounts = several(count)
    rig = Rig(*accounts)
    for _ in range(1000):
        rig.hands.now += 0.06
        rig.serve(99).in_flight += 1
    loads = [one.in_flight for one in accounts]
    assert max(loads) <= BOUND * 1001 / count + FREE_LOAD + 1
    assert sum(loads) == 1000


def test_weights_hold_under_load() -> None:
    """R8: conversations that come and go share by weight, busy or not."""
    weights = {"a": 1.0, "b": 2.0, "c": 5.0}
    rig = Rig(*[account(name, weight=weight) for name, weight in weights.items()])
    rng = random.Random(3)
    running: list[Account] = []
    served: Counter[str] = Counter()
    for _ in range(12_000):
        one = plan(Wanted("m", rng.getrandbits(64), 1), rig.pool.roster, rig.hands.now)[0]
        one.in_flight += 1
        served[one.name] += 1
        running.append(one)
        if len(running) > 160:
            running.pop(rng.randrange(len(running))).in_flight -= 1
    for name, weight in weights.items():
        assert served[name] / 12_000 == pytest.approx(weight / 8, rel=0.12), served


def test_a_full_account_passes_its_conversations_on_and_takes_no_more() -> None:
    """R17: never one more than ``max_concurrency``, and it serves again when one ends."""
    accounts = [account(str(number), max_concurrency=3) for number in range(3)]
    rig = Rig(*accounts)
    for _ in range(9):
        rig.plan()[0].in_flight += 1
    assert [one.in_flight for one in accounts] == [3, 3, 3]
    with pytest.raises(Failure) as told:
        rig.plan()
    assert told.value.kind == "rate_limited"
    accounts[1].release()
    assert rig.plan() == [accounts[1]]


def test_globs_decide_who_serves_a_model() -> None:
    rig = Rig(*several(3))
    terms = [Terms(models=("claude-opus-*",)), Terms(models=("claude-*",)), Terms(models=())]
    rig.pool.change(list(zip(rig.pool.snapshot(), terms, strict=True)))
    names = [{one.name for one in rig.plan(at, "claude-opus-5-5")} for at in range(20)]
    assert set(map(frozenset, names)) == {frozenset({"account-0", "account-1"})}
    assert {one.name for one in rig.plan(1, "claude-haiku-5-5")} == {"account-1"}
    with pytest.raises(Failure) as told:
        rig.plan(1, "gpt")
    assert told.value.kind == "no_account"
    rig.pool.change([(one, Terms()) for one in rig.pool.snapshot()])
    assert len(rig.plan(1, "gpt")) == 3, "new globs are in force at once"


@pytest.mark.parametrize("count", [5, RING_FROM + 5])
def test_draining_and_removing_move_the_same_conversations(count: int) -> None:
    """R6: who goes takes only his own, and they go where they would have gone without him."""
    accounts = several(count)
    gone = accounts[1]
    before = Roster(accounts)
    without = Roster([one for one in accounts if one is not gone])
    gone.draining = True
    drained = Roster(accounts)
    for conversation in range(0, 1 << 64, (1 << 64) // 997):
        wanted = Wanted("m", conversation, 1)
        old, new = plan(wanted, before, 0.0)[0], plan(wanted, drained, 0.0)[0]
        assert new is plan(wanted, without, 0.0)[0]
        assert old in (new, gone)

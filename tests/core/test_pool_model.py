"""The pool against a reference model that is too simple to be wrong.

The model keeps, for each account, two facts in words: until when it is to be left alone, and
whether it has something to prove. Everything that can happen to a pool happens in any order.
"""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dragoman.account import Account, Terms
from dragoman.errors import Failure
from dragoman.pool import (
    COOL_S,
    MAX_COOL_S,
    MAX_SPENT_S,
    PROBE_S,
    RETIRE_S,
    SPENT,
    WITHOUT_MODEL_S,
    Pool,
)
from dragoman.routing import Detour, Moved, Wanted, home, plan
from tests.core.test_affinity_and_routing import account
from tests.core.test_limits import Hands

MODELS = ("m", "n")
LIFE_S = 300.0
ASKED_FOR = ("upstream_throttled", "upstream_refused", "upstream_unpaid")


@dataclass
class Model:
    """One account, as the model sees it."""

    name: str
    never: bool = False
    draining: bool = False
    most: int = 0
    back_at: float = 0.0
    row: int = 0
    """Failures in a row, each cool-down counted once."""
    why: str = ""
    probe: float = 0.0
    running: int = 0
    lacks: dict[str, float] = field(default_factory=dict)

    def free(self, now: float, model: str) -> bool:
        return (
            not self.draining
            and now >= self.back_at
            and now >= self.probe
            and (self.most == 0 or self.running < self.most)
            and now >= self.lacks.get(model, 0.0)
        )

    def serious(self, now: float) -> bool:
        return self.why in ASKED_FOR and self.back_at > now and not self.probe


@dataclass
class Running:
    """A request under way: the account object it began on, and who counts it."""

    account: Account
    counted: list[Model]


class PoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.hands = Hands()
        self.pool = Pool((), self.hands.clock, random.Random(1).random)
        self.models: dict[str, Model] = {}
        self.retired: list[Account] = []
        self.requests: list[Running] = []

    @initialize(count=st.integers(1, 4))
    def begin(self, count: int) -> None:
        for number in range(count):
            self._add(f"account-{number}")
        self._reload()

    def _add(self, name: str) -> None:
        self.models[name] = Model(name)
        self.accounts = getattr(self, "accounts", {})
        self.accounts[name] = account(name)

    def _reload(self) -> None:
        self.pool.change(
            [
                (
                    self.accounts[one.name],
                    Terms(max_concurrency=one.most, never_disable=one.never, draining=one.draining),
                )
                for one in self.models.values()
            ]
        )

    # What happens.

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.5, 5.0, 30.0, 61.0, 400.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.hands.now += seconds

    @rule(
        conversations=st.lists(st.integers(0, 5), min_size=1, max_size=5),
        model=st.sampled_from(MODELS),
    )
    def requests_begin(self, conversations: list[int], model: str) -> None:
        for conversation in conversations:
            self._begin(conversation, model)

    @precondition(lambda self: len(self.requests) < 3)
    @rule(conversation=st.integers(0, 5))
    def one_more_begins(self, conversation: int) -> None:
        self._begin(conversation, "m")

    def _begin(self, conversation: int, model: str) -> None:
        now = self.hands.now
        try:
            order = plan(Wanted(model, conversation, 9), self.pool.roster, now, self.pool.detours)
        except Failure as refused:
            able = [one for one in self.models.values() if one.free(now, model)]
            assert not able, "nobody is turned away while one may serve"
            for one in self._candidates(model):
                full = 0 < one.most <= one.running
                assert full or (one.why in ASKED_FOR and one.back_at > now), "a guess is no refusal"
            if refused.kind == "rate_limited":
                assert refused.retry_after_s is not None
                assert refused.retry_after_s >= 0
            return
        chosen = order[0]
        mine = self.models[chosen.name]
        if any(one.free(now, model) for one in self.models.values()):
            assert mine.free(now, model)
        if isinstance(order, Moved):
            self.pool.moved(Wanted(model, conversation, 9), chosen, LIFE_S)
        self.pool.trying(chosen)
        if mine.row:
            mine.probe = now + PROBE_S
        chosen.in_flight += 1
        mine.running += 1
        self.requests.append(Running(chosen, [mine]))

    def _candidates(self, model: str) -> list[Model]:
        there = [one for one in self.models.values() if not one.draining]
        return [one for one in there if one.lacks.get(model, 0.0) <= self.hands.now] or there

    def _end(self, at: int) -> tuple[Account, Model | None]:
        ended = self.requests.pop(at % len(self.requests))
        ended.account.release()
        for one in ended.counted:
            one.running -= 1
        current = self.accounts.get(ended.account.name)
        return ended.account, self.models[ended.account.name] if (
            current is ended.account
        ) else None

    @precondition(lambda self: self.requests)
    @rule(at=st.integers(0, 99))
    def it_succeeds(self, at: int) -> None:
        chosen, mine = self._end(at)
        self.pool.succeeded(chosen)
        if mine is None or not mine.why:
            return
        now = self.hands.now
        if (mine.why == SPENT and mine.back_at > now) or mine.serious(now):
            return
        mine.back_at = mine.probe = 0.0
        mine.row, mine.why = 0, ""

    @precondition(lambda self: self.requests)
    @rule(
        at=st.integers(0, 99),
        kind=st.sampled_from(sorted(COOL_S)),
        told_s=st.sampled_from([None, 0.0, 3.0, 45.0, 9999.0]),
    )
    def it_fails(self, at: int, kind: str, told_s: float | None) -> None:
        chosen, mine = self._end(at)
        failure = Failure(kind, "x", retry_after_s=told_s)
        self.pool.failed(chosen, failure)
        if failure.status in (429, 503):
            assert failure.retry_after_s is not None
        if mine is None:
            return
        mine.probe = 0.0
        if mine.never:
            return
        now = self.hands.now
        first = not (mine.row and mine.back_at > now)
        if told_s:
            pause = min(told_s, MAX_COOL_S)
            mine.back_at = now + pause if first else max(mine.back_at, now + pause)
        elif first:
            # The guess has chance in it: the model takes it over, within its bounds.
            guess = min(COOL_S[kind] * 2 ** min(mine.row, 10), MAX_COOL_S)
            pause = chosen.cool_until - now
            assert 0.87 * guess <= pause <= min(1.13 * guess, MAX_COOL_S)
            mine.back_at = chosen.cool_until
        if first or mine.why not in ASKED_FOR:
            mine.why = kind
        mine.row += first

    @precondition(lambda self: self.requests)
    @rule(at=st.integers(0, 99), blame=st.booleans())
    def the_client_leaves_or_is_wrong(self, at: int, blame: bool) -> None:
        chosen, mine = self._end(at)
        if blame:
            self.pool.failed(chosen, Failure("upstream_rejected", "x"))
            if mine is not None:
                mine.probe = 0.0

    @precondition(lambda self: self.requests)
    @rule(at=st.integers(0, 99), wait_s=st.sampled_from([2.0, 30.0, 5000.0]))
    def it_says_that_nothing_remains(self, at: int, wait_s: float) -> None:
        chosen, mine = self._end(at)
        self.pool.exhausted(chosen, wait_s)
        now = self.hands.now
        if mine is None or mine.never or mine.serious(now):
            return
        mine.row, mine.probe, mine.why = 0, 0.0, SPENT
        mine.back_at = now + min(wait_s, MAX_SPENT_S)

    @precondition(lambda self: self.requests)
    @rule(at=st.integers(0, 99), model=st.sampled_from(MODELS))
    def it_lacks_a_model(self, at: int, model: str) -> None:
        chosen, mine = self._end(at)
        self.pool.exclude(chosen, model)
        if mine is not None:
            mine.probe = 0.0
            if not mine.never:
                mine.lacks[model] = self.hands.now + WITHOUT_MODEL_S

    # What operators do.

    @rule(
        number=st.integers(0, 4),
        change=st.sampled_from(["add", "remove", "drain", "rotate", "rotate", "room", "never"]),
        most=st.integers(0, 3),
    )
    def a_reload(self, number: int, change: str, most: int) -> None:
        name = f"account-{number}"
        if change != "add" and self.models:
            name = list(self.models)[number % len(self.models)]
        mine = self.models.get(name)
        if mine is None:
            self._add(name)
        elif change == "remove":
            del self.models[name]
            self.retired.append(self.accounts.pop(name))
        elif change == "drain":
            mine.draining = not mine.draining
        elif change == "room":
            mine.most = most
        elif change == "never":
            mine.never = not mine.never
        elif change == "rotate":
            self.retired.append(self.accounts.pop(name))
            self._add(name)
            heir = self.models[name]
            heir.most, heir.never, heir.draining = mine.most, mine.never, mine.draining
            heir.running = mine.running
            for one in self.requests:
                if mine in one.counted:
                    one.counted.append(heir)
        self._reload()

    @rule()
    def it_tidies(self) -> None:
        self.pool.tidy()
        now = self.hands.now
        for one in self.models.values():
            one.lacks = {model: until for model, until in one.lacks.items() if until > now}
        self.pool.retire()

    # What always holds.

    @invariant()
    def available_is_what_the_model_says(self) -> None:
        for one in self.pool.snapshot():
            mine = self.models[one.name]
            for model in MODELS:
                told = one.available(self.hands.now, model) and not one.draining
                assert told == mine.free(self.hands.now, model), (one.name, model)

    @invariant()
    def the_pool_holds_who_it_was_told(self) -> None:
        assert [one.name for one in self.pool.snapshot()] == list(self.models)
        assert [*map(id, self.pool.snapshot())] == [id(self.accounts[one]) for one in self.models]

    @invariant()
    def requests_are_counted(self) -> None:
        for name, one in self.accounts.items() if self.models else ():
            assert one.in_flight == self.models[name].running >= 0
        assert all(one.in_flight >= 0 for one in self.retired)

    @invariant()
    def detours_lead_to_accounts_that_take_requests(self) -> None:
        for detour in self.pool.detours.values():
            assert detour.account in self.pool.roster.members

    @invariant()
    def cool_downs_are_bounded_and_have_a_reason(self) -> None:
        now = self.hands.now
        for one in self.pool.snapshot():
            assert one.cool_until <= now + MAX_COOL_S
            assert bool(one.failures) <= bool(one.reason)
            assert one.failures == self.models[one.name].row, "counted once a cool-down"

    def teardown(self) -> None:
        while self.requests:
            self._end(0)
        every = [*self.pool.snapshot(), *self.retired]
        assert {one.in_flight for one in every} <= {0}
        self.hands.now += RETIRE_S + MAX_COOL_S + WITHOUT_MODEL_S
        self.pool.retire()
        self.hands.now += RETIRE_S
        self.pool.retire()
        assert not self.pool.retired
        self.pool.tidy()
        assert not self.pool.detours
        for one in self.pool.snapshot():
            assert one.available(self.hands.now), "time heals everybody"


PoolMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, derandomize=True
)
TestPool = PoolMachine.TestCase


def test_a_detour_of_the_model_is_a_detour() -> None:
    """The machine's check of detours can fail."""
    machine = PoolMachine()
    machine.begin(2)
    wanted = Wanted("m", 1, 9)
    at_home = home(wanted, machine.pool.roster)
    assert at_home is not None
    machine.pool.detours[1] = Detour(account("gone"), 1e9)
    with pytest.raises(AssertionError):
        machine.detours_lead_to_accounts_that_take_requests()

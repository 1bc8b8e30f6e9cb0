"""The retry budget: how many, whose turn, and that everybody's comes."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from dragoman.retries import FLOOR, HOLD_S, RESERVED, SHARE, WINDOW_S, Retries, Ticket

BURST = int(FLOOR * WINDOW_S)


def granted(retries: Retries, now: float, sent: int = 0, in_flight: int = 0) -> list[str]:
    return [ticket.key for ticket in retries.grant(now, sent, in_flight)]


def ask(retries: Retries, key: str, count: int = 1) -> list[Ticket]:
    return [retries.ask(key) for _ in range(count)]


def test_three_at_a_time_are_always_in_order() -> None:
    retries = Retries()
    first = ask(retries, "a", 5)
    assert granted(retries, 0) == ["a"] * FLOOR
    assert (retries.under_way, retries.waiting) == (FLOOR, 2)
    retries.leave(first[0])
    assert granted(retries, 0) == ["a"]


def test_of_many_requests_a_tenth_may_be_retries() -> None:
    retries = Retries()
    ask(retries, "a", 30)
    assert len(granted(retries, 0, in_flight=105)) == 10


def test_a_place_is_kept_for_a_second_at_most() -> None:
    retries = Retries()
    ask(retries, "a", 4)
    granted(retries, 0)
    assert granted(retries, HOLD_S - 0.1) == []
    assert retries.due_s() == HOLD_S - (HOLD_S - 0.1)
    assert granted(retries, HOLD_S) == ["a"]


def drain(retries: Retries, key: str) -> int:
    """Take retries for a key until there is none, without time passing; each ends at once."""
    count = 0
    while True:
        ticket = retries.ask(key)
        retries.grant(retries._now if retries._now > 0 else 0.0, 0, 0)
        if not ticket.granted:
            retries.leave(ticket)
            return count
        retries.leave(ticket)
        count += 1


def test_one_key_cannot_use_up_what_others_need() -> None:
    retries = Retries()
    retries.grant(0, 0, 0)
    first = drain(retries, "greedy")
    assert first == BURST * (1 - RESERVED) // 1
    others = drain(retries, "modest")
    assert others >= BURST * RESERVED // 1
    assert drain(retries, "greedy") == 0


def test_the_only_key_has_all_that_comes() -> None:
    """What is kept for others is kept once: the rate is the same."""
    retries = Retries()
    retries.grant(0, 0, 0)
    drain(retries, "only")
    got = 0
    for second in range(1, 21):
        retries.grant(second, 0, 0)
        got += drain(retries, "only")
    assert got == 20 * FLOOR


def test_half_of_what_is_in_flight_may_move_at_once() -> None:
    retries = Retries()
    count = 0
    retries.grant(0, 400, 400)
    for key in "abcdefgh":
        while True:
            ticket = retries.ask(key)
            retries.grant(0, 400, 400)
            retries.leave(ticket)
            if not ticket.granted:
                break
            count += 1
    assert count == 200


def test_keys_take_turns() -> None:
    retries = Retries()
    ask(retries, "a", 3)
    ask(retries, "b", 1)
    assert granted(retries, 0) == ["a", "b", "a"]


def test_who_leaves_is_not_granted() -> None:
    retries = Retries()
    one, two = ask(retries, "a", 2)
    retries.leave(one)
    retries.leave(one)
    (ticket,) = retries.grant(0, 0, 0)
    assert ticket is two
    assert retries.waiting == 0


def test_traffic_earns_retries() -> None:
    retries = Retries()
    retries.grant(0, 0, 0)
    drain(retries, "a")
    drain(retries, "b")
    got = 0
    for step in range(1, 11):
        retries.grant(step / 10, step * 100, 0)
        got += drain(retries, "a") + drain(retries, "b") + drain(retries, "c")
    assert 1000 * SHARE - RESERVED * BURST - 1 <= got <= 1000 * SHARE
    retries.grant(100, 100_000, 0)
    assert sum(drain(retries, key) for key in "abcdef") == BURST, "what is kept is bounded"


class Run:
    """A random run: requests come, retries are asked for, granted, end or are given up."""

    def __init__(self) -> None:
        self.retries = Retries()
        self.now = 0.0
        self.sent = 0
        self.waiting: list[Ticket] = []
        self.running: deque[Ticket] = deque()
        self.at: list[tuple[float, int]] = []
        """When each retry was granted, and how many requests had been sent by then."""
        self.retries.grant(0, 0, 0)

    def step(self, wait_s: float, requests: int, keys: list[str], leaving: int) -> None:
        self.now += wait_s
        self.sent += requests
        self.waiting += [self.retries.ask(key) for key in keys]
        for _ in range(leaving):
            if self.running:
                self.retries.leave(self.running.popleft())
        in_flight = min(self.sent, 50)
        for ticket in self.retries.grant(self.now, self.sent, in_flight):
            assert ticket in self.waiting
            self.waiting.remove(ticket)
            self.running.append(ticket)
            self.at.append((self.now, self.sent))
        assert self.retries.under_way <= max(FLOOR, int(SHARE * in_flight))
        assert self.retries.waiting == len(self.waiting)
        assert 0 <= self.retries.used


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.01, 0.3, 1.0, 12.0]),
        st.sampled_from([0, 1, 7, 300]),
        st.lists(st.sampled_from("abc"), max_size=6),
        st.integers(0, 8),
    ),
    max_size=60,
)


@given(STEPS)
def test_retries_stay_within_the_budget_over_any_time(
    steps: list[tuple[float, int, list[str], int]],
) -> None:
    run = Run()
    most = 0.0
    for step in steps:
        run.step(*step)
        most = max(most, run.retries.capacity)
    for begin, (since, before) in enumerate(run.at):
        for end in range(begin, len(run.at)):
            until, after = run.at[end]
            earned = FLOOR * (until - since) + SHARE * (after - before)
            assert end - begin + 1 <= most + earned + 1 + 1e-6


@given(STEPS)
def test_everybody_who_waits_is_granted_in_the_end(
    steps: list[tuple[float, int, list[str], int]],
) -> None:
    run = Run()
    for step in steps:
        run.step(*step)
    for _ in range(len(run.waiting)):
        before = len(run.waiting)
        due_s = run.retries.due_s()
        run.step(max(due_s, 0.0) + 1e-6, 0, [], 0)
        run.step(HOLD_S, 0, [], 0)
        assert len(run.waiting) < before or not before
    assert not run.waiting


@given(STEPS)
def test_within_a_key_the_oldest_comes_first(
    steps: list[tuple[float, int, list[str], int]],
) -> None:
    retries = Retries()
    order: dict[str, list[Ticket]] = {key: [] for key in "abc"}
    got: dict[str, list[Ticket]] = {key: [] for key in "abc"}
    now, sent = 0.0, 0
    for wait_s, requests, keys, _ in steps:
        now, sent = now + wait_s, sent + requests
        for key in keys:
            order[key].append(retries.ask(key))
        for ticket in retries.grant(now, sent, sent):
            got[ticket.key].append(ticket)
    for key in "abc":
        assert got[key] == order[key][: len(got[key])]

"""Keys' limits: buckets, concurrency, quota, and what a ticket settles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.hub.usage import Usage, WireUsage
from dragoman.limits import Bucket, Limits, Ticket, duration
from dragoman.principal import Principal


class Hands:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(wall=lambda: self.now, mono=lambda: self.now)


def principal(**limits: int) -> Principal:
    made = Principal("k", b"0" * 32)
    for field, value in limits.items():
        setattr(made, field, value)
    return made


def enter(limits: Limits, who: Principal, now: float) -> Ticket:
    return limits.ticket(who, Usage(), now).__enter__()


def leave(ticket: Ticket) -> None:
    ticket.__exit__(None, None, None)


def test_requests_per_minute_admit_the_limit_and_then_one_by_one() -> None:
    hands = Hands()
    limits = Limits(hands.clock)
    who = principal(rpm=2)
    enter(limits, who, hands.now)
    enter(limits, who, hands.now)
    with pytest.raises(Failure) as refused:
        enter(limits, who, hands.now)
    assert refused.value.kind == "rate_limited"
    assert refused.value.status == 429
    assert refused.value.retry_after_s == pytest.approx(30)
    hands.now += 30
    enter(limits, who, hands.now)
    with pytest.raises(Failure):
        enter(limits, who, hands.now)


def test_a_refused_request_holds_no_slot() -> None:
    hands = Hands()
    limits = Limits(hands.clock)
    who = principal(rpm=1, concurrency=1)
    leave(enter(limits, who, hands.now))
    for _ in range(3):
        with pytest.raises(Failure):
            enter(limits, who, hands.now)
    assert limits.counters(who).in_flight == 0


def test_concurrency_is_freed_by_leaving() -> None:
    hands = Hands()
    limits = Limits(hands.clock)
    who = principal(concurrency=1)
    first = enter(limits, who, hands.now)
    with pytest.raises(Failure, match="1 requests in flight"):
        enter(limits, who, hands.now)
    leave(first)
    leave(enter(limits, who, hands.now))
    assert limits.counters(who).in_flight == 0


def test_tokens_are_charged_the_estimate_and_corrected_by_the_truth() -> None:
    hands = Hands()
    limits = Limits(hands.clock)
    who = principal(tpm=100)
    ticket = enter(limits, who, hands.now)
    ticket.reserve(40, hands.now)
    bucket = limits.counters(who).tokens
    assert bucket is not None
    assert bucket.level == 60
    ticket.usage.fold(WireUsage(input_tokens=100, output_tokens=50))
    leave(ticket)
    assert bucket.level == -50
    with pytest.raises(Failure) as refused:
        enter(limits, who, hands.now)
    assert refused.value.retry_after_s == pytest.approx(51 / (100 / 60))


def test_an_unanswered_request_costs_no_tokens() -> None:
    hands = Hands()
    limits = Limits(hands.clock)
    who = principal(tpm=100, token_quota=100)
    ticket = enter(limits, who, hands.now)
    ticket.reserve(90, hands.now)
    leave(ticket)
    counters = limits.counters(who)
    assert counters.tokens is not None
    assert counters.tokens.level == 100
    assert (counters.used, counters.reserved) == (0, 0)


def test_a_prompt_larger_than_the_bucket_waits_for_a_full_one() -> None:
    hands = Hands()
    limits = Limits(hands.clock)
    who = principal(tpm=100)
    enter(limits, who, hands.now).reserve(10, hands.now)
    with pytest.raises(Failure):
        enter(limits, who, hands.now).reserve(500, hands.now)
    hands.now += 60
    enter(limits, who, hands.now).reserve(500, hands.now)


def test_the_quota_holds_what_is_under_way() -> None:
    hands = Hands()
    limits = Limits(hands.clock)
    who = principal(token_quota=100)
    first = enter(limits, who, hands.now)
    first.reserve(60, hands.now)
    second = enter(limits, who, hands.now)
    with pytest.raises(Failure) as refused:
        second.reserve(60, hands.now)
    assert (refused.value.status, refused.value.row.openai_code) == (402, "insufficient_quota")
    leave(second)
    first.usage.fold(WireUsage(input_tokens=60, output_tokens=40))
    leave(first)
    with pytest.raises(Failure) as gone:
        enter(limits, who, hands.now)
    assert gone.value.kind == "quota_exhausted"


def test_rate_lines_name_the_limits_the_key_has() -> None:
    hands = Hands()
    limits = Limits(hands.clock)
    ticket = enter(limits, principal(rpm=60), hands.now)
    assert ticket.rate_lines() == (
        "x-ratelimit-limit-requests: 60\r\n"
        "x-ratelimit-remaining-requests: 59\r\n"
        "x-ratelimit-reset-requests: 1s\r\n"
    )
    assert enter(limits, Principal("free", b"1" * 32), hands.now).rate_lines() == ""


def test_a_reload_keeps_what_was_consumed() -> None:
    hands = Hands()
    before = Limits(hands.clock)
    who = principal(rpm=2, token_quota=10)
    ticket = enter(before, who, hands.now)
    ticket.usage.fold(WireUsage(input_tokens=3, output_tokens=4))
    after = Limits(hands.clock)
    after.adopt(before, [who])
    leave(ticket)
    counters = after.counters(who)
    assert (counters.used, counters.in_flight) == (7, 0)
    assert counters.requests is not None
    assert counters.requests.level == 1


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60), st.integers(1, 50))
def test_a_bucket_never_admits_more_than_its_rate(
    steps: list[tuple[float, bool]], rate: int
) -> None:
    now = 0.0
    bucket = Bucket("requests", rate, now)
    taken = 0
    for pause, take in steps:
        now += pause
        bucket.refill(now)
        if take and bucket.level >= 1:
            bucket.level -= 1
            taken += 1
        assert 0 <= bucket.level <= rate
    assert taken <= rate + now * rate / 60 + 1e-6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0121, "13ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (59.9996, "60s"),
        (360, "6m0s"),
        (3661, "1h1m1s"),
    ],
)
def test_durations_read_like_openais(seconds: float, text: str) -> None:
    assert duration(seconds) == text

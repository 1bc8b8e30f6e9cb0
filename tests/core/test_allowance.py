"""What is left of an account's rate limits, and leaving it before nothing is."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.account import Account
from dragoman.allowance import Allowance, Limit
from dragoman.carriers import anthropic
from dragoman.pool import LOOK_S, SPENT, Pool
from tests.core.test_affinity_and_routing import account
from tests.core.test_limits import Hands

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
KINDS = ("requests", "tokens", "input-tokens", "output-tokens")


def head(limits: dict[str, Limit], at_s: float = 0.0) -> bytes:
    """A response head as upstream writes it."""
    said = START + timedelta(seconds=int(at_s))
    lines = ["HTTP/1.1 200 OK", f"date: {format_datetime(said, usegmt=True)}"]
    for what, one in limits.items():
        until = (said + timedelta(seconds=one.whole_s)).isoformat().replace("+00:00", "Z")
        name = f"Anthropic-RateLimit-{what}"
        lines.append(f"{name}-limit: {one.limit:.0f}")
        lines.append(f"{name}-remaining: {one.remaining:.0f}")
        lines.append(f"{name}-reset: {until}")
    return "\r\n".join([*lines, "", ""]).encode()


figures = st.builds(
    Limit,
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 100_000),
    st.just(False),
)


@given(st.dictionaries(st.sampled_from(KINDS), figures))
def test_heads_are_read_as_they_are_written(limits: dict[str, Limit]) -> None:
    assert anthropic.limits(head(limits)) == limits


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head(noise: bytes) -> None:
    lines = b"\r\nanthropic-ratelimit-tokens-remaining:" + noise
    for one in anthropic.limits(lines).values():
        assert one.remaining >= 0 <= one.whole_s


def test_headers_that_only_look_alike_are_none() -> None:
    told = b"HTTP/1.1 200 OK\r\nx-anthropic-ratelimit-tokens-remaining: 0\r\n\r\n"
    assert anthropic.limits(told) == {}


def test_limits_refill_all_the_time() -> None:
    one = Allowance()
    one.told({"tokens": Limit(1000, 400, 60)}, 100.0)
    assert one.remaining(100.0) == {"tokens": 400}
    assert one.remaining(130.0) == {"tokens": pytest.approx(700)}
    assert one.remaining(900.0) == {"tokens": 1000}


@given(
    limit=st.floats(1, 1e7),
    used_s=st.floats(0, 1e6),
    gap_s=st.floats(0.2, 5),
    part=st.floats(0, 1),
)
def test_pace_is_what_was_used_and_not_what_is_missing(
    limit: float, used_s: float, gap_s: float, part: float
) -> None:
    """An account that nobody uses has no pace, however little is left of it."""
    one = Allowance()
    rate = limit / 60
    there = limit * part
    one.told({"tokens": Limit(limit, there, (limit - there) / rate)}, 0.0)
    left = max(0.0, min(limit, there + rate * gap_s) - used_s * gap_s)
    one.told({"tokens": Limit(limit, left, (limit - left) / rate)}, gap_s)
    if not used_s:
        assert one.short_s() == 0.0
    elif left > 0:
        assert one.pace["tokens"] == pytest.approx(used_s, rel=0.01, abs=limit * 1e-6)
    assert one.short_s() >= 0.0


class Rig:
    def __init__(self, **fields: object) -> None:
        self.hands = Hands()
        self.one: Account = account("a", **fields)
        self.pool = Pool([self.one], self.hands.clock, random.Random(1).random)

    def hear(self, remaining: float, limit: float = 60_000, after_s: float = 0.5) -> None:
        self.hands.now += after_s
        whole_s = 60 * (1 - remaining / limit)
        told = {"input-tokens": Limit(limit, remaining, whole_s)}
        self.pool.heard(self.one, head(told, self.hands.now))


def test_an_account_is_left_before_it_refuses() -> None:
    rig = Rig()
    for remaining in range(60_000, 10_000, -5_000):
        rig.hear(remaining)
        assert rig.one.available(rig.hands.now), remaining
    rig.hear(10_000)  # and 11,000 go in a second
    assert not rig.one.available(rig.hands.now)
    assert rig.one.reason == SPENT
    assert rig.one.cool_until - rig.hands.now == pytest.approx(12, abs=1)


def test_it_comes_back_when_there_is_enough_again() -> None:
    rig = Rig()
    rig.hear(3_000)
    rig.hear(1_400)  # 1,000 came in and 2,600 went: 4,200 a second
    left_s = rig.one.cool_until - rig.hands.now
    assert 1 < left_s < 15
    rig.hands.now += left_s
    assert rig.one.available(rig.hands.now)


def test_a_small_rest_is_no_reason_where_little_is_used() -> None:
    rig = Rig()
    for _ in range(20):
        rig.hear(500, after_s=5.0)
    assert rig.one.reason in ("", SPENT)
    rig = Rig()
    rig.hear(900)
    rig.hear(900 + 480)  # nearly all that flowed in is still there
    assert rig.one.available(rig.hands.now)


def test_heads_are_looked_at_a_few_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    looked: list[bytes] = []
    real = anthropic.limits
    monkeypatch.setattr(anthropic, "limits", lambda data: looked.append(data) or real(data))  # type: ignore[func-returns-value]
    for _ in range(100):
        rig.hear(50_000, after_s=LOOK_S / 20)
    assert len(looked) <= 7
    rig.hear(0, after_s=LOOK_S / 20)
    assert not rig.one.available(rig.hands.now), "an end is never overlooked"


def test_remaining_is_what_the_last_head_says_and_what_came_in_since() -> None:
    rig = Rig()
    assert rig.pool.remaining(rig.one) == {}
    rig.hear(30_000)
    rig.hear(20_000, after_s=LOOK_S / 2)
    assert rig.pool.remaining(rig.one) == {"input-tokens": pytest.approx(20_000)}
    rig.hands.now += 10
    assert rig.pool.remaining(rig.one) == {"input-tokens": pytest.approx(30_000, rel=0.01)}


def test_looking_often_makes_nobody_look_busy() -> None:
    rig = Rig()
    rig.hear(10_000)
    for _ in range(5):
        rig.hear(9_900, after_s=0.001)
        rig.pool.remaining(rig.one)
    assert rig.one.available(rig.hands.now), "a hundred in a millisecond are a hundred"


def test_an_answer_does_not_weaken_what_upstream_asked_for() -> None:
    rig = Rig()
    rig.one.reason, rig.one.failures = "upstream_throttled", 1
    rig.one.cool_until = rig.hands.now + 500
    rig.hear(0)
    assert rig.one.cool_until == rig.hands.now - 0.5 + 500
    assert rig.one.reason == "upstream_throttled"


def test_an_exempt_account_is_not_left() -> None:
    rig = Rig(never_disable=True)
    rig.hear(0)
    assert rig.one.available(rig.hands.now)


def windows(used: str, status: str = "allowed", ends_s: int = 7200, name: str = "5h") -> bytes:
    """The head of an answer to a subscription."""
    ends = int(START.timestamp()) + ends_s
    unified = f"anthropic-ratelimit-unified-{name}"
    lines = [
        "HTTP/1.1 200 OK",
        f"date: {format_datetime(START, usegmt=True)}",
        f"{unified}-status: {status}",
        f"{unified}-utilization: {used}",
        f"{unified}-reset: {ends}",
        "anthropic-ratelimit-unified-status: allowed",
        "anthropic-ratelimit-unified-representative-claim: five_hour",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (windows("0.24"), 0.76),
        (windows("1.0"), 0.0),
        (windows("1.2", "allowed_warning"), 0.0),
        (windows("0.97", "rejected"), 0.0),
        (windows("", "rejected", name="7d"), 0.0),
    ],
)
def test_windows_of_subscriptions(told: bytes, left: float) -> None:
    ((_, window),) = anthropic.limits(told).items()
    assert window == Limit(1, window.remaining, 7200, window=True)
    assert window.remaining == pytest.approx(left)
    assert anthropic.reset_s(anthropic.limits(told)) == (None if left else 7200)


@pytest.mark.parametrize("used", ["", "much", "nan", "-1", "inf"])
def test_a_window_that_does_not_say_what_is_used_is_none(used: str) -> None:
    assert anthropic.limits(windows(used)) == {}


def test_an_account_is_left_when_its_window_is_used_up_and_not_for_its_pace() -> None:
    rig = Rig()
    for used in ("0.5", "0.6", "0.99"):
        rig.hands.now += 0.5
        rig.pool.heard(rig.one, windows(used))
        assert rig.one.available(rig.hands.now), "told in steps too coarse for a pace"
    rig.hands.now += 30
    assert rig.pool.remaining(rig.one) == {"unified-5h": pytest.approx(0.01)}, "nothing flows in"
    rig.pool.heard(rig.one, windows("1.0", ends_s=90))
    assert not rig.one.available(rig.hands.now)
    assert rig.one.reason == SPENT
    rig.hands.now += 60
    assert rig.one.available(rig.hands.now), "it is asked again each minute"
    rig.hands.now += 31
    assert rig.pool.remaining(rig.one) == {"unified-5h": 1}

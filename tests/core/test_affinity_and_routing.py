"""Where a conversation lives: identity, rendezvous, and the order of accounts."""

import random
from collections import Counter

import pytest
from msgspec import Raw

from dragoman.account import Account
from dragoman.affinity import Hints, Identity, by_body, by_header, claim, seed
from dragoman.errors import Failure
from dragoman.hub.request import Message, Request, Text
from dragoman.pool import JITTER, Pool
from dragoman.roster import Roster
from dragoman.routing import Wanted, plan
from dragoman.upstream import Timeouts, UpstreamResponse

NO_HINTS = Hints("", "", "")


class Nowhere:
    async def send(
        self, method: str, path: str, headers: bytes, body: bytes, timeouts: Timeouts
    ) -> UpstreamResponse:
        raise AssertionError("routing sends nothing")

    async def close(self) -> None: ...


def account(name: str, **fields: object) -> Account:
    made = Account(name, "anthropic", Nowhere(), b"")
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def request(*texts: str, system: str = "") -> Request:
    messages = [Message("user", [Text(Raw(f'"{text}"'.encode()))]) for text in texts]
    made = Request(model="m", max_tokens=1, messages=messages)
    if system:
        made.system = [Text(Raw(f'"{system}"'.encode()))]
    return made


def identify(headers: dict[str, str], asked: Request, hints: Hints, scope: bytes) -> Identity:
    return by_header(headers, scope) or by_body(asked, hints, scope)


def identity(
    headers: dict[str, str], hints: Hints = NO_HINTS, scope: bytes = b"k", **kw: str
) -> Identity:
    return identify(headers, request("hi", **kw), hints, scope)


def test_the_first_source_wins() -> None:
    everything = Hints("m", "c", "u")
    headers = {"x-conversation-id": "a", "x-session-id": "b", "session_id": "c"}
    assert identity(headers, everything).source == "x-conversation-id"
    assert identity({"session_id": "c"}, everything).source == "session_id"
    assert identity({}, everything).source == "metadata.user_id"
    assert identity({}, Hints("", "c", "u")).source == "prompt_cache_key"
    assert identity({}, Hints("", "", "u")).source == "user"
    assert identity({}).source == "opening"


def test_a_conversation_is_scoped_by_its_key() -> None:
    headers = {"x-conversation-id": "a"}
    assert identity(headers, scope=b"1").hash != identity(headers, scope=b"2").hash


def test_without_an_id_the_opening_names_the_conversation() -> None:
    first = identify({}, request("hi"), NO_HINTS, b"k")
    later = identify({}, request("hi", "and then?"), NO_HINTS, b"k")
    other = identify({}, request("hello"), NO_HINTS, b"k")
    assert first == later
    assert first.hash != other.hash
    assert identity({}, system="be brief").hash != first.hash


def test_one_user_has_many_chats() -> None:
    hints = Hints("", "", "bob")
    one = identify({}, request("hi"), hints, b"k")
    two = identify({}, request("hello"), hints, b"k")
    assert one.hash != two.hash


def test_conversations_spread_by_weight() -> None:
    accounts = [account("a"), account("b"), account("c", weight=2.0)]
    rng = random.Random(7)
    roster = Roster(accounts)
    homes = Counter(
        plan(Wanted("m", rng.getrandbits(64), 1), roster, 0.0)[0].name for _ in range(8000)
    )
    assert 1800 < homes["a"] < 2200
    assert 1800 < homes["b"] < 2200
    assert 3700 < homes["c"] < 4300


def test_an_account_that_goes_takes_only_its_own_conversations() -> None:
    accounts = [account(name) for name in "abcde"]
    rng = random.Random(3)
    for _ in range(500):
        conversation = rng.getrandbits(64)
        home = plan(Wanted("m", conversation, 1), Roster(accounts), 0.0)[0]
        without = [one for one in accounts if one.name != "c"]
        moved = plan(Wanted("m", conversation, 1), Roster(without), 0.0)[0]
        assert moved is home or home.name == "c"


def test_claims_are_between_0_and_1_for_every_hash_and_weight() -> None:
    for conversation in (0, 1, seed("a"), (1 << 64) - 1):
        for weight in (0.001, 1.0, 1_000_000.0):
            assert 0 <= claim(conversation, seed("a"), weight) <= 1


def test_priority_comes_before_affinity() -> None:
    low, high = account("low"), account("high", priority=1)
    for conversation in range(50):
        assert plan(Wanted("m", conversation, 2), Roster([low, high]), 0.0) == [high, low]


def test_cooling_and_full_accounts_are_left_out() -> None:
    cooling = account("a", cool_until=10.0, reason="upstream_reset")
    full = account("b", max_concurrency=1, in_flight=1)
    ready = account("c")
    assert plan(Wanted("m", 1, 3), Roster([cooling, full, ready]), 5.0) == [ready]


def test_accounts_that_merely_failed_are_tried_rather_than_nobody() -> None:
    failed = account("a", cool_until=10.0, reason="upstream_reset")
    assert plan(Wanted("m", 1, 3), Roster([failed]), 5.0) == [failed]


def test_throttled_everywhere_is_a_429_with_the_earliest_return() -> None:
    accounts = [
        account("a", cool_until=30.0, reason="upstream_throttled"),
        account("b", cool_until=17.0, reason="upstream_throttled"),
    ]
    with pytest.raises(Failure) as refused:
        plan(Wanted("m", 1, 3), Roster(accounts), 5.0)
    assert (refused.value.status, refused.value.retry_after_s) == (429, 12.0)


def test_all_full_is_a_429() -> None:
    with pytest.raises(Failure) as refused:
        plan(Wanted("m", 1, 3), Roster([account("a", max_concurrency=1, in_flight=1)]), 5.0)
    assert refused.value.status == 429


def test_a_model_nobody_serves_is_a_503() -> None:
    only = Account("a", "anthropic", Nowhere(), b"", models=["claude-haiku-*"])
    with pytest.raises(Failure) as refused:
        plan(Wanted("claude-opus-5-5", 1, 3), Roster([only]), 0.0)
    assert (refused.value.kind, refused.value.status) == ("no_account", 503)
    assert refused.value.retry_after_s
    assert plan(Wanted("claude-haiku-5-5", 1, 3), Roster([only]), 0.0) == [only]


def test_cool_downs_grow_and_obey_retry_after() -> None:
    from tests.core.test_limits import Hands

    hands = Hands()
    one = account("a")
    pool = Pool([one], hands.clock)
    pool.failed(one, Failure("upstream_reset", "x"))
    assert one.cool_until - hands.now == pytest.approx(1, rel=JITTER / 2)
    pool.failed(one, Failure("upstream_reset", "x"))
    assert one.cool_until - hands.now == pytest.approx(1, rel=JITTER / 2), "the same trouble"
    hands.now += 2
    pool.failed(one, Failure("upstream_reset", "x"))
    assert one.cool_until - hands.now == pytest.approx(2, rel=JITTER / 2)
    pool.failed(one, Failure("upstream_throttled", "x", retry_after_s=30))
    assert one.cool_until == hands.now + 30
    pool.failed(one, Failure("upstream_throttled", "x", retry_after_s=9_999_999))
    assert one.cool_until == hands.now + 600
    pool.succeeded(one)
    assert one.cool_until == hands.now + 600, "it was asked before"
    pool.trying(one)
    pool.succeeded(one)
    assert (one.cool_until, one.failures, one.reason) == (0.0, 0, "")


def test_what_the_client_caused_cools_nobody() -> None:
    from tests.core.test_limits import Hands

    hands = Hands()
    one = account("a")
    Pool([one], hands.clock).failed(one, Failure("upstream_rejected", "x"))
    assert one.failures == 0

"""What a restart must not forget of the pool, and what it must not believe."""

import asyncio
import random
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import health
from dragoman.account import Account
from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.health import Broken, Keeper, State
from dragoman.pool import COOL_S, MAX_COOL_S, PROBE_S, Pool
from dragoman.routing import Wanted, plan
from tests.core.test_affinity_and_routing import account


class Times:
    """Two clocks, moved by hand, each on its own."""

    def __init__(self, mono: float = 50.0, wall: float = 1.8e9) -> None:
        self.mono, self.wall = mono, wall
        self.clock = Clock(wall=lambda: self.wall, mono=lambda: self.mono)


def pool(times: Times, *names: str, credential: str = "c") -> Pool:
    accounts = [account(name, credential=credential) for name in names or ("a", "b")]
    return Pool(accounts, times.clock, random.Random(1).random)


def first(pool: Pool) -> Account:
    return pool.snapshot()[0]


def restarted(before: Pool, then: Times, now: Times, **fields: Any) -> Pool:
    """A pool of another process that read what the first one left, over a file's bytes."""
    kept = health.state(before, then.clock, detours=True)
    fresh = pool(now, *[one.name for one in before.snapshot()], **fields)
    data = health.jsonio.encode(kept)
    health.restore(fresh, health._states.decode(data), now.clock)
    return fresh


@given(
    st.sampled_from(sorted(COOL_S)),
    st.one_of(st.none(), st.floats(1, 10_000)),
    st.floats(0, 700),
    st.floats(0, 1e6),
)
def test_cool_downs_go_on_over_a_restart(
    kind: str, retry_after_s: float | None, down_s: float, boot: float
) -> None:
    then = Times()
    before = pool(then)
    before.failed(first(before), Failure(kind, "x", retry_after_s=retry_after_s))
    left_s = first(before).cool_until - then.mono
    now = Times(mono=boot, wall=then.wall + down_s)
    after = first(restarted(before, then, now))
    if left_s - down_s <= 0.001:
        assert after.cool_until <= boot + 0.001
    else:
        assert after.cool_until - boot == pytest.approx(left_s - down_s, abs=0.01)
        assert (after.reason, after.failures) == (kind, 1)


def test_who_comes_back_after_a_restart_is_probed() -> None:
    then = Times()
    before = pool(then, "only")
    before.failed(first(before), Failure("upstream_refused", "x"))
    now = Times(mono=0.0, wall=then.wall + 1)
    after = restarted(before, then, now)
    now.mono += 100
    after.trying(first(after))
    assert first(after).probe_until == now.mono + PROBE_S


@pytest.mark.parametrize("jump_s", [-1e9, -3600.0, 3600.0, 1e9])
def test_a_clock_that_jumps_locks_nobody_out(jump_s: float) -> None:
    then = Times()
    before = pool(then)
    before.failed(first(before), Failure("upstream_throttled", "x", retry_after_s=30))
    before.exclude(first(before), "m")
    now = Times(wall=then.wall + jump_s)
    after = first(restarted(before, then, now))
    assert after.cool_until - now.mono <= MAX_COOL_S
    assert all(until - now.mono <= health.WITHOUT_MODEL_S for until in after.without.values())


def test_another_credential_starts_fresh() -> None:
    then = Times()
    before = pool(then)
    before.failed(first(before), Failure("upstream_refused", "x"))
    before.exclude(first(before), "m")
    after = first(restarted(before, then, then, credential="rotated"))
    assert (after.cool_until, after.failures, after.reason, after.without) == (0.0, 0, "", {})


def test_excluded_models_and_detours_come_back_too() -> None:
    then = Times()
    before = pool(then)
    wanted = Wanted("m", 7, 2)
    home, other = plan(wanted, before.roster, then.mono)
    before.moved(wanted, other, 300)
    before.exclude(home, "n")
    now = Times(mono=9000.0, wall=then.wall + 100)
    after = restarted(before, then, now)
    (found,) = [one for one in after.snapshot() if one.name == home.name]
    assert found.without == {"n": pytest.approx(now.mono + 500, abs=0.01)}
    assert after.detours[7].account.name == other.name
    assert after.detours[7].until == pytest.approx(now.mono + 200, abs=0.01)


def test_a_fresh_pool_leaves_nothing() -> None:
    times = Times()
    assert health.state(pool(times), times.clock, detours=True) == State()


def test_an_account_that_went_and_one_that_is_exempt_are_passed_over() -> None:
    then = Times()
    before = pool(then, "gone", "exempt")
    for one in before.snapshot():
        before.failed(one, Failure("upstream_refused", "x"))
    kept = health.state(before, then.clock)
    exempt = account("exempt", never_disable=True, credential="c")
    health.restore(Pool([exempt], then.clock), kept, then.clock)
    assert exempt.cool_until == 0.0


BAD = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b'{"version":2,"accounts":{},"detours":[]}',
    b'{"version":1,"accounts":{"a":{"credential":"c","cool_until":"soon"}}}',
    b'{"version":1,"accounts":{"a":{"cool_until":1e999}}}',
    b'{"version":1,"accounts":[]}',
]


@pytest.mark.parametrize("content", BAD)
def test_a_broken_file_is_said(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "pool.json"
    path.write_bytes(content)
    with pytest.raises(Broken, match=r"pool\.json"):
        health.read(path)


@given(
    reason=st.text(max_size=20),
    failures=st.integers(-(2**40), 2**40),
    until=st.floats(allow_nan=False, allow_infinity=False),
    conversation=st.text(max_size=20),
)
def test_whatever_a_readable_file_says_the_pool_still_works(
    reason: str, failures: int, until: float, conversation: str
) -> None:
    times = Times()
    fresh = pool(times, "a")
    kept = State(
        accounts={"a": health.Kept("c", reason, failures, until, {"m": until})},
        detours=[health.Moved(conversation, "a", until), health.Moved("0" * 16, "nobody", until)],
    )
    health.restore(fresh, kept, times.clock)
    one = first(fresh)
    assert 0 <= one.cool_until <= times.mono + MAX_COOL_S
    times.mono += 700
    assert plan(Wanted("m", 7, 1), fresh.roster, times.mono, fresh.detours) == [one]
    fresh.trying(one)
    fresh.failed(one, Failure("upstream_reset", "x"))


# The file.


class Host:
    """What the keeper is given to live in."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.said: list[tuple[str, str]] = []

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def say(self, event: str, text: str) -> None:
        self.said.append((event, text))

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)


async def test_a_change_is_on_disk_within_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SAVE_AFTER_S", 0.05)
    times, host = Times(), Host()
    before = pool(times)
    path = tmp_path / "data" / "pool.json"
    keeper = Keeper(path, before, times.clock)
    keeper.open(host.spawn, host.say)
    assert not path.exists()
    for one in before.snapshot():
        before.failed(one, Failure("upstream_refused", "x"))
    await until(path.exists)
    # As after kill -9: nobody closes anything.
    assert set(health.read(path).accounts) == {"a", "b"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for one in before.snapshot():
        before.trying(one)
        before.succeeded(one)
    await until(lambda: not health.read(path).accounts)
    await host.end()
    await keeper.close()
    assert host.said == []


async def test_the_end_writes_what_is_due_and_the_detours(tmp_path: Path) -> None:
    times, host = Times(), Host()
    before = pool(times)
    keeper = Keeper(tmp_path / "pool.json", before, times.clock)
    keeper.open(host.spawn, host.say)
    wanted = Wanted("m", 7, 2)
    before.moved(wanted, plan(wanted, before.roster, times.mono)[1], 300)
    before.failed(first(before), Failure("upstream_refused", "x"))
    await host.end()
    await keeper.close()
    kept = health.read(keeper.path)
    assert len(kept.detours) == len(kept.accounts) == 1
    after = pool(times)
    Keeper(keeper.path, after, times.clock).open(host.spawn, host.say)
    await host.end()
    assert first(after).reason == "upstream_refused"
    assert host.said == []


async def test_trouble_with_the_file_is_said_and_stops_nothing(tmp_path: Path) -> None:
    times, host = Times(), Host()
    (tmp_path / "pool.json").write_bytes(b"nonsense")
    before = pool(times)
    keeper = Keeper(tmp_path / "pool.json", before, times.clock)
    keeper.open(host.spawn, host.say)
    before.failed(first(before), Failure("upstream_refused", "x"))
    (tmp_path / "pool.json").unlink()
    (tmp_path / "pool.json").mkdir()
    await host.end()
    await keeper.close()
    await keeper.close()
    assert [event for event, _ in host.said] == ["pool_state_ignored", "pool_state_not_written"]

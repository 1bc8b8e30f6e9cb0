"""The native programs: their own tests, and one short run of the one against the other."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import driver
from bench.driver import Upstream

GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")

pytestmark = [
    pytest.mark.skipif(
        GO is None, reason="go is not installed: the benchmark's programs are not tested"
    ),
    pytest.mark.timeout(240),  # the first build compiles Go's own library
]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    driver.build()
    core = max(os.sched_getaffinity(0))
    with Upstream.start(tmp_path_factory.mktemp("bench"), core) as running:
        yield running


def test_go_tests_pass() -> None:
    done = subprocess.run(
        [str(GO), "test", "./..."],
        cwd=driver.SOURCE,
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def ask(upstream: Upstream, **flags: str | int) -> driver.Result:
    result = driver.load(
        {"port": upstream.port, "from": "0s", "time": "300ms", "tail": "5s"} | flags, 60
    )
    assert result["errors"] == {"total": 0, "examples": None}
    return result


def test_replies(upstream: Upstream) -> None:
    result = ask(upstream, conns=4, tree=upstream.child.pid)
    assert result["requests"] > 0
    assert result["complete"] >= result["requests"]
    assert result["body_bytes"] == pytest.approx(1024, abs=16)
    assert result["after"]["cpu_ns"] > result["before"]["cpu_ns"]
    assert result["before"]["rss_kb"] > 0


def test_bursts(upstream: Upstream) -> None:
    result = ask(upstream, conns=2, events=1000)
    assert result["complete"] > 0
    assert result["events"] >= 1000


def test_paced_streams(upstream: Upstream) -> None:
    result = ask(upstream, mode="streams", conns=10, events=20, rate=100, time="1s")
    assert result["complete"] == 10
    assert result["events"] == 200
    assert result["late_us"]["count"] == 200
    assert result["late_us"]["max"] <= result["late_due_us"]["max"]


def test_large_bodies(upstream: Upstream) -> None:
    assert ask(upstream, body=3 * 2**20)["complete"] > 0


def test_a_wrong_answer_is_an_error(upstream: Upstream, tmp_path: Path) -> None:
    result = driver.load(
        {"port": upstream.port, "path": "/elsewhere", "from": "0s", "time": "100ms"}, 60
    )
    assert result["requests"] == 0
    assert result["errors"]["total"] > 0
    assert result["errors"]["examples"][0].startswith("status 404")

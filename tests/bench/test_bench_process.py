"""Children of the benchmark: pinned, and gone with all of their own when closed."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from bench.process import Child, Launch, choose_cores, free_port
from bench.profile import stacks_table
from bench.run import main

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Running; a zombie that its new parent has not collected yet is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def started(tmp_path: Path) -> tuple[Child, int]:
    """A process with a child of its own, and that child's id."""
    core = choose_cores().gateway
    child = Child(Launch([sys.executable, "-c", PARENT], core, tmp_path / "log"))
    while not child.tail():
        assert child.running(), child.tail()
        time.sleep(0.01)
    return child, int(child.tail())


@pytest.mark.parametrize("paused", [False, True])
def test_nothing_is_left_behind(tmp_path: Path, paused: bool) -> None:
    child, grandchild = started(tmp_path)
    with child:
        assert os.sched_getaffinity(child.pid) == {choose_cores().gateway}
        assert alive(grandchild)
        if paused:
            child.signal(signal.SIGSTOP)
    assert not child.running()
    until = time.monotonic() + 5
    while alive(grandchild) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive(grandchild)


def test_free_ports_are_ports() -> None:
    assert 0 < free_port() < 65536


def test_waiting_threads_do_not_hide_the_main_one(tmp_path: Path) -> None:
    path = tmp_path / "stacks"
    path.write_text(
        "main (app/run.py:1);serve (app/serve.py:10);parse (app/parse.py:5) 30\n"
        "main (app/run.py:1);serve (app/serve.py:12) 60\n"
        "main (app/run.py:1);serve (app/serve.py:10);parse (app/parse.py:7) 10\n"
        "Thread._bootstrap (threading.py:1);write (app/log.py:5) 100\n"
    )
    lines = stacks_table(path).splitlines()
    assert lines[2].split() == ["60.0", "100.0", "serve", "(serve.py)"]
    assert lines[3].split() == ["40.0", "40.0", "parse", "(parse.py)"]
    assert "100 of the main thread, 100 of others" in lines[4]


def test_unknown_scenarios_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--only", "requests,nonsense"])
    assert stopped.value.code == 2
    assert "no such scenario: nonsense" in capsys.readouterr().err

"""Child processes: pinned to a core, in a session of their own, and gone when the benchmark is.

A process is ended by its own id and that of its session, never by name. Should the benchmark itself
be killed, the kernel ends its children (``PR_SET_PDEATHSIG``).
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Cores:
    """Who runs where."""

    gateway: int
    driver: int
    """Fake upstream, load generator and this program."""

    @property
    def shared(self) -> bool:
        return self.gateway == self.driver


def choose_cores() -> Cores:
    """The first two cores that this process may use; the only one, where there is one."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[min(1, len(usable) - 1)])


@dataclass(frozen=True)
class Launch:
    """How to start a process."""

    argv: Sequence[str]
    core: int
    log: Path
    """Takes stdout and stderr."""
    env: Mapping[str, str] | None = None
    """Added to this process's own environment."""
    cwd: Path | None = None
    orphaned: signal.Signals = signal.SIGKILL
    """What it gets when this program dies; SIGTERM where it has children to take along."""


class Child:
    """A running process. ``with Child(launch) as child: …`` ends it and all of its session."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._log = launch.log.open("ab")

        def settle() -> None:
            os.sched_setaffinity(0, {launch.core})
            _libc.prctl(_PR_SET_PDEATHSIG, launch.orphaned)

        self.process = subprocess.Popen(
            list(launch.argv),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(launch.env or {})},
            cwd=launch.cwd,
            start_new_session=True,
            preexec_fn=settle,  # noqa: PLW1509 - this program has one thread
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def running(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """To the whole session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def tail(self, size: int = 600) -> str:
        """The end of the log."""
        self._log.flush()
        return self.launch.log.read_bytes()[-size:].decode(errors="replace").strip()

    def close(self) -> None:
        """End it: asked first, killed after five seconds."""
        if self.running():
            self.signal(signal.SIGCONT)
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        self.signal(signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def ended_by_signal() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an exit that unwinds, so every ``with`` ends its process."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {n: signal.signal(n, leave) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def first_line(argv: Sequence[str]) -> str:
    """What a program prints first, for versions; ``""`` when it cannot be run."""
    try:
        done = subprocess.run(list(argv), capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ((done.stdout or done.stderr).strip().splitlines() or [""])[0].strip()

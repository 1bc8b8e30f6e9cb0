"""Where the gateway's time goes: one scenario under a profiler.

``py-spy`` (from PyPI, in ``.venv-bench``) shows Python's functions; ``perf``, where it is installed
and may be used, the share of the kernel and of native code. Both only watch: the program runs as it
always does.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import venv
from collections import Counter
from pathlib import Path

from bench.driver import Unavailable, Upstream, load
from bench.gateway import KEY, Gateway, Site, start
from bench.process import Cores
from bench.scenarios import SCENARIOS

ENVIRONMENT = Path(__file__).resolve().parent.parent / ".venv-bench"
SECONDS = 8


def profile(gateway: Gateway, scenario: str, cores: Cores, results: Path) -> str:
    """Run the scenario and return what takes the time, as text. Raises :class:`Unavailable`."""
    spy = _py_spy()
    results.mkdir(parents=True, exist_ok=True)
    stacks = results / f"profile-{scenario}.txt"
    perf = results / f"profile-{scenario}.perf"
    chosen = next(s for s in SCENARIOS if s.name == scenario)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dragoman-profile-")))
        upstream = stack.enter_context(Upstream.start(folder, cores.driver))
        site = Site(folder / gateway.name, upstream.port, cores.gateway)
        site.folder.mkdir()
        running = start(gateway, site)
        stack.callback(running.child.close)
        pid = str(running.child.pid)
        watchers = [
            _watch(
                [
                    spy,
                    "record",
                    "-p",
                    pid,
                    "-d",
                    str(SECONDS),
                    "-r",
                    "500",
                    "-f",
                    "raw",
                    "-o",
                    str(stacks),
                ]
            )
        ]
        if shutil.which("perf"):
            record = [
                "perf",
                "record",
                "-q",
                "-F",
                "499",
                "-p",
                pid,
                "-o",
                str(perf),
                "--",
                "sleep",
                str(SECONDS),
            ]
            watchers.append(_watch(record))
        flags = chosen.resolve(slow=gateway.slow, scale=SECONDS / chosen.time_s)
        load({**flags, "port": running.port, "tree": running.child.pid, "key": KEY})
        for watcher in watchers:
            watcher.wait(60)
    return stacks_table(stacks) + _perf(perf)


def _py_spy() -> str:
    program = ENVIRONMENT / "bin" / "py-spy"
    if not program.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        pip = [
            str(ENVIRONMENT / "bin" / "python"),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "-q",
            "install",
            "py-spy",
        ]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unavailable(
                f"profiling needs py-spy, and pip cannot install it: {done.stderr.strip()[-300:]}"
            )
    return str(program)


def _watch(argv: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stacks_table(path: Path) -> str:
    """py-spy's folded stacks → time in each function, its own and with what it calls."""
    if not path.exists():
        return "py-spy could not watch the process: it needs root, or kernel.yama.ptrace_scope=0\n"
    own: Counter[str] = Counter()
    all_in: Counter[str] = Counter()
    elsewhere = 0
    for line in path.read_text().splitlines():
        frames, _, count = line.rpartition(" ")
        if frames.startswith("Thread._bootstrap"):
            elsewhere += int(count)  # py-spy cannot tell a thread that waits in C from a busy one
            continue
        names = [_short(frame) for frame in frames.split(";")]
        own[names[-1]] += int(count)
        for name in set(names):
            all_in[name] += int(count)
    total = own.total() or 1
    lines = ["main thread:", "  own %  with callees %  function"]
    lines += [
        f"{100 * n / total:7.1f} {100 * all_in[name] / total:15.1f}  {name}"
        for name, n in own.most_common(40)
    ]
    lines.append(f"samples: {total} of the main thread, {elsewhere} of others, busy or waiting")
    return "\n".join(lines) + f"\n\nstacks: {path}\n"


def _short(frame: str) -> str:
    """``function (path/file.py:line)`` → ``function (file.py)``: its lines count together."""
    name, _, place = frame.partition(" (")
    return f"{name} ({os.path.basename(place.split(':')[0].rstrip(')'))})"


def _perf(path: Path) -> str:
    if not path.exists():
        return ""
    text = ""
    for title, key, rows in (("module", "dso", 10), ("function, native and kernel", "sym", 25)):
        argv = ["perf", "report", "-i", str(path), "--no-children", "--stdio", "-g", "none"]
        done = subprocess.run(
            [*argv, "--sort", key], capture_output=True, text=True, timeout=60, check=False
        )
        lines = [x for x in done.stdout.splitlines() if x.strip() and not x.startswith("#")]
        text += f"\nby {title} (perf):\n" + "\n".join(lines[:rows]) + "\n"
    return f"{text}\nperf: {path}\n"

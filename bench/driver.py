"""The native programs: building them, running the fake upstream, running the load generator."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bench.process import Child, Launch, free_port
from dragoman.codec import jsonio

ROOT = Path(__file__).resolve().parent
SOURCE = ROOT / "native"
BUILD = ROOT / "build"

Flags = Mapping[str, str | int]
Result = dict[str, Any]
"""What the load generator prints, see ``native/load/run.go``."""


class Unavailable(RuntimeError):
    """Something the benchmark needs is not on this machine; the message says what to do."""


class LoadFailed(RuntimeError):
    """The load generator did not come to an end."""


def build() -> None:
    """Compile both programs into ``bench/build``. Raises :class:`Unavailable`."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise Unavailable(
            "the benchmark's load generator needs Go 1.21 or newer: https://go.dev/dl/"
        )
    BUILD.mkdir(exist_ok=True)
    done = subprocess.run(
        [go, "build", "-o", f"{BUILD}{os.sep}", "./upstream", "./load"],
        cwd=SOURCE,
        env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable(f"go build failed:\n{done.stderr}")


@dataclass
class Upstream:
    """The fake upstream, running."""

    child: Child
    port: int

    @classmethod
    def start(cls, folder: Path, core: int) -> "Upstream":
        port = free_port()
        argv = [str(BUILD / "upstream"), "-port", str(port)]
        child = Child(Launch(argv, core, folder / "upstream.log"))
        until = time.monotonic() + 5
        while not child.tail():
            if not child.running() or time.monotonic() > until:
                reason = child.tail()
                child.close()
                raise Unavailable(f"the fake upstream did not start: {reason}")
            time.sleep(0.01)
        return cls(child, port)

    def set_awake(self, awake: bool) -> None:
        """Whether it never sleeps, see ``native/loop/loop.go``."""
        path = "awake" if awake else "asleep"
        with urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
            answer.read()

    def __enter__(self) -> "Upstream":
        return self

    def __exit__(self, *_: object) -> None:
        self.child.close()


def load(flags: Flags, patience_s: float = 120) -> Result:
    """Run the load generator once, on this process's core. Raises :class:`LoadFailed`."""
    argv = [str(BUILD / "load")]
    for name, value in flags.items():
        argv += [f"-{name}", str(value)]
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            timeout=patience_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"no result after {patience_s:.0f} s") from None
    if done.returncode != 0:
        raise LoadFailed(done.stderr.decode(errors="replace").strip()[-400:])
    return jsonio.decode(done.stdout)

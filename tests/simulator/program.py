"""A real ``dragoman simulator`` in a process of its own."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

READY_S = 20.0


@contextmanager
def program(*arguments: str) -> Iterator[str]:
    """Run it on a free port; gives its address and stops it with SIGTERM, which must end well."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("ANTHROPIC_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "dragoman", "simulator", "--port", "0", *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        ready, _, _ = select.select([process.stdout], [], [], READY_S)
        assert ready, "nothing was printed"
        yield process.stdout.readline().split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=READY_S)
    assert (process.returncode, errors) == (0, "")

"""A process that converts images, one after the other: ``python -m dragoman.media.worker``.

It reads jobs from its standard input and answers on its standard output (``frames.py``) until its
input ends. Before it touches a client's bytes it gives up what it does not need: memory beyond a
limit, more than some seconds of CPU for a job, files of its own. It is the first to go when the
machine runs out of memory. Whoever started it watches the clock and kills it.
"""

import binascii
import contextlib
import resource
import sys
from pathlib import Path
from typing import BinaryIO

from dragoman.hub.media import Bounds
from dragoman.media import pixels
from dragoman.media.frames import ANSWER, JOB, READY, Status

OPEN_FILES = 16


def main(memory_bytes: int, cpu_s: int) -> None:
    """Work until the input ends."""
    pixels.prepare()
    _confine(memory_bytes)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(READY)
    sink.flush()
    while head := source.read(JOB.size):
        _limit_cpu(cpu_s)
        status, kind, found = _work(head, source)
        sink.write(ANSWER.pack(status, kind, len(found)))
        sink.write(found)
        sink.flush()


def _work(head: bytes, source: BinaryIO) -> pixels.Result:
    edge, base64_bytes, scale_to, is_base64, length = JOB.unpack(head)
    try:
        data = source.read(length)
        if is_base64:
            data = binascii.a2b_base64(data)
    except MemoryError:
        return Status.TOO_LARGE, 0, b""
    return pixels.fit(data, Bounds(edge, base64_bytes, scale_to))


def _confine(memory_bytes: int) -> None:
    with contextlib.suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text("1000")
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
            resource.setrlimit(what, (most, most))


def _limit_cpu(cpu_s: int) -> None:
    """The system ends the process when a job takes more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + cpu_s + 1, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

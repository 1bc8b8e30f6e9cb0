"""The processes that convert images: few, started when first needed, ended when long unused.

Each converts one image at a time. One that crashes, takes too long, or whose client has left is
killed, and the next image gets a new one. More images than :data:`MOST_WAITING` at once are turned
away, so memory stays bounded.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from typing import Final, NamedTuple

from dragoman.errors import Failure
from dragoman.hub.media import Bounds
from dragoman.media.frames import ANSWER, JOB, MEDIA_TYPES, READY, Status

MOST_WORKERS: Final = 2
MOST_WAITING: Final = 64
"""Images that wait for a worker; further ones are answered 503."""
MEMORY_BYTES: Final = 2 << 30
"""Address space of a worker."""
_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
"""What a worker learns of the gateway's environment, which holds credentials."""


class Limits(NamedTuple):
    """What workers may take."""

    workers: int = MOST_WORKERS
    waiting: int = MOST_WAITING
    memory_bytes: int = MEMORY_BYTES
    queue_s: float = 30.0
    """How long an image waits for a worker."""
    cpu_s: int = 10
    """CPU time of one image."""
    wall_s: float = 20.0
    """Time of one image, after which its worker is killed."""
    start_s: float = 30.0
    """Time a worker has to come up."""
    idle_s: float = 60.0
    """A worker that had nothing to do for so long is ended."""


DEFAULTS: Final = Limits()


class Job(NamedTuple):
    """One image; ``data`` is base64 where ``is_base64`` says so."""

    data: memoryview
    is_base64: bool
    bounds: Bounds


class Converted(NamedTuple):
    media_type: str
    """What it is now."""
    base64: bytes
    """Empty: the image is fine as it is."""


class Unusable(Exception):
    """The image cannot be had in a form that Claude takes; the text follows "The image"."""


class Converter:
    """Starts, feeds and ends the workers."""

    def __init__(self, limits: Limits = DEFAULTS) -> None:
        self._limits = limits
        self._places = asyncio.Semaphore(limits.workers)
        self._waiting = 0
        self._idle: list[_Worker] = []
        self._alive: set[_Worker] = set()
        self._closed = False

    async def convert(self, job: Job) -> Converted:
        """Bring one image within its bounds.

        Raises :class:`Unusable` for what is wrong with the image, and :class:`Failure` ``busy``,
        ``draining`` or ``internal``.
        """
        if self._waiting >= self._limits.waiting:
            raise _busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.queue_s):
                await self._places.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self._waiting -= 1
        try:
            return await self._convert(job)
        finally:
            self._places.release()

    async def close(self) -> None:
        """End all workers; nothing is converted any more."""
        self._closed = True
        workers = tuple(self._alive)
        for worker in workers:
            self._end(worker)
        for worker in workers:
            await worker.process.wait()

    async def _convert(self, job: Job) -> Converted:
        if self._closed:
            raise Failure("draining", "The gateway is shutting down.")
        worker = self._rested() or await self._start()
        done = False
        try:
            async with asyncio.timeout(self._limits.wall_s):
                answer = await worker.run(job)
            done = True
        except TimeoutError:
            raise Unusable("took too long to decode") from None
        except (EOFError, OSError):  # the worker is gone: its limits, or a bug in a decoder
            raise Unusable("could not be decoded") from None
        finally:
            if done and not self._closed:
                self._idle.append(worker)
                worker.leave(self._limits.idle_s, self._end)
            else:
                self._end(worker)
        if answer.status == Status.TOO_LARGE:
            raise Unusable("is too large to be decoded")
        if answer.status == Status.BROKEN:
            raise Unusable("is broken or incomplete")
        return Converted(MEDIA_TYPES[answer.kind], answer.base64)

    def _rested(self) -> "_Worker | None":
        """A worker that waits for work and lives."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.returncode is None and not worker.output.at_eof():
                worker.stay()
                return worker
            self._end(worker)
        return None

    async def _start(self) -> "_Worker":
        limits = self._limits
        command = [sys.executable, "-P", "-m", "dragoman.media.worker"]
        numbers = (str(limits.memory_bytes), str(limits.cpu_s))
        try:
            # A session of its own: Ctrl-C in a terminal is for the gateway, which then drains.
            process = await asyncio.create_subprocess_exec(
                *command,
                *numbers,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                start_new_session=True,
            )
        except OSError as error:
            raise _unavailable(str(error)) from None
        worker = _Worker(process)
        self._alive.add(worker)
        ready = False
        try:
            async with asyncio.timeout(limits.start_s):
                ready = await worker.output.readexactly(1) == READY
        except (TimeoutError, EOFError, OSError):
            raise _unavailable("no worker came up") from None
        finally:
            if not ready:
                self._end(worker)
        return worker

    def _end(self, worker: "_Worker") -> None:
        self._alive.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.kill()


class _Answer(NamedTuple):
    status: int
    kind: int
    base64: bytes


class _Worker:
    """One process and its two pipes."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a worker has pipes")
        self.process = process
        self.input = process.stdin
        self.output = process.stdout
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, job: Job) -> "_Answer":
        """Raises ``EOFError`` or ``OSError`` when the process ends."""
        edge, most, scale_to = job.bounds
        self.input.write(JOB.pack(edge, most, scale_to, job.is_base64, len(job.data)))
        self.input.write(job.data)
        await self.input.drain()
        status, kind, length = ANSWER.unpack(await self.output.readexactly(ANSWER.size))
        return _Answer(status, kind, await self.output.readexactly(length))

    def leave(self, idle_s: float, end: Callable[["_Worker"], None]) -> None:
        """Nothing to do; ``end`` is called if that lasts."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(idle_s, end, self)

    def stay(self) -> None:
        """There is something to do."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def kill(self) -> None:
        """End the process at once."""
        self.stay()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.input.close()


def _busy() -> Failure:
    message = "Too many images wait to be converted. Try again in a moment."
    return Failure("busy", message, retry_after_s=1)


def _unavailable(detail: str) -> Failure:
    return Failure("internal", "The image converter could not be started.", detail=detail)

"""The only place that starts tasks: every one is held until it ends, and none dies in silence.

The event loop keeps only weak references to tasks, and an exception in a task that nobody awaits
is lost until the garbage collector finds it. Both are taken care of here, once.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Supervisor:
    """Starts and holds tasks; ``crashed`` is told about every exception that escapes one."""

    def __init__(self, crashed: Callable[[BaseException], None]) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._crashed = crashed
        self._loop: asyncio.AbstractEventLoop | None = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine in a task of its own."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._crashed(error)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine whose task somebody else holds, as a connection does with its call's.

        Cheaper than :meth:`spawn`; what escapes such a task is told by the loop, see
        :meth:`listen`.
        """
        # Asking for the running loop is a system call (getpid) before Python 3.12.
        loop = self._loop or asyncio.get_running_loop()
        return loop.create_task(work)

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be told of exceptions that nobody awaited."""
        self._loop = loop
        loop.set_exception_handler(self._unhandled)

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._crashed(error)

    async def close(self) -> None:
        """Cancel what still runs and wait for it to end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

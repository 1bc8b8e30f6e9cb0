"""What a test must not leave behind: tasks, file descriptors.

@pytest.fixture(autouse=True)
async def no_leaks() -> AsyncIterator[None]:
    async with leak_watch():
        yield
"""

import asyncio
import contextlib
import gc
import os
from collections import Counter
from collections.abc import AsyncIterator

_PATIENCE_S = 2.0


def open_files() -> Counter[str]:
    """What the file descriptors of this process stand for, and how many: ``{"socket": 2, …}``."""
    found: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            # The loop makes a new pair of sockets for its signals each time it runs: numbers
            # mean nothing.
            found[os.readlink(f"/proc/self/fd/{number}").partition(":[")[0]] += 1
    return found


@contextlib.asynccontextmanager
async def leak_watch() -> AsyncIterator[None]:
    """Fail if tasks or file descriptors outlive the block; what is closing gets some time."""
    loop = asyncio.get_running_loop()
    # The first name look-up starts threads, the first server keeps a file descriptor in reserve.
    await loop.getaddrinfo("localhost", 80)
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    server.close()
    await server.wait_closed()
    files = open_files()
    tasks = asyncio.all_tasks()
    yield
    deadline = loop.time() + _PATIENCE_S
    while True:
        current = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() - tasks if task is not current]
        opened = open_files() - files
        if not left and not opened:
            return
        if loop.time() > deadline:
            break
        gc.collect()
        await asyncio.sleep(0.02)
    raise AssertionError(f"left behind: tasks {left}, files {dict(opened)}")

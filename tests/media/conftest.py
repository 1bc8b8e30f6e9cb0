"""Nothing is left behind: no task, no file descriptor, no worker process."""

from collections.abc import AsyncIterator

import pytest

from tests.leak_watch import leak_watch


@pytest.fixture
async def no_leaks() -> AsyncIterator[None]:
    async with leak_watch():
        yield

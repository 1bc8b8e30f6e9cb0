"""Nothing is left behind by any gateway."""

from collections.abc import AsyncIterator

import pytest

from tests.leak_watch import leak_watch


@pytest.fixture(autouse=True)
async def no_leaks() -> AsyncIterator[None]:
    async with leak_watch():
        yield

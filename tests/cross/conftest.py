"""One world for a module's cells. Nothing of it is left behind."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.cross.world import World
from tests.leak_watch import leak_watch


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with leak_watch(), AsyncExitStack() as stack:
        yield World(tmp_path_factory.mktemp, stack)

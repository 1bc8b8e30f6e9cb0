"""What holds for every test: no test is timed, so no example of a property is either."""

import gc

from hypothesis import settings

settings.register_profile("dragoman", deadline=None)
settings.load_profile("dragoman")


def pytest_collection_finish() -> None:
    """Thousands of collected tests need not be looked at again by every garbage collection."""
    gc.collect()
    gc.freeze()

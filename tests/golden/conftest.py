"""Golden folders: ``pytest tests/golden --update-golden`` writes what is expected anew.

Look at the diff before committing it: it is the review of a change in behaviour.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the expected files of golden folders"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden", default=False))

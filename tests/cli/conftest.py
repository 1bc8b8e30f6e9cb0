"""A folder and an environment of its own for every test."""

from pathlib import Path

import pytest

VARIABLES = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "DRAGOMAN_ADMIN_KEY",
    "DRAGOMAN_CONFIG",
    "DRAGOMAN_DATA",
    "DRAGOMAN_DATABASE",
    "DRAGOMAN_HOST",
    "DRAGOMAN_PORT",
    "DRAGOMAN_REDIS",
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    return tmp_path

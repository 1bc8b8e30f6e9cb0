"""A folder of its own for every test, so that no dragoman.yaml of the working directory gets in."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from dragoman.config import Config, ConfigError, load

Read = Callable[..., Config]
Mistakes = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def read(folder: Path) -> Read:
    """YAML text → the configuration."""

    def read(text: str, environ: Mapping[str, str] | None = None) -> Config:
        (folder / "dragoman.yaml").write_text(dedent(text), encoding="utf-8")
        return load(None, environ or {})

    return read


@pytest.fixture
def mistakes(read: Read) -> Mistakes:
    """YAML text → its mistakes, without the name of the file in front."""

    def mistakes(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text, environ)
        return [str(mistake).removeprefix("dragoman.yaml:") for mistake in caught.value.mistakes]

    return mistakes

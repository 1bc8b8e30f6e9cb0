"""Every input that fuzzing found worth keeping passes its target; so does every golden file."""

import pytest

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

KEPT = [
    pytest.param(target, path.read_bytes(), id=f"{target}-{path.name}")
    for target in TARGETS
    for path in corpus.kept(target)
]


@pytest.mark.parametrize(("target", "data"), KEPT)
def test_replay(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_golden_files(target: str) -> None:
    for data in corpus.seeds(target):
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_there_is_a_corpus(target: str) -> None:
    assert len(corpus.kept(target)) > 5

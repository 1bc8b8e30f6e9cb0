"""coverage.toml names every fault of both tables, and what it names exists."""

import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TABLE = tomllib.loads((HERE / "coverage.toml").read_text(encoding="utf-8"))
ROWS = {
    "upstream": {f"U{number}" for number in range(1, 21)},
    "pool": {f"R{number}" for number in range(1, 19)},
}


def exists(proof: str) -> bool:
    """Whether a proof is a file of tests, or a test in one."""
    path, _, name = proof.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    return not name or re.search(rf"^(?:async )?def {name}\(", text, re.MULTILINE) is not None


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_named_once(name: str) -> None:
    proved, elsewhere = set(TABLE[name]), set(TABLE[f"{name}-elsewhere"])
    assert proved | elsewhere == ROWS[name]
    assert not proved & elsewhere


@pytest.mark.parametrize("name", ROWS)
def test_every_proof_exists(name: str) -> None:
    for row, proofs in TABLE[name].items():
        assert proofs, row
        for proof in proofs:
            assert exists(proof), f"{row}: {proof}"


@pytest.mark.parametrize("name", ROWS)
def test_every_reason_is_given(name: str) -> None:
    for row, reason in TABLE[f"{name}-elsewhere"].items():
        assert len(reason) > 20, row

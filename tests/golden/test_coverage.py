"""coverage.toml names every vector and every defect of other gateways, and what it names exists."""

import re
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TABLE = tomllib.loads((HERE / "coverage.toml").read_text(encoding="utf-8"))

VECTORS = {str(number) for number in range(1, 150)}
DEFECTS = {
    f"{kind}{number}"
    for kind, last in (("T", 24), ("S", 12), ("I", 3), ("C", 24), ("N", 8))
    for number in range(1, last + 1)
}


def exists(proof: str) -> bool:
    """Whether a proof is a golden folder, a file of tests, or a test in one."""
    if not proof.startswith("tests/"):
        case = HERE / (proof if "/" in proof else f"chat-anthropic/{proof}")
        return (case / "request.json").exists() or (case / "request.txt").exists()
    path, _, name = proof.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    return not name or re.search(rf"^(?:async )?def {name}\(", text, re.MULTILINE) is not None


def test_every_vector_is_proved() -> None:
    assert set(TABLE["vectors"]) == VECTORS


def test_every_defect_is_named_once() -> None:
    proved, elsewhere = set(TABLE["defects"]), set(TABLE["defects-elsewhere"])
    assert proved | elsewhere == DEFECTS
    assert not proved & elsewhere


def test_every_proof_exists() -> None:
    for table in ("vectors", "defects"):
        for number, proofs in TABLE[table].items():
            assert proofs, number
            for proof in proofs:
                assert exists(proof), f"{number}: {proof}"


def test_every_reason_is_given() -> None:
    for number, reason in TABLE["defects-elsewhere"].items():
        assert len(reason.split()) > 3, number
        assert re.search(r"\bissue \d", reason) is None, number


def test_every_folder_of_a_vector_or_defect_is_in_the_table() -> None:
    named = {
        proof for table in ("vectors", "defects") for p in TABLE[table].values() for proof in p
    }
    folders = {path.name for path in (HERE / "chat-anthropic").iterdir()}
    assert {name for name in folders if re.match(r"v\d{3}-|peer-", name)} <= named

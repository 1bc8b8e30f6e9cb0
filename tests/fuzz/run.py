"""``make fuzz``: one target for some seconds, led by coverage (atheris, that is libFuzzer).

An input that breaks a law is written to the target's corpus as ``defect-…`` and its traceback is
shown; ``make test`` fails from then on until it is mended. What takes a new way through the code
joins the corpus at the end.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dragoman.codec", "dragoman.dialects"]):
    import dragoman.dialects.chat
with atheris.instrument_imports(include=["dragoman.carriers"]):
    import dragoman.carriers.anthropic  # noqa: F401

from tests.fuzz import corpus
from tests.fuzz.mutate import Mutator
from tests.fuzz.targets import TARGETS

FLAGS = ["-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1"]


def engine(target: str, seconds: int, folder: Path, inputs: list[bytes]) -> None:
    """Fuzz; does not return."""
    mutator, check = Mutator(inputs), TARGETS[target]

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        dice = random.Random(seed)
        made = mutator(data, dice) if dice.random() < 0.6 else None
        if made is None or len(made) > most:
            return atheris.Mutate(data, len(data) + 16 if len(data) + 16 < most else most)
        return made

    artifacts = corpus.CORPUS / target / "defect-"
    arguments = [
        sys.argv[0],
        str(folder),
        f"-max_total_time={seconds}",
        f"-max_len={corpus.MOST_BYTES}",
        f"-artifact_prefix={artifacts}",
        *FLAGS,
    ]
    atheris.Setup(arguments, check, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--target", choices=list(TARGETS), required=True)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.folder is not None:
        inputs = [path.read_bytes() for path in sorted(asked.folder.iterdir())]
        engine(asked.target, asked.seconds, asked.folder, inputs)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        known = [path.read_bytes() for path in corpus.kept(asked.target)]
        for at, data in enumerate(corpus.seeds(asked.target) + known):
            (folder / f"seed-{at:04}").write_bytes(data)
        # libFuzzer ends its process, so it has one of its own.
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.run", *sys.argv[1:], "--folder", made], check=False
        )
        if ended.returncode == 0:
            found = [path.read_bytes() for path in folder.iterdir()]
            added = corpus.extend(asked.target, TARGETS[asked.target], found)
            print(f"{asked.target}: {added} inputs joined the corpus")
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())

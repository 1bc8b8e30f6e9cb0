"""Every sample of the simulator's pages runs against the program and prints what they show."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dragoman.simulator.faults import KNOWN
from tests.docs_samples import ROOT, RUN, Sample, samples

from .program import program

PAGES = ("docs/simulator.md", "docs/zh/simulator.md")
FOUND = [sample for page in PAGES for sample in samples(page)]
DOCUMENTED = "http://127.0.0.1:8082"
STARTS = [one for one in FOUND if one.text.startswith("dragoman simulator")]
RUNS = [one for one in FOUND if one.language in RUN and one not in STARTS]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with program("--pace", "0") as base:
        yield base


def test_there_are_samples() -> None:
    assert len(STARTS) == len(PAGES)
    assert len(RUNS) >= 12
    assert shutil.which("curl"), "the pages show curl"


@pytest.mark.parametrize("sample", STARTS, ids=lambda one: one.label)
def test_the_start(sample: Sample) -> None:
    with program(*sample.text.split()[2:]) as base:
        assert base.startswith("http://127.0.0.1:")


def normal(text: str) -> object:
    """What two runs have in common: ids are made anew each time."""
    text = re.sub(r"\b(msg_|req_)\w+", r"\1…", text)
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.mark.parametrize("sample", RUNS, ids=lambda one: one.label)
def test_samples(sample: Sample, address: str) -> None:
    text = sample.text.replace(DOCUMENTED, address)
    shell = ["bash", "-euo", "pipefail", "-c", text]
    command = [sys.executable, "-c", text] if sample.language == "python" else shell
    environ = {**os.environ, "NO_PROXY": "*", "no_proxy": "*", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=25, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sample.output is not None
    assert normal(done.stdout) == normal(sample.output)


@pytest.mark.parametrize("page", PAGES)
def test_every_directive_is_in_the_table(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    table = "\n".join(line for line in text.splitlines() if line.startswith("| `"))
    for name in KNOWN:
        assert re.search(rf"`{name}[=`]", table), name


def test_directives_for_the_whole_program() -> None:
    with program("--simulate", "529") as base:
        done = subprocess.run(
            ["curl", "-s", "--noproxy", "*", f"{base}/v1/models"],
            capture_output=True,
            text=True,
            timeout=25,
            check=False,
        )
    assert json.loads(done.stdout)["error"]["type"] == "overloaded_error"

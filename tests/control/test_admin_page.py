"""Every sample of docs/admin.md runs, in order, and prints what the page says it prints."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs_samples import RUN, Sample, samples
from tests.gateway_process import GatewayProcess, gateway

PAGES = ["docs/admin.md", "docs/zh/admin.md"]
KEYS = f"keys: [{{name: docs, key: sk-{'0' * 48}}}]\n"
ADMIN_KEY = "the admin key"
DOCUMENTED = "http://127.0.0.1:8081"


def said(sample: Sample, process: GatewayProcess, folder: Path) -> str:
    """What a sample prints in a folder that looks like a checkout."""
    environ = {
        **os.environ,
        "DRAGOMAN_ADMIN_KEY": ADMIN_KEY,
        "DRAGOMAN_ADMIN_PORT": process.admin.rpartition(":")[2],
        "NO_PROXY": "*",
        "no_proxy": "*",
        "COLUMNS": "220",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", sample.text.replace(DOCUMENTED, process.admin)],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=25, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def normal(text: str) -> object:
    """What two runs have in common: durations differ, and so does where a table is broken."""
    text = re.sub(r'("duration_ms": ?)[\d.]+', r"\g<1>0", text)
    try:
        return json.loads(text)
    except ValueError:
        return re.sub(r"[\s\u2500-\u257f]+", "", text)


def test_samples(tmp_path: Path) -> None:
    found = [sample for sample in samples(PAGES[0]) if sample.language in RUN]
    assert len(found) == 9
    config = next(sample.text for sample in samples(PAGES[0]) if sample.language == "yaml")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / ".venv").symlink_to(sys.prefix)
    with gateway(tmp_path, config + KEYS, {"DRAGOMAN_ADMIN_KEY": ADMIN_KEY}) as process:
        for sample in found:
            assert sample.output is not None, sample.label
            assert normal(said(sample, process, tmp_path / "here")) == normal(sample.output)


def test_both_languages_have_the_same_samples() -> None:
    english, chinese = (
        [(one.language, normal(one.text), normal(one.output or "")) for one in samples(page)]
        for page in PAGES
    )
    assert english == chinese

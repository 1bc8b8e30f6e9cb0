"""Every sample in the user documentation runs, and prints what the page says it prints."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs_samples import ROOT, Sample, samples
from tests.gateway_process import GatewayProcess, gateway

KEY = "sk-" + "0" * 48
PAGES = ("README.md", "README.zh-CN.md", "docs/guide.md", "docs/zh/guide.md")
FOUND = samples(*PAGES)
VOLATILE = re.compile(r"chatcmpl-\w+|toolu_\w+|req_\w+|\"created\": ?\d+")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    config = f"keys: [{{name: docs, key: {KEY}}}]\n"
    with gateway(tmp_path_factory.mktemp("docs"), config) as process:
        yield process


def kind(*languages: str) -> list[Sample]:
    return [sample for sample in FOUND if sample.language in languages]


def run(sample: Sample, running: GatewayProcess, folder: Path) -> str:
    text = sample.text.replace("http://127.0.0.1:8080", running.base)
    if sample.language == "python":
        (folder / "sample.py").write_text(text)
        command = [sys.executable, "sample.py"]
    else:
        command = ["bash", "-euo", "pipefail", "-c", text]
    environ = {**os.environ, "DRAGOMAN_KEY": KEY, "NO_PROXY": "*", "no_proxy": "*"}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=25, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def normal(text: str) -> object:
    """What two runs have in common: ids and times are made anew each time."""
    text = VOLATILE.sub("*", text)
    try:
        return json.loads(text.replace("*,", '"*",'))
    except ValueError:
        return text.strip()


@pytest.mark.parametrize("sample", kind("python", "sh"), ids=lambda one: one.label)
def test_commands_and_programs(sample: Sample, running: GatewayProcess, tmp_path: Path) -> None:
    if "make " in sample.text:
        pytest.skip("make targets are what runs this suite")
    said = run(sample, running, tmp_path)
    assert said.strip()
    if sample.output is not None:
        assert normal(said) == normal(sample.output)


@pytest.mark.parametrize("sample", kind("yaml"), ids=lambda one: one.label)
def test_configurations(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "dragoman.yaml").write_text(sample.text)
    environ = {
        **os.environ,
        "ANTHROPIC_API_KEY_A": "sk-ant-a",
        "ANTHROPIC_API_KEY_B": "sk-ant-b",
        "CI_KEY": KEY,
    }
    done = subprocess.run(
        [sys.executable, "-m", "dragoman", "check"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_both_languages_have_the_same_samples() -> None:
    for english, chinese in (
        ("README.md", "README.zh-CN.md"),
        ("docs/guide.md", "docs/zh/guide.md"),
    ):
        ours = [sample.language for sample in samples(english)]
        theirs = [sample.language for sample in samples(chinese)]
        assert ours == theirs


def test_links_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    assert len(pages) > 5
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"

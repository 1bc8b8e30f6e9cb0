"""Every sample in the user documentation runs, and prints what the page says it prints.

The YAML of docs/configuration.md is run by tests/config/test_reference.py, the samples of
docs/simulator.md by tests/simulator/test_docs.py.
"""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from dragoman.errors import Outcome
from dragoman.observe.log import RequestLine
from tests.docs_samples import ROOT, RUN, SHOWN, Sample, samples
from tests.gateway_process import GatewayProcess, gateway

KEY = "sk-" + "0" * 48
KEYS = f"keys: [{{name: docs, key: {KEY}}}]\n"
PAGES = {
    "README.md": "README.zh-CN.md",
    "docs/guide.md": "docs/zh/guide.md",
    "docs/caching.md": "docs/zh/caching.md",
    "docs/responses.md": "docs/zh/responses.md",
    "docs/messages.md": "docs/zh/messages.md",
}
FOUND = [sample for pair in PAGES.items() for page in pair for sample in samples(page)]
DOCUMENTED = "http://127.0.0.1:8080"
DOCUMENTED_ADMIN = "http://127.0.0.1:8081"
MARKDOWN = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
SECRETS = {"ANTHROPIC_API_KEY_A": "sk-ant-a", "ANTHROPIC_API_KEY_B": "sk-ant-b", "CI_KEY": KEY}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("docs"), KEYS) as process:
        yield process


@contextmanager
def started(sample: Sample, running: GatewayProcess, folder: Path) -> Iterator[str]:
    """The gateway a sample talks to: one with the page's own accounts where those are simulated."""
    if sample.config is None or "provider: simulator" not in sample.config:
        yield running.base
        return
    (folder / "own").mkdir()
    with gateway(folder / "own", sample.config + KEYS) as process:
        yield process.base


def kind(*languages: str, make: bool = False) -> list[Sample]:
    found = [one for one in FOUND if one.language in languages and bool(one.make) == make]
    assert found
    return found


def run(command: list[str], folder: Path, config: str | None) -> str:
    """What a command prints in a folder that looks like a checkout."""
    if config is not None:
        (folder / "dragoman.yaml").write_text(config)
    (folder / ".venv").symlink_to(sys.prefix)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")},
        **SECRETS,
        "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        "DRAGOMAN_KEY": KEY,
        "NO_PROXY": "*",
        "no_proxy": "*",
    }
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=25, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def normal(text: str) -> object:
    """What two runs have in common, whatever the page does to long lines.

    Ids, times and keys are made anew each time.
    """
    text = re.sub(r"\b(chatcmpl-|toolu_|req_)\w+", r"\1…", text)
    text = re.sub(r"\bsk-[\w…-]+", "sk-…", text)
    text = re.sub(r'("created": ?)\d+', r"\g<1>0", text)
    try:
        return json.loads(text)
    except ValueError:
        return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("sample", kind(*RUN), ids=lambda one: one.label)
def test_commands_and_programs(sample: Sample, running: GatewayProcess, tmp_path: Path) -> None:
    with started(sample, running, tmp_path) as base:
        text = sample.text.replace(DOCUMENTED, base)
        shell = ["bash", "-euo", "pipefail", "-c", text]
        command = [sys.executable, "-c", text] if sample.language == "python" else shell
        said = run(command, tmp_path, sample.config).replace(base, DOCUMENTED)
    assert said.strip()
    if sample.output is not None:
        assert normal(said) == normal(sample.output)


@pytest.mark.parametrize("sample", kind("yaml"), ids=lambda one: one.label)
def test_configurations(sample: Sample, tmp_path: Path) -> None:
    said = run([sys.executable, "-m", "dragoman", "check"], tmp_path, sample.text)
    assert said.startswith("ok: dragoman.yaml: ")
    assert "not used yet" not in said


@pytest.mark.parametrize("sample", kind("sh", make=True), ids=lambda one: one.label)
def test_make_commands(sample: Sample, tmp_path: Path) -> None:
    """They set up the environment this suite runs in, so the targets are checked, not run."""
    assert set(sample.make) <= TARGETS
    assert len(sample.make) == len(sample.text.splitlines())
    if sample.output is not None:
        with gateway(tmp_path) as process:
            said = process.printed.replace(process.base, DOCUMENTED)
            said = said.replace(process.admin, DOCUMENTED_ADMIN)
        assert normal(said) == normal(sample.output)


def test_every_block_is_something_to_run_or_its_output() -> None:
    outputs = [sample for sample in FOUND if sample.language in SHOWN]
    assert len(outputs) == len([sample for sample in FOUND if sample.output is not None])
    assert {sample.language for sample in FOUND} <= {"yaml", "toml", *RUN, *SHOWN}


def test_both_languages_have_the_same_samples() -> None:
    for english, chinese in PAGES.items():
        ours = [sample.language for sample in samples(english)]
        assert ours == [sample.language for sample in samples(chinese)]


def test_every_make_command_named_anywhere_exists() -> None:
    for page in MARKDOWN:
        named = re.findall(r"(?:^ {4}|`)make (\w+)", page.read_text(), re.MULTILINE)
        assert set(named) <= TARGETS, page


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_what_works_and_what_does_not_yet(page: str, running: GatewayProcess) -> None:
    """Every path the page names answers, but for those of the line of missing routes."""
    paths = 0
    for line in (ROOT / page).read_text().splitlines():
        for path in re.findall(r"`(?:\w+ )?(/\w[\w/]+)`", line):
            connection = http.client.HTTPConnection(running.base.removeprefix("http://"))
            connection.request("GET", path)
            missing = connection.getresponse().status == 404
            connection.close()
            assert missing == (path == "/v1/usage"), path
            paths += 1
    assert paths == 9


@pytest.mark.parametrize("page", ["docs/configuration.md", "docs/zh/configuration.md"])
def test_the_mistake_that_the_reference_shows(page: str, tmp_path: Path) -> None:
    """Its YAML with one more line in the second account."""
    sample, mistake = samples(page)
    lines = sample.text.splitlines()
    lines.insert(10, "    base_ulr: https://example.com")
    (tmp_path / "dragoman.yaml").write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-m", "dragoman", "check"],
        cwd=tmp_path,
        env={**os.environ, **SECRETS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, mistake.text)


@pytest.mark.parametrize("page", ["docs/guide.md", "docs/zh/guide.md"])
def test_the_guide_names_what_a_log_line_holds(page: str) -> None:
    section = (ROOT / page).read_text().split("| `event`", 1)[1]
    named = set(re.findall(r"`(\w+)`", section.split("\n\n", 1)[0]))
    fields = {field.name for field in msgspec.structs.fields(RequestLine)}
    assert named == {*fields, *Outcome}


def test_links_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in MARKDOWN
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []

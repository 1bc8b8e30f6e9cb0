"""Every sample of docs/clients.md and its Chinese sister runs, and prints what the page says."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.programs import (
    CLIENTS,
    HERE,
    NODE,
    PYTHON,
    environment,
    need_go,
    node_folder,
    run,
)
from tests.docs_samples import Sample, samples
from tests.gateway.harness import KEY
from tests.gateway_process import gateway

pytestmark = pytest.mark.timeout(240)

DOCUMENTED = "http://127.0.0.1:8080"
PAGES = ("docs/clients.md", "docs/zh/clients.md")
RUN = ("python", "js", "go", "sh")
FOUND = [sample for page in PAGES for sample in samples(page)]
# (a sample to run, the block after it)
PROGRAMS = [
    (sample, after)
    for sample, after in zip(FOUND, [*FOUND[1:], FOUND[0]], strict=True)
    if sample.language in RUN
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway as its reader has it: a process of its own, with the simulator behind it."""
    keys = f"keys: [{{name: page, key: {KEY}}}]\n"
    with gateway(tmp_path_factory.mktemp("page"), keys) as process:
        yield process.base


async def command(sample: Sample, text: str, folder: Path) -> list[str]:
    """How a sample is run by its reader."""
    if sample.language == "python":
        return [str(PYTHON), "-c", text]
    if sample.language == "sh":
        return ["bash", "-euo", "pipefail", "-c", text]
    if sample.language == "js":
        place = node_folder(folder) / "sample.mjs"
        place.write_text(text)
        return [str(NODE), str(place)]
    need_go()
    place = folder / "go"
    place.mkdir()
    (place / "main.go").write_text(text)
    for name in ("go.mod", "go.sum"):
        shutil.copy(HERE / "go" / name, place / name)
    await run(["go", "build", "-o", "sample", "."], place, os.environ)
    return [str(place / "sample")]


def codex_config(page: str, base: str) -> str:
    [config] = [one.text for one in samples(page) if one.language == "toml"]
    return config.replace(DOCUMENTED, base)


@pytest.mark.parametrize(("sample", "after"), PROGRAMS, ids=lambda one: one.label)
async def test_samples(sample: Sample, after: Sample, base: str, tmp_path: Path) -> None:
    # The samples name the address themselves.
    environ = {
        name: value
        for name, value in environment(base, tmp_path).items()
        if not name.startswith(("OPENAI_", "ANTHROPIC_"))
    }
    environ["PATH"] = f"{CLIENTS / 'node_modules' / '.bin'}:{environ['PATH']}"
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").write_text(codex_config(sample.page, base))
    text = sample.text.replace(DOCUMENTED, base)
    said = await run(await command(sample, text, tmp_path), tmp_path, environ)
    if after.language == "text":
        assert said.split() == after.text.split()
    else:
        assert "simulator" in said

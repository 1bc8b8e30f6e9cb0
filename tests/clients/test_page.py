"""Every sample of docs/clients.md and its Chinese sister runs, and prints what the page says."""

import os
import shutil
from pathlib import Path

import pytest

from tests.clients.programs import CLIENTS, GO, HERE, NODE, PYTHON, environment, node_folder, run
from tests.docs_samples import Sample, samples
from tests.gateway.harness import running

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
    if not GO.exists():
        pytest.skip("the Go clients need go")
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
async def test_samples(sample: Sample, after: Sample, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        text = sample.text.replace(DOCUMENTED, gateway.base)
        environ = environment(gateway.base, tmp_path)
        # The samples name the address themselves, all but the key of the gateway.
        environ = {
            name: value
            for name, value in environ.items()
            if not name.startswith(("OPENAI_", "ANTHROPIC_"))
        }
        environ["PATH"] = f"{CLIENTS / 'node_modules' / '.bin'}:{environ['PATH']}"
        (tmp_path / ".codex").mkdir()
        config = codex_config(sample.page, gateway.base)
        (tmp_path / ".codex" / "config.toml").write_text(config)
        said = await run(await command(sample, text, tmp_path), tmp_path, environ)
    if after.language == "text":
        assert said.split() == after.text.split()
    else:
        assert "simulator" in said

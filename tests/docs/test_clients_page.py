"""docs/clients.md names the versions that are tested; its samples are run by make test-clients."""

import json
import re
from pathlib import Path

import pytest

from tests.docs_samples import ROOT, samples

CLIENTS = ROOT / "tests" / "clients"
LOCKS = (
    CLIENTS / "package-lock.json",
    CLIENTS / "python" / "requirements.lock",
    ROOT / "requirements.lock",
    ROOT / "requirements-dev.lock",
)
PAGES = ("docs/clients.md", "docs/zh/clients.md")
ROW = re.compile(r"^\| `([^`]+)`([^|]*) \| ([\d.]+) \|", re.MULTILINE)


def pinned() -> dict[str, set[str]]:
    """A package → the versions that are installed, one an ecosystem."""
    found = {
        name: {version}
        for name, version in json.loads((CLIENTS / "package.json").read_text())[
            "dependencies"
        ].items()
    }
    lock = (CLIENTS / "python" / "requirements.lock").read_text()
    for name, version in re.findall(r"^([\w-]+)==([^\s]+)", lock, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    modules = (CLIENTS / "go" / "go.mod").read_text()
    for name, version in re.findall(r"^\t[^ ]+/(\S+-go)(?:/v3)? v(\S+)$", modules, re.MULTILINE):
        found[name] = {version}
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_versions_are_those_installed(page: str) -> None:
    rows = ROW.findall((ROOT / page).read_text())
    assert len(rows) == 16
    versions = pinned()
    assert [row for row in rows if row[2] not in versions.get(row[0], set())] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_direct_dependency_is_named(page: str) -> None:
    rows = {name for name, _, _ in ROW.findall((ROOT / page).read_text())}
    direct = set(json.loads((CLIENTS / "package.json").read_text())["dependencies"])
    direct |= set((CLIENTS / "python" / "requirements.in").read_text().split())
    # What the samples of LangChain and of schemas bring along.
    assert direct - {"zod", "@langchain/core"} <= rows


def test_both_languages_have_the_same_samples() -> None:
    english, chinese = ([(one.language, one.text) for one in samples(page)] for page in PAGES)
    assert english == chinese


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_holds_an_address(lock: Path) -> None:
    text = lock.read_text()
    assert text
    assert "://" not in text
    assert '"resolved"' not in text

"""The configurations of docs/providers.md are taken, and make accounts where the page says."""

import re
from pathlib import Path

import pytest

from dragoman import build
from dragoman.catalogue.catalogue import Catalogue
from dragoman.clock import SYSTEM
from dragoman.config import Config, load
from tests.auth.test_tokens import service_account
from tests.docs_samples import ROOT, samples

PAGES = ("docs/providers.md", "docs/zh/providers.md")
FILE = "/etc/dragoman/service-account.json"
FOUND = {page: [one for one in samples(page) if one.language == "yaml"] for page in PAGES}


def loaded(text: str, folder: Path) -> Config:
    """A sample as a reader would save it, with the variables it names."""
    key = folder / "service-account.json"
    key.write_text(service_account())
    path = folder / "dragoman.yaml"
    path.write_text(text.replace(FILE, str(key)))
    return load(str(path), {name: "x-secret" for name in re.findall(r"\$\{(\w+)\}", text)})


@pytest.mark.parametrize("page", PAGES)
async def test_every_sample_makes_accounts(page: str, tmp_path: Path) -> None:
    assert len(FOUND[page]) >= 4
    for sample in FOUND[page]:
        config = loaded(sample.text, tmp_path)
        made = build.accounts(config, Catalogue(), SYSTEM)
        assert [account.name for account, _ in made] == [one.name for one in config.accounts]
        for account, _ in made:
            assert b"x-secret" in account.headers or account.sign is not None
            await account.client.close()


def test_both_languages_show_the_same() -> None:
    english, chinese = ([one.text for one in FOUND[page]] for page in PAGES)
    assert english == chinese


def test_addresses_are_those_of_the_page(tmp_path: Path) -> None:
    urls = {
        one.name: one.base_url
        for sample in FOUND["docs/providers.md"]
        for one in loaded(sample.text, tmp_path).accounts
    }
    assert urls["bedrock-frankfurt"] == "https://bedrock-runtime.eu-central-1.amazonaws.com"
    assert urls["bedrock-messages"] == "https://bedrock-mantle.us-west-2.api.aws/anthropic"
    assert urls["vertex-global"] == "https://aiplatform.googleapis.com"
    assert urls["vertex-on-google"] == "https://europe-west1-aiplatform.googleapis.com"
    assert urls["foundry-key"] == "https://my-resource.services.ai.azure.com/anthropic"


def test_every_provider_has_its_row() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for provider in ("anthropic", "bedrock", "vertex", "foundry", "simulator"):
            assert f"| `{provider}` |" in text

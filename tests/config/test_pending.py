"""What is accepted but not used yet is said, and nothing else."""

import sys

import pytest

from dragoman.config import load, pending, served
from dragoman.config.pending import NOT_YET, is_pending
from tests.config.conftest import Read

KEY = "sk-" + "0" * 48


def test_defaults_say_nothing() -> None:
    assert pending(load(None, {})) == []


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("server: {workers: 1, port: 9}", []),
        ("storage: {redis: ''}", []),
        ("images: {fetch: false, max_bytes: 5000, allow_private_hosts: [10.0.0.0/8]}", []),
        (f"keys: [{{name: a, key: {KEY}, budget_usd: 0, budget_period: total}}]", []),
        (
            "storage: {redis: 'redis://h/0'}",
            ["storage.redis is accepted but not used yet: limits are per process"],
        ),
        (
            "server: {workers: 2}\nstorage: {redis: 'redis://h/0'}",
            [
                "server.workers is accepted but not used yet: one process serves",
                "storage.redis is accepted but not used yet: limits are per process",
            ],
        ),
        (
            "storage: {database: 'sqlite:///f', journal: x, redis: 'redis://h/0'}",
            [
                "storage.database is accepted but not used yet:"
                " keys come from this file and usage is not recorded",
                "storage.redis is accepted but not used yet: limits are per process",
                "storage.journal is accepted but not used yet: usage is not recorded",
            ],
        ),
        (
            f"keys: [{{name: a, key: {KEY}}}, {{name: b, key: {KEY[:-1]}1, budget_usd: 1}}]",
            ["keys[1].budget_usd is accepted but not used yet: spending is not counted"],
        ),
    ],
)
def test_what_is_not_used_yet_is_named(read: Read, text: str, sentences: list[str]) -> None:
    assert pending(read(text)) == sentences


def test_accounts_of_later_providers_are_left_out(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys.modules["dragoman.config.pending"], "PROVIDERS_NOT_YET", frozenset({"openai"})
    )
    config = read(
        """
        accounts:
          - {name: a, provider: openai, api_key: k}
          - {name: b, provider: anthropic, api_key: k}
          - {name: c, provider: openai, api_key: k}
          - {name: d, provider: simulator}
        """
    )
    assert pending(config) == [
        "accounts[0] (a) is left out of the pool: provider openai is accepted but not used yet",
        "accounts[2] (c) is left out of the pool: provider openai is accepted but not used yet",
    ]
    assert served(config) == (1, 3)


def test_the_environment_is_named_too() -> None:
    assert pending(load(None, {"DRAGOMAN_REDIS": "redis://h/0"})) == [
        "storage.redis is accepted but not used yet: limits are per process"
    ]


def test_the_table_names_fields_that_exist() -> None:
    paths = {row.path for row in NOT_YET}
    assert len(paths) == len(NOT_YET)
    assert not is_pending("admin.key")
    assert is_pending("keys[].budget_usd")
    assert not is_pending("server.port")

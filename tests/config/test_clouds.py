"""Accounts on other clouds: what goes together, what is missing, what is somebody else's."""

from typing import Any

import pytest
from msgspec import structs

from dragoman import build
from dragoman.config import AccountConfig, Config, clouds
from dragoman.config.accounts import Wrong, decode, settled

AWS = {"aws_access_key_id": "AKID", "aws_secret_access_key": "s"}
BEDROCK = {"provider": "bedrock", "region": "eu-west-1"}
VERTEX = {"provider": "vertex", "region": "global", "project": "p"}
FOUNDRY = {"provider": "foundry", "resource": "r"}
ENTRA = {"azure_tenant_id": "t", "azure_client_id": "c", "azure_client_secret": "s"}
USER = '{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}'


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"provider": "bedrock", **AWS}, "region", "is missing"),
        ({**BEDROCK, "region": "eu west"}, "region", "may hold letters"),
        ({**BEDROCK, "aws_access_key_id": "A"}, "aws_secret_access_key", "go together"),
        ({**BEDROCK, "aws_secret_access_key": "A"}, "aws_access_key_id", "go together"),
        ({**BEDROCK, "aws_session_token": "t"}, "aws_session_token", "goes with"),
        ({**BEDROCK, **AWS, "api_key": "k"}, "api_key", "one credential is enough"),
        ({**BEDROCK, **AWS, "aws_profile": "p"}, "api_key", "one credential is enough"),
        ({**BEDROCK, "bedrock_api": "converse"}, "bedrock_api", "must be one of invoke"),
        (
            {**BEDROCK, "bedrock_api": "messages", "inference_profile": "eu"},
            "inference_profile",
            "is for bedrock_api invoke",
        ),
        ({**BEDROCK, "project": "p"}, "project", "is for provider vertex, not for bedrock"),
        ({"provider": "vertex", "region": "global"}, "project", "is missing"),
        ({"provider": "vertex", "project": "p"}, "region", "is missing"),
        ({**VERTEX, "project": "a/b"}, "project", "may hold letters"),
        ({**VERTEX, "google_credentials": "{}"}, "google_credentials", "is not the file of"),
        (
            {**VERTEX, "google_credentials": USER, "api_key": "k"},
            "google_credentials",
            "one credential is enough",
        ),
        (
            {**VERTEX, "google_credentials_file": "/no/such/file"},
            "google_credentials_file",
            "no such file",
        ),
        ({**VERTEX, "token_url": "ftp://x"}, "token_url", "is not a URL"),
        ({"provider": "foundry", "api_key": "k"}, "resource", "is missing"),
        ({**FOUNDRY}, "api_key", "is empty"),
        ({**FOUNDRY, "azure_client_id": "c"}, "azure_tenant_id", "go together"),
        ({**FOUNDRY, **ENTRA, "api_key": "k"}, "api_key", "one credential is enough"),
        (
            {"provider": "anthropic", "api_key": "k", "region": "eu-west-1"},
            "region",
            "is for provider bedrock and vertex, not for anthropic",
        ),
        (
            {"provider": "anthropic", "api_key": "k", "bedrock_api": "messages"},
            "bedrock_api",
            "is for provider bedrock",
        ),
    ],
)
def test_mistakes(fields: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(Wrong) as caught:
        decode({"name": "a", **fields})
    found = {mistake.path: mistake.message for mistake in caught.value.mistakes}
    assert words in found[path]


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        (BEDROCK, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ({**BEDROCK, **AWS, "aws_session_token": "t"}, None),
        ({**BEDROCK, "aws_profile": "p"}, None),
        (
            {**BEDROCK, "region": "cn-north-1", "api_key": "k"},
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn",
        ),
        (
            {**BEDROCK, "bedrock_api": "messages"},
            "https://bedrock-mantle.eu-west-1.api.aws/anthropic",
        ),
        (VERTEX, "https://aiplatform.googleapis.com"),
        ({**VERTEX, "region": "eu"}, "https://aiplatform.eu.rep.googleapis.com"),
        ({**VERTEX, "region": "us"}, "https://aiplatform.us.rep.googleapis.com"),
        ({**VERTEX, "region": "us-east5"}, "https://us-east5-aiplatform.googleapis.com"),
        ({**VERTEX, "google_credentials": USER}, None),
        ({**VERTEX, "project": "example.com:my-project"}, None),
        ({**FOUNDRY, "api_key": "k"}, "https://r.services.ai.azure.com/anthropic"),
        ({**FOUNDRY, **ENTRA}, None),
        (
            {"provider": "foundry", "base_url": "https://f.example/anthropic/", "api_key": "k"},
            "https://f.example/anthropic",
        ),
    ],
)
def test_accounts_and_their_addresses(fields: dict[str, Any], url: str | None) -> None:
    account = settled(decode({"name": "a", **fields}))
    assert account.models == ("claude-*",)
    if url is not None:
        assert account.base_url == url
        assert settled(account) == account


def test_a_secret_is_not_in_what_is_said_of_it() -> None:
    with pytest.raises(Wrong) as caught:
        decode({"name": "a", **VERTEX, "google_credentials": '{"private_key": "hush-hush"}'})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("field", [*clouds.FIELDS, "bedrock_api"])
def test_another_credential_or_place_is_another_account(field: str) -> None:
    """A reload replaces the account, so that a new key is used at once."""
    before = AccountConfig(name="a", provider="vertex" if field.startswith("g") else "bedrock")
    kind = type(getattr(before, field))
    after = structs.replace(before, **{field: kind("changed")})
    marks = {build.credential(Config(), one, b"") for one in (before, after)}
    assert len(marks) == 2

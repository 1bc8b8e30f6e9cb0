"""Accounts on other clouds: which fields go with which provider, and the addresses they imply."""

from collections.abc import Iterator

from dragoman.auth import google
from dragoman.carriers import vertex
from dragoman.config.structs import AccountConfig

FIELDS: dict[str, tuple[str, ...]] = {
    "region": ("bedrock", "vertex"),
    "project": ("vertex",),
    "resource": ("foundry",),
    "inference_profile": ("bedrock",),
    "aws_access_key_id": ("bedrock",),
    "aws_secret_access_key": ("bedrock",),
    "aws_session_token": ("bedrock",),
    "aws_profile": ("bedrock",),
    "google_credentials": ("vertex",),
    "google_credentials_file": ("vertex",),
    "azure_tenant_id": ("foundry",),
    "azure_client_id": ("foundry",),
    "azure_client_secret": ("foundry",),
    "token_url": ("vertex", "foundry"),
}
"""Fields that mean something for these providers only."""
_AZURE = ("azure_tenant_id", "azure_client_id", "azure_client_secret")
CLOUDS = frozenset({"bedrock", "vertex", "foundry"})
KEYLESS = CLOUDS | {"simulator"}
"""Providers whose accounts need no ``api_key``, or have other credentials."""


def problems(account: AccountConfig) -> Iterator[tuple[str, str]]:
    """What is wrong with an account's fields for its provider: (field, message)."""
    provider = account.provider
    for field, owners in FIELDS.items():
        if getattr(account, field) and provider not in owners:
            yield field, f"is for provider {' and '.join(owners)}, not for {provider}"
    if account.openai_style != "auto" and provider != "openai":
        yield "openai_style", f"is for provider openai, not for {provider}"
    if account.bedrock_api != "invoke" and provider != "bedrock":
        yield "bedrock_api", f"is for provider bedrock, not for {provider}"
    if provider == "bedrock":
        yield from _bedrock(account)
    elif provider == "vertex":
        yield from _vertex(account)
    elif provider == "foundry":
        yield from _foundry(account)


def base_url(account: AccountConfig) -> str:
    """The provider's own address for an account; empty where it has none."""
    region = account.region
    if account.provider == "bedrock" and region:
        if account.bedrock_api == "messages":
            return f"https://bedrock-mantle.{region}.api.aws/anthropic"
        suffix = ".cn" if region.startswith("cn-") else ""
        return f"https://bedrock-runtime.{region}.amazonaws.com{suffix}"
    if account.provider == "vertex" and region:
        return vertex.origin(region)
    if account.provider == "foundry" and account.resource:
        return f"https://{account.resource}.services.ai.azure.com/anthropic"
    return ""


def _bedrock(account: AccountConfig) -> Iterator[tuple[str, str]]:
    yield from _name(account, "region")
    if not account.region:
        yield "region", "is missing; provider bedrock needs one"
    keys = bool(account.aws_access_key_id), bool(account.aws_secret_access_key)
    if keys in ((True, False), (False, True)):
        lacking = "aws_access_key_id" if keys[1] else "aws_secret_access_key"
        yield lacking, "is missing: aws_access_key_id and aws_secret_access_key go together"
    if account.aws_session_token and not keys[0]:
        yield "aws_session_token", "goes with aws_access_key_id and aws_secret_access_key"
    kinds = bool(account.api_key), any(keys), bool(account.aws_profile)
    if sum(kinds) > 1:
        yield "api_key", "one credential is enough: api_key, the aws_ keys or aws_profile"
    if account.inference_profile and account.bedrock_api == "messages":
        yield "inference_profile", "is for bedrock_api invoke"
    yield from _name(account, "inference_profile")


def _vertex(account: AccountConfig) -> Iterator[tuple[str, str]]:
    for field in ("region", "project"):
        yield from _name(account, field)
        if not getattr(account, field):
            yield field, "is missing; provider vertex needs one"
    kinds = account.api_key, account.google_credentials, account.google_credentials_file
    if sum(map(bool, kinds)) > 1:
        yield (
            "google_credentials",
            "one credential is enough: api_key, google_credentials or google_credentials_file",
        )
    if account.google_credentials:
        try:
            google.credentials(account.google_credentials.reveal())
        except ValueError as error:
            yield "google_credentials", str(error)


def _foundry(account: AccountConfig) -> Iterator[tuple[str, str]]:
    yield from _name(account, "resource")
    if not account.resource and not account.base_url:
        yield "resource", "is missing; provider foundry needs one, or a base_url"
    given = [field for field in _AZURE if getattr(account, field)]
    if given and len(given) < len(_AZURE):
        lacking = next(field for field in _AZURE if field not in given)
        yield lacking, f"is missing: {', '.join(_AZURE)} go together"
    if not given and not account.api_key:
        yield "api_key", f"is empty; provider foundry needs one, or {', '.join(_AZURE)}"
    if given and account.api_key:
        yield "api_key", "one credential is enough: api_key or the application of Entra ID"


def _name(account: AccountConfig, field: str) -> Iterator[tuple[str, str]]:
    """Parts of host names and paths hold no other characters."""
    value = getattr(account, field)
    if value and not all(one.isascii() and (one.isalnum() or one in "-.:") for one in value):
        yield field, "may hold letters, digits, - and . only"

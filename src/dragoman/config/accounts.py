"""One account from plain values, by the rules and in the words of ``dragoman.yaml``."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from msgspec import structs

from dragoman.config import clouds
from dragoman.config.check import check_account
from dragoman.config.decode import Decoding
from dragoman.config.document import Mistake, Node, Place
from dragoman.config.structs import AccountConfig

ANTHROPIC_URL = "https://api.anthropic.com"
OPENAI_URL = "https://api.openai.com/v1"
SERVES = {"simulator": ("*",), "openai": ("*",)}
"""What an account without ``models`` serves; other providers serve Claude."""
_CLAUDE = ("claude-*",)
_NOWHERE = Place("", 0)


class Wrong(Exception):
    """What was given is no account; ``mistakes`` lists why, by path within it."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes


def decode(fields: Mapping[str, Any]) -> AccountConfig:
    """Plain values, as JSON has them, → an account. A field that is null counts as left out.

    Raises :class:`Wrong` with everything that is wrong.
    """
    decoding = Decoding()
    account = decoding.struct(_node(fields), AccountConfig)
    for problem in [one for one in check_account(account) if not decoding.faulty(one.path)]:
        decoding.mistake(problem.path, problem.message)
    if decoding.mistakes:
        raise Wrong([one._replace(path=one.path.removeprefix(".")) for one in decoding.mistakes])
    return account


def settled(account: AccountConfig) -> AccountConfig:
    """An account with what its provider implies."""
    base_url = account.base_url.rstrip("/")
    if not base_url and account.provider == "anthropic":
        base_url = ANTHROPIC_URL
    if account.provider == "openai":
        base_url = _with_version(base_url or OPENAI_URL)
    base_url = base_url or clouds.base_url(account)
    models = account.models
    if not models and account.provider == "openai":
        models = tuple(account.model_ids)
    models = models or SERVES.get(account.provider, _CLAUDE)
    return structs.replace(account, base_url=base_url, models=models)


def _with_version(base_url: str) -> str:
    """The base of OpenAI-compatible servers has a path, and nearly always this one."""
    return base_url if urlsplit(base_url).path else f"{base_url}/v1"


def _node(value: Any) -> Node:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return Node({name: _node(child) for name, child in fields.items()}, _NOWHERE)
    if isinstance(value, list):
        return Node([_node(child) for child in cast("list[Any]", value)], _NOWHERE)
    return Node(value, _NOWHERE)

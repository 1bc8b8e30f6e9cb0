"""A Messages client's own bytes, as another cloud takes them.

Claude speaks the same protocol everywhere, so what a client of that protocol says goes to a cloud
as it came, but for a few members of the body: those that the cloud wants in another place (model,
version, betas) and those that it has not got. Which these are is a table, :class:`Cloud`; each
cloud adds its own place for model and version. Everything else keeps its bytes.

What a cloud lacks is left out and told where it changes how an answer is made
(:attr:`Cloud.lacks`), and sends the request to another account where it changes the answer
(:attr:`Cloud.cannot`). Sources: protocol.md §2b, §6a and §7, the clouds' pages on Claude, and
LiteLLM's table of betas, which is held against the clouds by live requests.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec import Raw, Struct

from dragoman.carriers import anthropic
from dragoman.carriers.passing_blocks import (
    refuse_sources,
    refuse_tools,
    with_mark,
    without_billing,
    without_output_config,
)
from dragoman.catalogue.model import Model
from dragoman.codec import jsonio, splice
from dragoman.errors import Failure
from dragoman.hub.betas import family
from dragoman.hub.wire import Wire

Prepare = Callable[[bytes, str, tuple[str, ...], str, Model], Wire]
"""As in ``registry.Verbatim``."""

TOOL_SEARCH = MappingProxyType({"advanced-tool-use": "tool-search-tool-2025-10-19"})
"""What Amazon and Google call the beta for searching tools."""
UNKNOWN_ELSEWHERE = frozenset(
    {
        "betas",
        "billing_policy",
        "diagnostics",
        "inference_geo",
        "service_tier",
        "speed",
        "user_profile_id",
        "workspace_id",
    }
)
"""Fields of Anthropic's own service: about its tiers, places, books and measurements."""
RUN_BY_ANTHROPIC = ("advisor_", "code_execution_", "mcp_toolset", "web_fetch_")
"""How the types of tools begin that run at Anthropic's alone."""
KEPT_BY_ANTHROPIC = frozenset(
    {"compaction", "container", "fallback_credit_token", "fallbacks", "mcp_servers", "thread"}
)
"""Fields that ask Anthropic to do or to keep something; without it the answer is another."""
_OURS = ("anthropic_version", "anthropic_beta")
_SAMPLING = ("temperature", "top_p", "top_k")
_NEW_VERSION = "2026-10-21"
"""The API version that takes no sampling parameters any more (protocol.md §0.1)."""
_PER_MESSAGE = frozenset({"per-turn-control", "mid-conversation-output-config"})
"""Families of betas that let a message have an ``output_config`` of its own; a cloud that takes
neither would refuse the field."""
_NULL = b"null"


class Cloud(Struct, frozen=True, gc=False):
    """What is different about Claude at one place."""

    betas: frozenset[str]
    """Families of betas that it takes; it refuses requests that name others."""
    lacks: frozenset[str]
    """Fields that it does not know and that do not change what is asked."""
    cannot: frozenset[str]
    """Fields that it does not know and that do."""
    renamed: Mapping[str, str] = MappingProxyType({})
    """Families → the beta that is the same there."""
    first_party: bool = True
    """Whether it takes model and version where Anthropic does, and knows what Anthropic's own
    clients put into a prompt for Anthropic."""
    fetches: bool = True
    """Whether images and documents may be named by their URL or by a file's id."""
    runs_not: tuple[str, ...] = ()
    """How the types of tools begin that Anthropic runs and this one does not."""


class Fitted:
    """A body on its way: its members, what becomes of some, what is told about it."""

    __slots__ = ("_given", "betas", "changes", "members", "warnings")

    def __init__(self, given: bytes) -> None:
        self._given = given
        self.members = splice.members(given)
        self.changes: dict[str, bytes | None] = {}
        """New values, ``None``: taken out (``splice.edited``)."""
        self.betas: tuple[str, ...] = ()
        """Those that go up."""
        self.warnings: list[tuple[str, str]] = []

    def has(self, name: str) -> bool:
        """Whether a field is there; null is not."""
        return name in self.members and bytes(self.members[name]) != _NULL

    def take_out(self, name: str) -> None:
        """Leave a field out and say so."""
        self.changes[name] = None
        if self.has(name):
            self.warnings.append((name, "the upstream that serves this model does not know it"))

    def mark_last(self) -> None:
        """The automatic cache mark becomes a mark on the last block that can have one, which is
        where upstream would put it."""
        if self.has("cache_control"):
            mark = self.members["cache_control"]
            self.changes["messages"] = with_mark(self.now("messages"), mark)
        self.changes["cache_control"] = None

    def now(self, name: str) -> Raw:
        """A field's value, changed or not."""
        changed = self.changes.get(name)
        return self.members[name] if changed is None else Raw(changed)

    def body(self, opening: bytes = b"") -> bytes:
        """The bytes that go up, ``opening`` first."""
        if not opening and not self.changes:
            return self._given
        return splice.edited(self._given, self.members, opening, self.changes)


def fit(body: bytes, cloud: Cloud, betas: tuple[str, ...], version: str) -> Fitted:
    """What of a client's body a cloud takes.

    Raises ``unsupported_here`` for what only another account can do, and ``unknown_parameter`` for
    what the client's version of the API has not got.
    """
    body = anthropic.signed_bytes(body)
    fitted = Fitted(body)
    for name in sorted((cloud.lacks | cloud.cannot) & fitted.members.keys()):
        if name in cloud.cannot and fitted.has(name):
            words = f"{name}: no account that is available can do this."
            raise Failure("unsupported_here", words, param=name)
        fitted.take_out(name)
    dropped = _pass_betas(fitted, cloud, betas)
    if dropped & _PER_MESSAGE and not any(family(one) in _PER_MESSAGE for one in fitted.betas):
        _without_turns(fitted)
    if not cloud.fetches and (b'"url"' in body or b'"file_id"' in body):
        refuse_sources(fitted.members["messages"])
    if cloud.runs_not and fitted.has("tools"):
        refuse_tools(fitted.members["tools"], cloud.runs_not)
    if not cloud.first_party:
        _at_home_only(fitted, version)
    return fitted


def _pass_betas(fitted: Fitted, cloud: Cloud, betas: tuple[str, ...]) -> set[str]:
    """Choose the betas that go up. Returns the families of those that do not."""
    kept: dict[str, None] = {}
    dropped: list[str] = []
    for beta in betas:
        kind = family(beta)
        if kind in cloud.renamed:
            kept[cloud.renamed[kind]] = None
        elif kind in cloud.betas:
            kept[beta] = None
        else:
            dropped.append(beta)
    fitted.betas = tuple(kept)
    if dropped:
        reason = f"not known to the upstream that serves this model: {' '.join(dropped[:8])}"
        fitted.warnings.append(("anthropic-beta", reason))
    return {family(beta) for beta in dropped}


def _at_home_only(fitted: Fitted, version: str) -> None:
    """What Anthropic itself would see to."""
    refused = (*_OURS, *_SAMPLING) if version == _NEW_VERSION else _OURS
    for name in refused:
        if name in fitted.members:
            words = f"{name}: Extra inputs are not permitted"
            raise Failure("unknown_parameter", words, param=name)
    if "system" in fitted.members:
        system = fitted.members["system"]
        rest = without_billing(system)
        if rest is not system:
            fitted.changes["system"] = rest


def _without_turns(fitted: Fitted) -> None:
    messages = fitted.members["messages"]
    rest = without_output_config(messages)
    if rest is not messages:
        fitted.changes["messages"] = rest
        reason = "the upstream that serves this model takes none for a single message"
        fitted.warnings.append(("messages.output_config", reason))


def like_anthropic(cloud: Cloud, path: str = anthropic.PATH) -> Prepare:
    """How a client's bytes go to a cloud that takes model and version where Anthropic does."""

    def prepare(
        body: bytes, wire_id: str, betas: tuple[str, ...], version: str, row: Model
    ) -> Wire:
        del row
        fitted = fit(body, cloud, betas, version)
        if wire_id:
            fitted.changes["model"] = jsonio.quote(wire_id)
        lines = anthropic.lines(fitted.betas, version)
        return Wire(path, fitted.body(), lines, warnings=tuple(fitted.warnings))

    return prepare

"""The part of a request that is read when somebody asks for it: most are never asked.

Two do. The prompt cache is predicted from all of a request (:meth:`Later.fill`), and another
protocol needs it in the hub's shapes (:meth:`Later.translate`). What cannot be said elsewhere is
refused by name if it changes the answer, and told as a warning if it does not.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET, Raw

from dragoman.codec import jsonio
from dragoman.dialects.messages.content import message, tool
from dragoman.dialects.messages.errors import mismatch
from dragoman.dialects.messages.shapes import Said, WireOutput
from dragoman.errors import Failure
from dragoman.hub.request import (
    CacheControl,
    Metadata,
    OutputConfig,
    OutputFormat,
    Request,
    ThinkingConfig,
    ToolChoice,
)

_members = jsonio.Decoder(dict[str, Raw])
_said = jsonio.Decoder(list[Said])
_outputs = jsonio.Decoder(WireOutput)
_formats = jsonio.Decoder(OutputFormat)
_numbers = jsonio.Decoder(float)
_integers = jsonio.Decoder(int)
_strings = jsonio.Decoder(str)
_lists = jsonio.Decoder(list[str])
_metadata = jsonio.Decoder(dict[str, Raw])
_BILLING = b'"x-anthropic-billing-header:'
"""How the first block of Claude Code's system prompt begins: it is for Anthropic alone."""

UPSTREAM_ONLY = frozenset(
    {"container", "mcp_servers", "thread", "fallbacks", "compaction", "fallback_credit_token"}
)
"""Fields that ask Anthropic to do or to keep something; without it the answer is another."""
DROPPED = frozenset(
    {
        "context_management",
        "diagnostics",
        "inference_geo",
        "speed",
        "billing_policy",
        "user_profile_id",
        "workspace_id",
        "betas",
    }
)
"""Fields that change how an answer is made, not what is asked."""
SAMPLING = ("temperature", "top_p", "top_k")
NEW_VERSION = "2026-10-21"
"""The API version that takes no sampling parameters any more (protocol.md §0.1)."""


def _decoded(decoder: jsonio.Decoder[Any]) -> Callable[[Raw], Any]:
    return decoder.decode


_PLAIN: Mapping[str, Callable[[Raw], Any]] = {
    "tool_choice": _decoded(jsonio.Decoder(ToolChoice)),
    "thinking": _decoded(jsonio.Decoder(ThinkingConfig)),
    "temperature": _decoded(_numbers),
    "top_p": _decoded(_numbers),
    "top_k": _decoded(_integers),
    "stop_sequences": _decoded(_lists),
    "service_tier": _decoded(_strings),
    "cache_control": _decoded(jsonio.Decoder(CacheControl)),
}
"""Fields whose shape is the hub's own."""
_READ = frozenset({"model", "messages", "max_tokens", "stream", "system", "tools", *_PLAIN})


class Later:
    """Fills ``request`` from ``body`` when it is asked to."""

    __slots__ = ("_body", "_problem", "_request", "_strict", "_told", "_warnings", "version")

    def __init__(
        self, body: bytes, request: Request, warnings: list[tuple[str, str]], *, strict: bool
    ) -> None:
        self._body = body
        self._request = request
        self._warnings = warnings
        self._strict = strict
        self._told: set[str] | None = None
        """Names of the fields that there are, once it is filled."""
        self._problem: jsonio.Mismatch | None = None
        """The first thing that could not be read."""
        self.version = ""
        """The client's ``anthropic-version``."""

    def fill(self) -> None:
        """Read everything into the request. What is wrong is left out, and remembered."""
        if self._told is not None:
            return
        members = _members.decode(self._body)
        self._body = b""
        given = {name: raw for name, raw in members.items() if bytes(raw) != b"null"}
        self._told = set(given)
        request = self._request
        try:
            said = _said.decode(given["messages"])
            request.messages = [message(one, f"messages[{at}]") for at, one in enumerate(said)]
            if "tools" in given and request.tools is not UNSET:
                request.tools = [tool(Raw(one)) for one in request.tools if isinstance(one, Raw)]
            for name, read in _PLAIN.items():
                if name in given:
                    setattr(request, name, _under(name, read, given[name]))
            self._others(given)
        except jsonio.Mismatch as error:
            self._problem = error
        except jsonio.Malformed as error:
            # Half a surrogate pair, in a string that nobody had to look into before.
            self._problem = jsonio.Mismatch(str(error), "")

    def translate(self) -> None:
        """Make the request fit for another protocol.

        Raises :class:`Failure` for what is wrong and for what only Anthropic can do.
        """
        self.fill()
        told = self._told or set[str]()
        if self._problem is not None:
            raise mismatch(self._problem)
        for name in sorted(told & UPSTREAM_ONLY):
            words = f"{name}: only an upstream of Anthropic's own can do this."
            raise Failure("unsupported_here", words, param=name)
        unknown = told - _READ - DROPPED - UPSTREAM_ONLY - {"metadata", "output_config"}
        for name in sorted(unknown):
            words = f"{name[:64]}: Extra inputs are not permitted"
            raise Failure("unknown_parameter", words, param=name[:64])
        for name in SAMPLING:
            if self.version == NEW_VERSION and name in told:
                words = f"{name}: Extra inputs are not permitted"
                raise Failure("unknown_parameter", words, param=name)
        for name in sorted(told & DROPPED):
            self._warn(name)
        system = self._request.system
        if system is not UNSET and system and bytes(system[0].text).startswith(_BILLING):
            self._request.system = system[1:] or UNSET

    def _others(self, given: Mapping[str, Raw]) -> None:
        """Fields of which the hub has a part."""
        request = self._request
        if "output_config" in given:
            read = _under("output_config", _outputs.decode, given["output_config"])
            made = OutputConfig()
            if read.effort is not None:
                made.effort = read.effort
            if bytes(read.format) != b"null":
                made.format = _under("output_config.format", _formats.decode, read.format)
            request.output_config = made
        if "metadata" in given:
            named = _metadata.decode(given["metadata"]).get("user_id")
            if named is not None and bytes(named) != b"null":
                request.metadata = Metadata(_under("metadata.user_id", _strings.decode, named))

    def _warn(self, name: str) -> None:
        if self._strict:
            words = f"{name}: the upstream that serves this model does not know it."
            raise Failure("unsupported_parameter", words, param=name)
        self._warnings.append((name, "the upstream that serves this model does not know it"))


def _under(name: str, read: Callable[[Raw], Any], raw: Raw) -> Any:
    """A field's value; what is wrong with it is told with the field's name before its path."""
    try:
        return read(raw)
    except jsonio.Mismatch as error:
        path = f"{name}.{error.path}" if error.path else name
        raise jsonio.Mismatch(error.reason, path) from None

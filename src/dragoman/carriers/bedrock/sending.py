"""What is sent to InvokeModel (protocol.md §7): the hub's request, or a Messages client's own
bytes."""

from base64 import b64encode
from functools import lru_cache
from urllib.parse import quote

from msgspec import UNSET, Raw, Struct

from dragoman.carriers import anthropic
from dragoman.carriers.elsewhere_hosted import refuse_urls, without_model
from dragoman.carriers.passing import (
    KEPT_BY_ANTHROPIC,
    RUN_BY_ANTHROPIC,
    TOOL_SEARCH,
    UNKNOWN_ELSEWHERE,
    Cloud,
    Fitted,
    fit,
)
from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.request import Request, Tool
from dragoman.hub.wire import Wire

VERSION = "bedrock-2023-05-31"
"""The ``anthropic_version`` of the body. A newer one is not known to be taken by every model."""
BETAS = frozenset(
    {
        "compact",
        "computer-use",
        "context-1m",
        "context-management",
        "dev-full-thinking",
        "effort",
        "fine-grained-tool-streaming",
        "interleaved-thinking",
        "mid-conversation-output-config",
        "mid-conversation-tool-changes",
        "output-128k",
        "thinking-binding-controls",
        "thinking-display-updates",
        "token-efficient-tools",
        "tool-examples",
        "tool-search-tool",
    }
)
"""Families that AWS names, or takes; any other is a 400 ``invalid beta flag``."""
INVOKE = Cloud(
    BETAS,
    UNKNOWN_ELSEWHERE,
    KEPT_BY_ANTHROPIC,
    TOOL_SEARCH,
    first_party=False,
    fetches=False,
    runs_not=(*RUN_BY_ANTHROPIC, "web_search_"),
)
MESSAGES = Cloud(
    BETAS | {"claude-code", "per-turn-control", "structured-outputs", "web-search"},
    UNKNOWN_ELSEWHERE,
    KEPT_BY_ANTHROPIC,
    TOOL_SEARCH,
    runs_not=RUN_BY_ANTHROPIC,
)
"""The newer endpoint: model and version where Anthropic has them."""


class _Output(Struct):
    format: Raw = Raw(b"null")


class _Tool(Struct):
    strict: Raw = Raw(b"null")


class _Thinking(Struct):
    budget_tokens: int = 0


class _Counted(Struct):
    inputTokens: int


_counts = jsonio.Decoder(_Counted)
_outputs = jsonio.Decoder(_Output)
_tools: jsonio.Decoder[list[_Tool]] = jsonio.Decoder(list[_Tool])
_thinking = jsonio.Decoder(_Thinking)


def prepare(request: Request, wire_id: str, row: Model, betas: tuple[str, ...] = ()) -> Wire:
    """The upstream request (``registry.Prepare``).

    Raises ``unsupported_here`` for URLs of images, and for a schema of the answer where Bedrock
    does not keep a model to one. ``wire_id`` may be an ARN.
    """
    refuse_urls(request)
    if not row.clouds.bedrock_structured_outputs:
        _refuse_schemas(request)
    own = anthropic.betas(request, row)
    opening = _opening((*own, *[one for one in betas if one not in own])) + b","
    action = "invoke-with-response-stream" if request.stream else "invoke"
    return Wire(_path(wire_id, action), without_model(request, opening, stream=False))


def verbatim(body: bytes, wire_id: str, betas: tuple[str, ...], version: str, row: Model) -> Wire:
    """A Messages client's own bytes (``registry.Verbatim``).

    Raises ``unsupported_here`` as :func:`prepare` does, and for fields that only Anthropic knows.
    """
    fitted = _fitted(body, betas, version, row)
    streams = bytes(fitted.members.get("stream", b"")) == b"true"
    action = "invoke-with-response-stream" if streams else "invoke"
    sent = fitted.body(_opening(fitted.betas))
    return Wire(_path(wire_id, action), sent, warnings=tuple(fitted.warnings))


def count(body: bytes, wire_id: str, betas: tuple[str, ...], version: str, row: Model) -> Wire:
    """A question for the length of a prompt (``registry.Count``): CountTokens, source botocore's
    model of the service.

    It is asked of the model itself: ids of inference profiles are refused. What it counts is a
    request for InvokeModel, which needs a limit of output tokens, though none is used.
    """
    fitted = _fitted(body, betas, version, row)
    opening = _opening(fitted.betas)
    if not fitted.has("max_tokens"):
        thinking = _thinking.attempt(fitted.members.get("thinking", b""))
        opening += b',"max_tokens":%d' % (1 if thinking is None else thinking.budget_tokens + 1)
        fitted.changes["max_tokens"] = None
    asked = b64encode(fitted.body(opening))
    path = _path(row.clouds.bedrock or wire_id, "count-tokens")
    return Wire(path, b'{"input":{"invokeModel":{"body":"%b"}}}' % asked)


def read_count(body: bytes) -> bytes | None:
    """An answer of CountTokens as Anthropic would say it (``registry.Count``)."""
    told = _counts.attempt(body)
    return None if told is None else b'{"input_tokens":%d}' % told.inputTokens


def _fitted(body: bytes, betas: tuple[str, ...], version: str, row: Model) -> Fitted:
    fitted = fit(body, INVOKE, betas, version)
    if not row.clouds.bedrock_structured_outputs:
        _refuse_raw_schemas(fitted)
    if "context_management" in fitted.members:
        # Of what it can do only compaction is taken here.
        if b'"compact_' not in bytes(fitted.members["context_management"]):
            fitted.take_out("context_management")
    if fitted.has("cache_control") and not row.clouds.bedrock_automatic_cache:
        fitted.mark_last()
    fitted.changes["model"] = fitted.changes["stream"] = None
    return fitted


def _opening(betas: tuple[str, ...]) -> bytes:
    opening = b'"anthropic_version":"%b"' % VERSION.encode()
    return opening + b',"anthropic_beta":%b' % jsonio.encode(betas) if betas else opening


@lru_cache(maxsize=256)
def _path(wire_id: str, action: str) -> str:
    return f"/model/{quote(wire_id, safe=':')}/{action}"


def _refuse_schemas(request: Request) -> None:
    output = request.output_config
    if output is not UNSET and output.format is not UNSET:
        raise _no_schema("output_config.format")
    for at, tool in enumerate(request.tools or ()):
        if isinstance(tool, Tool) and tool.strict is True:
            raise _no_strict_tool(at)


def _refuse_raw_schemas(fitted: Fitted) -> None:
    if fitted.has("output_format"):
        raise _no_schema("output_format")
    if fitted.has("output_config"):
        output = _outputs.attempt(fitted.members["output_config"])
        if output is not None and bytes(output.format) != b"null":
            raise _no_schema("output_config.format")
    if fitted.has("tools") and b'"strict"' in bytes(fitted.members["tools"]):
        for at, tool in enumerate(_tools.attempt(fitted.members["tools"]) or []):
            if bytes(tool.strict) == b"true":
                raise _no_strict_tool(at)


def _no_schema(param: str) -> Failure:
    words = "No account that is available keeps this model to a JSON schema."
    return Failure("unsupported_here", words, param=param)


def _no_strict_tool(at: int) -> Failure:
    words = "No account that is available keeps this model's calls to their schemas."
    return Failure("unsupported_here", words, param=f"tools.{at}.strict")

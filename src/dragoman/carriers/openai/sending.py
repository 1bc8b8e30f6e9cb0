"""What is sent to ``POST …/chat/completions``: a hub request in OpenAI's words, or a chat client's
own bytes (protocol.md §6b).

The limit of output tokens is left out where it is the model's own: the hub always has one, and a
server's default is never less than what it can do.
"""

import re

from msgspec import UNSET, Raw, Struct

from dragoman.carriers.openai import names, shapes
from dragoman.carriers.openai.messages import Conversation, unsupported
from dragoman.carriers.openai.style import Style
from dragoman.catalogue.model import Model
from dragoman.codec import jsonio, splice
from dragoman.hub import request as hub
from dragoman.hub.wire import Wire

PATH = "/chat/completions"
_BUDGETS = ((16_384, "high"), (8_192, "medium"), (0, "low"))
"""Tokens of manual thinking, and the effort that comes near."""
_ABOVE_HIGH = ("xhigh", "max")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


class _Typed(Struct, gc=False):
    """A tool that the hub keeps as it came: a client's with fields we do not model, or one of
    Anthropic's own."""

    name: str = ""
    type: str = "custom"
    description: Raw = shapes.NULL
    input_schema: Raw = shapes.NULL


class _Streamed(Struct, gc=False):
    stream: bool | None = None
    stream_options: dict[str, Raw] | None = None


_typed = jsonio.Decoder(_Typed)
_streamed = jsonio.Decoder(_Streamed)


def prepare(
    style: Style, request: hub.Request, wire_id: str, row: Model, betas: tuple[str, ...]
) -> Wire:
    """The upstream request (``registry.Prepare``, for one style)."""
    del betas  # Anthropic's alone
    fitted = names.Names()
    warnings: list[tuple[str, str]] = []
    conversation = Conversation(style, fitted)
    if request.system is not UNSET:
        conversation.system(request.system)
    for message in request.messages:
        conversation.add(message)
    conversation.close()
    body = shapes.Body(wire_id, conversation.messages)
    if request.tools is not UNSET and request.tools:
        body.tools = [_tool(tool, fitted) for tool in request.tools]
        _choose(request, body, fitted)
    if request.max_tokens < row.max_output_tokens:
        setattr(body, style.limit, request.max_tokens)
    _think(request, body, style)
    _sample(request, body, style, warnings)
    if request.output_config is not UNSET and request.output_config.format is not UNSET:
        body.response_format = shapes.Format(
            shapes.Schema("output", request.output_config.format.schema)
        )
    if request.metadata is not UNSET:
        body.user = names.user(request.metadata.user_id)
    if request.stream:
        body.stream = True
        body.stream_options = shapes.StreamOptions()
    return Wire(PATH, jsonio.encode(body), names=fitted.back or None, warnings=tuple(warnings))


def verbatim(body: bytes, wire_id: str, betas: tuple[str, ...], version: str, row: Model) -> Wire:
    """A chat client's own bytes (``registry.Verbatim``).

    A stream is asked for its usage, also where the client did not: it is needed for the books.
    What it says of it is then kept from the client.
    """
    del betas, version, row  # Anthropic's alone
    sent = splice.with_model(body, wire_id)
    asked = _streamed.decode(body)
    if not asked.stream:
        return Wire(PATH, sent)
    if asked.stream_options is None:
        if b'"stream_options"' in body:
            return Wire(PATH, splice.with_member(sent, "stream_options", _USAGE), quiet=True)
        return Wire(PATH, splice.with_more(sent, b'"stream_options":' + _USAGE), quiet=True)
    options = asked.stream_options
    if bytes(options.get("include_usage", shapes.NULL)) == b"true":
        return Wire(PATH, sent)
    options["include_usage"] = Raw(b"true")
    sent = splice.with_member(sent, "stream_options", jsonio.encode(options))
    return Wire(PATH, sent, quiet=True)


_USAGE = b'{"include_usage":true}'
_NO_CHOICES = re.compile(rb'"choices"[ \t]*:[ \t]*\[[ \t]*\]')


def about_usage(frame: bytes) -> bool:
    """Whether an event of a stream says nothing but usage."""
    return b'"usage"' in frame and _NO_CHOICES.search(frame) is not None


def _tool(tool: hub.Tool | Raw, fitted: names.Names) -> shapes.Tool:
    if isinstance(tool, hub.Tool):
        made = shapes.Function(fitted.fit(tool.name), tool.description, tool.input_schema)
        made.strict = tool.strict
        return shapes.Tool(made)
    found = _typed.decode(tool)
    if found.type != "custom" or bytes(found.input_schema)[:1] != b"{":
        raise unsupported(f"tools of the type {found.type[:40]!r}")
    made = shapes.Function(fitted.fit(found.name), parameters=found.input_schema)
    if bytes(found.description)[:1] == b'"':
        made.description = found.description
    return shapes.Tool(made)


def _choose(request: hub.Request, body: shapes.Body, fitted: names.Names) -> None:
    choice = request.tool_choice
    if choice is UNSET:
        return
    if choice.type == "tool" and choice.name is not UNSET:
        body.tool_choice = shapes.Choice(shapes.Named(fitted.fit(choice.name)))
    else:
        body.tool_choice = _CHOICES.get(choice.type, "auto")
    if choice.disable_parallel_tool_use is True:
        body.parallel_tool_calls = False


def _think(request: hub.Request, body: shapes.Body, style: Style) -> None:
    """How much is to be thought, where the request says it."""
    thinking = request.thinking
    output = request.output_config
    effort = output.effort if output is not UNSET else UNSET
    off = thinking is not UNSET and thinking.type in ("disabled", "between_tools")
    if style.effort == "reasoning" and off:
        body.reasoning = shapes.Reasoning(enabled=False)
        return
    if effort is UNSET and thinking is not UNSET and thinking.budget_tokens is not UNSET:
        budget = thinking.budget_tokens
        effort = next(name for least, name in _BUDGETS if budget >= least)
    if effort is UNSET or off:
        return
    if effort in _ABOVE_HIGH:
        effort = style.highest
    if style.effort == "reasoning":
        body.reasoning = shapes.Reasoning(effort=effort)
    else:
        body.reasoning_effort = effort


def _sample(
    request: hub.Request, body: shapes.Body, style: Style, warnings: list[tuple[str, str]]
) -> None:
    body.temperature, body.top_p = request.temperature, request.top_p
    if request.top_k is not UNSET:
        if style.top_k:
            body.top_k = request.top_k
        else:
            warnings.append(("top_k", "the upstream of this model does not know it"))
    stops = request.stop_sequences
    if stops is not UNSET and stops:
        body.stop = stops[: style.stops]
        if len(stops) > style.stops:
            warnings.append(("stop", f"the upstream takes {style.stops} sequences"))

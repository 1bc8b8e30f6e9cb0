"""``response_format`` → ``output_config.format``, a tool, or words (protocol.md §5a).

A schema goes to the model's own structured outputs where it has them and the schema fits their
subset; else to a tool that must be called, where that is possible; else it is asked for in words.
Whatever was asked for in words is cut out of the answer: the first JSON object in it.
"""

from msgspec import UNSET, Raw

from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.dialects.chat import schema, subset
from dragoman.dialects.chat.parsed import JSON_TOOL, JsonMode, Notes
from dragoman.dialects.chat.shapes import JsonSchema, ResponseFormat, given
from dragoman.dialects.chat.texts import missing, wrong_type
from dragoman.errors import Failure
from dragoman.hub.request import (
    OutputConfig,
    OutputFormat,
    Request,
    Text,
    Tool,
    ToolChoice,
)

_OBJECT_ONLY = (
    "Reply with exactly one JSON object and nothing else: no introduction, no explanation, no code"
    " fence."
)
_BY_SCHEMA = _OBJECT_ONLY + " It must be valid against this JSON Schema:\n"
_TOOL_DESCRIPTION = jsonio.quote("Give your answer by calling this tool, and only so.")


def apply(
    form: ResponseFormat | None,
    out: Request,
    model: Model,
    allowance: subset.Allowance,
    notes: Notes,
) -> JsonMode:
    """Ask for the format; returns how the reply is to be brought into it.

    ``allowance`` is what strict tools left of what all schemas of a request may have together.
    Raises :class:`Failure`.
    """
    if form is None or form.type == "text":
        return JsonMode.OFF
    if form.type == "json_object":
        _ask(out, _OBJECT_ONLY)
        return JsonMode.OBJECT
    asked = _schema(form.json_schema)
    if model.structured_outputs:
        try:
            fitted = subset.fit(jsonio.decode(asked), allowance)
        except subset.Unfit as error:
            notes.warn("response_format.json_schema.schema", f"not enforced: {error}")
        else:
            _native(out, fitted)
            return JsonMode.OFF
    return _emulate(out, asked, model)


def _schema(found: JsonSchema | None) -> Raw:
    path = "response_format.json_schema"
    if found is None:
        raise missing(path)
    if not given(found.schema):
        return schema.NO_ARGUMENTS
    where = f"{path}.schema"
    if bytes(found.schema)[:1] != b"{":
        raise wrong_type(found.schema, where, "an object")
    if jsonio.too_deep(found.schema, schema.DEEPEST):
        raise Failure("invalid_value", f"'{where}' is nested too deeply.", param=where)
    kind = _roots.decode(found.schema).get("type")
    if kind is not None and bytes(kind)[:1] == b'"' and bytes(kind) != b'"object"':
        raise Failure("invalid_value", f"'{where}.type' must be 'object'.", param=f"{where}.type")
    return found.schema


_roots = jsonio.Decoder(dict[str, Raw])


def _native(out: Request, fitted: subset.Schema) -> None:
    config = OutputConfig() if out.output_config is UNSET else out.output_config
    config.format = OutputFormat("json_schema", Raw(jsonio.encode(fitted)))
    out.output_config = config


def _emulate(out: Request, asked: Raw, model: Model) -> JsonMode:
    """A tool that must be called excludes thinking and the client's own tools; else words."""
    thinks = out.thinking is not UNSET
    if out.tools is UNSET and model.forced_tool_choice and not thinks:
        out.tools = [Tool(JSON_TOOL, schema.for_tool(asked), _TOOL_DESCRIPTION)]
        out.tool_choice = ToolChoice("tool", JSON_TOOL, disable_parallel_tool_use=True)
        return JsonMode.TOOL
    _ask(out, _BY_SCHEMA + jsonio.compact(asked).decode())
    return JsonMode.EXTRACT


def _ask(out: Request, words: str) -> None:
    text = Text(jsonio.quote(words))
    out.system = [text] if out.system is UNSET else [*out.system, text]

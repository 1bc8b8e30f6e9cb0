"""Rows → the objects of ``GET /v1/models``, in OpenAI's and in Anthropic's shape."""

from datetime import date
from typing import Literal

from msgspec import Struct

from dragoman.catalogue.model import EFFORTS, Model

_EPOCH = date(1970, 1, 1).toordinal()


class OpenAIModel(Struct, omit_defaults=True):
    """OpenAI's model object. What follows ``owned_by`` is ours, and there only where it applies."""

    id: str
    object: str
    created: int
    """Day of release, in seconds since 1970."""
    owned_by: str
    retired: str | None = None
    """Day since which the Claude API no longer serves it."""
    retires: str | None = None
    """Announced day of retirement."""
    successor: str | None = None


class Support(Struct):
    supported: bool


class EffortSupport(Struct):
    supported: bool
    low: Support
    medium: Support
    high: Support
    xhigh: Support
    max: Support


class ThinkingTypes(Struct):
    enabled: Support
    disabled: Support
    adaptive: Support
    between_tools: Support


class ThinkingSupport(Struct):
    supported: bool
    types: ThinkingTypes


class ServerTools(Struct):
    supported: bool
    web_search: Support
    code_execution: Support


class Capabilities(Struct):
    """Keys and shapes of the SDK's ``model_capabilities.py``."""

    batch: Support
    citations: Support
    code_execution: Support
    context_management: Support
    effort: EffortSupport
    image_input: Support
    pdf_input: Support
    server_tools: ServerTools
    structured_outputs: Support
    thinking: ThinkingSupport


class AnthropicModel(Struct):
    """Anthropic's model object (``types/model_info.py`` of SDK 2.11)."""

    type: Literal["model"]
    id: str
    display_name: str
    created_at: str
    max_input_tokens: int
    max_tokens: int
    line: str | None
    lifecycle: Literal["active", "deprecated", "retired"]
    deprecated_at: str | None
    retires_at: str | None
    capabilities: Capabilities


_YES, _NO = Support(True), Support(False)


def openai_model(row: Model) -> OpenAIModel:
    """``{"id", "object": "model", "created", "owned_by"}``, and how long it lives where that has an
    end."""
    return OpenAIModel(
        id=row.id,
        object="model",
        created=(date.fromisoformat(row.released).toordinal() - _EPOCH) * 86_400,
        owned_by="anthropic",
        retired=row.retired,
        retires=row.retires if row.lifecycle == "deprecated" else None,
        successor=row.successor or None,
    )


def anthropic_model(row: Model) -> AnthropicModel:
    """The model with its capabilities. What the catalogue says nothing about is reported as
    unsupported."""
    return AnthropicModel(
        type="model",
        id=row.id,
        display_name=row.name,
        created_at=_moment(row.released) or "1970-01-01T00:00:00Z",
        max_input_tokens=row.context_tokens,
        max_tokens=row.max_output_tokens,
        line=row.line or None,
        lifecycle=row.lifecycle,
        deprecated_at=_moment(row.deprecated),
        retires_at=_moment(row.retired or (None if row.retires_earliest else row.retires)),
        capabilities=_capabilities(row),
    )


def _moment(day: str | None) -> str | None:
    return f"{day}T00:00:00Z" if day else None


def _capabilities(row: Model) -> Capabilities:
    efforts = {level: Support(level in row.effort) for level in EFFORTS}
    return Capabilities(
        batch=_NO,
        citations=Support(row.documents),
        code_execution=_NO,
        context_management=_NO,
        effort=EffortSupport(supported=bool(row.effort), **efforts),
        image_input=_YES,
        pdf_input=Support(row.documents),
        server_tools=ServerTools(False, _NO, _NO),
        structured_outputs=Support(row.structured_outputs),
        thinking=ThinkingSupport(
            supported=bool(row.thinking),
            types=ThinkingTypes(
                enabled=Support("enabled" in row.thinking),
                # A model that does not think takes "disabled", as the SDK's type says.
                disabled=Support("disabled" in row.thinking or not row.thinking),
                adaptive=Support("adaptive" in row.thinking),
                between_tools=Support("between_tools" in row.thinking),
            ),
        ),
    )

"""The shapes of a Responses request (protocol.md §6e), strict: a field not named here is unknown.

As in :mod:`dragoman.dialects.chat.shapes`, ``None`` means absent and a ``Raw`` is a text that is
never decoded, or a value whose shape is read where it is used. Fields of items that say nothing to
a model (``id``, ``status``) are listed so that an answer can be sent back as it came.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw

from dragoman.dialects.chat.shapes import (
    ABSENT,
    BreakPoint,
    CacheMark,
    Count,
    Detail,
    Effort,
    Shape,
)


class Part(Shape):
    """One content part of any kind."""

    type: str
    text: Raw = ABSENT
    refusal: Raw = ABSENT
    image_url: Raw = ABSENT
    detail: Detail | None = None
    file_id: str | None = None
    file_data: Raw = ABSENT
    file_url: Raw = ABSENT
    filename: Raw = ABSENT
    annotations: Raw = ABSENT
    logprobs: Raw = ABSENT
    prompt_cache_breakpoint: BreakPoint | None = None
    cache_control: CacheMark | None = None


class Item(Shape):
    """One input item of any kind that is translated."""

    type: str | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: Raw = ABSENT
    id: str | None = None
    status: str | None = None
    phase: str | None = None
    summary: Raw = ABSENT
    encrypted_content: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: Raw = ABSENT
    input: Raw = ABSENT
    output: Raw = ABSENT
    caller: Raw = ABSENT
    action: Raw = ABSENT
    queries: Raw = ABSENT
    results: Raw = ABSENT


Items = Annotated[list[Item], Meta(max_length=100_000)]


class FunctionTool(Shape):
    type: str
    name: str
    description: Raw = ABSENT
    parameters: Raw = ABSENT
    strict: bool | None = None
    output_schema: Raw = ABSENT
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None
    cache_control: CacheMark | None = None


class CustomTool(Shape):
    type: str
    name: str
    description: Raw = ABSENT
    format: Raw = ABSENT
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None
    cache_control: CacheMark | None = None


class Namespace(Shape):
    type: str
    name: str
    description: Raw = ABSENT
    tools: Annotated[list[Raw], Meta(max_length=512)] | None = None


class Filters(Shape):
    allowed_domains: list[str] | None = None


class Place(Shape):
    type: str | None = None
    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class WebSearchTool(Shape):
    type: str
    external_web_access: bool | None = None
    filters: Filters | None = None
    search_context_size: Literal["low", "medium", "high"] | None = None
    user_location: Place | None = None
    search_content_types: list[str] | None = None


class AllowedTool(Shape):
    type: str | None = None
    name: str | None = None
    namespace: str | None = None


class Choice(Shape):
    """``tool_choice`` as an object."""

    type: str
    name: str | None = None
    namespace: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[AllowedTool] | None = None


class Format(Shape):
    type: Literal["text", "json_object", "json_schema"]
    name: Annotated[str, Meta(max_length=64)] | None = None
    description: str | None = None
    schema: Raw = ABSENT
    strict: bool | None = None


class TextConfig(Shape):
    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Reasoning(Shape):
    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed", "none"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None
    context: str | None = None


class StreamOptions(Shape):
    include_obfuscation: bool | None = None


class CacheOptions(Shape):
    mode: Literal["implicit", "explicit"] | None = None
    ttl: str | None = None
    prewarm: bool | None = None
    comparison_response_id: str | None = None


class ResponsesRequest(Shape):
    """The body. ``input`` and ``tools`` are read on their own."""

    model: str
    input: Raw = ABSENT
    instructions: Raw = ABSENT
    tools: Annotated[list[Raw], Meta(max_length=512)] | None = None
    tool_choice: Raw = ABSENT
    parallel_tool_calls: bool | None = None
    max_output_tokens: Count | None = None
    max_tool_calls: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    reasoning: Reasoning | None = None
    text: TextConfig | None = None
    include: list[str] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: Raw = ABSENT
    prompt: Raw = ABSENT
    metadata: Annotated[dict[str, Raw], Meta(max_length=16)] | None = None
    client_metadata: Raw = ABSENT
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: CacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "in-memory", "24h"] | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    context_management: Raw = ABSENT
    moderation: Raw = ABSENT
    image: Raw = ABSENT
    access_programs: Raw = ABSENT

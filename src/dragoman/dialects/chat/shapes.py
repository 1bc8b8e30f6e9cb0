"""The shapes of a Chat Completions request (protocol.md §4a), strict: a field not named here is
unknown.

``None`` means absent, as everywhere with OpenAI clients. A ``Raw`` is either a text, which is never
decoded, or a value whose shape is read where it is used. Fields that we know and that say nothing
new (an echoed ``annotations``, the ``index`` of an echoed call) are listed so that they are not
reported.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

ABSENT = Raw(b"")
_NULL = ord("n")
"""What only ``null`` begins with."""

Count = Annotated[int, Meta(ge=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Detail = Literal["auto", "low", "high", "original"]


def given(raw: Raw) -> bool:
    """Whether a raw field is there at all: neither left out nor ``null``."""
    return raw is not ABSENT and memoryview(raw)[0] != _NULL


class Shape(Struct, forbid_unknown_fields=True, gc=False):
    """Base of all shapes."""


class CacheMark(Shape):
    """Anthropic's ``cache_control``, taken wherever LiteLLM and OpenRouter take it."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class BreakPoint(Shape):
    """OpenAI's ``prompt_cache_breakpoint``."""

    mode: str | None = None
    ttl: str | None = None


class CacheOptions(Shape):
    """OpenAI's ``prompt_cache_options``."""

    mode: Literal["implicit", "explicit"] | None = None
    ttl: str | None = None


class ImageUrl(Shape):
    url: Raw
    detail: Detail | None = None
    format: str | None = None


class FileData(Shape):
    file_data: Raw = ABSENT
    file_id: str | None = None
    filename: Raw = ABSENT
    format: str | None = None


class Part(Shape):
    """One content part of any kind."""

    type: str
    text: Raw = ABSENT
    refusal: Raw = ABSENT
    image_url: ImageUrl | str | None = None
    file: FileData | None = None
    input_audio: Raw = ABSENT
    cache_control: CacheMark | None = None
    prompt_cache_breakpoint: BreakPoint | None = None
    annotations: Raw = ABSENT


class CalledFunction(Shape):
    name: str
    arguments: Raw = ABSENT
    parsed_arguments: Raw = ABSENT


class CalledCustom(Shape):
    name: str
    input: Raw = ABSENT


class Call(Shape):
    id: str | None = None
    type: str | None = None
    function: CalledFunction | None = None
    custom: CalledCustom | None = None
    index: int | None = None
    cache_control: CacheMark | None = None


class ThinkingBlock(Shape):
    type: str
    thinking: Raw = ABSENT
    signature: Raw = ABSENT
    data: Raw = ABSENT
    index: int | None = None
    cache_control: Raw = ABSENT


class ReasoningDetail(Shape):
    type: str
    text: Raw = ABSENT
    signature: Raw = ABSENT
    data: Raw = ABSENT
    summary: Raw = ABSENT
    format: str | None = None
    id: str | None = None
    index: int | None = None


class Message(Shape):
    """One message of any role."""

    role: Literal["user", "assistant", "system", "developer", "tool", "function"]
    content: Raw = ABSENT
    tool_call_id: str | None = None
    tool_calls: list[Call] | None = None
    name: str | None = None
    refusal: Raw = ABSENT
    function_call: CalledFunction | None = None
    thinking_blocks: list[ThinkingBlock] | None = None
    reasoning_details: list[ReasoningDetail] | None = None
    reasoning_content: Raw = ABSENT
    reasoning: Raw = ABSENT
    cache_control: CacheMark | None = None
    audio: Raw = ABSENT
    annotations: Raw = ABSENT
    parsed: Raw = ABSENT


class Begun(Message):
    """A message of the assistant that another of the same turn follows. No client writes one: a
    dialect does whose turns come in pieces."""


class FunctionTool(Shape):
    name: str
    description: Raw = ABSENT
    parameters: Raw = ABSENT
    strict: bool | None = None
    cache_control: CacheMark | None = None


class CustomTool(Shape):
    name: str
    description: Raw = ABSENT
    format: Raw = ABSENT


class Tool(Shape):
    type: str
    function: FunctionTool | None = None
    custom: CustomTool | None = None
    cache_control: CacheMark | None = None


class Named(Shape):
    name: str


class AllowedTool(Shape):
    type: str | None = None
    function: Named | None = None
    custom: Named | None = None


class AllowedTools(Shape):
    mode: Literal["auto", "required"]
    tools: list[AllowedTool]


class Choice(Shape):
    """``tool_choice`` as an object."""

    type: Literal["function", "custom", "allowed_tools"]
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchema(Shape):
    name: Annotated[str, Meta(max_length=64)] | None = None
    description: str | None = None
    schema: Raw = ABSENT
    strict: bool | None = None


class ResponseFormat(Shape):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Shape):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ThinkingParam(Shape):
    """Anthropic's ``thinking``, which several vendors take on this route as well."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class ReasoningParam(Shape):
    """OpenRouter's ``reasoning``."""

    effort: Effort | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None


class Approximate(Shape):
    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class UserLocation(Shape):
    type: Literal["approximate"]
    approximate: Approximate


class SearchFilters(Shape):
    allowed_domains: list[str] | None = None


class WebSearchOptions(Shape):
    search_context_size: Literal["low", "medium", "high"] | None = None
    user_location: UserLocation | None = None
    filters: SearchFilters | None = None


class OutputConfigParam(Shape):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class ChatTemplateArguments(Shape):
    """vLLM's ``chat_template_kwargs``, as far as it turns thinking on and off."""

    enable_thinking: bool | None = None
    thinking: bool | None = None
    thinking_budget: int | None = None


Messages = Annotated[list[Message], Meta(min_length=1, max_length=100_000)]


class ChatRequest(Shape):
    """The body. ``messages`` is read on its own, as :data:`Messages`."""

    model: str
    messages: Raw
    max_completion_tokens: Count | None = None
    max_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    n: Annotated[int, Meta(ge=1, le=8)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: Annotated[list[Tool], Meta(max_length=512)] | None = None
    tool_choice: Raw = ABSENT
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[FunctionTool], Meta(max_length=512)] | None = None
    function_call: Raw = ABSENT
    response_format: ResponseFormat | None = None
    reasoning_effort: Effort | None = None
    thinking: ThinkingParam | None = None
    reasoning: ReasoningParam | None = None
    output_config: OutputConfigParam | None = None
    enable_thinking: bool | None = None
    thinking_budget: int | None = None
    chat_template_kwargs: ChatTemplateArguments | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    metadata: dict[str, Raw] | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    cache_control: CacheMark | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: float | None = None
    safety_settings: Raw = ABSENT
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    seed: int | None = None
    seen: int | None = None
    store: bool | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    modalities: list[str] | None = None
    audio: Raw = ABSENT
    prediction: Raw = ABSENT
    moderation: Raw = ABSENT
    web_search_options: WebSearchOptions | None = None
    prompt_cache_options: CacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "in-memory", "24h"] | None = None

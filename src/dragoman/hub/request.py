"""The hub's request: the Anthropic Messages request, as protocol.md §2a describes it.

Structs here encode straight to the wire: field order is byte order, so the same conversation gives
the same bytes and prompt caches survive. A text is a :data:`JsonText`, the JSON string exactly as
it stood in the client's body, quotes and escapes included: it is spliced, never decoded, which is
what makes a large prompt cheap. What we do not model is kept as ``msgspec.Raw``.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

JsonText = Raw
"""A JSON string literal, quotes included, valid JSON and valid UTF-8."""


class CacheControl(Struct, omit_defaults=True, gc=False):
    """A prompt-cache breakpoint (protocol.md §2b rule 33)."""

    type: Literal["ephemeral"]
    ttl: str | UnsetType = UNSET


Cached = CacheControl | UnsetType


class Text(Struct, tag_field="type", tag="text", omit_defaults=True, gc=False):
    text: JsonText
    cache_control: Cached = UNSET
    citations: Raw | UnsetType = UNSET
    """In replies only: a list of what the text is founded on."""


class Base64Source(Struct, tag_field="type", tag="base64", gc=False):
    media_type: str
    data: JsonText


class UrlSource(Struct, tag_field="type", tag="url", gc=False):
    url: JsonText


class TextSource(Struct, tag_field="type", tag="text", gc=False):
    media_type: str
    data: JsonText


class Image(Struct, tag_field="type", tag="image", omit_defaults=True, gc=False):
    source: Base64Source | UrlSource
    cache_control: Cached = UNSET


class Document(Struct, tag_field="type", tag="document", omit_defaults=True, gc=False):
    source: Base64Source | UrlSource | TextSource
    title: JsonText | UnsetType = UNSET
    cache_control: Cached = UNSET


FOREIGN = b'"openrouter:'
"""How the signature of a thinking block begins that holds what others than Claude thought."""


class Thinking(Struct, tag_field="type", tag="thinking", gc=False):
    """Thinking. What Claude signed goes back to it byte for byte or not at all (protocol.md §0.6);
    with an empty signature, or a foreign one, it is for upstreams of other kinds."""

    thinking: JsonText
    signature: JsonText


class RedactedThinking(Struct, tag_field="type", tag="redacted_thinking", gc=False):
    data: JsonText


class ToolUse(Struct, tag_field="type", tag="tool_use", omit_defaults=True, gc=False):
    id: str
    name: str
    input: Raw
    """A JSON object."""
    cache_control: Cached = UNSET


class ToolResult(Struct, tag_field="type", tag="tool_result", omit_defaults=True, gc=False):
    tool_use_id: str
    content: "Sequence[Text | Image | Document] | UnsetType" = UNSET
    is_error: bool = False
    cache_control: Cached = UNSET


Block = Text | Image | Document | Thinking | RedactedThinking | ToolUse | ToolResult | Raw
"""One content block; ``Raw`` is a block of a kind we do not model, kept as it is."""


Role = Literal["user", "assistant", "system"]


class Message(Struct, gc=False):
    role: Role
    content: list[Block]


class Tool(Struct, omit_defaults=True, gc=False):
    name: str
    input_schema: Raw
    description: JsonText | UnsetType = UNSET
    strict: bool | UnsetType = UNSET
    cache_control: Cached = UNSET


class ToolChoice(Struct, omit_defaults=True, gc=False):
    type: Literal["auto", "any", "tool", "none"]
    name: str | UnsetType = UNSET
    disable_parallel_tool_use: bool | UnsetType = UNSET


class BlockBinding(Struct, gc=False):
    """What becomes of thinking blocks in front of which something has changed (protocol.md §0.6).

    Needs the beta ``thinking-binding-controls-2026-08-01``.
    """

    prefix_mismatch_behavior: Literal["drop_block"]


class ThinkingConfig(Struct, omit_defaults=True, gc=False):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | UnsetType = UNSET
    display: str | UnsetType = UNSET
    block_binding: BlockBinding | UnsetType = UNSET


class OutputFormat(Struct, gc=False):
    type: Literal["json_schema"]
    schema: Raw


class OutputConfig(Struct, omit_defaults=True, gc=False):
    effort: str | UnsetType = UNSET
    format: OutputFormat | UnsetType = UNSET


class Metadata(Struct, gc=False):
    user_id: str


class Request(Struct, omit_defaults=True, gc=False):
    """One Messages request.

    Tools and system come before messages: the order of the cached prefix.
    """

    model: str
    """The id the account's upstream knows; carriers may replace it."""
    max_tokens: int
    tools: Sequence[Tool | Raw] | UnsetType = UNSET
    system: list[Text] | UnsetType = UNSET
    messages: list[Message] = []
    tool_choice: ToolChoice | UnsetType = UNSET
    thinking: ThinkingConfig | UnsetType = UNSET
    output_config: OutputConfig | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    top_k: int | UnsetType = UNSET
    stop_sequences: list[str] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    service_tier: str | UnsetType = UNSET
    cache_control: Cached = UNSET
    stream: bool = False

"""Usage as this API tells it (protocol.md §3)."""

from msgspec import UNSET, Struct, UnsetType

from dragoman.codec import jsonio
from dragoman.hub.usage import CacheCreation, OutputDetails, ServerToolUse, Usage


class _Usage(Struct, omit_defaults=True):
    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int
    cache_creation: CacheCreation
    output_tokens_details: OutputDetails | UnsetType = UNSET
    server_tool_use: ServerToolUse | UnsetType = UNSET
    service_tier: str | UnsetType = UNSET


def wire_usage(usage: Usage) -> bytes:
    """All of it, as JSON. Figures are what was read and written so far."""
    lives = CacheCreation(usage.cache_write - usage.cache_write_1h, usage.cache_write_1h)
    made = _Usage(usage.input, usage.cache_write, usage.cache_read, usage.output, lives)
    if usage.thinking:
        made.output_tokens_details = OutputDetails(usage.thinking)
    if usage.searches:
        made.server_tool_use = ServerToolUse(usage.searches)
    if usage.service_tier is not None:
        made.service_tier = usage.service_tier
    return jsonio.encode(made)

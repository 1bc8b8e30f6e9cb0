"""``usage`` of OpenAI-compatible servers in Anthropic's sense: input without what the cache read.

``prompt_tokens`` includes what the cache read and wrote. Cached tokens stand in
``prompt_tokens_details`` (OpenAI, OpenRouter, vLLM), beside it (Moonshot), or as a pair of hits and
misses (DeepSeek). A figure that is no count is as good as none.
"""

from typing import Any, cast

from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.hub.usage import MOST, OutputDetails, WireUsage


def read_usage(raw: Raw) -> WireUsage:
    """A ``usage`` object, or anything else, to what it says. ``raw`` is JSON."""
    try:
        said: Any = jsonio.decode(raw)
    except jsonio.Malformed:
        return WireUsage()
    if not isinstance(said, dict):
        return WireUsage()
    fields = cast("dict[str, Any]", said)
    prompt, output = _whole(fields.get("prompt_tokens")), _whole(fields.get("completion_tokens"))
    details = _object(fields.get("prompt_tokens_details"))
    read = _first(
        details.get("cached_tokens"),
        fields.get("cached_tokens"),
        fields.get("prompt_cache_hit_tokens"),
    )
    written = _whole(details.get("cache_write_tokens"))
    usage = WireUsage(output_tokens=output)
    if prompt is not None:
        usage.cache_read_input_tokens = min(read or 0, prompt)
        usage.cache_creation_input_tokens = min(written or 0, prompt - min(read or 0, prompt))
        cached = usage.cache_read_input_tokens + usage.cache_creation_input_tokens
        usage.input_tokens = prompt - cached
    thought = _whole(_object(fields.get("completion_tokens_details")).get("reasoning_tokens"))
    if thought is not None:
        usage.output_tokens_details = OutputDetails(thought)
    return usage


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _first(*values: Any) -> int | None:
    for value in values:
        found = _whole(value)
        if found:
            return found
    return None


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return min(max(value, 0), MOST)

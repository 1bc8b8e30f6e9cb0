"""``usage`` as upstream says it, read field by field when it is not what it should be.

A reply is not lost because a figure in it is null, a float or a string: what is a whole number is
taken, as far as it can be a count, the rest counts as not said.
"""

from typing import Any, cast

from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.hub.usage import MOST, CacheCreation, OutputDetails, ServerToolUse, WireUsage

_decoder: jsonio.Decoder[WireUsage | None] = jsonio.Decoder(WireUsage | None)

_COUNTS = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
)


def read_usage(raw: Raw) -> WireUsage:
    """A ``usage`` object, or nothing at all, to what it says."""
    try:
        return _decoder.decode(raw) or WireUsage()
    except jsonio.Mismatch:
        return _salvage(jsonio.decode(raw))


def _salvage(said: Any) -> WireUsage:
    if not isinstance(said, dict):
        return WireUsage()
    fields = cast("dict[str, Any]", said)
    usage = WireUsage()
    for name in _COUNTS:
        setattr(usage, name, _whole(fields.get(name)))
    creation = fields.get("cache_creation")
    if isinstance(creation, dict):
        lives = cast("dict[str, Any]", creation)
        usage.cache_creation = CacheCreation(
            _whole(lives.get("ephemeral_5m_input_tokens")) or 0,
            _whole(lives.get("ephemeral_1h_input_tokens")) or 0,
        )
    details = fields.get("output_tokens_details")
    if isinstance(details, dict):
        thinking = cast("dict[str, Any]", details).get("thinking_tokens")
        usage.output_tokens_details = OutputDetails(_whole(thinking) or 0)
    tools = fields.get("server_tool_use")
    if isinstance(tools, dict):
        searches = cast("dict[str, Any]", tools).get("web_search_requests")
        usage.server_tool_use = ServerToolUse(_whole(searches) or 0)
    tier = fields.get("service_tier")
    usage.service_tier = tier if isinstance(tier, str) else None
    return usage


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return min(max(value, 0), MOST)

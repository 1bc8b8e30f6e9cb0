"""What a request will probably cost, and what of it hangs on its account."""

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET

from dragoman.asked import estimate
from dragoman.control.dollars import decimal
from dragoman.dialects.chat import Parsed
from dragoman.hub.request import CacheControl, RedactedThinking, Thinking


def cost(parsed: Parsed) -> dict[str, Any]:
    """Expected cost, integer nano-dollars: of the prompt, and at most.

    ``prompt`` is at the price of plain input; ``prompt_cached`` is what it comes to when the prompt
    cache has all of it. ``worst_case`` adds ``max_tokens`` for every choice, and the price of
    writing the cache where the request writes it.
    """
    request = parsed.request
    tokens = estimate(parsed)
    prices = parsed.model.prices_for(tokens // parsed.n)
    lives = {control.ttl for control in marks(parsed)}
    dearest = prices.input
    if lives:
        dearest = prices.cache_write_1h if "1h" in lives else prices.cache_write_5m
    most = request.max_tokens * parsed.n
    return {
        "prompt_tokens": tokens,
        "max_tokens": most,
        "prompt": _money(tokens * prices.input),
        "prompt_cached": _money(tokens * prices.cache_read),
        "worst_case": _money(tokens * max(dearest, prices.input) + most * prices.output),
    }


def caching(parsed: Parsed) -> dict[str, Any]:
    """Whether the request uses the prompt cache, which lives on one account."""
    found = list(marks(parsed))
    return {
        "matters": bool(found) and 0 < parsed.model.min_cache_tokens <= estimate(parsed),
        "marks": len(found),
        "life": "1h" if any(one.ttl == "1h" for one in found) else "5m" if found else None,
        "min_tokens": parsed.model.min_cache_tokens,
    }


def thinking(parsed: Parsed) -> dict[str, Any]:
    """Whether the request thinks, and whether the thinking it brings along binds it."""
    config = parsed.request.thinking
    blocks = sum(
        isinstance(block, Thinking | RedactedThinking)
        for message in parsed.request.messages
        for block in message.content
    )
    return {
        "type": None if config is UNSET else config.type,
        "blocks": blocks,
        "bound_to_organization": bool(blocks) and parsed.model.org_locked_thinking,
    }


def marks(parsed: Parsed) -> Iterator[CacheControl]:
    """All cache marks that would be sent."""
    request = parsed.request
    places: list[Any] = [request]
    if request.tools is not UNSET:
        places += request.tools
    if request.system is not UNSET:
        places += request.system
    for message in request.messages:
        places += message.content
    for place in places:
        control = getattr(place, "cache_control", UNSET)
        if isinstance(control, CacheControl):
            yield control


def _money(nano: int) -> dict[str, Any]:
    return {"nano_usd": nano, "usd": decimal(nano)}

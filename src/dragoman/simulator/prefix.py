"""A request as the prompt cache and the token counter see it: segments in the order of the cached
prefix.

Order is tools, system, messages. Changing a tool changes every later hash; changing
``tool_choice``, ``thinking`` or the set of images changes those of the messages only (the vendor's
invalidation table).
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from dragoman.codec import jsonio
from dragoman.simulator import tokens
from dragoman.simulator.cache import Segment
from dragoman.simulator.media import Gallery
from dragoman.simulator.prompt import Prompt
from dragoman.simulator.shape import Json, blocks_of, child, text_of

_URL_IMAGE_PX = 1024
"""Edge assumed for an image that was given as a URL."""


class Prefix(NamedTuple):
    """The whole input of a request."""

    segments: list[Segment]
    tokens: int
    """All input tokens."""


def measure(prompt: Prompt, gallery: Gallery) -> Prefix:
    """Count a request's tokens; hash its prefixes if it uses the prompt cache."""
    automatic = child(prompt.body, "cache_control")
    counted = list(_counted(prompt, gallery))
    percent = prompt.model.token_percent / 100
    caching = bool(automatic) or any("cache_control" in block for _, block, _ in counted)
    if not caching:
        total = sum(amount for _, _, amount in counted)
        return Prefix([], max(1, round(total * percent)))
    return _hashed(prompt, counted, percent)


def _hashed(prompt: Prompt, counted: list[tuple[str, Json, float]], percent: float) -> Prefix:
    automatic = child(prompt.body, "cache_control")
    segments: list[Segment] = []
    running = hashlib.blake2b(prompt.model.id.encode(), digest_size=16)
    total = 0.0
    in_messages = False
    for place, block, amount in counted:
        if place == "messages" and not in_messages:
            in_messages = True
            running.update(_message_settings(prompt))
        control = child(block, "cache_control")
        bare = {key: value for key, value in block.items() if key != "cache_control"}
        running.update(place.encode() + jsonio.encode(bare))
        total += amount
        ttl = (text_of(control, "ttl") or "5m") if control else ""
        segments.append(Segment(running.digest(), round(total * percent), ttl))
    if automatic and segments:
        last = segments[-1]
        if not last.ttl:
            segments[-1] = last._replace(ttl=text_of(automatic, "ttl") or "5m")
    return Prefix(segments, max(1, round(total * percent)))


def _message_settings(prompt: Prompt) -> bytes:
    """What invalidates the messages' part of the cache and leaves tools and system alone."""
    thinking = prompt.body.get("thinking")
    return jsonio.encode([prompt.body.get("tool_choice"), thinking, prompt.body.get("speed")])


def _counted(prompt: Prompt, gallery: Gallery) -> Iterator[tuple[str, Json, float]]:
    """Every block with the part it belongs to and its tokens, before the tokenizer's factor."""
    for number, tool in enumerate(prompt.tools):
        extra = tokens.TOOLS_OVERHEAD if number == 0 else 0
        yield "tools", tool, tokens.tool_tokens(tool) + extra
    for block in blocks_of(prompt.body.get("system")):
        yield "system", block, tokens.text_block_tokens(block)
    old_until = _last_question(prompt)
    for position, message in enumerate(prompt.messages):
        overhead: float = tokens.MESSAGE_OVERHEAD
        role = text_of(message, "role")
        for block in blocks_of(message.get("content")):
            amount = block_tokens(prompt, block, gallery)
            if position < old_until and block.get("type") in ("thinking", "redacted_thinking"):
                amount = amount if prompt.model.keeps_thinking else 0
            yield "messages", {"role": role, **block}, amount + overhead
            overhead = 0


def _last_question(prompt: Prompt) -> int:
    """Index of the last user message that is more than tool results: older thinking is past."""
    for position in range(len(prompt.messages) - 1, -1, -1):
        message = prompt.messages[position]
        if message.get("role") != "user":
            continue
        if any(block.get("type") != "tool_result" for block in blocks_of(message.get("content"))):
            return position
    return 0


def block_tokens(prompt: Prompt, block: Json, gallery: Gallery) -> float:
    """Tokens of one content block."""
    match block.get("type"):
        case "text":
            return tokens.text_block_tokens(block)
        case "image":
            return _image_tokens(prompt, block, gallery)
        case "document":
            return _document_tokens(block, gallery)
        case "tool_use":
            return 8 + tokens.estimate(text_of(block, "name")) + tokens.json_tokens(block["input"])
        case "tool_result":
            inner = blocks_of(block.get("content"))
            return 8 + sum(block_tokens(prompt, item, gallery) for item in inner)
        case "thinking":
            return tokens.estimate(text_of(block, "thinking"))
        case "redacted_thinking":
            return tokens.estimate(text_of(block, "data")) / 2
        case _:
            return tokens.json_tokens(block)


def _image_tokens(prompt: Prompt, block: Json, gallery: Gallery) -> float:
    facts = gallery.of(block)
    width = facts.width or _URL_IMAGE_PX
    height = facts.height or _URL_IMAGE_PX
    model = prompt.model
    patches = tokens.image_tokens(width, height, model.image_long_edge, model.image_tokens)
    # The tokenizer's factor is for text; pictures cost the same everywhere.
    return patches * 100 / model.token_percent


def _document_tokens(block: Json, gallery: Gallery) -> float:
    source = child(block, "source")
    if source.get("type") == "text":
        return tokens.estimate(text_of(source, "data"))
    if source.get("type") == "content":
        return tokens.json_tokens(source.get("content"))
    return tokens.document_tokens(gallery.of(block).size_bytes)

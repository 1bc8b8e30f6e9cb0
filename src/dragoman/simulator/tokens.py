"""Plausible token counts. Nobody outside Anthropic has the tokenizer, so these are estimates that
behave.

Input is estimated from sizes, in time that does not depend on what the text says: about one token
per 3.5 ASCII characters, half a token per Cyrillic or Arabic letter, one per Chinese, Japanese or
Korean character. Output is short, so it is really cut into pieces: a piece is what the simulator
counts as one token, what ``max_tokens`` counts and what a streamed delta is made of.
"""

import math
import re
from typing import Any

from dragoman.codec import jsonio
from dragoman.simulator.shape import Json, objects, text_of

_ASCII_PER_TOKEN = 3.5
_EXTRA_BYTES_PER_TOKEN = 2.0
MESSAGE_OVERHEAD = 4
"""Tokens of a message's own framing."""
TOOLS_OVERHEAD = 346
"""The hidden system prompt that declaring tools adds; of the size the vendor documents."""
_PATCH_PX = 28
_DOCUMENT_BYTES_PER_TOKEN = 30

_PIECE = re.compile(
    r"(?:[ \n]?[A-Za-z\u00c0-\u024f]{1,6}"
    r"|[ \n]?[\u0400-\u052f]{1,3}"
    r"|[ \n]?[\u0590-\u08ff]{1,2}"
    r"|[ \n]?[0-9]{1,3}"
    r"|\s+"
    r"|.)"
    r"(?:[\u0300-\u036f\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]|\u200d.)*",
    re.DOTALL,
)


def pieces(text: str) -> list[str]:
    """Cut a text into what the simulator calls tokens. Joined they are the text again."""
    return _PIECE.findall(text)


def estimate(text: str) -> float:
    """Tokens of an input text, as a fraction."""
    if text.isascii():
        return len(text) / _ASCII_PER_TOKEN
    ascii_chars = len(text.encode("ascii", "ignore"))
    extra_bytes = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return ascii_chars / _ASCII_PER_TOKEN + extra_bytes / _EXTRA_BYTES_PER_TOKEN


def image_tokens(width: int, height: int, long_edge: int, most: int) -> int:
    """Visual tokens of an image: 28-pixel patches after downscaling (protocol.md §1, vision
    tiers)."""
    if width <= 0 or height <= 0:
        return most
    scale = min(1.0, long_edge / max(width, height))
    patches = _patches(width * scale, height * scale)
    if patches > most:
        shrink = math.sqrt(most / patches)
        patches = min(most, _patches(width * scale * shrink, height * scale * shrink))
    return max(1, patches)


def _patches(width: float, height: float) -> int:
    return math.ceil(width / _PATCH_PX) * math.ceil(height / _PATCH_PX)


def json_tokens(value: Any) -> float:
    """Tokens of a value written as JSON: schemas, tool arguments."""
    return estimate(jsonio.encode(value).decode("utf-8", "replace"))


def document_tokens(size_bytes: int) -> int:
    """Tokens of a PDF, whose text the simulator does not extract."""
    return max(1, size_bytes // _DOCUMENT_BYTES_PER_TOKEN)


def tool_tokens(tool: Json) -> float:
    """Tokens of one tool declaration."""
    return 8 + json_tokens({key: value for key, value in tool.items() if key != "cache_control"})


def text_block_tokens(block: Json) -> float:
    """Tokens of a block that is only text: system blocks and the like."""
    return max(1.0, estimate(text_of(block, "text"))) + sum(
        json_tokens(citation) for citation in objects(block.get("citations"))
    )

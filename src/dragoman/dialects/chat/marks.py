"""A client's cache marks, each where it stands → Anthropic's ``cache_control``.

Taken are LiteLLM's and OpenRouter's ``cache_control`` on parts, messages, calls and tools, and
OpenAI's ``prompt_cache_breakpoint`` on parts. A mark means "keep everything up to here", so one on
something that does not go upstream moves to what stands before it. How many marks there may be, and
in which order of lives, is ``caching.py``'s business.
"""

from collections.abc import Collection, Sequence

from msgspec import UNSET

from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import CacheMark, Message, Part, given
from dragoman.hub.request import (
    CacheControl,
    Cached,
    Document,
    Image,
    Text,
    Tool,
    ToolResult,
    ToolUse,
)

Markable = Text | Image | Document | Tool | ToolResult | ToolUse
"""What may carry a mark; thinking may not (protocol.md §2b rule 33)."""

SWITCHED_OFF = "prompt caching is switched off"
_NOTHING_THERE = "there is no content before it to keep"
_SHORT_LIVES = frozenset({"5m", "30m"})
"""Lives that five minutes stand for: each use renews them. Anything longer is an hour."""


def cache_control(mark: CacheMark, path: str, notes: Notes) -> Cached:
    """``cache_control`` as Anthropic writes it; five minutes is what no ``ttl`` means."""
    return _counted("1h" if mark.ttl == "1h" else None, path, notes)


def of_part(part: Part, path: str, notes: Notes) -> Cached:
    """The mark of a content part, if it has one. A breakpoint without a life has the request's."""
    if part.cache_control is not None:
        return cache_control(part.cache_control, f"{path}.cache_control", notes)
    point = part.prompt_cache_breakpoint
    if point is None:
        return UNSET
    ttl = notes.cache_ttl if point.ttl is None else life(point.ttl)
    return _counted(ttl, f"{path}.prompt_cache_breakpoint", notes)


def life(asked: str) -> str | None:
    """OpenAI's lives (``30m``, ``12h``, ``24h``) → Anthropic's ``1h``, or ``None`` for ``5m``."""
    return None if asked in _SHORT_LIVES else "1h"


def _counted(ttl: str | None, path: str, notes: Notes) -> Cached:
    if notes.caching == "off":
        notes.warn(path, SWITCHED_OFF)
        return UNSET
    notes.cache_marks += 1
    return CacheControl("ephemeral", ttl or UNSET)


def of_message(message: Message, found: Sequence[Markable], path: str, notes: Notes) -> None:
    """Put a message's own mark on the last of its blocks."""
    if message.cache_control is None:
        return
    where = f"{path}.cache_control"
    control = cache_control(message.cache_control, where, notes)
    if control is UNSET:
        return
    if found:
        found[-1].cache_control = control
    else:
        notes.warn(where, _NOTHING_THERE)


def of_thinking(message: Message, path: str, notes: Notes) -> None:
    """Say that a mark on thinking is left out."""
    for block in message.thinking_blocks or ():
        if given(block.cache_control):
            notes.warn(f"{path}.thinking_blocks[].cache_control", "thinking cannot carry a mark")


def move_from_blank(
    parts: Sequence[Part], made: Sequence[Markable | None], path: str, notes: Notes
) -> None:
    """Parts that left no block (``None`` in ``made``) leave their marks to the block before."""
    last: Markable | None = None
    for at, (part, block) in enumerate(zip(parts, made, strict=True)):
        if block is not None:
            last = block
            continue
        where = f"{path}[{at}]"
        control = of_part(part, where, notes)
        if control is UNSET:
            continue
        if last is None:
            notes.warn(f"{where}.cache_control", _NOTHING_THERE)
        else:
            last.cache_control = control


def lift(inner: Sequence[Markable]) -> Cached:
    """Take the marks off the parts of a tool's result; the result carries the last of them."""
    found: Cached = UNSET
    for block in inner:
        if block.cache_control is not UNSET:
            found, block.cache_control = block.cache_control, UNSET
    return found


def only(tools: Sequence[Tool], names: Collection[str]) -> list[Tool]:
    """The tools of these names; a mark on one that goes is left to the one before it."""
    kept: list[Tool] = []
    for tool in tools:
        if tool.name in names:
            kept.append(tool)
        elif kept and tool.cache_control is not UNSET:
            kept[-1].cache_control = tool.cache_control
    return kept

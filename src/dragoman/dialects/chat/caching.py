"""Cache marks of the client, within Anthropic's rules (protocol.md §2b rule 33)."""

from msgspec import UNSET

from dragoman.dialects.chat.content import cache_control
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import CacheMark
from dragoman.hub.request import (
    CacheControl,
    Document,
    Image,
    Request,
    Text,
    Tool,
    ToolResult,
    ToolUse,
)

MOST_MARKS = 4

_Markable = Text | Image | Document | Tool | ToolResult | ToolUse


def settle(out: Request, top: CacheMark | None, notes: Notes) -> None:
    """Keep the four latest marks, and none that lives shorter than one after it.

    ``top`` is the request's own ``cache_control``: upstream's automatic breakpoint.
    """
    if top is not None:
        out.cache_control = cache_control(top, notes)
    if not notes.cache_marks:
        return
    room = MOST_MARKS - (out.cache_control is not UNSET)
    marked = [block for block in _markable(out) if block.cache_control is not UNSET]
    for block in marked[:-room]:
        block.cache_control = UNSET
    long = False
    for block in reversed(marked[-room:]):
        long = long or (block.cache_control is not UNSET and block.cache_control.ttl == "1h")
        if long:
            block.cache_control = CacheControl("ephemeral", "1h")


def _markable(out: Request) -> list[_Markable]:
    """Everything that may carry a mark, in the order in which upstream reads it."""
    everything: list[object] = []
    if out.tools is not UNSET:
        everything += out.tools
    if out.system is not UNSET:
        everything += out.system
    for message in out.messages:
        everything += message.content
    return [block for block in everything if isinstance(block, _Markable)]

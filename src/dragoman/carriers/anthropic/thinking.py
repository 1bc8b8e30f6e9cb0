"""What thinking asks of the protocol beside the body: betas, and a second try without it.

Thinking blocks are signed, and bound to the model, to everything before them and on some models to
the organisation they were made for (protocol.md §0.6). Any of that may have changed without the
client knowing, and what an upstream says then is about blocks that the client may never have seen.
:func:`ease` makes a request out of it that cannot be refused for this reason.
"""

import re

from msgspec import UNSET

from dragoman.catalogue.model import Model
from dragoman.errors import Failure
from dragoman.hub.request import Block, RedactedThinking, Request, Thinking

INTERLEAVED = "interleaved-thinking-2025-05-14"
"""Manual thinking between tool calls."""
BINDING = "thinking-binding-controls-2026-08-01"
"""Lets a request say what becomes of blocks that no longer fit."""
_BLOCKS = re.compile(
    r"`?(signature|data)`? in `?(redacted_)?thinking`? block"
    r"|bound to a different \w+"
    r"|Expected `?thinking`? or `?redacted_thinking`?"
    r"|thinking`? blocks .{0,80}cannot be modified"
    r"|block_binding|thinking-binding-controls",
    re.IGNORECASE,
)
"""What is said of blocks that came back (protocol.md §2b rules 29 to 31), and of the setting that
goes with them."""
_MODE = re.compile(
    r"thinking may not be enabled when tool_choice"
    r"|thinking\.type\.\w+.{0,3} is not supported"
    r"|thinking is not supported"
    r"|does not support (adaptive |extended )?thinking"
    r"|interleaved-thinking",
    re.IGNORECASE,
)
"""What is said of the thinking asked for (rules 19 and 27), and of the beta that goes with it."""


def betas(request: Request, model: Model) -> tuple[str, ...]:
    """Values of ``anthropic-beta`` that the request needs; nearly always none."""
    thinking = request.thinking
    if thinking is UNSET:
        return ()
    if thinking.type == "enabled":
        between = request.tools is not UNSET and model.interleaved == "beta"
        return (INTERLEAVED,) if between else ()
    return () if thinking.block_binding is UNSET else (BINDING,)


def about_thinking(failure: Failure) -> bool:
    """Whether an upstream refused a request for its thinking, as far as its words tell."""
    if failure.kind != "upstream_rejected":
        return False
    said = failure.message
    return _BLOCKS.search(said) is not None or _MODE.search(said) is not None


def ease(request: Request, failure: Failure) -> bool:
    """Take out of a request what the failure says cannot be taken. Returns whether that changed it.

    Thinking blocks go in any case. Manual thinking goes too, since it wants the blocks that are
    gone; adaptive thinking stays where only blocks were refused. Without ``thinking`` the model
    does what it does by default.
    """
    changed = _strip(request)
    thinking = request.thinking
    if thinking is UNSET:
        return changed
    if thinking.type == "adaptive" and _BLOCKS.search(failure.message) is not None:
        changed = changed or thinking.block_binding is not UNSET
        thinking.block_binding = UNSET
        return changed
    request.thinking = UNSET
    return True


def _strip(request: Request) -> bool:
    changed = False
    for message in request.messages:
        if message.role != "assistant":
            continue
        kept: list[Block] = [
            block for block in message.content if not isinstance(block, Thinking | RedactedThinking)
        ]
        if kept and len(kept) < len(message.content):
            message.content = kept
            changed = True
    return changed

"""Prompt caching of a request: the client's marks within Anthropic's rules (protocol.md §2b rule
33), and the gateway's own where the client gave none (docs/decisions/0013).

:func:`begin` reads what the request says of caching as a whole, before its marks are read;
:func:`settle` brings the marks into order; :func:`automatic` sets the gateway's own. Each decision
depends on the request alone and, once made for a conversation, stays as it grows.
"""

from msgspec import UNSET

from dragoman.catalogue.model import Model
from dragoman.dialects.chat.marks import SWITCHED_OFF, Markable, cache_control, life
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import CacheMark, ChatRequest
from dragoman.hub.request import Block, CacheControl, Message, Request, Tool

MOST_MARKS = 4
BYTES_PER_TOKEN = 2
"""Few, so that no prompt worth keeping is missed. What is marked and shorter than the model's
minimum costs nothing: upstream keeps none of it and says nothing."""
LOOKBACK = 20
"""Blocks before a breakpoint among which upstream looks for what it kept."""


def begin(asked: ChatRequest, notes: Notes) -> None:
    """Note the life of marks that name none, and whether the client wants none but its own."""
    options, retention = asked.prompt_cache_options, asked.prompt_cache_retention
    if options is None and retention is None:
        return
    explicit = options is not None and options.mode == "explicit"
    if notes.caching == "off":
        if retention is not None:
            notes.warn("prompt_cache_retention", SWITCHED_OFF)
        if options is not None and not explicit:
            notes.warn("prompt_cache_options", SWITCHED_OFF)
        return
    if explicit:
        notes.caching = "client"
    if options is not None and options.ttl is not None:
        notes.cache_ttl = life(options.ttl)
    elif retention == "24h":
        notes.cache_ttl = "1h"


def settle(out: Request, top: CacheMark | None, notes: Notes) -> None:
    """Keep the four latest marks, and none that lives shorter than one after it.

    ``top`` is the request's own ``cache_control``: upstream's automatic breakpoint, which counts as
    one and stands after all others.
    """
    if top is not None:
        out.cache_control = cache_control(top, "cache_control", notes)
    if not notes.cache_marks:
        return
    everything = _markable(out)
    room = MOST_MARKS - (out.cache_control is not UNSET)
    marked = [block for block in everything if block.cache_control is not UNSET]
    for block in marked[:-room]:
        block.cache_control = UNSET
    long = _is_long(out)
    for block in reversed(marked[-room:]):
        long = long or _is_long(block)
        if long:
            block.cache_control = CacheControl("ephemeral", "1h")
    if out.cache_control is not UNSET and everything[-1].cache_control is not UNSET:
        # Two marks in one place may not differ.
        out.cache_control = everything[-1].cache_control


def _is_long(marked: Request | Markable) -> bool:
    control = marked.cache_control
    return control is not UNSET and control.ttl == "1h"


def _markable(out: Request) -> list[Markable]:
    """Everything that may carry a mark, in the order in which upstream reads it."""
    everything: list[object] = []
    if out.tools is not UNSET:
        everything += out.tools
    if out.system is not UNSET:
        everything += out.system
    for message in out.messages:
        everything += message.content
    return [block for block in everything if isinstance(block, Markable)]


def worth_it(model: Model, size: int) -> bool:
    """Whether a prompt may be long enough to be kept. ``size``: the client's body in bytes."""
    least = model.min_cache_tokens
    return least > 0 and size >= least * BYTES_PER_TOKEN


def fill(out: Request, last: Block | None, notes: Notes, *, worth: bool) -> bool:
    """Set the gateway's own marks where the client gave none and they are ``worth`` it.

    Returns whether there are marks. ``last`` as in :func:`automatic`.
    """
    if notes.cache_marks:
        return True
    if notes.caching != "auto" or not worth:
        return False
    automatic(out, last, notes.cache_ttl)
    return True


def automatic(out: Request, last: Block | None = None, ttl: str | None = None) -> None:
    """Have upstream keep a prompt.

    ``last`` is the last block that is the client's, ``None`` if nothing stands behind it: what the
    gateway put there is not in the history the next time. ``ttl`` is ``1h`` or ``None``.
    """
    control = CacheControl("ephemeral", ttl or UNSET)
    # The part that other conversations share; it is written anyway, so this costs nothing.
    if out.system is not UNSET:
        out.system[-1].cache_control = control
    elif out.tools is not UNSET:
        # Upstream's own tools, which stand behind the client's, are not ours to mark.
        tools = [tool for tool in out.tools if isinstance(tool, Tool)]
        if tools:
            tools[-1].cache_control = control
    if last is None or last is out.messages[-1].content[-1] or not isinstance(last, Markable):
        out.cache_control = control
    else:
        last.cache_control = control
    _reach_back(out.messages, control)


def _reach_back(messages: list[Message], control: CacheControl) -> None:
    """Mark where the request before this one ended, if that is too far back to be looked for."""
    new = 0
    for at in range(len(messages) - 1, 0, -1):
        new += len(messages[at].content)
        if messages[at].role == "assistant":
            before = messages[at - 1].content[-1]
            if new >= LOOKBACK - 1 and isinstance(before, Markable):
                before.cache_control = control
            return

"""What cannot stand together: forced tools, thinking and prefill (protocol.md §2b rules 7,
27-29)."""

from msgspec import UNSET, Raw

from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.dialects.chat.parsed import Notes, header_name
from dragoman.hub.request import (
    Message,
    RedactedThinking,
    Request,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
)

LOST_THINKING = "no thinking in a tool loop that began without its thinking blocks"
_CALL_ANY = Raw(b'"Answer by calling one of the tools."')


def settle_forced_tool(out: Request, model: Model, notes: Notes) -> None:
    """Where a model cannot be forced to call a tool, it is asked to (protocol.md §0.2)."""
    choice = out.tool_choice
    if choice is UNSET or choice.type not in ("any", "tool") or model.forced_tool_choice:
        return
    notes.warn("tool_choice", "the model cannot be forced to call a tool")
    words = _CALL_ANY
    if choice.name is not UNSET:
        words = jsonio.quote(f"Answer by calling the tool {choice.name}.")
    out.tool_choice = ToolChoice("auto", disable_parallel_tool_use=choice.disable_parallel_tool_use)
    last = out.messages[-1]
    if last.role == "user" and model.mid_system:
        out.messages.append(Message("system", [Text(words)]))
    else:
        last.content.append(Text(words))


def settle_thinking(out: Request, path: str, *, prefill: bool, notes: Notes) -> None:
    """Take manual thinking out of a request that would be refused with it.

    ``path``: who asked for it. Thinking blocks that are gone are no mistake of this request, and a
    client in the middle of its loop could do nothing about them: that is said and never refused.
    """
    if out.thinking is UNSET or out.thinking.type != "enabled":
        return
    if out.tool_choice is not UNSET and out.tool_choice.type in ("any", "tool"):
        notes.warn(path, "no thinking in a call that must use a tool")
    elif prefill:
        notes.warn(path, "no thinking where the answer is begun by the client")
    elif _loop_without_thinking(out.messages):
        notes.warnings.append((header_name(path), LOST_THINKING))
    else:
        return
    out.thinking = UNSET


def _loop_without_thinking(messages: list[Message]) -> bool:
    """Whether the last turn holds results of calls whose thinking did not come back (rule 29)."""
    if len(messages) < 2 or not isinstance(messages[-1].content[0], ToolResult):
        return False
    return not isinstance(messages[-2].content[0], (Thinking, RedactedThinking))

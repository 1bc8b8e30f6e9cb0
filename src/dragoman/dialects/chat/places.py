"""A path in the Messages request → the path in the client's own request (protocol.md §5e).

A message upstream may hold several of the client's; ``joins`` of the parsed request says which
block began which. What cannot be told exactly is named by what holds it.
"""

import re

from dragoman.dialects.chat.parsed import Parsed
from dragoman.hub.request import Text, Tool, ToolResult, ToolUse

_STEPS = re.compile(r"[^.]+")
_TOOL_FIELDS = {
    "name": ".name",
    "description": ".description",
    "input_schema": ".parameters",
    "strict": ".strict",
}
_CALL_FIELDS = {"name": ".function.name", "input": ".function.arguments", "id": ".id"}


def of_message(path: str, parsed: Parsed) -> str:
    """``messages.2.content.1.text`` → ``messages[3].content[0]``."""
    steps = _STEPS.findall(path)
    at = int(steps[1])
    messages = parsed.request.messages
    if at >= min(len(parsed.origins), len(messages)):
        return "messages"
    blocks = messages[at].content
    number = int(steps[3]) if len(steps) > 3 and steps[3].isdigit() else len(blocks)
    if number >= len(blocks):
        return f"messages[{parsed.origins[at]}]"
    origin, first = _origin(parsed, at, number)
    whole = f"messages[{origin}]"
    block = blocks[number]
    if isinstance(block, ToolUse):
        before = sum(isinstance(other, ToolUse) for other in blocks[first:number])
        return whole + _of_call(before, steps[4:], legacy=parsed.legacy)
    if isinstance(block, ToolResult):
        if steps[4:] == ["tool_use_id"]:
            return f"{whole}.tool_call_id"
        inner = len(steps) > 5 and steps[5].isdigit()
        return _of_part(parsed, whole, int(steps[5]) if inner else None)
    if messages[at].role == "user":
        return _of_part(parsed, whole, number - first)
    return f"{whole}.content" if isinstance(block, Text) else whole


def _origin(parsed: Parsed, at: int, number: int) -> tuple[int, int]:
    """The client message that block ``number`` of an upstream message came from, and the first
    block of that message."""
    found = (parsed.origins[at], 0)
    for message, first, origin in parsed.joins:
        if message == at and first <= number:
            found = (origin, first)
    return found


def _of_call(number: int, steps: list[str], *, legacy: bool) -> str:
    field = _CALL_FIELDS.get(steps[0], "") if steps else ""
    if legacy:
        return ".function_call" + field.removeprefix(".function")
    return f".tool_calls[{number}]{field}"


def _of_part(parsed: Parsed, whole: str, number: int | None) -> str:
    """The part that made a message's block ``number``, or the content as a whole."""
    path = f"{whole}.content"
    parts = parsed.parts.get(path, [])
    return path if number is None or number >= len(parts) else f"{path}[{parts[number]}]"


def of_tool(path: str, parsed: Parsed) -> str:
    """``tools.0.custom.input_schema.type`` → ``tools[2].function.parameters``."""
    steps = _STEPS.findall(path)
    at = int(steps[1])
    tools = parsed.request.tools or ()
    tool = tools[at] if at < len(tools) else None
    if tool is not None and not isinstance(tool, Tool):
        return "web_search_options"
    if parsed.tool_places is not None:
        if at >= len(parsed.tool_places):
            return "tools" if parsed.tool_places else "messages"
        at = parsed.tool_places[at]
    field = next((_TOOL_FIELDS[step] for step in steps[2:4] if step in _TOOL_FIELDS), "")
    if parsed.legacy:
        return f"functions[{at}]{field}"
    kind = ".custom" if tool is not None and tool.name in parsed.customs else ".function"
    return f"tools[{at}]" + (kind + field if field else "")

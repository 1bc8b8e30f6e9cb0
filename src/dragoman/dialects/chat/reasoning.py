"""Thinking that comes back: ``thinking_blocks`` and ``reasoning_details`` → signed blocks.

Only what is signed goes to Claude, byte for byte (protocol.md §0.6). What nobody signed is of use
to upstreams of other kinds alone (:func:`unsigned`): it goes along with an empty signature, is left
out on the way to Claude, and never becomes text. Where a block's ``index`` says that other blocks
stood before it, it returns to its place: between calls, as the model wrote it.

A client that sends back calls and no thinking gets what the memory has of that turn:
:func:`complete` puts it into the client's message as if the client had sent it.
"""

from collections.abc import Iterable, Sequence

from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.dialects.chat.shapes import (
    Call,
    CalledFunction,
    Message,
    ReasoningDetail,
    ThinkingBlock,
    given,
)
from dragoman.dialects.chat.texts import PARTS, TEXT, kind
from dragoman.hub import recall as hub
from dragoman.hub.request import FOREIGN, Block, RedactedThinking, Text, Thinking, ToolUse

Signed = tuple[int | None, Thinking | RedactedThinking]
"""A block and the place it had among the blocks of its message, where that is known."""

_EMPTY = Raw(b'""')


def signed(message: Message) -> list[Signed]:
    """The signed blocks of an assistant message, in order."""
    if message.thinking_blocks:
        return list(_from_blocks(message.thinking_blocks))
    if message.reasoning_details:
        return list(_from_details(message.reasoning_details))
    return []


def _from_blocks(found: list[ThinkingBlock]) -> Iterable[Signed]:
    for block in found:
        if block.type == "redacted_thinking" and _is_text(block.data):
            yield block.index, RedactedThinking(block.data)
        elif block.type == "thinking" and _is_text(block.signature):
            text = block.thinking if _is_string(block.thinking) else _EMPTY
            yield block.index, Thinking(text, block.signature)


def _from_details(found: list[ReasoningDetail]) -> Iterable[Signed]:
    for detail in found:
        if detail.format is not None and not detail.format.startswith("anthropic"):
            continue
        if detail.type == "reasoning.encrypted" and _is_text(detail.data):
            yield detail.index, RedactedThinking(detail.data)
        elif detail.type == "reasoning.text" and _is_text(detail.signature):
            text = detail.text if _is_string(detail.text) else _EMPTY
            yield detail.index, Thinking(text, detail.signature)


def unsigned(message: Message) -> Thinking | None:
    """What an assistant message holds of thoughts that nobody signed, as one block with an empty
    signature; ``None`` where there are none, or some that Claude signed, which say the same."""
    if not all([_is_foreign(block) for _, block in signed(message)]):
        return None
    found = [block.thinking for block in message.thinking_blocks or () if _is_text(block.thinking)]
    if not found:
        found = [raw for raw in (message.reasoning_content, message.reasoning) if _is_text(raw)][:1]
    if not found:
        found = [one.text for one in message.reasoning_details or () if _is_text(one.text)]
    return Thinking(Raw(jsonio.join([bytes(raw) for raw in found])), _EMPTY) if found else None


def _is_foreign(block: Thinking | RedactedThinking) -> bool:
    return isinstance(block, Thinking) and bytes(block.signature).startswith(FOREIGN)


def complete(messages: list[Message], recall: hub.Recall | None) -> bool:
    """Put remembered thinking into the assistant's messages that made calls and came back without
    any that is signed. Returns whether any message holds signed thinking now."""
    found = False
    for message in messages:
        if (message.thinking_blocks or message.reasoning_details) and signed(message):
            found = True
        elif recall is not None and message.tool_calls:
            found = _fill(message, message.tool_calls, recall) or found
    return found


def _fill(message: Message, made: list[Call], recall: hub.Recall) -> bool:
    turn = recall(made[0].id or "")
    if turn is None or turn.mark != _mark(made):
        return False
    message.thinking_blocks = _as_sent(turn.thoughts, texts=_has_text(message))
    return True


def _mark(made: Sequence[Call]) -> bytes:
    """The mark of a client's calls; empty where arguments are not as any answer has them."""
    calls: list[hub.Call] = []
    for call in made:
        try:
            if call.custom is not None:
                name, data = call.custom.name, b'{"input":%b}' % bytes(call.custom.input or _EMPTY)
            elif call.function is not None:
                name, data = call.function.name, _arguments(call.function)
            else:
                return b""
            calls.append(hub.Call(call.id or "", name, jsonio.canonical(data)))
        except (jsonio.Malformed, jsonio.Mismatch):
            return b""
    return hub.mark(calls)


def _arguments(function: CalledFunction) -> bytes:
    if not given(function.arguments):
        return b"{}"
    return jsonio.unquote(function.arguments).strip().encode() or b"{}"


def _has_text(message: Message) -> bool:
    """Whether a text block will stand in the message."""
    return given(message.content) and kind(message.content) in (TEXT, PARTS)


def _as_sent(thoughts: Sequence[hub.Thought], *, texts: bool) -> list[ThinkingBlock]:
    """Remembered blocks in the shape a client sends, their places counted as in an answer."""
    made: list[ThinkingBlock] = []
    for known, thought in enumerate(thoughts):
        block = thought.block
        index = known + (texts and thought.texts) + thought.calls
        if isinstance(block, Thinking):
            made.append(ThinkingBlock("thinking", block.thinking, block.signature, index=index))
        else:
            made.append(ThinkingBlock("redacted_thinking", data=block.data, index=index))
    return made


def _is_string(raw: Raw) -> bool:
    return bytes(raw)[:1] == b'"'


def _is_text(raw: Raw) -> bool:
    """A string that is not empty: an empty signature is no signature."""
    literal = bytes(raw)
    return literal[:1] == b'"' and literal != b'""'


def interleave(thoughts: list[Signed], others: list[Text | ToolUse]) -> list[Block]:
    """All blocks of an assistant message: thinking first, or where its index says, never last."""
    if not thoughts:
        return list(others)
    result: list[Block] = []
    taken = 0
    for index, block in thoughts:
        while index is not None and len(result) < index and taken < len(others) - 1:
            result.append(others[taken])
            taken += 1
        result.append(block)
    result.extend(others[taken:])
    return result

"""Thinking that comes back: ``thinking_blocks`` and ``reasoning_details`` → signed blocks.

Only what is signed goes upstream, byte for byte (protocol.md §0.6); unsigned reasoning is dropped
and never becomes text. Where a block's ``index`` says that other blocks stood before it, it returns
to its place: between calls, as the model wrote it.
"""

from collections.abc import Iterable

from msgspec import Raw

from dragoman.dialects.chat.shapes import Message, ReasoningDetail, ThinkingBlock
from dragoman.hub.request import Block, RedactedThinking, Text, Thinking, ToolUse

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

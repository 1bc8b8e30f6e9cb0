"""What a whole reply and a stream say alike: finish reasons, usage, thinking (protocol.md §5c,
§4c-e)."""

from msgspec import Raw, Struct

from dragoman.hub.request import RedactedThinking, Thinking
from dragoman.hub.usage import Usage

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "compaction": "length",
}


def finish_reason(stop_reason: str | None, *, calls: bool, legacy: bool) -> str:
    """OpenAI's word for why the model stopped. One we do not know counts as a normal end.

    ``calls``: the answer holds calls the client is to make, which makes a normal end
    ``tool_calls``.
    """
    reason = _FINISH.get(stop_reason or "", "stop")
    if reason in ("stop", "tool_calls"):
        if not calls:
            return "stop"
        return "function_call" if legacy else "tool_calls"
    return reason


class PromptDetails(Struct):
    cached_tokens: int
    cache_write_tokens: int
    audio_tokens: int = 0


class CompletionDetails(Struct):
    reasoning_tokens: int
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class WireUsage(Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


def wire_usage(usage: Usage) -> WireUsage:
    """Usage in OpenAI's sense: the prompt includes what the cache read and wrote."""
    return WireUsage(
        usage.prompt,
        usage.output,
        usage.total,
        PromptDetails(usage.cache_read, usage.cache_write),
        CompletionDetails(usage.thinking),
    )


SERVICE_TIERS = {"standard": "default", "priority": "priority"}


def reply_id(upstream_id: str) -> str:
    """``msg_01Ab`` → ``chatcmpl-01Ab``."""
    return "chatcmpl-" + upstream_id.removeprefix("msg_")


_FORMAT = "anthropic-claude-v1"


class ThinkingBlock(Struct, tag_field="type", tag="thinking"):
    """LiteLLM's item. OpenAI's own accumulator refuses items of a list that have no ``index``."""

    thinking: Raw
    signature: Raw
    index: int


class RedactedBlock(Struct, tag_field="type", tag="redacted_thinking"):
    data: Raw
    index: int


class TextDetail(Struct, tag_field="type", tag="reasoning.text"):
    """OpenRouter's item."""

    text: Raw
    signature: Raw
    format: str
    index: int


class EncryptedDetail(Struct, tag_field="type", tag="reasoning.encrypted"):
    data: Raw
    format: str
    index: int


class Thoughts:
    """The signed thinking of one answer, in both shapes clients send back.

    An item's ``index`` is the place its block has in the message that a client sends back, where
    all text is one block: what stands before it is counted in thoughts, calls and that one text.
    """

    __slots__ = ("blocks", "details")

    def __init__(self) -> None:
        self.blocks: list[ThinkingBlock | RedactedBlock] = []
        self.details: list[TextDetail | EncryptedDetail] = []

    def add(self, block: Thinking | RedactedThinking, *, texts: bool, calls: int) -> None:
        """The next block, after ``texts`` and ``calls``. Unsigned, it is no use to anybody."""
        index = len(self.blocks) + texts + calls
        if isinstance(block, RedactedThinking):
            self.blocks.append(RedactedBlock(block.data, index))
            self.details.append(EncryptedDetail(block.data, _FORMAT, index))
        elif bytes(block.signature) != b'""':
            self.blocks.append(ThinkingBlock(block.thinking, block.signature, index))
            self.details.append(TextDetail(block.thinking, block.signature, _FORMAT, index))

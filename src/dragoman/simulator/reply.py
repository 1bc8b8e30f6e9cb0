"""One reply, put together: thinking, then text or tool calls, cut to the request's limits, with
its usage."""

from typing import NamedTuple

from dragoman.simulator import answer
from dragoman.simulator.cache import CacheUse
from dragoman.simulator.events import Message
from dragoman.simulator.media import Gallery
from dragoman.simulator.prompt import Prompt
from dragoman.simulator.shape import Json, text_of
from dragoman.simulator.thinking import Signer, think, thinks
from dragoman.simulator.tokens import pieces


class Ask(NamedTuple):
    """A request that has been checked and counted."""

    prompt: Prompt
    gallery: Gallery
    input_tokens: int
    cache: CacheUse
    signer: Signer


def fill(message: Message, ask: Ask) -> None:
    """Write the answer into an empty message."""
    prompt = ask.prompt
    left = prompt.max_tokens
    thought = 0
    if left > 0 and thinks(prompt):
        block, thought = think(prompt, ask.signer)
        message.blocks.append(block)
        thought = min(thought, left)
        left -= thought
    said = 0
    if left > 0:
        text = answer.compose(prompt, ask.gallery, ask.input_tokens)
        text, reason, sequence = answer.cut(text, left, prompt.stop_sequences)
        message.stop_reason, message.stop_sequence = reason, sequence
        if text:
            message.blocks.append({"type": "text", "text": text})
        said = len(pieces(text))
    else:
        message.stop_reason = "max_tokens"
    message.usage = _usage(ask, thought + said, thought)


def _usage(ask: Ask, output: int, thought: int) -> Json:
    use = ask.cache
    usage: Json = {
        "input_tokens": max(0, ask.input_tokens - use.read - use.written_5m - use.written_1h),
        "cache_creation_input_tokens": use.written_5m + use.written_1h,
        "cache_read_input_tokens": use.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": use.written_5m,
            "ephemeral_1h_input_tokens": use.written_1h,
        },
        "output_tokens": output,
        "service_tier": "standard",
        "inference_geo": text_of(ask.prompt.body, "inference_geo") or "not_available",
    }
    if ask.prompt.model.thinking:
        usage["output_tokens_details"] = {"thinking_tokens": thought}
    return usage

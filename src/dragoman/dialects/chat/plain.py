"""The usual answer, one text from one message, written straight from its pieces.

Nine answers of ten hold nothing but text, and building a dozen structs to say that costs more than
all the rest of the answer. :func:`plain` writes those bytes at once and leaves everything else to
``reply.py``; a property test proves that both write the same.
"""

from msgspec import UNSET

from dragoman.codec import jsonio
from dragoman.dialects.chat.answer import SERVICE_TIERS
from dragoman.dialects.chat.parsed import JsonMode, Parsed
from dragoman.hub.events import Reply
from dragoman.hub.request import Text
from dragoman.hub.usage import Usage

_FINISH = {
    "end_turn": b"stop",
    "stop_sequence": b"stop",
    "max_tokens": b"length",
}
_TIERS = {
    tier: b',"service_tier":%b}' % jsonio.encode(ours) for tier, ours in SERVICE_TIERS.items()
}
_FORM = (
    b'{"id":%b,"object":"chat.completion","created":%d,"model":%b,"choices":[{"index":0,'
    b'"message":{"role":"assistant","content":%b,"refusal":null},"logprobs":null,'
    b'"finish_reason":"%b"}],"usage":{"prompt_tokens":%d,"completion_tokens":%d,'
    b'"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d,'
    b'"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":%d,"audio_tokens":0,'
    b'"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}%b'
)


def plain(parsed: Parsed, message: Reply, created: int, usage: Usage) -> bytes | None:
    """The answer's body, or ``None`` where it is more than one text."""
    content = message.content
    finish = _FINISH.get(message.stop_reason or "")
    if len(content) != 1 or finish is None or parsed.json_mode is not JsonMode.OFF:
        return None
    block = content[0]
    if not isinstance(block, Text) or block.citations is not UNSET:
        return None
    read, written, output = usage.cache_read, usage.cache_write, usage.output
    prompt = usage.input + read + written
    return _FORM % (
        jsonio.encode("chatcmpl-" + message.id.removeprefix("msg_")),
        created,
        jsonio.encode(parsed.client_model),
        block.text,
        finish,
        prompt,
        output,
        prompt + output,
        read,
        written,
        usage.thinking,
        _TIERS.get(usage.service_tier or "", b"}"),
    )

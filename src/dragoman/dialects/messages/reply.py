"""A whole answer (protocol.md §2, §3), from an upstream that speaks something else."""

from dragoman.codec import jsonio
from dragoman.dialects.chat import Parsed
from dragoman.dialects.messages.stream import reply_id, stop_fields
from dragoman.dialects.messages.usage import wire_usage
from dragoman.hub.events import Reply
from dragoman.hub.usage import Usage


def reply(parsed: Parsed, replies: list[Reply], created: int, usage: Usage) -> bytes:
    """The body. There is one choice; ``usage`` is what it cost."""
    made = replies[0]
    stop = stop_fields(made.stop_reason, made.stop_sequence, made.explanation)
    return (
        b'{"id":%b,"type":"message","role":"assistant","model":%b,"content":%b,%b,"usage":%b}'
        % (
            jsonio.encode(reply_id(made.id)),
            jsonio.encode(parsed.client_model),
            jsonio.encode(made.content),
            stop[1:-1],
            wire_usage(usage),
        )
    )


def end_stream(parsed: Parsed, created: int, usage: Usage) -> bytes:
    """Nothing: there is one choice, and its writer ends the stream."""
    return b""

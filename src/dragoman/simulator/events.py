"""A finished message as the API's event stream, or as one body (protocol.md §3).

The message is complete before the first event is made, so a stream and a whole answer cannot
differ. Events are made one by one as they are asked for.
"""

from collections.abc import Iterator
from typing import Any

from dragoman.codec import jsonio
from dragoman.simulator.shape import Json, objects, text_of
from dragoman.simulator.tokens import pieces

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
PIECES_PER_DELTA = 2
"""Tokens in one text delta."""
_JSON_CHARS_PER_DELTA = 14
_PING_EVERY = 200
"""Events between two pings of a long stream."""


class Message:
    """What the simulator answers: blocks in wire form, why it stopped, what it cost."""

    __slots__ = (
        "blocks",
        "id",
        "model",
        "stop_details",
        "stop_reason",
        "stop_sequence",
        "transformations",
        "usage",
    )

    def __init__(self, id: str, model: str) -> None:
        self.id = id
        self.model = model
        self.blocks: list[Json] = []
        self.stop_reason = "end_turn"
        self.stop_sequence: str | None = None
        self.stop_details: Json | None = None
        self.usage: Json = {}
        self.transformations: list[Json] | None = None
        """``input_transformations``, where a beta asked for them."""


def body(message: Message) -> bytes:
    """The answer to a request without ``stream``."""
    return jsonio.encode(_shell(message, message.blocks, whole=True))


def _shell(message: Message, blocks: list[Json], whole: bool) -> Json:
    usage = dict(message.usage)
    if not whole:
        usage.pop("output_tokens_details", None)
        usage.pop("server_tool_use", None)
        usage["output_tokens"] = min(1, usage["output_tokens"])
    made: Json = {
        "model": message.model,
        "id": message.id,
        "type": "message",
        "role": "assistant",
        "content": blocks,
        "stop_reason": message.stop_reason if whole else None,
        "stop_sequence": message.stop_sequence if whole else None,
        "stop_details": message.stop_details if whole else None,
        "usage": usage,
    }
    if message.transformations is not None:
        made["input_transformations"] = message.transformations
    return made


def event(name: str, data: Json) -> bytes:
    """One server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), jsonio.encode({"type": name, **data}))


def error(type: str, message: str) -> bytes:
    """The event that ends a stream in trouble."""
    return event("error", {"error": {"type": type, "message": message}})


def stream(message: Message) -> Iterator[bytes]:
    """The answer to a request with ``stream``, event by event."""
    sent = 0
    for made in _events(message):
        yield made
        sent += 1
        if sent % _PING_EVERY == 0:
            yield PING


def _events(message: Message) -> Iterator[bytes]:
    yield event("message_start", {"message": _shell(message, [], whole=False)})
    for index, block in enumerate(message.blocks):
        yield event("content_block_start", {"index": index, "content_block": _opening(block)})
        if index == 0:
            yield PING
        yield from _deltas(index, block)
        yield event("content_block_stop", {"index": index})
    usage = {
        key: value
        for key, value in message.usage.items()
        if key not in ("cache_creation", "service_tier", "inference_geo")
    }
    delta = {
        "stop_reason": message.stop_reason,
        "stop_sequence": message.stop_sequence,
        "stop_details": message.stop_details,
    }
    yield event("message_delta", {"delta": delta, "usage": usage})
    yield b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def _opening(block: Json) -> Json:
    """The block as ``content_block_start`` shows it: empty where deltas will fill it."""
    match block["type"]:
        case "text":
            return {**block, "text": "", **({"citations": []} if "citations" in block else {})}
        case "thinking":
            return {**block, "thinking": "", "signature": ""}
        case "tool_use" | "server_tool_use":
            return {**block, "input": {}}
        case _:
            return block


def _deltas(index: int, block: Json) -> Iterator[bytes]:
    match block["type"]:
        case "text":
            yield from _text_deltas(index, "text", text_of(block, "text"))
            for citation in objects(block.get("citations")):
                yield _delta(index, {"type": "citations_delta", "citation": citation})
        case "thinking":
            yield from _text_deltas(index, "thinking", text_of(block, "thinking"))
            yield _delta(index, {"type": "signature_delta", "signature": block["signature"]})
        case "tool_use" | "server_tool_use":
            yield from _input_deltas(index, block["input"])
        case _:
            pass


def _text_deltas(index: int, kind: str, text: str) -> Iterator[bytes]:
    cut = pieces(text)
    frame = (
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"%b_delta","%b":%%b}}\n\n'
    ) % (index, kind.encode(), kind.encode())
    for at in range(0, len(cut), PIECES_PER_DELTA):
        yield frame % jsonio.encode("".join(cut[at : at + PIECES_PER_DELTA]))


def _input_deltas(index: int, value: Any) -> Iterator[bytes]:
    """Arguments come as pieces of JSON text, the first of them empty, as upstream does it."""
    yield _delta(index, {"type": "input_json_delta", "partial_json": ""})
    if not value:
        return
    text = jsonio.encode(value).decode()
    for at in range(0, len(text), _JSON_CHARS_PER_DELTA):
        part = text[at : at + _JSON_CHARS_PER_DELTA]
        yield _delta(index, {"type": "input_json_delta", "partial_json": part})


def _delta(index: int, delta: Json) -> bytes:
    return event("content_block_delta", {"index": index, "delta": delta})

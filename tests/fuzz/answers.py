"""F5: an upstream's events, as the answer of a stream and as a whole reply.

Whatever the events, every chunk is what ``openai`` calls a chunk and its accumulator can fold them;
how they are grouped into reads changes no byte. Where they make a whole message
(:func:`message_of`), the folded chunks say what the reply to the same message says: content,
reasoning and its signed blocks, calls, refusal, finish reason and usage.
"""

import json
import re
from typing import Any, cast

from msgspec import Raw, Struct
from openai.types.chat import ChatCompletion

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.errors import Failure
from dragoman.hub import events as hub
from dragoman.hub.usage import Usage
from tests.dialects.oracles import chunks, fold

CREATED = 1_700_000_000
CATALOGUE = Catalogue(today="2026-11-20")
LONE = re.compile(rb"\\u[dD][89a-fA-F]")
F, G = ({"name": name, "parameters": {"type": "object"}} for name in ("f", "g.h"))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
WRAPPED = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
CUSTOM = "custom"
REQUESTS: dict[str, dict[str, Any]] = {
    "tools": {"tools": [{"type": "function", "function": F}, {"type": "function", "function": G}]},
    "legacy": {"functions": [F, G]},
    CUSTOM: {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
    "schema": {"response_format": WRAPPED, "model": "claude-3-haiku-20240307"},
    "json": {"response_format": {"type": "json_object"}},
    "silent": {"reasoning": {"exclude": True}},
}
"""One request for each way in which an answer is written."""
BODIES = {
    name: jsonio.encode(
        {
            "model": "claude-haiku-4-5",
            "messages": [{"role": "user", "content": "x"}],
            "stream": True,
            "stream_options": {"include_usage": True},
            **fields,
        }
    )
    for name, fields in REQUESTS.items()
}


def check(data: bytes) -> None:
    """Raises what is wrong."""
    reader = anthropic.Reader()
    try:
        events = reader.feed(data)
    except Failure:
        return
    message = message_of(events) if reader.done else None
    for name in REQUESTS:
        check_request(name, events, message)


def check_request(name: str, events: list[hub.Event], message: hub.Reply | None) -> None:
    """The answers to one request."""
    usage = Usage()
    for event in events:
        if isinstance(event, hub.MessageStart | hub.MessageDelta):
            usage.fold(event.usage)
    data = written(name, events, usage)
    if LONE.search(data):  # Python's own reader takes them, its models do not
        for line in data.split(b"\n"):
            if line.startswith(b"data: {"):
                json.loads(line.removeprefix(b"data: "))
        return
    if name == CUSTOM:
        folded = folded_by_hand(data)
    else:
        folded = fold(data).choices[0].to_dict()
        assert folded_by_hand(data)["finish_reason"] == folded["finish_reason"]
    if message is None:
        return
    whole = chat.reply(asked(name), message, CREATED, usage)
    completion = ChatCompletion.model_validate_json(whole, strict=True)
    said = jsonio.decode(whole)
    assert said["usage"] == chunks(data)[-1]["usage"]
    assert completion.usage is not None
    streamed = {**folded, **items(data)}
    expected = answer({**said["choices"][0], **thoughts(said["choices"][0])})
    assert answer(streamed) == expected, (answer(streamed), expected)


def asked(name: str) -> chat.Parsed:
    return chat.parse(BODIES[name], CATALOGUE, strict=False)


def written(name: str, events: list[hub.Event], usage: Usage) -> bytes:
    """The stream; each event by itself writes the same."""
    writer = chat.StreamWriter(asked(name), CREATED)
    data = writer.feed(events) + writer.close(usage)
    one_by_one = chat.StreamWriter(asked(name), CREATED)
    parts = [one_by_one.feed([event]) for event in events]
    assert b"".join(parts) + one_by_one.close(usage) == data
    return data


def folded_by_hand(data: bytes) -> dict[str, Any]:
    """What a client without an SDK makes of a stream: OpenAI's has no streamed custom tools."""
    calls: dict[int, dict[str, Any]] = {}
    message: dict[str, Any] = {"content": "", "tool_calls": []}
    reason = None
    for chunk in chunks(data):
        for choice in chunk["choices"]:
            delta = choice["delta"]
            reason = choice["finish_reason"] or reason
            for field in ("content", "refusal", "reasoning_content"):
                if delta.get(field):
                    message[field] = (message.get(field) or "") + delta[field]
            for call in delta.get("tool_calls", ()):
                known = calls.setdefault(call["index"], call)
                if known is not call:
                    known["function"]["arguments"] += call["function"]["arguments"]
    message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return {"finish_reason": reason, "message": message}


def items(data: bytes) -> dict[str, list[Any]]:
    """The signed thinking of a stream: clients collect it item by item."""
    deltas = [choice["delta"] for chunk in chunks(data) for choice in chunk["choices"]]
    return {
        field: [item for delta in deltas for item in delta.get(field, ())]
        for field in ("thinking_blocks", "reasoning_details")
    }


def thoughts(choice: dict[str, Any]) -> dict[str, list[Any]]:
    message = choice["message"]
    return {field: message.get(field, []) for field in ("thinking_blocks", "reasoning_details")}


def answer(choice: dict[str, Any]) -> dict[str, Any]:
    """What a choice says, however it was said."""
    message = choice["message"]
    said = {field: message.get(field) or "" for field in ("content", "refusal")}
    legacy = message.get("function_call")
    return {
        **said,
        "reasoning": message.get("reasoning_content") or "",
        "finish": choice["finish_reason"],
        "calls": [call_of(call) for call in message.get("tool_calls") or ()],
        "legacy": legacy and (legacy["name"], compact(legacy["arguments"])),
        "blocks": choice["thinking_blocks"],
        "details": choice["reasoning_details"],
    }


def call_of(call: dict[str, Any]) -> tuple[str, str, str]:
    """Id, name and what the call is given; white space in arguments is upstream's."""
    if call["type"] == "custom":
        return call["id"], call["custom"]["name"], call["custom"]["input"]
    function = call["function"]
    return call["id"], function["name"], compact(function["arguments"])


def compact(text: str) -> str:
    return jsonio.compact(text.encode()).decode()


# --- the message that events make ----------------------------------------------------------------


class Open(Struct):
    """A block that has begun."""

    start: hub.BlockStart
    texts: list[bytes] = []
    signature: bytes = b'""'


def message_of(events: list[hub.Event]) -> hub.Reply | None:
    """The whole message, or ``None`` where events are not those of a proper stream: one start,
    blocks one after the other, deltas of their block's kind, an end."""
    head, *rest = [event for event in events if not isinstance(event, hub.Ping)] or [None]
    if not isinstance(head, hub.MessageStart):
        return None
    reply = hub.Reply(head.id, head.model, [], None, None, None, head.usage)
    block: Open | None = None
    for event in rest:
        if block is None:
            if isinstance(event, hub.BlockStart) and event.index == len(reply.content):
                block = Open(event)
            elif not between_blocks(event, reply):
                return None
        elif isinstance(event, hub.BlockStop) and event.index == block.start.index:
            made = block_of(block)
            if made is None:
                return None
            reply.content.append(made)
            block = None
        elif not take(block, event):
            return None
    return reply if block is None else None


def between_blocks(event: hub.Event, reply: hub.Reply) -> bool:
    """What may stand outside of blocks, taken into the reply; whether it may."""
    if isinstance(event, hub.MessageDelta):
        reply.stop_reason = event.stop_reason or reply.stop_reason
        reply.explanation = event.explanation or reply.explanation
        return True
    return isinstance(event, hub.MessageStop)


DELTAS: dict[str, tuple[type[Any], str]] = {
    "text": (hub.TextDelta, "text"),
    "thinking": (hub.ThinkingDelta, "thinking"),
    "tool_use": (hub.InputDelta, "partial_json"),
    "server_tool_use": (hub.InputDelta, "partial_json"),
}


def take(block: Open, event: hub.Event) -> bool:
    """A delta; whether it is one of this block."""
    shape, field = DELTAS.get(block.start.kind, (hub.Unknown, ""))
    if getattr(event, "index", None) != block.start.index:
        return False
    if isinstance(event, hub.SignatureDelta) and block.start.kind == "thinking":
        block.signature = event.signature
        return True
    if isinstance(event, shape):
        block.texts.append(getattr(event, field))
        return True
    return isinstance(event, hub.CitationDelta) and block.start.kind == "text"


def block_of(block: Open) -> Any:
    """The block as it stands in a whole message, read by the carrier itself."""
    fields = cast("dict[str, Raw]", jsonio.Decoder(dict[str, Raw]).decode(block.start.block))
    kind = block.start.kind
    if kind in ("tool_use", "server_tool_use"):
        text = jsonio.text_of(jsonio.join(block.texts)) if block.texts else ""
        if text:
            fields["input"] = Raw(text.encode())
    elif kind in ("text", "thinking"):
        started = bytes(fields.get(kind, Raw(b'""')))
        if started[:1] != b'"':
            return None
        fields[kind] = Raw(jsonio.join([started, *block.texts]))
        if block.signature != b'""':
            fields["signature"] = Raw(block.signature)
    try:
        body = b'{"content":[%b]}' % jsonio.encode(fields)
        return anthropic.read_reply(body).content[0]
    except Failure:
        return None

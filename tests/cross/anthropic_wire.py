"""Messages on the wire, written and read as Anthropic's servers do."""

import base64
import json
from typing import Any

from tests.cross.meaning import (
    Answer,
    Broken,
    Call,
    Document,
    Image,
    Part,
    Redacted,
    Result,
    Seen,
    Thought,
    Tool,
    Turn,
    Usage,
    cut,
)

_STOPS = {"end": "end_turn", "calls": "tool_use", "limit": "max_tokens",
          "refused": "refusal"}  # fmt: skip
MODEL = "claude-opus-5"


def usage(used: Usage) -> dict[str, Any]:
    return {
        "input_tokens": used.input,
        "cache_creation_input_tokens": used.cache_write,
        "cache_read_input_tokens": used.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": used.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": used.output,
        "output_tokens_details": {"thinking_tokens": used.reasoning},
        "service_tier": "standard",
    }


def _stop(answer: Answer) -> dict[str, Any]:
    reason = "stop_sequence" if answer.stopped_by else _STOPS[answer.finish]
    return {"stop_reason": reason, "stop_sequence": answer.stopped_by}


def message(answer: Answer) -> bytes:
    """A whole answer."""
    made = {"id": "msg_01", "type": "message", "role": "assistant", "model": MODEL,
            "content": [_written(part) for part in answer.parts],
            **_stop(answer), "usage": usage(answer.usage)}  # fmt: skip
    return json.dumps(made).encode()


def _written(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, Thought):
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    if isinstance(part, Redacted):
        return {"type": "redacted_thinking", "data": part.data}
    assert isinstance(part, Call)
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": part.arguments}


def _block(at: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": at, "content_block": start},
        *[{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": at},
    ]


def _started(used: Usage) -> dict[str, Any]:
    first = usage(used._replace(output=1, reasoning=0))
    del first["output_tokens_details"]
    head = {"id": "msg_01", "type": "message", "role": "assistant", "model": MODEL, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": first}  # fmt: skip
    return {"type": "message_start", "message": head}


def _streamed(at: int, part: Part) -> list[dict[str, Any]]:
    """A block of a stream: how it starts, and what comes then."""
    start = _written(part)
    if isinstance(part, str):
        pieces = [{"type": "text_delta", "text": one} for one in cut(part)]
        return _block(at, {**start, "text": ""}, pieces)
    if isinstance(part, Thought):
        pieces = [{"type": "thinking_delta", "thinking": one} for one in cut(part.text)]
        signed = {"type": "signature_delta", "signature": part.signature}
        return _block(at, {**start, "thinking": "", "signature": ""}, [*pieces, signed])
    if isinstance(part, Call):
        # A call without arguments comes without any piece of them.
        given = json.dumps(part.arguments, ensure_ascii=False) if part.arguments else ""
        written = ["", *cut(given)]
        pieces = [{"type": "input_json_delta", "partial_json": one} for one in written]
        return _block(at, {**start, "input": {}}, pieces)
    return _block(at, start, [])


def events(answer: Answer) -> list[dict[str, Any]]:
    """A streamed answer."""
    made = [_started(answer.usage), {"type": "ping"}]
    for at, part in enumerate(answer.parts):
        made += _streamed(at, part)
    last = usage(answer.usage)
    counted = {name: last[name] for name in ("output_tokens", "output_tokens_details")}
    return [
        *made,
        {"type": "message_delta", "delta": _stop(answer), "usage": counted},
        {"type": "message_stop"},
    ]


def begun(broken: Broken) -> list[dict[str, Any]]:
    """A streamed answer up to where it breaks off."""
    deltas = [{"type": "text_delta", "text": one} for one in cut(broken.text)]
    return [_started(broken.usage), *_block(0, {"type": "text", "text": ""}, deltas)[:-1]]


# What a request says.


def read(body: dict[str, Any], model: str, *, stream: bool) -> Seen:
    """The request that ``body`` is."""
    output, choice = body.get("output_config", {}), body.get("tool_choice")
    schema = output.get("format", {}).get("schema")
    return Seen(
        model,
        _text(body.get("system", "")),
        tuple(_turn(message) for message in body["messages"]),
        tuple(
            Tool(one["name"], one.get("description", ""), one["input_schema"])
            for one in body.get("tools", ())
        ),
        "" if choice is None else choice.get("name", choice["type"]),
        body["max_tokens"],
        tuple(body.get("stop_sequences", ())),
        schema,
        output.get("effort", ""),
        stream,
        not (choice or {}).get("disable_parallel_tool_use", False),
        body.get("temperature"),
        body.get("metadata", {}).get("user_id", ""),
    )


def _text(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "\n\n".join(one["text"] for one in content)


def _turn(message: dict[str, Any]) -> Turn:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return message["role"], tuple(_part(block) for block in blocks)


def _part(block: dict[str, Any]) -> Part:
    kind = block["type"]
    if kind == "text":
        return block["text"]
    if kind == "image":
        source = block["source"]
        return Image(source["media_type"], base64.b64decode(source["data"], validate=True))
    if kind == "document":
        data = base64.b64decode(block["source"]["data"], validate=True)
        return Document(block["title"], data)
    if kind == "thinking":
        return Thought(block["thinking"], block["signature"])
    if kind == "redacted_thinking":
        return Redacted(block["data"])
    if kind == "tool_use":
        return Call(block["id"], block["name"], block["input"])
    assert kind == "tool_result", block
    content = block["content"]
    if isinstance(content, str):
        return Result(block["tool_use_id"], content)
    texts = [one for one in content if one["type"] == "text"]
    images = [part for part in map(_part, content) if isinstance(part, Image)]
    return Result(block["tool_use_id"], _text(texts), *images)

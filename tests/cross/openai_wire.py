"""Chat Completions on the wire, written and read as compatible servers do (OpenRouter's and
DeepSeek's fields for what OpenAI has none for)."""

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

_FINISH = {"end": "stop", "calls": "tool_calls", "limit": "length", "refused": "content_filter"}
MODEL = "anthropic/claude-opus-5"


def usage(used: Usage) -> dict[str, Any]:
    prompt = used.input + used.cache_read + used.cache_write
    return {
        "prompt_tokens": prompt,
        "completion_tokens": used.output,
        "total_tokens": prompt + used.output,
        "prompt_tokens_details": {
            "cached_tokens": used.cache_read,
            "cache_write_tokens": used.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }


def _call(call: Call, arguments: str) -> dict[str, Any]:
    return {
        "id": call.id, "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }  # fmt: skip


def _written(call: Call) -> str:
    return json.dumps(call.arguments, ensure_ascii=False)


def _detail(at: int, part: Part) -> dict[str, Any]:
    """An item of OpenRouter's ``reasoning_details``."""
    head = {"format": "anthropic-claude-v1", "index": at}
    if isinstance(part, Redacted):
        return {"type": "reasoning.encrypted", "data": part.data, **head}
    assert isinstance(part, Thought)
    return {"type": "reasoning.text", "text": part.text, "signature": part.signature, **head}


def _details(answer: Answer) -> list[dict[str, Any]]:
    found = [part for part in answer.parts if isinstance(part, Thought | Redacted)]
    return [_detail(at, part) for at, part in enumerate(found)]


def completion(answer: Answer, *, router: bool = False) -> bytes:
    """A whole answer. ``router``: with OpenRouter's fields for what was thought."""
    said: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.thinking:
        said["reasoning" if router else "reasoning_content"] = answer.thinking
    if router and (details := _details(answer)):
        said["reasoning_details"] = details
    if answer.calls:
        said["tool_calls"] = [_call(call, _written(call)) for call in answer.calls]
    choice = {"index": 0, "message": said, "finish_reason": _FINISH[answer.finish]}
    made = {"id": "chatcmpl-01", "object": "chat.completion", "created": 1, "model": MODEL,
            "choices": [choice], "usage": usage(answer.usage)}  # fmt: skip
    return json.dumps(made).encode()


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-01", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
            "choices": [choice]}  # fmt: skip


def _routed(detail: dict[str, Any]) -> list[dict[str, Any]]:
    """An item of thinking in pieces: texts, and its signature alone behind them."""
    if "text" not in detail:
        return [_chunk({"reasoning": None, "reasoning_details": [detail]})]
    bare = {name: detail[name] for name in ("type", "format", "index")}
    made = [
        _chunk({"reasoning": one, "reasoning_details": [{**bare, "text": one}]})
        for one in cut(detail["text"])
    ]
    signed = {**bare, "signature": detail["signature"]}
    return [*made, _chunk({"reasoning": None, "reasoning_details": [signed]})]


def chunks(answer: Answer, *, router: bool = False) -> list[dict[str, Any]]:
    """A streamed answer."""
    made = [_chunk({"role": "assistant", "content": ""})]
    if router:
        made += [chunk for detail in _details(answer) for chunk in _routed(detail)]
    else:
        made += [_chunk({"reasoning_content": one}) for one in cut(answer.thinking)]
    made += [_chunk({"content": one}) for one in cut(answer.text)]
    for at, call in enumerate(answer.calls):
        made.append(_chunk({"tool_calls": [{"index": at, **_call(call, "")}]}))
        for piece in cut(_written(call)):
            more = {"index": at, "function": {"arguments": piece}}
            made.append(_chunk({"tool_calls": [more]}))
    made.append(_chunk({}, _FINISH[answer.finish]))
    return [*made, {**made[0], "choices": [], "usage": usage(answer.usage)}]


def begun(broken: Broken) -> list[dict[str, Any]]:
    """A streamed answer up to where it breaks off."""
    first = _chunk({"role": "assistant", "content": ""})
    return [first, *[_chunk({"content": one}) for one in cut(broken.text)]]


# What a request says.


def read(body: dict[str, Any], *, router: bool = False) -> Seen:
    """The request that ``body`` is; only ``router`` knows ``reasoning_details``."""
    if not router:
        for message in body["messages"]:
            message.pop("reasoning_details", None)
    system = [one for one in body["messages"] if one["role"] in ("system", "developer")]
    stream = body.get("stream", False)
    if stream:
        assert body["stream_options"]["include_usage"] is True
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return Seen(
        body["model"],
        "\n\n".join(_text(one["content"]) for one in system),
        _turns([one for one in body["messages"] if one not in system]),
        tuple(
            Tool(function["name"], function.get("description", ""), function["parameters"])
            for function in (one["function"] for one in body.get("tools", ()))
        ),
        _choice(body.get("tool_choice")),
        limit,
        tuple(body.get("stop", ())),
        body.get("response_format", {}).get("json_schema", {}).get("schema"),
        body.get("reasoning", {}).get("effort", body.get("reasoning_effort", "")),
        stream,
        body.get("parallel_tool_calls", True),
        body.get("temperature"),
        body.get("user", ""),
    )


def _choice(choice: Any) -> str:
    if choice is None:
        return ""
    if isinstance(choice, str):
        return {"required": "any"}.get(choice, choice)
    return choice["function"]["name"]


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n\n".join(one["text"] for one in content)


def _turns(messages: list[dict[str, Any]]) -> tuple[Turn, ...]:
    """Tool messages and what the user says after them are one turn."""
    turns: list[tuple[str, list[Part]]] = []
    for message in messages:
        role = "assistant" if message["role"] == "assistant" else "user"
        if not turns or turns[-1][0] != role:
            turns.append((role, []))
        turns[-1][1].extend(_parts(message))
    return tuple((role, tuple(parts)) for role, parts in turns)


def _parts(message: dict[str, Any]) -> list[Part]:
    if message["role"] == "tool":
        content = message["content"]
        if isinstance(content, str):
            return [Result(message["tool_call_id"], content)]
        found = [_part(one) for one in content]
        text = "".join(part for part in found if isinstance(part, str))
        images = [part for part in found if isinstance(part, Image)]
        return [Result(message["tool_call_id"], text, *images)]
    parts: list[Part] = []
    thought = message.get("reasoning_content") or message.get("reasoning")
    if message.get("reasoning_details"):
        parts += map(_thought, message["reasoning_details"])
    elif thought:
        parts.append(Thought(thought, ""))
    content = message.get("content")
    if isinstance(content, list):
        parts += [_part(one) for one in content]
    elif content:
        parts.append(content)
    for call in message.get("tool_calls") or ():
        called = call["function"]
        parts.append(Call(call["id"], called["name"], json.loads(called["arguments"])))
    return parts


def _thought(detail: dict[str, Any]) -> Part:
    if detail["type"] == "reasoning.encrypted":
        return Redacted(detail["data"])
    return Thought(detail["text"], detail["signature"])


def _part(part: dict[str, Any]) -> Part:
    if part["type"] == "text":
        return part["text"]
    if part["type"] == "file":
        data = part["file"]["file_data"].removeprefix("data:application/pdf;base64,")
        return Document(part["file"]["filename"], base64.b64decode(data, validate=True))
    head, _, data = part["image_url"]["url"].partition(",")
    media_type = head.removeprefix("data:").removesuffix(";base64")
    return Image(media_type, base64.b64decode(data, validate=True))

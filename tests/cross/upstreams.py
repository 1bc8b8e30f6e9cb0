"""Upstreams of every carrier: what an account of theirs is, how they answer on their own wire, and
what they understand of a request."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from tests import aws_frames
from tests.cross import anthropic_wire, openai_wire
from tests.cross.meaning import Answer, Broken, Refusal, Said, Seen
from tests.gateway.harness import LAST_CHUNK, STREAM_HEAD, response
from tests.scripted_upstream import Request

OPUS, HAIKU = "claude-opus-5", "claude-haiku-4-5-20251001"
AWS_KEYS = {
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}


class Upstream(NamedTuple):
    """One column of the table."""

    account: Callable[[str], dict[str, Any]]
    """(its address) → the account."""
    ids: dict[str, str]
    """The catalogue's models → its own ids."""
    read: Callable[[Request], Seen]
    whole: Callable[[Said], bytes]
    stream: Callable[[Said], bytes]

    def answer(self, said: Said, seen: Seen) -> bytes:
        return (self.stream if seen.stream else self.whole)(said)


def sse(events: list[bytes], *, cut: bool = False) -> bytes:
    """Server-sent events as a response, each a chunk; ``cut``: more was to come."""
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    return STREAM_HEAD + b"".join(chunks) + (b"" if cut else LAST_CHUNK)


def named(event: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())


def framed(frames: list[bytes], *, cut: bool = False) -> bytes:
    """Event-stream frames as a response; ``cut``: more was to come."""
    data = b"".join(frames)
    head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
    return f"{head}content-length: {len(data) + cut}\r\n\r\n".encode() + data


def cut_off(body: bytes) -> bytes:
    """A whole answer of which the second half never comes."""
    return response(200, body)[: -len(body) // 2]


# Anthropic's own words, and who else uses them.

_TOO_LONG = "prompt is too long: 210000 tokens > 200000 maximum"
_REFUSED = {
    "throttled": (429, "rate_limit_error", "This request would exceed your rate limit."),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "rejected": (400, "invalid_request_error", "No."),
    "too long": (400, "invalid_request_error", _TOO_LONG),
    "bad key": (401, "authentication_error", "invalid x-api-key"),
    "no model": (404, "not_found_error", "model: claude-opus-5"),
}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def _messages_error(said: Refusal) -> bytes:
    status, kind, message = _REFUSED[said.kind]
    error = {"type": kind, "message": message}
    body = {"type": "error", "error": error, "request_id": "req_1"}
    return response(status, json.dumps(body).encode())


def _messages_whole(said: Said) -> bytes:
    if isinstance(said, Refusal):
        return _messages_error(said)
    if isinstance(said, Broken):
        return cut_off(anthropic_wire.message(Answer((said.text,))))
    return response(200, anthropic_wire.message(said))


def _messages_stream(said: Said) -> bytes:
    if isinstance(said, Refusal):
        return _messages_error(said)
    if isinstance(said, Broken):
        begun = [named(event) for event in anthropic_wire.begun(said)]
        return sse(begun, cut=True) if said.cut else sse([*begun, named(OVERLOADED)])
    return sse([named(event) for event in anthropic_wire.events(said)])


def _messages_read(request: Request) -> Seen:
    body = json.loads(request.body)
    return anthropic_wire.read(body, body["model"], stream=body.get("stream", False))


# Bedrock: the model in the path, frames, exceptions.

_EXCEPTION = {
    "throttled": (429, "ThrottlingException", "Too many tokens, please wait."),
    "overloaded": (503, "ServiceUnavailableException", "Bedrock is unable to process it."),
    "rejected": (400, "ValidationException", "No."),
    "too long": (400, "ValidationException", "Input is too long for requested model."),
    "bad key": (403, "UnrecognizedClientException", "The security token is invalid."),
    "no model": (400, "ValidationException", "The provided model identifier is invalid."),
}


def _bedrock_error(said: Refusal) -> bytes:
    status, name, message = _EXCEPTION[said.kind]
    body = json.dumps({"message": message}).encode()
    return response(status, body, f"x-amzn-errortype: {name}:http://internal.amazon.com/")


def _bedrock_whole(said: Said) -> bytes:
    return _bedrock_error(said) if isinstance(said, Refusal) else _messages_whole(said)


def _bedrock_stream(said: Said) -> bytes:
    if isinstance(said, Refusal):
        return _bedrock_error(said)
    if isinstance(said, Broken):
        told = aws_frames.exception("serviceUnavailableException", b'{"message":"Overloaded"}')
        begun = [aws_frames.chunk(json.dumps(one).encode()) for one in anthropic_wire.begun(said)]
        return framed(begun, cut=True) if said.cut else framed([*begun, told])
    events = anthropic_wire.events(said)
    return framed([aws_frames.chunk(json.dumps(event).encode()) for event in events])


def _bedrock_read(request: Request) -> Seen:
    body = json.loads(request.body)
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert not {"model", "stream"} & set(body)
    _, _, model, action = request.target.split("/")
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
    streams = {"invoke": False, "invoke-with-response-stream": True}
    return anthropic_wire.read(body, model, stream=streams[action])


# Vertex: the model in the path, Google's errors.

_GOOGLE = {
    "throttled": (429, "RESOURCE_EXHAUSTED", "Quota exceeded for aiplatform.googleapis.com."),
    "overloaded": (503, "UNAVAILABLE", "The service is currently unavailable."),
    "rejected": (400, "INVALID_ARGUMENT", "No."),
    "bad key": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "no model": (404, "NOT_FOUND", "Publisher Model `claude-opus-5` was not found."),
}
"""What Google says; what Claude itself refuses behind it, it says in Anthropic's words."""


def _vertex_error(said: Refusal) -> bytes:
    if said.kind not in _GOOGLE:
        return _messages_error(said)
    status, name, message = _GOOGLE[said.kind]
    error = {"code": status, "message": message, "status": name}
    return response(status, json.dumps({"error": error}).encode())


def _vertex_whole(said: Said) -> bytes:
    return _vertex_error(said) if isinstance(said, Refusal) else _messages_whole(said)


def _vertex_stream(said: Said) -> bytes:
    return _vertex_error(said) if isinstance(said, Refusal) else _messages_stream(said)


def _vertex_read(request: Request) -> Seen:
    body = json.loads(request.body)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in body
    model, _, action = request.target.rpartition("/")[2].partition(":")
    stream = {"rawPredict": False, "streamRawPredict": True}[action]
    assert body.get("stream", False) is stream
    return anthropic_wire.read(body, model, stream=stream)


# Servers that speak Chat Completions.

_WORDS = {
    "throttled": (429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached."),
    "overloaded": (503, "server_error", "overloaded", "The engine is overloaded."),
    "rejected": (400, "invalid_request_error", "invalid_value", "No."),
    "too long": (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 200000 tokens. However, your messages resulted in"
        " 210000 tokens.",
    ),
    "bad key": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "no model": (404, "invalid_request_error", "model_not_found", "The model does not exist."),
}


def _openai_error(said: Refusal) -> bytes:
    status, kind, code, message = _WORDS[said.kind]
    error = {"message": message, "type": kind, "param": None, "code": code}
    return response(status, json.dumps({"error": error}).encode())


def _openai_whole(said: Said, *, router: bool = False) -> bytes:
    if isinstance(said, Refusal):
        return _openai_error(said)
    if isinstance(said, Broken):
        return cut_off(openai_wire.completion(Answer((said.text,))))
    return response(200, openai_wire.completion(said, router=router))


def _openai_stream(said: Said, *, router: bool = False) -> bytes:
    if isinstance(said, Refusal):
        return _openai_error(said)
    if isinstance(said, Broken):
        error = {"message": "Overloaded", "type": "server_error", "code": "overloaded"}
        begun = [_data(one) for one in openai_wire.begun(said)]
        return sse(begun, cut=True) if said.cut else sse([*begun, _data({"error": error})])
    return sse([*map(_data, openai_wire.chunks(said, router=router)), b"data: [DONE]\n\n"])


def _data(chunk: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def _openai_read(request: Request, *, router: bool = False) -> Seen:
    assert request.target == "/v1/chat/completions"
    return openai_wire.read(json.loads(request.body), router=router)


def _account(provider: str, path: str = "", **fields: Any) -> Callable[[str], dict[str, Any]]:
    def made(url: str) -> dict[str, Any]:
        key = {} if "aws_access_key_id" in fields else {"api_key": "sk-upstream"}
        address = {"provider": provider, "base_url": url + path}
        return {**address, **key, **fields, "never_disable": True}

    return made


_REGION: dict[str, Any] = {"region": "eu-west-1", **AWS_KEYS}
_MESSAGES = (_messages_read, _messages_whole, _messages_stream)
_THEIRS = {OPUS: "anthropic/claude-opus-5", HAIKU: "anthropic/claude-haiku-4.5"}
_CLOUD = {OPUS: OPUS, HAIKU: "claude-haiku-4-5"}

UPSTREAMS: dict[str, Upstream] = {
    "anthropic": Upstream(_account("anthropic"), {OPUS: OPUS, HAIKU: HAIKU}, *_MESSAGES),
    "bedrock": Upstream(
        _account("bedrock", **_REGION),
        {OPUS: f"eu.anthropic.{OPUS}", HAIKU: f"eu.anthropic.{HAIKU}-v1:0"},
        _bedrock_read,
        _bedrock_whole,
        _bedrock_stream,
    ),
    "bedrock-messages": Upstream(
        _account("bedrock", "/anthropic", bedrock_api="messages", **_REGION),
        {OPUS: f"anthropic.{OPUS}", HAIKU: "anthropic.claude-haiku-4-5"},
        *_MESSAGES,
    ),
    "vertex": Upstream(
        _account("vertex", region="global", project="a-project"),
        {OPUS: OPUS, HAIKU: "claude-haiku-4-5@20251001"},
        _vertex_read,
        _vertex_whole,
        _vertex_stream,
    ),
    "foundry": Upstream(_account("foundry", "/anthropic"), _CLOUD, *_MESSAGES),
    "openai": Upstream(
        _account("openai", "/v1", model_ids=_THEIRS),
        _THEIRS,
        _openai_read,
        _openai_whole,
        _openai_stream,
    ),
    "openrouter": Upstream(
        _account("openai", "/v1", model_ids=_THEIRS, openai_style="openrouter"),
        _THEIRS,
        partial(_openai_read, router=True),
        partial(_openai_whole, router=True),
        partial(_openai_stream, router=True),
    ),
}

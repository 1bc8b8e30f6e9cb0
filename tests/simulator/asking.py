"""Requests in few words, and the check that one is refused exactly as the API refuses it."""

import base64
from typing import Any

import pytest

from dragoman.codec import jsonio

from .conftest import Bench

OLD = "claude-haiku-4-5-20251001"
"""Thinks manually, takes prefill and one of temperature and top_p."""
OPUS46 = "claude-opus-4-6"
OPUS48 = "claude-opus-4-8"
OPUS5 = "claude-opus-5"
OPUS55 = "claude-opus-5-5"
SONNET55 = "claude-sonnet-5-5"
HAIKU55 = "claude-haiku-5-5"
HI: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
TOOL: dict[str, Any] = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
USE: dict[str, Any] = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
CACHE: dict[str, Any] = {"type": "ephemeral"}
HOUR: dict[str, Any] = {"type": "ephemeral", "ttl": "1h"}


def body(model: str = OLD, messages: Any = None, **more: Any) -> dict[str, Any]:
    made = {
        "model": model,
        "max_tokens": 2000,
        "messages": HI if messages is None else messages,
        **more,
    }
    return {key: value for key, value in made.items() if value is not ...}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def image(data: bytes, media_type: str) -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    source = {"type": "base64", "media_type": media_type, "data": encoded}
    return {"type": "image", "source": source}


def document(data: bytes) -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": encoded}
    return {"type": "document", "source": source}


def schema_tool(schema: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"name": "f", "input_schema": schema, **more}]


def formatted(schema: dict[str, Any]) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "schema": schema}}


OBJECT = {"type": "object", "properties": {}, "additionalProperties": False}
NO_PREFILL = (
    "This model does not support assistant message prefill."
    " The conversation must end with a user message."
)
RESULT_NEEDED = (
    " Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)
USE_NEEDED = (
    " Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
)
EMPTY_CONTENT = (
    "all messages must have non-empty content except for the optional final assistant message"
)
NOT_A_SCHEMA = (
    "JSON schema is invalid. It must match JSON Schema draft 2020-12"
    " (https://json-schema.org/draft/2020-12). Learn more about tool use at"
    " https://docs.claude.com/en/docs/tool-use."
)
THINKING_DOCS = (
    " Please consult our documentation at"
    " https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)
MEDIA_TYPES = "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
AFTER_5M = (
    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
    " Note that blocks are processed in the following order: `tools`, `system`, `messages`."
)


def refused(bench: Bench, request_body: Any, message: str) -> None:
    """The request gets a 400 with exactly this message, in the API's error body."""
    answer = bench.post(request_body)
    said = jsonio.decode(answer.body)
    assert said["error"] == {"type": "invalid_request_error", "message": message}
    assert answer.status == 400
    assert said["type"] == "error"
    assert said["request_id"] == dict(answer.headers)["request-id"]


def table(cases: list[tuple[str, Any, str]]) -> Any:
    """The parameters of a test over (name, request, message)."""
    return pytest.mark.parametrize(
        ("request_body", "message"),
        [case[1:] for case in cases],
        ids=[case[0].replace(" ", "_") for case in cases],
    )

"""The shape of a body: types, names, tags, and the paths that errors give."""

from typing import Any

from .asking import (
    CACHE,
    HI,
    OPUS5,
    SONNET55,
    TOOL,
    USE,
    assistant,
    body,
    image,
    refused,
    table,
    text,
    user,
)
from .conftest import Bench
from .pictures import png

SHAPES: list[tuple[str, Any, str]] = [
    ("body is a list", [], "Input should be a valid dictionary"),
    ("no model", body(...), "model: Field required"),
    ("no max_tokens", body(max_tokens=...), "max_tokens: Field required"),
    ("no messages", body(messages=...), "messages: Field required"),
    ("model a number", body(5), "model: Input should be a valid string"),  # type: ignore[arg-type]
    ("max_tokens a string", body(max_tokens="9"), "max_tokens: Input should be a valid integer"),
    ("max_tokens true", body(max_tokens=True), "max_tokens: Input should be a valid integer"),
    (
        "max_tokens negative",
        body(max_tokens=-1),
        "max_tokens: Input should be greater than or equal to 0",
    ),
    ("messages a string", body(messages="Hi"), "messages: Input should be a valid list"),
    ("stream a string", body(stream="yes"), "stream: Input should be a valid boolean"),
    ("unknown key", body(n=2), "n: Extra inputs are not permitted"),
    (
        "unknown key of a message",
        body(messages=[{"role": "user", "content": "Hi", "name": "bob"}]),
        "messages.0.name: Extra inputs are not permitted",
    ),
    (
        "unknown key of a block",
        body(messages=[user(text("Hi", foo=1))]),
        "messages.0.content.0.text.foo: Extra inputs are not permitted",
    ),
    (
        "unknown role",
        body(messages=[{"role": "tool", "content": "Hi"}]),
        "messages.0.role: Input should be 'user', 'assistant' or 'system'",
    ),
    (
        "unknown block",
        body(messages=[user({"type": "image_url", "image_url": {"url": "x"}})]),
        "messages.0.content.0: Input tag 'image_url' found using 'type' does not match any of the"
        " expected tags: 'bash_code_execution_tool_result', 'code_execution_tool_result',"
        " 'container_upload', 'document', 'image', 'redacted_thinking', 'search_result',"
        " 'server_tool_use', 'text', 'text_editor_code_execution_tool_result', 'thinking',"
        " 'tool_result', 'tool_search_tool_result', 'tool_use', 'web_fetch_tool_result',"
        " 'web_search_tool_result'",
    ),
    (
        "block without type",
        body(messages=[user({"text": "Hi"})]),
        "messages.0.content.0.type: Field required",
    ),
    (
        "block a string",
        body(messages=[{"role": "user", "content": ["Hi"]}]),
        "messages.0.content.0: Input should be an object",
    ),
    (
        "text a number",
        body(messages=[user({"type": "text", "text": 1})]),
        "messages.0.content.0.text.text: Input should be a valid string",
    ),
    (
        "tool_use without input",
        body(messages=[*HI, assistant({"type": "tool_use", "id": "t", "name": "f"})]),
        "messages.1.content.0.tool_use.input: Field required",
    ),
    (
        "tool_use input a list",
        body(messages=[*HI, assistant({**USE, "input": [1]})]),
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        "tool_use id",
        body(messages=[*HI, assistant({**USE, "id": "call|1"})]),
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    (
        "thinking without signature",
        body(messages=[*HI, assistant({"type": "thinking", "thinking": "x"})]),
        "messages.1.content.0.thinking.signature: Field required",
    ),
    (
        "cache_control on thinking",
        body(
            messages=[
                *HI,
                assistant(
                    {"type": "thinking", "thinking": "", "signature": "", "cache_control": CACHE}
                ),
            ]
        ),
        "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ),
    (
        "ttl",
        body(messages=[user(text("Hi", cache_control={"type": "ephemeral", "ttl": "2h"}))]),
        "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
    ),
    (
        "system with an image",
        body(system=[image(png(2, 2), "image/png")]),
        "system.0: Input tag 'image' found using 'type' does not match any of the expected tags:"
        " 'text'",
    ),
    ("system a number", body(system=4), "system: Input should be a valid list"),
    (
        "tool_choice",
        body(tool_choice={"type": "required"}, tools=[TOOL]),
        "tool_choice: Input tag 'required' found using 'type' does not match any of the expected"
        " tags: 'any', 'auto', 'none', 'tool'",
    ),
    (
        "named choice without name",
        body(tool_choice={"type": "tool"}, tools=[TOOL]),
        "tool_choice.tool.name: Field required",
    ),
    ("tools null", body(tools=None), "tools: Input should be a valid list"),
    (
        "service tier",
        body(service_tier="flex"),
        "service_tier: Input should be 'auto' or 'standard_only'",
    ),
    (
        "long user id",
        body(metadata={"user_id": "x" * 257}),
        "metadata.user_id: String should have at most 256 characters",
    ),
    (
        "beta field without its beta",
        body(context_management={"edits": []}),
        "context_management: Extra inputs are not permitted",
    ),
    (
        "thinking without budget",
        body(thinking={"type": "enabled"}),
        "thinking.enabled.budget_tokens: Field required",
    ),
    (
        "between_tools with another field",
        body(SONNET55, thinking={"type": "between_tools", "display": "omitted"}),
        "thinking.between_tools.display: Extra inputs are not permitted",
    ),
    (
        "format without schema",
        body(OPUS5, output_config={"format": {"type": "json_schema"}}),
        "output_config.format.json_schema.schema: Field required",
    ),
]


@table(SHAPES)
def test_shapes(bench: Bench, request_body: Any, message: str) -> None:
    refused(bench, request_body, message)

"""Parameters, tools and cache breakpoints against the model (rules 12 to 33, 37)."""

from typing import Any

from .asking import (
    AFTER_5M,
    CACHE,
    HAIKU55,
    HI,
    HOUR,
    NOT_A_SCHEMA,
    OPUS5,
    OPUS46,
    OPUS48,
    OPUS55,
    RESULT,
    SONNET55,
    THINKING_DOCS,
    TOOL,
    USE,
    assistant,
    body,
    refused,
    schema_tool,
    table,
    text,
    user,
)
from .conftest import Bench

PARAMETERS: list[tuple[str, Any, str]] = [
    (
        "rule 16",
        body(max_tokens=64_001),
        "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for"
        " claude-haiku-4-5-20251001",
    ),
    (
        "rule 17",
        body(messages=[{"role": "user", "content": "abcdefg" * 100_001}]),
        "prompt is too long: 200006 tokens > 200000 maximum",
    ),
    (
        "rule 18, smallest",
        body(thinking={"type": "enabled", "budget_tokens": 1023}),
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (
        "rule 18, largest",
        body(thinking={"type": "enabled", "budget_tokens": 2000}),
        "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our"
        " documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
        "#max-tokens-and-context-window-size",
    ),
    (
        "rule 19, enabled",
        body(OPUS5, thinking={"type": "enabled", "budget_tokens": 1024}),
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and'
        ' "output_config.effort" to control thinking behavior.',
    ),
    (
        "rule 19, adaptive",
        body(thinking={"type": "adaptive"}),
        "adaptive thinking is not supported on this model",
    ),
    (
        "rule 19, disabled",
        body(OPUS55, thinking={"type": "disabled"}),
        '"thinking.type.disabled" is not supported for this model.',
    ),
    (
        "rule 19, between_tools instead",
        body(SONNET55, thinking={"type": "disabled"}),
        '"thinking.type.disabled" is not supported for this model. To turn thinking off on this'
        ' model, send "thinking": {"type": "between_tools"} instead.',
    ),
    (
        "rule 20, disabled",
        body(OPUS5, thinking={"type": "disabled"}, output_config={"effort": "xhigh"}),
        "output_config.effort 'xhigh' is not supported when thinking is disabled on this model."
        " Use effort 'high' or below, or enable thinking.",
    ),
    (
        "rule 20, between_tools",
        body(SONNET55, thinking={"type": "between_tools"}, output_config={"effort": "max"}),
        "output_config.effort 'max' is not supported when thinking is set to between_tools on this"
        " model. Use effort 'high' or below, or enable thinking.",
    ),
    (
        "rule 21, model",
        body(output_config={"effort": "low"}),
        "This model does not support the effort parameter.",
    ),
    (
        "rule 21, level",
        body(OPUS46, output_config={"effort": "xhigh"}),
        "This model does not support effort level 'xhigh'. Supported levels: high, low, max,"
        " medium.",
    ),
    (
        "rule 21, no such level",
        body(OPUS46, output_config={"effort": "ultra"}),
        "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
    ),
    (
        "rule 22",
        body(thinking={"type": "enabled", "budget_tokens": 1024}, temperature=0.5),
        "`temperature` may only be set to 1 when thinking is enabled." + THINKING_DOCS,
    ),
    (
        "rule 22, adaptive",
        body(OPUS46, thinking={"type": "adaptive"}, temperature=0.5),
        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."
        + THINKING_DOCS,
    ),
    (
        "rule 23, top_p",
        body(thinking={"type": "enabled", "budget_tokens": 1024}, top_p=0.9),
        "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
        + THINKING_DOCS,
    ),
    (
        "rule 23, top_k",
        body(thinking={"type": "enabled", "budget_tokens": 1024}, top_k=5),
        "`top_k` must be unset when thinking is enabled." + THINKING_DOCS,
    ),
    (
        "rule 24",
        body(temperature=0, top_p=1),
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    ),
    ("rule 25", body(OPUS48, temperature=0.3), "`temperature` is deprecated for this model."),
    ("rule 25, top_p", body(OPUS48, top_p=0.3), "`top_p` is deprecated for this model."),
    ("rule 25, top_k", body(OPUS48, top_k=3), "`top_k` is deprecated for this model."),
    (
        "haiku 5.5, temperature",
        body(HAIKU55, temperature=0.5),
        "`temperature` may only be set to 1 for this model.",
    ),
    (
        "haiku 5.5, top_p",
        body(HAIKU55, top_p=0.5),
        "`top_p` may only be set to 0.99 for this model.",
    ),
    ("haiku 5.5, top_k", body(HAIKU55, top_k=5), "`top_k` is not supported for this model."),
    (
        "haiku 5.5, both",
        body(HAIKU55, temperature=1, top_p=0.99),
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    ),
    (
        "rule 26",
        body(temperature=1.5),
        "temperature: Input should be less than or equal to 1",
    ),
    (
        "rule 32",
        body(stop_sequences=["ok", " \n"]),
        "stop_sequences: each stop sequence must contain non-whitespace",
    ),
    (
        "rule 37",
        body(metadata={"user_id": "bob@example.com"}),
        "metadata.user_id: user_id appears to contain an email address",
    ),
    (
        "rule 37, telephone",
        body(metadata={"user_id": "+1 (555) 123-4567"}),
        "metadata.user_id: user_id appears to contain a phone number",
    ),
]


TOOLS: list[tuple[str, Any, str]] = [
    (
        "rule 12",
        body(tool_choice={"type": "auto"}),
        "tool_choice may only be specified while providing tools",
    ),
    (
        "unknown tool",
        body(tool_choice={"type": "tool", "name": "g"}, tools=[TOOL]),
        "Tool 'g' not found in provided tools",
    ),
    (
        "rule 13",
        body(tools=[{**TOOL, "name": "my.tool"}]),
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    ("rule 14, names", body(tools=[TOOL, TOOL]), "tools: Tool names must be unique."),
    (
        "rule 15, no schema",
        body(tools=[{"name": "f"}]),
        "tools.0.custom.input_schema: Field required",
    ),
    (
        "rule 15, no type",
        body(tools=schema_tool({"properties": {}})),
        "tools.0.custom.input_schema.type: Field required",
    ),
    (
        "rule 15, other type",
        body(tools=schema_tool({"type": "array"})),
        "tools.0.custom.input_schema.type: Input should be 'object'",
    ),
    (
        "rule 15, root combinator",
        body(tools=schema_tool({"type": "object", "anyOf": [{}]})),
        "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the"
        " top level",
    ),
    (
        "rule 15, not a schema",
        body(tools=schema_tool({"type": "object", "properties": {"a": {"type": "str"}}})),
        f"tools.0.custom.input_schema: {NOT_A_SCHEMA}",
    ),
    (
        "rule 15, required is no list",
        body(tools=schema_tool({"type": "object", "properties": {"a": {"required": True}}})),
        f"tools.0.custom.input_schema: {NOT_A_SCHEMA}",
    ),
    (
        "rule 15, key of a property",
        body(tools=schema_tool({"type": "object", "properties": {"a b": {}}})),
        "tools.0.custom.input_schema.properties: Property keys should match pattern"
        " '^[a-zA-Z0-9_.-]{1,64}$'",
    ),
    (
        "rule 27",
        body(
            tools=[TOOL],
            tool_choice={"type": "any"},
            thinking={"type": "enabled", "budget_tokens": 1024},
        ),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    (
        "rule 28",
        body(OPUS55, tools=[TOOL], tool_choice={"type": "any"}),
        'tool_choice: type "tool" and "any" are not supported for this model.',
    ),
]


CACHING: list[tuple[str, Any, str]] = [
    (
        "rule 33, five",
        body(messages=[user(*[text(str(n), cache_control=CACHE) for n in range(5)])]),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        "rule 33, automatic counts",
        body(
            messages=[user(*[text(str(n), cache_control=CACHE) for n in range(4)])],
            cache_control=CACHE,
        ),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        "rule 33, order",
        body(
            system=[text("s", cache_control=CACHE)],
            messages=[user(text("u", cache_control=HOUR))],
        ),
        f"messages.0.content.0.cache_control.ttl: {AFTER_5M}",
    ),
    (
        "rule 33, order inside a tool result",
        body(
            tools=[{**TOOL, "cache_control": CACHE}],
            messages=[
                *HI,
                assistant(USE),
                user({**RESULT, "content": [text("r", cache_control=HOUR)]}),
            ],
        ),
        f"messages.2.content.0.tool_result.content.0.cache_control.ttl: {AFTER_5M}",
    ),
]


@table(PARAMETERS + TOOLS + CACHING)
def test_broken_parameters(bench: Bench, request_body: Any, message: str) -> None:
    refused(bench, request_body, message)

"""The order of a conversation (protocol.md §2b, rules 1 to 14, 38, 39)."""

from typing import Any

from .asking import (
    CACHE,
    EMPTY_CONTENT,
    HI,
    NO_PREFILL,
    OPUS46,
    OPUS55,
    RESULT,
    RESULT_NEEDED,
    TOOL,
    USE,
    USE_NEEDED,
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

CONVERSATION: list[tuple[str, Any, str]] = [
    (
        "rule 1",
        body(messages=[{"role": "assistant", "content": "Hi"}, *HI]),
        'messages: first message must use the "user" role',
    ),
    ("rule 2", body(messages=[]), "messages: at least one message is required"),
    (
        "rule 3, string",
        body(messages=[{"role": "user", "content": ""}]),
        f"messages.0: {EMPTY_CONTENT}",
    ),
    ("rule 3, list", body(messages=[*HI, assistant(), *HI]), f"messages.1: {EMPTY_CONTENT}"),
    (
        "rule 4, empty",
        body(messages=[user(text(""))]),
        "messages: text content blocks must be non-empty",
    ),
    (
        "rule 4, blank",
        body(messages=[user(text(" \n"))]),
        "messages: text content blocks must contain non-whitespace text",
    ),
    (
        "rule 4, blank string",
        body(messages=[{"role": "user", "content": "\t"}]),
        "messages: text content blocks must contain non-whitespace text",
    ),
    ("rule 38", body(system=[text("")]), "system: text content blocks must be non-empty"),
    (
        "rule 5",
        body(messages=[user(text("a"), text("", cache_control=CACHE))]),
        "messages.0.content.1.text: cache_control cannot be set for empty text blocks",
    ),
    (
        "rule 6",
        body(messages=[*HI, {"role": "assistant", "content": "The answer is "}]),
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    ("rule 7", body(OPUS46, [*HI, {"role": "assistant", "content": "("}]), NO_PREFILL),
    (
        "rule 8, nothing after",
        body(messages=[*HI, assistant(USE)], tools=[TOOL]),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1."
        + RESULT_NEEDED,
    ),
    (
        "rule 8, two missing",
        body(
            messages=[*HI, assistant(USE, {**USE, "id": "t2"}, {**USE, "id": "t3"}), user(RESULT)],
            tools=[TOOL],
        ),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after:"
        " t2, t3." + RESULT_NEEDED,
    ),
    (
        "rule 9",
        body(messages=[user(text("Hi"), RESULT)], tools=[TOOL]),
        "messages.0.content.1: unexpected `tool_use_id` found in `tool_result` blocks: t1."
        + USE_NEEDED,
    ),
    (
        "rule 9, twice",
        body(messages=[*HI, assistant(USE), user(RESULT, RESULT)], tools=[TOOL]),
        "messages.2.content.1: each tool_use must have a single result. Found multiple"
        " `tool_result` blocks with id: t1",
    ),
    (
        "rule 10",
        body(messages=[*HI, assistant(USE), user(text("first"), RESULT)], tools=[TOOL]),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1."
        + RESULT_NEEDED,
    ),
    (
        "rule 10, over two messages",
        body(messages=[*HI, assistant(USE), *HI, user(RESULT)], tools=[TOOL]),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1."
        + RESULT_NEEDED,
    ),
    (
        "rule 11",
        body(messages=[*HI, assistant(USE), user(RESULT)]),
        "Requests which include `tool_use` or `tool_result` blocks must define tools.",
    ),
    (
        "rule 14, ids",
        body(messages=[*HI, assistant(USE, USE), user(RESULT)], tools=[TOOL]),
        "messages.1.content.1: `tool_use` ids must be unique",
    ),
    (
        "tool_use of a user",
        body(messages=[user(USE)], tools=[TOOL]),
        "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages",
    ),
    (
        "tool_result of the assistant",
        body(messages=[*HI, assistant(RESULT), *HI], tools=[TOOL]),
        "messages.1.content.0: `tool_result` blocks can only be in `user` messages",
    ),
    (
        "rule 39, model",
        body(messages=[*HI, {"role": "system", "content": "Be brief"}]),
        "role 'system' is not supported on this model",
    ),
    (
        "rule 39, first",
        body(OPUS55, [{"role": "system", "content": "Be brief"}, *HI]),
        "messages.0: a message with role 'system' must not be the first message",
    ),
    (
        "rule 39, after the assistant",
        body(
            OPUS55,
            [*HI, {"role": "assistant", "content": "Yes"}, {"role": "system", "content": "x"}, *HI],
        ),
        "messages.2: a message with role 'system' must follow a user message",
    ),
    (
        "rule 39, before the user",
        body(OPUS55, [*HI, {"role": "system", "content": "x"}, *HI]),
        "messages.1: a message with role 'system' must be the last message or be followed by an"
        " assistant message",
    ),
    (
        "rule 39, between call and result",
        body(
            OPUS55,
            [*HI, assistant(USE), {"role": "system", "content": "x"}, user(RESULT)],
            tools=[TOOL],
        ),
        "messages.2: a message with role 'system' must follow a user message",
    ),
    (
        "rule 39, not text",
        body(OPUS55, [*HI, {"role": "system", "content": [image(png(2, 2), "image/png")]}]),
        "messages.1.content.0: system messages may only contain text blocks",
    ),
]


@table(CONVERSATION)
def test_broken_conversations(bench: Bench, request_body: Any, message: str) -> None:
    refused(bench, request_body, message)

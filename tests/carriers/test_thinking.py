"""Betas that thinking needs, and what is left of a request whose thinking was refused."""

from typing import Any

import pytest
from msgspec import UNSET, Raw

from dragoman.carriers import anthropic, bedrock, vertex
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.errors import Failure
from dragoman.hub import request as hub
from dragoman.hub.request import Message, Request, Text, Thinking, ThinkingConfig

CATALOGUE = Catalogue()
BOUND = (
    "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a"
    " different conversation. Remove the block, or set `thinking.block_binding.prefix_mismatch_beha"
    'vior` to "drop_block".'
)
BLOCKS = [
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "messages.3.content.0: Invalid `data` in `redacted_thinking` block",
    BOUND,
    "The block is bound to a different organization.",
    "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."
    " When `thinking` is enabled, a final `assistant` message must start with a thinking block",
    "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message"
    " cannot be modified. These blocks must remain as they were in the original response.",
    "thinking.adaptive.block_binding: Extra inputs are not permitted",
    "Unexpected value(s) `thinking-binding-controls-2026-08-01` for the `anthropic-beta` header.",
]
MODES = [
    "Thinking may not be enabled when tool_choice forces tool use.",
    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".',
    "adaptive thinking is not supported on this model",
    "'claude-3-haiku-20240307' does not support thinking.",
    "Unexpected value(s) `interleaved-thinking-2025-05-14` for the `anthropic-beta` header.",
]
OTHERS = [
    "max_tokens: 5 > 4, which is the maximum allowed number of output tokens for m",
    "`max_tokens` must be greater than `thinking.budget_tokens`.",
    "messages.0.content.0.text: thinking is hard",
    "prompt is too long: 5 tokens > 4 maximum",
    "tools.0.name: String should match pattern",
    "`temperature` may only be set to 1 when thinking is enabled.",
]
TOOL = {"type": "function", "function": {"name": "f"}}


def refused(message: str) -> Failure:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    return anthropic.read_error(400, {}, jsonio.encode(body))


def parsed(model: str, **fields: Any) -> chat.Parsed:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return chat.parse(jsonio.encode(body), CATALOGUE, strict=False)


def betas(model: str, **fields: Any) -> tuple[str, ...]:
    made = parsed(model, **fields)
    return anthropic.betas(made.request, made.model)


@pytest.mark.parametrize("message", BLOCKS + MODES)
def test_refusals_for_thinking(message: str) -> None:
    assert anthropic.about_thinking(refused(message))


@pytest.mark.parametrize("message", OTHERS)
def test_other_refusals(message: str) -> None:
    assert not anthropic.about_thinking(refused(message))


def test_only_a_rejected_request_is_about_thinking() -> None:
    assert not anthropic.about_thinking(Failure("upstream_fault", BOUND))


def test_manual_thinking_between_calls_needs_a_beta() -> None:
    interleaved = ("interleaved-thinking-2025-05-14",)
    fields = {"tools": [TOOL], "reasoning_effort": "high"}
    assert betas("claude-sonnet-4-5", **fields) == interleaved
    assert betas("claude-opus-4-5", **fields) == interleaved
    assert betas("claude-sonnet-4-5", reasoning_effort="high") == (), "no tools"
    assert betas("claude-sonnet-4-5", tools=[TOOL]) == (), "no thinking"
    assert betas("claude-haiku-4-5", **fields) == (), "it cannot"
    assert betas("claude-opus-5-5", **fields) == (), "adaptive needs none"
    assert betas("claude-sonnet-4-5") == ()


@pytest.mark.parametrize("effort", [None, "high"])
@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-haiku-5-5", "claude-fable-5-1"])
def test_thinking_that_goes_up_may_be_dropped_where_it_is_checked(
    model: str, effort: str | None
) -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": "S"}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "thinking_blocks": [block]},
        {"role": "user", "content": "Go on"},
    ]
    made = parsed(model, messages=messages, reasoning_effort=effort)
    assert anthropic.betas(made.request, made.model) == ("thinking-binding-controls-2026-08-01",)
    sent = jsonio.decode(anthropic.prepare(made.request))["thinking"]
    assert sent["type"] == "adaptive"
    assert sent["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
    # Without blocks nothing is said of them.
    assert betas(model, reasoning_effort=effort) == ()


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("claude-opus-5", {}),
        ("claude-sonnet-4-6", {"reasoning_effort": "high"}),
        ("claude-sonnet-5-5", {"reasoning_effort": "none"}),
        ("claude-haiku-5-5", {"reasoning_effort": "none"}),
    ],
)
def test_where_blocks_are_not_checked_or_thinking_is_off_nothing_is_said(
    model: str, fields: dict[str, Any]
) -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": "S"}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "thinking_blocks": [block]},
        {"role": "user", "content": "Go on"},
    ]
    made = parsed(model, messages=messages, **fields)
    assert anthropic.betas(made.request, made.model) == ()
    assert b"block_binding" not in anthropic.prepare(made.request)


def conversation(kind: Any) -> Request:
    said = [Thinking(Raw(b'"hm"'), Raw(b'"S"')), Text(Raw(b'"Hello"'))]
    messages = [Message("user", [Text(Raw(b'"Hi"'))]), Message("assistant", [*said])]
    messages.append(Message("user", [Text(Raw(b'"Go on"'))]))
    request = Request("m", 5, messages=messages)
    if kind:
        request.thinking = ThinkingConfig(kind, 1024 if kind == "enabled" else UNSET)
    return request


@pytest.mark.parametrize("message", BLOCKS + MODES)
@pytest.mark.parametrize("kind", ["", "enabled", "adaptive", "disabled", "between_tools"])
def test_no_thinking_is_left_to_refuse(kind: str, message: str) -> None:
    request = conversation(kind)
    assert anthropic.ease(request, refused(message))
    sent = jsonio.decode(anthropic.prepare(request))
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "Hello"}]
    kept = kind == "adaptive" and message in BLOCKS
    assert sent.get("thinking") == ({"type": "adaptive"} if kept else None)


def test_a_request_without_thinking_stays_as_it_is() -> None:
    request = Request("m", 5, messages=[Message("user", [Text(Raw(b'"Hi"'))])])
    before = anthropic.prepare(request)
    assert not anthropic.ease(request, refused(BOUND))
    assert anthropic.prepare(request) == before


@pytest.mark.parametrize("signature", [b'""', b'"openrouter:W10="'])
def test_what_nobody_signed_never_goes_to_claude(signature: bytes) -> None:
    """Wherever it is served, and whether its bytes are the client's own or not."""
    unsigned = hub.Thinking(Raw(b'"Hm."'), Raw(signature))
    call = hub.ToolUse("toolu_1", "f", Raw(b'{"signature":""}'))
    result = hub.Message("user", [hub.ToolResult("toolu_1")])
    alone = hub.Message("assistant", [unsigned])
    question = hub.Message("user", [hub.Text(Raw(b'"x"'))])
    turns = [question, hub.Message("assistant", [call, unsigned]), result, alone, question]
    request = hub.Request("claude-opus-4-6", 9, messages=turns)
    row = Catalogue().resolve("claude-opus-4-6").model
    for prepare in (anthropic.to_wire, bedrock.prepare, vertex.prepare):
        sent = jsonio.decode(prepare(request, "claude-opus-4-6", row).body)["messages"]
        assert [len(message["content"]) for message in sent] == [1, 1, 1, 1]
        assert sent[1]["content"][0]["input"] == {"signature": ""}
    assert request.messages == turns
    body = jsonio.encode(request)
    passed = jsonio.decode(anthropic.verbatim(body, "", (), "").body)
    assert passed == jsonio.decode(anthropic.to_wire(request, "claude-opus-4-6", row).body)


def test_bytes_without_unsigned_thinking_are_the_very_same() -> None:
    for body in (
        b'{"model": "m", "messages": [{"role": "user", "content": "\\"signature\\":\\"\\""}]}',
        b'{"messages":[{"role":"assistant","content":[{"type":"thinking","signature":"S"}]}]}',
        b'{"messages":[{"role":"user","content":[{"type":"thinking","signature":""}]}]}',
    ):
        assert anthropic.signed_bytes(body) is body

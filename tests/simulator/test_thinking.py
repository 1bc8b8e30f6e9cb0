"""Thinking: when there is any, what is shown, and signatures that are verified on their return."""

import base64
from typing import Any

import pytest

from dragoman.codec import jsonio
from dragoman.simulator.binding import BETA, Bond
from dragoman.simulator.service import Settings
from dragoman.simulator.thinking import Signer

from .asking import (
    HAIKU55,
    OLD,
    OPUS5,
    OPUS46,
    OPUS48,
    OPUS55,
    SONNET55,
    TOOL,
    assistant,
    body,
    refused,
    text,
    user,
)
from .conftest import Bench, parsed, text_of

MANUAL = {"type": "enabled", "budget_tokens": 1024}
ADAPTIVE = {"type": "adaptive"}
SHOWN = {"type": "adaptive", "display": "summarized"}
MAGIC = (
    "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_"
    "46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB"
)


@pytest.mark.parametrize(
    ("model", "thinking", "expected"),
    [
        (OLD, None, "none"),
        (OLD, MANUAL, "text"),
        (OPUS46, None, "none"),
        (OPUS46, ADAPTIVE, "text"),
        (OPUS48, None, "none"),
        (OPUS48, ADAPTIVE, "empty"),
        (OPUS5, None, "empty"),
        (OPUS5, {"type": "disabled"}, "none"),
        (OPUS55, None, "empty"),
        (OPUS55, SHOWN, "text"),
        (SONNET55, None, "empty"),
        (SONNET55, {"type": "between_tools"}, "none"),
        (HAIKU55, None, "empty"),
        (OLD, {**MANUAL, "display": "omitted"}, "empty"),
    ],
)
def test_when_there_is_thinking(bench: Bench, model: str, thinking: Any, expected: str) -> None:
    more = {} if thinking is None else {"thinking": thinking}
    message = bench.ask("Why is the sky blue?", model=model, max_tokens=2000, **more)
    first = message["content"][0]
    found = "none"
    if first["type"] == "thinking":
        assert len(first["signature"]) > 150
        found = "text" if first["thinking"] else "empty"
    assert found == expected
    details = message["usage"]["output_tokens_details"]["thinking_tokens"]
    assert (details > 0) == (expected != "none")
    assert details < message["usage"]["output_tokens"]


def test_thinking_between_tools(bench: Bench) -> None:
    more: dict[str, Any] = {
        "model": SONNET55,
        "tools": [TOOL],
        "thinking": {"type": "between_tools"},
    }
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    messages = [
        {"role": "user", "content": "Go on"},
        assistant(call),
        user({"type": "tool_result", "tool_use_id": "t1", "content": "done"}),
    ]
    message = bench.ask("", messages=messages, **more)
    assert [block["type"] for block in message["content"]] == ["thinking", "text"]


def test_thinking_leaves_room_for_words(bench: Bench) -> None:
    message = bench.ask("Why?", model=OPUS55, thinking=SHOWN, max_tokens=20)
    assert message["usage"]["output_tokens"] == 20
    assert message["usage"]["output_tokens_details"]["thinking_tokens"] == 10
    assert text_of(message)


def test_models_that_cannot_think_report_no_thinking() -> None:
    bench = Bench(Settings(pace=0, serve_retired=True))
    message = bench.ask("Why?", model="claude-3-haiku-20240307")
    assert "output_tokens_details" not in message["usage"]


def echo(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The second turn of a conversation that brings the first answer back."""
    return body(
        messages=[
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": message["content"]},
            {"role": "user", "content": "Go on"},
        ],
        **more,
    )


@pytest.mark.parametrize("display", ["summarized", "omitted"])
def test_blocks_come_back_as_they_were(bench: Bench, display: str) -> None:
    thinking = {"type": "adaptive", "display": display}
    message = bench.ask("Why?", model=OPUS5, thinking=thinking)
    asked = echo(message, model=OPUS5, thinking=thinking)
    assert bench.post(asked).status == 200
    elsewhere = echo(message, model=OPUS55)
    assert bench.post(elsewhere).status == 200, "another model drops the block without a word"


def test_an_edited_block_of_the_latest_turn(bench: Bench) -> None:
    message = bench.ask("Why?", model=OPUS5, thinking=SHOWN)
    message["content"][0]["thinking"] += " Or not."
    refused(
        bench,
        echo(message, model=OPUS5),
        "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant"
        " message cannot be modified. These blocks must remain as they were in the original"
        " response.",
    )


def test_an_edited_block_of_an_earlier_turn(bench: Bench) -> None:
    message = bench.ask("Why?", model=OPUS5, thinking=SHOWN)
    message["content"][0]["thinking"] = ""
    asked = echo(message, model=OPUS5)
    asked["messages"] += [{"role": "assistant", "content": "Yes"}, asked["messages"][0]]
    refused(bench, asked, "messages.1.content.0: Invalid `signature` in `thinking` block")


@pytest.mark.parametrize("signature", ["", "x", "not base64 ☃", "AAAA" * 50])
def test_foreign_signatures(bench: Bench, signature: str) -> None:
    block = {"type": "thinking", "thinking": "Hm.", "signature": signature}
    asked = echo({"content": [text("a"), block, text("b")]})
    refused(bench, asked, "messages.1.content.1: Invalid `signature` in `thinking` block")


def test_another_simulators_signature(bench: Bench) -> None:
    message = Bench(Settings(seed="another", pace=0)).ask("Why?", model=OPUS5)
    refused(
        bench,
        echo(message, model=OPUS5),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    )
    assert Bench().post(echo(Bench().ask("Why?", model=OPUS5), model=OPUS5)).status == 200


def test_every_bit_of_the_seals_counts() -> None:
    signer = Signer("s")
    bond = Bond(b"12345678", b"abcdefgh")
    signature = signer.sign("opus", "Hm.", bond)
    assert signer.check("Hm.", signature) == (True, True, bond)
    assert signer.check("Hm", signature) == (True, False, bond)
    raw = bytearray(base64.b64decode(signature))
    for index in range(1 + 16 + 16 + 16 + 16):
        raw[index] ^= 1
        assert not signer.check("Hm.", base64.b64encode(raw).decode()).untouched
        raw[index] ^= 1


def test_redacted_thinking(bench: Bench) -> None:
    message = bench.ask(f"{MAGIC} Why?", model=OPUS5)
    block = message["content"][0]
    assert block["type"] == "redacted_thinking"
    assert MAGIC not in text_of(message)
    assert bench.post(echo(message, model=OPUS5)).status == 200
    block["data"] = block["data"][:-8] + "AAAAAAA="
    assert bench.post(echo(message, model=OPUS5)).status == 200, "only the padding was touched"
    block["data"] = "AAAA" + block["data"][4:]
    refused(
        bench,
        echo(message, model=OPUS5),
        "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
    )


def test_manual_tool_loops_begin_with_thinking(bench: Bench) -> None:
    more: dict[str, Any] = {"tools": [TOOL], "thinking": MANUAL}
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    result = user({"type": "tool_result", "tool_use_id": "t1", "content": "done"})
    asked = body(messages=[{"role": "user", "content": "Go"}, assistant(call), result], **more)
    refused(
        bench,
        asked,
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found"
        " `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a"
        " thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We"
        " recommend you include thinking blocks from previous turns. To avoid this requirement,"
        " disable `thinking`. Please consult our documentation at"
        " https://docs.claude.com/en/docs/build-with-claude/extended-thinking",
    )
    thought = bench.ask("Go", max_tokens=2000, **more)["content"][0]
    asked["messages"][1] = assistant(thought, call)
    assert bench.post(asked).status == 200
    asked = {**asked, "messages": [asked["messages"][0], assistant(call), result]}
    assert bench.post({**asked, "thinking": {"type": "disabled"}}).status == 200
    assert bench.post({**asked, "model": OPUS46, "thinking": ADAPTIVE}).status == 200


def test_streamed_thinking(bench: Bench) -> None:
    for display, kinds in (
        ("summarized", {"thinking_delta", "signature_delta"}),
        ("omitted", {"signature_delta"}),
    ):
        thinking = {"type": "adaptive", "display": display}
        answer = bench.post(body(OPUS5, stream=True, thinking=thinking))
        events = parsed(b"".join(answer.events or ()))
        first = [
            data
            for name, data in events
            if name in ("content_block_start", "content_block_delta") and data["index"] == 0
        ]
        assert first[0]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
        assert {data["delta"]["type"] for data in first[1:]} == kinds
        assert first[-1]["delta"]["type"] == "signature_delta"
        whole = jsonio.decode(bench.post(body(OPUS5, thinking=thinking)).body)
        shown = "".join(data["delta"].get("thinking", "") for data in first[1:])
        assert shown == whole["content"][0]["thinking"]
        assert "output_tokens_details" not in events[0][1]["message"]["usage"]
        assert events[-2][1]["usage"]["output_tokens_details"]["thinking_tokens"] > 0


BOUND = (
    "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a"
    " different conversation. Remove the block, or set"
    ' `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
    f" That setting requires the `{BETA}` value in the `anthropic-beta` header."
)
CACHE = {"type": "ephemeral"}


def long_talk(bench: Bench, **more: Any) -> dict[str, Any]:
    """A second turn behind system text, a tool and a signed first answer."""
    first = body(
        OPUS5, [user(text("Why?"))], system="Be brief", tools=[TOOL], thinking=SHOWN, **more
    )
    answer = jsonio.decode(bench.post(first).body)
    messages = [*first["messages"], {"role": "assistant", "content": answer["content"]}]
    return {**first, "messages": [*messages, user(text("Go on"))]}


def bound(bench: Bench, asked: dict[str, Any], beta: bool = False) -> tuple[int, Any]:
    headers = {"x-simulate": "bind", **({"anthropic-beta": BETA} if beta else {})}
    answer = bench.post(asked, headers=headers)
    said = jsonio.decode(answer.body)
    return answer.status, said["error"]["message"] if answer.status != 200 else said


def test_what_is_no_edit(bench: Bench) -> None:
    asked = long_talk(bench)
    assert bound(bench, asked)[0] == 200
    cached = {**asked, "system": [text("Be brief", cache_control=CACHE)]}
    assert bound(bench, cached)[0] == 200
    split = {**asked, "messages": [{"role": "user", "content": "Why?"}, *asked["messages"][1:]]}
    assert bound(bench, split)[0] == 200
    reordered = {**asked, "tools": [dict(reversed(TOOL.items()))]}
    assert bound(bench, reordered)[0] == 200
    assert bound(bench, {**asked, "output_config": {"effort": "low"}})[0] == 200
    assert bound(bench, {**asked, "max_tokens": 77})[0] == 200


@pytest.mark.parametrize(
    "edit",
    [
        {"system": "Be brief."},
        {"system": ...},
        {"tools": [{**TOOL, "description": "x"}]},
        {"messages": "other question"},
    ],
)
def test_edits_before_a_bound_block(bench: Bench, edit: dict[str, Any]) -> None:
    asked = long_talk(bench)
    if "messages" in edit:
        edit = {"messages": [user(text("Why not?")), *asked["messages"][1:]]}
    asked = {key: value for key, value in {**asked, **edit}.items() if value is not ...}
    assert bench.post(asked).status == 200, "not enforced unless asked for"
    assert bound(bench, asked) == (400, BOUND)


def test_edits_are_reported_where_a_beta_asks(bench: Bench) -> None:
    asked = long_talk(bench)
    assert bound(bench, asked, beta=True)[1]["input_transformations"] == []
    asked["system"] = "Be long"
    assert "input_transformations" not in jsonio.decode(bench.post(asked).body)
    allowed = bench.post(asked, headers={"anthropic-beta": BETA})
    entry = {
        "type": "thinking_mismatch_allowed",
        "path": "messages.1.content.0",
        "reason": "prefix_binding_mismatch",
    }
    assert jsonio.decode(allowed.body)["input_transformations"] == [entry]
    asked["thinking"] = {**SHOWN, "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    status, said = bound(bench, asked, beta=True)
    assert status == 200
    assert said["input_transformations"] == [{**entry, "type": "thinking_dropped"}]
    answer = bench.post({**asked, "stream": True}, headers={"anthropic-beta": BETA})
    start = parsed(b"".join(answer.events or ()))[0][1]["message"]
    assert start["input_transformations"] == said["input_transformations"]


def test_a_tool_loop_keeps_its_bonds(bench: Bench) -> None:
    messages: list[Any] = [user(text("Go on"))]
    for turn in range(3):
        asked = body(OPUS5, messages, tools=[TOOL], thinking=SHOWN)
        status, answer = bound(bench, asked, beta=True)
        assert status == 200 and answer["input_transformations"] == []
        thought = answer["content"][0]
        call = {"type": "tool_use", "id": f"t{turn}", "name": "f", "input": {}}
        result = {"type": "tool_result", "tool_use_id": f"t{turn}", "content": "done"}
        messages = [*messages, assistant(thought, call), user(result)]


def test_some_blocks_belong_to_one_organisation(bench: Bench) -> None:
    for model, reasons in ((SONNET55, ["organization_binding_mismatch"]), (OPUS5, [])):
        first = jsonio.decode(bench.post(body(model), account="a").body)
        asked = body(
            model,
            [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": first["content"]},
                {"role": "user", "content": "Go on"},
            ],
        )
        for account, expected in (("a", []), ("b", reasons)):
            answer = bench.post(asked, account=account, headers={"anthropic-beta": BETA})
            entries = jsonio.decode(answer.body)["input_transformations"]
            assert [entry["reason"] for entry in entries] == expected

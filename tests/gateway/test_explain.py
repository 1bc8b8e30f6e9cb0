"""What the gateway says of upstream's prompt cache, over real sockets, with the simulator's cache
behind it."""

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dragoman.caches.counts import Label
from tests.gateway.harness import (
    KEY,
    STREAM_HEAD,
    Harness,
    accounts,
    chunks,
    error,
    event,
    reply,
    running,
    text,
)
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

OPUS = "claude-opus-5-5"
RULES = "".join(
    f"Rule {number}: a guest who asks twice is told twice, the same. " for number in range(200)
)
SYSTEM = {"role": "system", "content": RULES}
FIRST = {"role": "user", "content": "What is rule 7?"}
REST = [{"role": "assistant", "content": "It is long."}, {"role": "user", "content": "And 8?"}]
HEADERS = {"x-dragoman-explain": "1", "x-conversation-id": "one"}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
WAYS = pytest.mark.parametrize(
    "how", [{}, STREAMED, {"n": 2}, {"n": 2, **STREAMED}], ids=["whole", "streamed", "n", "n-sse"]
)


def read(line: str) -> dict[str, str]:
    """The header, taken apart as the documentation says."""
    return dict(part.split("=", 1) for part in line.split("; "))


async def ask(
    gateway: Harness,
    messages: list[Any],
    headers: Mapping[str, str] = HEADERS,
    **fields: Any,
) -> dict[str, str]:
    answer = await gateway.chat(headers, model=OPUS, messages=messages, max_tokens=5, **fields)
    assert answer.status_code == 200
    said = read(answer.headers["x-dragoman-explain"])
    if fields.get("n") != 2 and "read" in said:
        last = chunks(answer.content)[-1] if fields.get("stream") else answer.json()
        details = last["usage"]["prompt_tokens_details"]
        assert int(said["read"]) == details["cached_tokens"]
        assert int(said["written"]) == details["cache_write_tokens"]
    return said


@WAYS
async def test_header_log_line_and_counters_agree(how: dict[str, Any], tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        first = await ask(gateway, [SYSTEM, FIRST], **how)
        assert list(first) == [
            "account",
            "attempts",
            "source",
            "cache",
            "read",
            "written",
            "expected",
            "expires",
            "reason",
        ]
        written = first["written"]
        assert int(written) > 1000
        expected = {"account": "simulator", "source": "x-conversation-id", "read": "0"}
        expected |= {"cache": "written", "reason": "first_request", "expires": "300"}
        assert first | expected == first
        second = await ask(gateway, [SYSTEM, FIRST, *REST], **how)
        assert second["cache"] == "hit"
        assert second["read"] == second["expected"] == written
        assert "reason" not in second
        edited = {"role": "user", "content": "What is rule 8?"}
        third = await ask(gateway, [SYSTEM, edited, *REST], **how)
        assert (third["cache"], third["reason"]) == ("partial", "message_changed:1")
        assert 0 < int(third["read"]) < int(written)
        lines = [(line["cache"], line.get("cache_reason")) for line in await gateway.ended(3)]
        assert lines == [
            ("written", "first_request"),
            ("hit", None),
            ("partial", "message_changed:1"),
        ]
        counted = {
            Label("written", "first_request"): 1,
            Label("hit", ""): 1,
            Label("partial", "message_changed"): 1,
        }
        caches = gateway.app.gateway.caches
        assert caches.counts.read() == {
            "account": {"simulator": counted},
            "key": {"tests": counted},
            "model": {OPUS: counted},
        }
        gateway.app.reload()
        assert (await ask(gateway, [SYSTEM, edited, *REST]))["cache"] == "hit", "outlives a reload"


@pytest.mark.parametrize("how", [{}, STREAMED], ids=["whole", "streamed"])
async def test_what_changed_is_named(how: dict[str, Any], tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "look"}}]
    more = [*tools, {"type": "function", "function": {"name": "find"}}]
    results = [
        {"role": "assistant", "tool_calls": [_call("a"), _call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "nothing"},
        {"role": "tool", "tool_call_id": "b", "content": "something"},
    ]
    parts = {
        "role": "user",
        "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}],
    }
    talk = [SYSTEM, FIRST, *results, *REST, parts]
    async with running(tmp_path) as gateway:
        await ask(gateway, talk, tools=tools, **how)
        changed = [*talk]
        for at, message in (
            (4, {**results[2], "content": "something else"}),
            (3, {**results[1], "content": "nothing at all"}),
            (7, {"role": "user", "content": [{"type": "text", "text": "1"}]}),
            (1, {"role": "user", "content": "What?"}),
        ):
            said = await ask(gateway, [*talk[:at], message, *talk[at + 1 :]], tools=tools, **how)
            assert said["reason"] == f"message_changed:{at}"
            changed[at] = message
        other = {"role": "system", "content": "Today. " + RULES}
        fresh = {"x-dragoman-explain": "1", "x-conversation-id": "two"}
        await ask(gateway, talk, fresh, tools=tools, **how)
        said = await ask(gateway, [other, *talk[1:]], fresh, tools=tools, **how)
        assert said["reason"] == "system_changed"
        said = await ask(gateway, [other, *talk[1:]], fresh, tools=more, **how)
        assert said["reason"] == "tools_changed"
        said = await ask(gateway, talk, fresh, tools=tools, tool_choice="none", **how)
        assert said["reason"] == "tool_choice_changed"
        assert int(said["read"]) > 0


def _call(name: str) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "look", "arguments": "{}"}}


async def test_nothing_without_being_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        for headers in ({}, {"x-dragoman-explain": "0"}):
            answer = await gateway.chat(headers, model=OPUS, messages=[SYSTEM, FIRST])
            assert "x-dragoman-explain" not in answer.headers
        line = (await gateway.ended(2))[1]
        assert line["cache"] == "hit", "the log line has it all the same"


async def test_no_cache_and_why(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        short = await gateway.chat(HEADERS)
        said = read(short.headers["x-dragoman-explain"])
        assert (said["cache"], said["reason"]) == ("off", "below_minimum")
        explicit = {"prompt_cache_options": {"mode": "explicit"}}
        assert (await ask(gateway, [SYSTEM, FIRST], **explicit))["reason"] == "no_marks"
        # Marked, for it may be long enough, and then it is not.
        mark = {"role": "user", "content": "Hello.", "cache_control": {"type": "ephemeral"}}
        assert (await ask(gateway, [mark]))["reason"] == "below_minimum"
        lines = await gateway.ended(3)
        assert ["cache" in line for line in lines] == [False, False, True]
    (tmp_path / "off").mkdir()
    async with running(tmp_path / "off", caching="off") as gateway:
        said = await ask(gateway, [SYSTEM, FIRST])
        assert (said["cache"], said["reason"]) == ("off", "no_marks")
        assert len(gateway.app.gateway.caches) == 0


async def test_one_keys_conversation_is_no_other_keys(tmp_path: Path) -> None:
    other = "sk-" + "0th3" * 12
    keys = [{"name": "tests", "key": KEY}, {"name": "others", "key": other}]
    async with running(tmp_path, keys=keys) as gateway:
        await ask(gateway, [SYSTEM, FIRST])
        theirs = {**HEADERS, "authorization": f"Bearer {other}"}
        said = await ask(gateway, [SYSTEM, FIRST], theirs)
        assert said["reason"] == "first_request"
        assert said["expected"] == "0"


async def test_another_account_and_why(tmp_path: Path) -> None:
    marked = {"cache_creation_input_tokens": 5000, "cache_read_input_tokens": 0}
    usage = {"input_tokens": 10, "output_tokens": 5, **marked}
    good, busy = reply(usage=usage), error(529, "overloaded_error", "Overloaded")
    async with (
        ScriptedUpstream([RECEIVE, good, RECEIVE, busy]) as one,
        ScriptedUpstream([RECEIVE, good]) as two,
    ):
        pool = accounts(one.url, two.url)
        pool[1]["priority"] = -1
        async with running(tmp_path, accounts=pool) as gateway:
            assert (await ask(gateway, [SYSTEM, FIRST]))["account"] == "a"
            said = await ask(gateway, [SYSTEM, FIRST, *REST])
            assert (said["account"], said["attempts"]) == ("b", "2")
            assert said["reason"] == "account_changed:a"
            assert said["because"] == "upstream_overloaded"
            assert (await gateway.ended(2))[1]["cache_reason"] == "account_changed:a"


async def test_accounts_that_are_nobodys_business(tmp_path: Path) -> None:
    marked = {"cache_creation_input_tokens": 5000, "cache_read_input_tokens": 0}
    usage = {"input_tokens": 10, "output_tokens": 5, **marked}
    good, busy = reply(usage=usage), error(529, "overloaded_error", "Overloaded")
    async with (
        ScriptedUpstream([RECEIVE, good, RECEIVE, busy]) as one,
        ScriptedUpstream([RECEIVE, good]) as two,
    ):
        pool = accounts(one.url, two.url)
        pool[1]["priority"] = -1
        async with running(tmp_path, accounts=pool, server={"expose_routing": False}) as gateway:
            await ask(gateway, [SYSTEM, FIRST])
            said = await ask(gateway, [SYSTEM, FIRST, *REST])
            assert said["reason"] == "account_changed"
            assert not {"account", "attempts"} & set(said)


async def test_a_stream_that_says_it_only_at_its_end(tmp_path: Path) -> None:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": OPUS, "content": []}
    start = event("message_start", message={**message, "usage": {"input_tokens": 10}})
    block = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    usage = {"output_tokens": 5, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 5000}
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    end = event("content_block_stop", index=0) + event("message_delta", delta=delta, usage=usage)
    answer = STREAM_HEAD + start + block + text("Hi.") + end + event("message_stop") + b"0\r\n\r\n"
    async with ScriptedUpstream([RECEIVE, answer]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            said = await ask(gateway, [SYSTEM, FIRST], stream=True)
            assert said["cache"] == "unknown"
            line = (await gateway.ended(1))[0]
            assert (line["cache"], line["cache_reason"]) == ("written", "first_request")


async def test_an_upstream_that_keeps_nothing(tmp_path: Path) -> None:
    none = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    usage = {"input_tokens": 5000, "output_tokens": 5, **none}
    async with ScriptedUpstream([RECEIVE, reply(usage=usage)]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            said = await ask(gateway, [SYSTEM, FIRST])
            assert (said["cache"], said["reason"]) == ("miss", "unexplained")


async def test_a_failure_is_explained_as_far_as_it_came(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, error(400, "invalid_request_error", "No.")]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(HEADERS, model=OPUS, messages=[SYSTEM, FIRST])
            assert answer.status_code == 400
            said = read(answer.headers["x-dragoman-explain"])
            assert said == {
                "account": "a",
                "attempts": "1",
                "source": "x-conversation-id",
                "cache": "unknown",
            }


async def test_no_text_and_no_key_is_remembered(tmp_path: Path) -> None:
    secret = "the prompt that nobody may find again"
    tools = [{"type": "function", "function": {"name": "look", "description": secret}}]
    talk = [{"role": "system", "content": secret + RULES}, {"role": "user", "content": secret}]
    async with running(tmp_path) as gateway:
        await ask(gateway, talk, tools=tools)
        await ask(gateway, [*talk, *REST], tools=tools)
        caches = gateway.app.gateway.caches
        assert len(caches) == 1
        held = list(_held(caches))
        assert any(isinstance(one, bytes) and len(one) > 40 for one in held), "the rows were seen"
        for one in held:
            data = one if isinstance(one, bytes) else str(one).encode()
            for word in (secret[:16], RULES[:16], "rule", KEY[:8], "look"):
                assert word.encode() not in data


def _held(root: object) -> list[object]:
    """Every plain value that an object holds, however deep."""
    seen: set[int] = set()
    waiting, found = [root], []
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes | int | float):
            found.append(one)
        names = getattr(type(one), "__slots__", ()) or getattr(type(one), "__struct_fields__", ())
        waiting += [getattr(one, name) for name in names if hasattr(one, name)]
        waiting += vars(one).values() if hasattr(one, "__dict__") else []
        waiting += gc.get_referents(one) if isinstance(one, dict | list | tuple) else []
    return found

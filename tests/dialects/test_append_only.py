"""The same history gives the same bytes upstream: prompt caches and bound thinking depend on it.

A conversation is cut after each of its turns, every piece is translated, and what went upstream for
a shorter one must be the beginning of what goes upstream for a longer one, byte for byte but for
the cache marks, which move.
"""

import itertools
import os
import re
import subprocess
import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from tests.dialects.generated import arguments, words

CATALOGUE = Catalogue()
MODELS = ["claude-haiku-4-5", "claude-opus-5-5", "claude-sonnet-4-6", "claude-3-haiku-20240307"]
Message = dict[str, Any]

TOOLS = [
    {"type": "function", "function": {"name": name}} for name in ("get.it", "get_it", "f" * 70)
]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhg"
    "GAWjR9awAAAABJRU5ErkJggg=="
)
LONG = "It was a dark and stormy night. " * 70
"""Longer than what the newest models' caches keep at least."""
call_ids = st.sampled_from(["call_1", "call_2", "toolu_abc", "a.b", "a b|é", "x" * 130])
signed = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "S+/="}, words),
        st.just({"type": "redacted_thinking", "data": "abc="}),
    ),
    max_size=2,
)
pictures = st.sampled_from([PIXEL, "https://example.com/a.png"]).map(
    lambda url: {"type": "image_url", "image_url": {"url": url}}
)
texts = words.map(lambda text: {"type": "text", "text": text})
contents = words | st.lists(texts | pictures, min_size=1, max_size=3)


@st.composite
def questions(draw: st.DrawFn) -> Message:
    """What a user says: never nothing."""
    text = "go on " + draw(words)
    if draw(st.booleans()):
        return {"role": "user", "content": text}
    parts = draw(st.lists(texts | pictures, max_size=2))
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts]}


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    """What a client appends between two of its requests: an answer, and what follows it."""
    answer: Message = {"role": "assistant", "content": draw(words)}
    if draw(st.booleans()):
        answer["thinking_blocks"] = draw(signed)
    system = st.lists(words.map(lambda text: {"role": "system", "content": text}), max_size=1)
    if not draw(st.booleans()):
        return [answer, *draw(system), draw(questions()), *draw(system)]
    ids = draw(st.lists(call_ids, min_size=1, max_size=3, unique=True))
    names = st.sampled_from([tool["function"]["name"] for tool in TOOLS])
    answer["tool_calls"] = [
        {
            "id": one,
            "type": "function",
            "function": {"name": draw(names), "arguments": jsonio.encode(draw(arguments)).decode()},
        }
        for one in ids
    ]
    results = [
        {"role": "tool", "tool_call_id": one, "content": draw(contents)}
        for one in draw(st.permutations(ids))
    ]
    return [answer, *results]


@st.composite
def conversations(draw: st.DrawFn) -> list[list[Message]]:
    opening = [{"role": "user", "content": "begin " + draw(words)}]
    if draw(st.booleans()):
        opening.insert(0, {"role": "system", "content": "be " + draw(words)})
    if draw(st.booleans()):
        opening[-1]["content"] += LONG
    found = [opening, *draw(st.lists(turns(), min_size=1, max_size=5))]
    for turn, following in itertools.pairwise(found):
        if turn[-1]["role"] == "system":
            # The known exception of decision 6: an empty answer is none, and a user's message right
            # behind a system message turns that into a reminder.
            following[0]["content"] += " so it is"
    return found


def parsed(model: str, messages: list[Message], **fields: Any) -> chat.Parsed:
    body = jsonio.encode({"model": model, "messages": messages, "tools": TOOLS, **fields})
    return chat.parse(body, CATALOGUE, strict=False)


def sent(model: str, messages: list[Message]) -> dict[str, Any]:
    return jsonio.decode(anthropic.prepare(parsed(model, messages).request))


MARK = {"type": "ephemeral"}
_MARK = re.compile(rb',"cache_control":\{"type":"ephemeral"(?:,"ttl":"1h")?\}')


def _as_they_are(messages: list[Message]) -> list[Message]:
    return messages


def _marked_like_claude_code(messages: list[Message]) -> list[Message]:
    """The system prompt, and the last block of the last two messages of the user."""
    users = [at for at, message in enumerate(messages) if message["role"] in ("user", "tool")][-2:]
    chosen = {*users, *(at for at in (0,) if messages[0]["role"] == "system")}
    return [_in_parts(message) if at in chosen else message for at, message in enumerate(messages)]


def _in_parts(message: Message) -> Message:
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    parts[-1] = {**parts[-1], "cache_control": MARK}
    return {**message, "content": parts}


def _marked_like_litellm(messages: list[Message]) -> list[Message]:
    """Whole messages: those of the system, and the last one."""
    last = len(messages) - 1
    return [
        {**message, "cache_control": MARK} if at == last or message["role"] == "system" else message
        for at, message in enumerate(messages)
    ]


MARKERS = [_as_they_are, _marked_like_claude_code, _marked_like_litellm]


def prefix(request: chat.Parsed) -> bytes:
    """What goes upstream, without marks, up to the last block of the last message."""
    body = anthropic.prepare(request.request)
    messages = jsonio.encode(request.request.messages)
    end = body.index(messages) + len(messages)
    return _MARK.sub(b"", body[:end]).removesuffix(b"]}]")


@given(st.sampled_from(MODELS), conversations(), st.sampled_from(MARKERS))
@settings(max_examples=100)
def test_a_longer_conversation_begins_with_the_shorter_one(
    model: str, conversation: list[list[Message]], marker: Any
):
    messages: list[Message] = []
    before = b""
    for turn in conversation:
        messages += turn
        now = prefix(parsed(model, marker(messages)))
        assert now.startswith(before)
        before = now


@given(st.sampled_from(MODELS), conversations())
@settings(max_examples=50)
def test_an_automatic_breakpoint_stays_once_it_is_there(
    model: str, conversation: list[list[Message]]
):
    messages: list[Message] = []
    marked = False
    for turn in conversation:
        messages += turn
        found = b'"cache_control"' in anthropic.prepare(parsed(model, messages).request)
        assert found or not marked
        marked = found


PRINTER = """
import hashlib, pathlib, sys
from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.dialects import chat
from dragoman.errors import Failure
found = hashlib.sha256()
for path in sorted(pathlib.Path("tests/golden/chat-anthropic").glob("*/request.json")):
    try:
        parsed = chat.parse(path.read_bytes(), Catalogue(), strict=False)
    except Failure as failure:
        found.update(failure.message.encode())
    else:
        found.update(anthropic.prepare(parsed.request))
print(found.hexdigest())
"""


def test_the_same_request_gives_the_same_bytes_in_any_process():
    """Sets and dictionaries are ordered by hashes that differ from process to process."""
    found = {
        subprocess.run(
            [sys.executable, "-c", PRINTER],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


@given(st.sampled_from(MODELS), conversations())
@settings(max_examples=100)
def test_what_goes_upstream_keeps_anthropics_rules(model: str, conversation: list[list[Message]]):
    """protocol.md §2b rules 1, 3, 4, 8, 9, 10, 14, 39."""
    found = sent(model, [message for turn in conversation for message in turn])["messages"]
    assert found[0]["role"] == "user"
    ids: set[str] = set()
    for at, message in enumerate(found):
        kinds = [block["type"] for block in message["content"]]
        assert kinds
        assert all(block["text"].strip() for block in message["content"] if block["type"] == "text")
        if message["role"] == "system":
            assert found[at - 1]["role"] == "user"
            assert at + 1 == len(found) or found[at + 1]["role"] == "assistant"
            continue
        assert at == 0 or found[at - 1]["role"] != message["role"]
        calls = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        assert not ids & set(calls)
        ids |= set(calls)
        if calls:
            following = found[at + 1]["content"]
            results = [block for block in following if block["type"] == "tool_result"]
            assert [block["tool_use_id"] for block in results] == calls
            assert following[: len(results)] == results
        else:
            following = found[at + 1]["content"] if at + 1 < len(found) else []
            assert not any(block["type"] == "tool_result" for block in following)

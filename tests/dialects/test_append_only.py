"""The same history gives the same bytes upstream: prompt caches and bound thinking depend on it.

A conversation is cut after each of its turns, every piece is translated, and what went upstream for
a shorter one must be the beginning of what goes upstream for a longer one.
"""

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
call_ids = st.sampled_from(["call_1", "call_2", "toolu_abc", "a.b", "a b|é", "x" * 130])
signed = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "S+/="}, words),
        st.just({"type": "redacted_thinking", "data": "abc="}),
    ),
    max_size=2,
)


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    """What a client appends between two of its requests: an answer, and what follows it."""
    answer: Message = {"role": "assistant", "content": draw(words)}
    if draw(st.booleans()):
        answer["thinking_blocks"] = draw(signed)
    if not draw(st.booleans()):
        system = draw(st.lists(st.just({"role": "system", "content": draw(words)}), max_size=1))
        return [answer, *system, {"role": "user", "content": "go on " + draw(words)}]
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
        {"role": "tool", "tool_call_id": one, "content": draw(words)}
        for one in draw(st.permutations(ids))
    ]
    return [answer, *results]


@st.composite
def conversations(draw: st.DrawFn) -> list[list[Message]]:
    opening = [{"role": "user", "content": "begin " + draw(words)}]
    if draw(st.booleans()):
        opening.insert(0, {"role": "system", "content": "be " + draw(words)})
    return [opening, *draw(st.lists(turns(), min_size=1, max_size=5))]


def sent(model: str, messages: list[Message]) -> dict[str, Any]:
    body = jsonio.encode({"model": model, "messages": messages, "tools": TOOLS})
    parsed = chat.parse(body, CATALOGUE, strict=False)
    return jsonio.decode(anthropic.prepare(parsed.request))


@given(st.sampled_from(MODELS), conversations())
@settings(max_examples=150)
def test_a_longer_conversation_begins_with_the_shorter_one(
    model: str, conversation: list[list[Message]]
):
    messages: list[Message] = []
    before: dict[str, Any] | None = None
    for turn in conversation:
        messages += turn
        now = sent(model, messages)
        if before is not None:
            assert now["tools"] == before["tools"]
            assert now.get("system") == before.get("system")
            *whole, last = before["messages"]
            assert now["messages"][: len(whole)] == whole
            grown = now["messages"][len(whole)]
            assert grown["role"] == last["role"]
            assert grown["content"][: len(last["content"])] == last["content"]
        before = now


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

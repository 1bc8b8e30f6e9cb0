"""The short way through a stream of chat chunks changes nothing but its cost."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.carriers.openai import Reader, chunks, repeated
from dragoman.codec import jsonio
from dragoman.errors import Failure
from tests.carriers.test_openai import END, TEXTS, delta, read

WITH_HALVES = st.text(max_size=6)
"""Surrogates included: they are escaped in two halves, or stand alone."""
EXTRAS: list[dict[str, Any]] = [
    {},
    {"usage": None, "service_tier": "default"},
    {"usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    {"obfuscation": "aZ09"},
    {"obfuscation": "x y"},
    {"obfuscation": ""},
    {"system_fingerprint": 'odd "content": "this" text'},
    {"content": "beside"},
]
SAID = st.one_of(
    TEXTS.map(lambda text: {"content": text}),
    WITH_HALVES.map(lambda text: {"content": text}),
    TEXTS.map(lambda text: {"content": None, "reasoning_content": text}),
    TEXTS.map(lambda text: {"content": "", "reasoning": text, "reasoning_details": None}),
    TEXTS.map(lambda text: {"content": '"content":' + text}),
    st.just({"content": "Hi", "refusal": "no"}),
    st.just({"content": "Hi", "reasoning": "Hm"}),
    st.just({"content": [{"type": "text", "text": "Hi"}]}),
    st.just({"role": "assistant", "content": ""}),
    st.just(
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]}
    ),
    st.just({}),
)
LAYOUTS: list[dict[str, Any]] = [
    {},
    {"separators": (",", ":")},
    {"separators": (",", ":"), "ensure_ascii": False},
]


def chunk(said: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    return {**delta(**said), **extra}


def wire(pieces: list[Any], layout: dict[str, Any], lead: str, newline: str) -> bytes:
    lines = [lead + json.dumps(one, **layout) + 2 * newline for one in [*pieces, END]]
    return "".join(lines).encode("utf-8", "surrogatepass") + b"data: [DONE]\n\n"


@given(
    st.lists(st.builds(chunk, SAID, st.sampled_from(EXTRAS)), max_size=8),
    st.lists(st.integers(0, 5000), max_size=4),
    st.sampled_from(LAYOUTS),
    st.sampled_from(["data: ", "data:", "event: x\ndata: ", ": note\n\ndata: "]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_both_ways_read_the_same(
    pieces: list[Any], cuts: list[int], layout: dict[str, Any], lead: str, newline: str
) -> None:
    data = wire(pieces, layout, lead, newline)
    try:
        expected = read(data, cuts, fast=False)
    except Failure as failure:
        with pytest.raises(Failure) as again:
            read(data, cuts)
        assert again.value.kind == failure.kind
        return
    assert read(data, cuts) == expected


class Counted:
    """Counts what goes the long way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chunks = 0
        monkeypatch.setattr(chunks, "decoder", self)
        self._decoder = jsonio.Decoder(chunks.Chunk)

    def decode(self, data: bytes) -> chunks.Chunk:
        self.chunks += 1
        return self._decoder.decode(data)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("padded", [False, True])
def test_plain_chunks_are_decoded_once(
    monkeypatch: pytest.MonkeyPatch, layout: dict[str, Any], padded: bool
) -> None:
    plain = [
        chunk({"content": f"piece {at}", "refusal": None}, {"obfuscation": "aB3" * at * padded})
        for at in range(20)
    ]
    thoughts = [chunk({"content": None, "reasoning_content": f"no {at}"}, {}) for at in range(20)]
    data = wire([*thoughts, *plain], layout, "data: ", "\n")
    expected = read(data, [], fast=False)
    counted = Counted(monkeypatch)
    assert read(data, []) == expected
    # One of each kind and the end; padding is looked for as OpenAI writes it, without spaces.
    assert counted.chunks == (22 if padded and "separators" not in layout else 3)


def test_what_is_said_of_usage_or_an_end_is_not_learnt() -> None:
    for said in (
        chunk({"content": "Hi"}, {"usage": {"prompt_tokens": 1}}),
        {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]},
        {"choices": [{"index": 1, "delta": {"content": "Hi"}}]},
        {"choices": [{"index": 0, "delta": {"content": "Hi"}}, {"index": 1, "delta": {}}]},
        {"object": "error", "choices": [{"index": 0, "delta": {"content": "Hi"}}]},
    ):
        body = jsonio.encode(said)
        assert repeated.learn(b"data: %b\n\n" % body, chunks.decoder.decode(body)) is None


def test_bytes_that_are_no_text_are_refused_on_the_short_way_too() -> None:
    good = wire([chunk({"content": "aa"}, {})], LAYOUTS[1], "data: ", "\n").split(b"\n\n")[0]
    reader = Reader()
    reader.feed(good + b"\n\n")
    with pytest.raises(Failure) as refused:
        reader.feed(good.replace(b"aa", b"\xff\xfe") + b"\n\n")
    assert refused.value.kind == "upstream_nonsense"

"""Whole messages of Anthropic's API."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from dragoman.carriers.anthropic import read_reply
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.request import RedactedThinking, Text, Thinking, ToolUse
from dragoman.hub.usage import WireUsage


def message(*content: object, **fields: object) -> bytes:
    return jsonio.encode(
        {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-5-5",
            "content": content,
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 2},
            **fields,
        }
    )


def test_every_block():
    found = read_reply(
        message(
            {"type": "thinking", "thinking": "hm", "signature": "Eq=="},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "text", "text": "a\u2028b", "citations": None},
            {"type": "text", "text": "c", "citations": [{"type": "web"}]},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "toolu_2", "name": "g"},
            {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}},
        )
    )
    thinking, redacted, plain, cited, call, bare, unknown = found.content
    assert isinstance(thinking, Thinking)
    assert (bytes(thinking.thinking), bytes(thinking.signature)) == (b'"hm"', b'"Eq=="')
    assert isinstance(redacted, RedactedThinking)
    assert bytes(redacted.data) == b'"xyz"'
    assert isinstance(plain, Text)
    assert (bytes(plain.text), plain.citations) == ('"a\u2028b"'.encode(), UNSET)
    assert isinstance(cited, Text)
    assert cited.citations is not UNSET
    assert bytes(cited.citations) == b'[{"type":"web"}]'
    assert isinstance(call, ToolUse)
    assert (call.id, call.name, bytes(call.input)) == ("toolu_1", "f", b'{"a":1}')
    assert isinstance(bare, ToolUse)
    assert bytes(bare.input) == b"{}"
    assert isinstance(unknown, Raw)
    assert jsonio.decode(unknown)["name"] == "web_search"
    assert (found.id, found.stop_reason, found.explanation) == ("msg_01", "end_turn", None)
    assert found.usage == WireUsage(input_tokens=3, output_tokens=2)


def test_a_refusal_explains_itself():
    found = read_reply(
        message(stop_reason="refusal", stop_details={"type": "refusal", "explanation": "No."})
    )
    assert (found.stop_reason, found.explanation, found.content) == ("refusal", "No.", [])


def test_half_a_surrogate_pair_is_mended():
    body = message({"type": "text", "text": "@"}).replace(b"@", rb"x\ud83d\u00e9\ud83d\ude00")
    (block,) = read_reply(body).content
    assert isinstance(block, Text)
    assert jsonio.unquote(block.text) == "x\ufffdé😀"


def test_an_escaped_backslash_before_u_is_no_escape():
    body = message({"type": "text", "text": "@"}).replace(b"@", rb"\\ud83d \ud83d")
    (block,) = read_reply(body).content
    assert isinstance(block, Text)
    assert jsonio.unquote(block.text) == "\\ud83d \ufffd"


def test_an_error_sent_as_200():
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    with pytest.raises(Failure) as caught:
        read_reply(body)
    assert caught.value.kind == "upstream_overloaded"


NONSENSE = {
    "html": b"<html><body>Bad gateway</body></html>",
    "empty": b"",
    "array": b"[]",
    "no content": b'{"type":"message","id":"msg_01"}',
    "another object": b'{"object":"chat.completion","type":"completion"}',
    "text not a string": message({"type": "text", "text": 1}),
    "no text": message({"type": "text"}),
    "input not an object": message({"type": "tool_use", "id": "a", "name": "f", "input": "x"}),
    "block without type": message({"text": "x"}),
    "not utf-8": message({"type": "text", "text": "e"}).replace(b'"e"', b'"\xe9"'),
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_named(body: bytes):
    with pytest.raises(Failure) as caught:
        read_reply(body)
    assert caught.value.kind == "upstream_nonsense"
    assert caught.value.status == 502


@given(st.data())
def test_broken_bodies_raise_failures_only(draw: st.DataObject):
    body = bytearray(message({"type": "text", "text": "é"}, {"type": "thinking", "thinking": ""}))
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(body) - 1))
        body[at : at + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=3))
        body = body or bytearray(b" ")
    try:
        read_reply(bytes(body))
    except Failure as failure:
        assert failure.row.status >= 400

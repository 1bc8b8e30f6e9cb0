"""Streams with several choices, and what may not break a stream."""

import pytest

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.errors import TABLE, Failure
from dragoman.hub.events import (
    BlockStop,
    InputDelta,
    MessageStop,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.hub.usage import Usage, WireUsage

CATALOGUE = Catalogue()


def parse(**fields: object) -> chat.Parsed:
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "x"}], **fields}
    return chat.parse(jsonio.encode(body), CATALOGUE, strict=False)


def chunks(data: bytes) -> list[dict[str, object]]:
    lines = [line for line in data.split(b"\n\n") if line.startswith(b"data: {")]
    return [jsonio.decode(line.removeprefix(b"data: ")) for line in lines]


def stream(message_id: str, text: str) -> bytes:
    events = [
        {"type": "message_start", "message": {"id": message_id, "model": "m", "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]
    return b"".join(b"data: %b\n\n" % jsonio.encode(event) for event in events)


def test_several_choices_share_one_stream():
    parsed = parse(n=3, stream=True, stream_options={"include_usage": True})
    writers = [chat.StreamWriter(parsed, 5, index) for index in range(parsed.n)]
    data = b"".join(
        writer.feed(anthropic.Reader().feed(stream(f"msg_{at}", f"choice {at}")))
        for at, writer in enumerate(writers)
    )
    data += b"".join(writer.finish() for writer in writers)
    data += chat.end_stream(parsed, 5, Usage(input=30, output=6))
    found = chunks(data)
    assert {chunk["id"] for chunk in found} == {"chatcmpl-0"}
    choices = [choice for chunk in found for choice in chunk["choices"]]  # type: ignore[attr-defined]
    for at in range(3):
        own = [choice for choice in choices if choice["index"] == at]
        assert "".join(choice["delta"].get("content", "") for choice in own) == f"choice {at}"
        assert [choice["finish_reason"] for choice in own] == [None, None, "stop"]
    assert found[-1]["choices"] == []
    assert found[-1]["usage"]["total_tokens"] == 36  # type: ignore[index]
    assert data.endswith(b"data: [DONE]\n\n")
    assert data.count(b"[DONE]") == 1


def test_several_replies_are_one_completion():
    parsed = parse(n=2)
    replies = [
        anthropic.read_reply(
            jsonio.encode(
                {
                    "type": "message",
                    "id": f"msg_{at}",
                    "content": [{"type": "text", "text": f"choice {at}"}],
                    "stop_reason": "end_turn",
                    "usage": {"input_tokens": 10, "output_tokens": at},
                }
            )
        )
        for at in range(2)
    ]
    found = jsonio.decode(chat.reply(parsed, replies, 5))
    assert [choice["message"]["content"] for choice in found["choices"]] == ["choice 0", "choice 1"]
    assert [choice["index"] for choice in found["choices"]] == [0, 1]
    assert found["usage"]["prompt_tokens"] == 20
    assert found["usage"]["completion_tokens"] == 1
    assert replies[0].usage == WireUsage(input_tokens=10, output_tokens=0)


def test_deltas_before_anything_else_still_begin_with_the_role():
    writer = chat.StreamWriter(parse(stream=True), 5)
    data = writer.feed([TextDelta(0, b'"a"'), ThinkingDelta(1, b'"b"'), SignatureDelta(1, b'"S"')])
    data += writer.feed([InputDelta(7, b'"{"'), BlockStop(7), BlockStop(1), MessageStop()])
    data += writer.close(Usage())
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(data)]  # type: ignore[index]
    assert deltas[0]["role"] == "assistant"
    assert deltas[1] == {"content": "a"}
    assert deltas[2] == {"reasoning_content": "b"}
    assert deltas[3]["thinking_blocks"] == [
        {"type": "thinking", "thinking": "b", "signature": "S", "index": 0}
    ]
    assert deltas[4] == {}
    assert len(deltas) == 5


def test_a_thought_whose_block_never_ended_is_kept():
    writer = chat.StreamWriter(parse(stream=True), 5)
    writer.feed([ThinkingDelta(0, b'"b"'), SignatureDelta(0, b'"S"')])
    assert b'"signature":"S"' in writer.close(Usage())


@pytest.mark.parametrize("fields", [{}, {"response_format": {"type": "json_object"}}])
def test_one_text_is_written_alike_both_ways(fields: dict[str, object]):
    short, long = (chat.StreamWriter(parse(stream=True, **fields), 5) for _ in range(2))
    for literal in (b'"{"', b'""', b'"\\u00e9 \\"x\\""', b'"}"'):
        assert short.plain(literal) == long.feed([TextDelta(0, literal)])
    assert short.finish() == long.finish()


def test_an_empty_read_writes_nothing():
    assert chat.StreamWriter(parse(stream=True), 5).feed([]) == b""


def test_the_names_of_the_client_come_back():
    parsed = parse(model="anthropic/claude-haiku-4-5")
    assert parsed.client_model == "anthropic/claude-haiku-4-5"
    assert parsed.request.model == "claude-haiku-4-5-20251001"
    body = b'{"type":"message","id":"msg_1","model":"claude-haiku-4-5-20251001","content":[]}'
    found = jsonio.decode(chat.reply(parsed, anthropic.read_reply(body), 5))
    assert found["model"] == "anthropic/claude-haiku-4-5"


@pytest.mark.parametrize("kind", TABLE)
def test_every_failure_has_openais_shape(kind: str):
    failure = Failure(kind, 'It "broke"\n', param="messages[0]", detail="secret")
    body = chat.error_body(failure)
    row = TABLE[kind]
    assert jsonio.decode(body) == {
        "error": {
            "message": 'It "broke"\n',
            "type": row.openai_type,
            "param": "messages[0]",
            "code": row.openai_code,
        }
    }
    assert chat.error_event(failure) == b"data: " + body + b"\n\n"


def test_user_and_cache_key_are_told():
    parsed = parse(
        user="u", prompt_cache_key="k", metadata={"user_id": "m", "other": "x"}, n=2, stream=True
    )
    assert (parsed.user, parsed.cache_key, parsed.metadata_user_id) == ("u", "k", "m")
    assert (parsed.n, parsed.stream, parsed.include_usage) == (2, True, False)
    assert parsed.warnings == [("metadata", "nothing is stored")]


def test_a_successor_is_said():
    body = b'{"model":"claude-3-5-haiku-20241022","messages":[{"role":"user","content":"x"}]}'
    successors = Catalogue(retired_policy="successor")
    parsed = chat.parse(body, successors, strict=False)
    assert parsed.request.model != "claude-3-5-haiku-20241022"
    assert [name for name, _ in parsed.warnings] == ["model"]
    assert parsed.client_model == "claude-3-5-haiku-20241022"

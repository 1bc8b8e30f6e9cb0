"""Bedrock's streams are Anthropic's in frames; its bodies are Anthropic's without the model."""

import itertools
import json
from typing import Any

import pytest
from anthropic.lib.bedrock._stream_decoder import AWSEventStreamDecoder
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from dragoman.carriers import anthropic, bedrock, vertex
from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.model import Clouds
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.errors import Failure
from dragoman.hub.events import Event, UpstreamError
from tests import aws_frames
from tests.dialects.generated import Events, streams, wire

CATALOGUE = Catalogue()
ROW = CATALOGUE.resolve("claude-haiku-4-5").model


def frames(events: Events) -> bytes:
    return b"".join(aws_frames.chunk(jsonio.encode(event)) for event in events)


def run(reader: Any, *reads: bytes) -> tuple[list[tuple[str, bytes]], str]:
    """All events by name and content, and what the end was."""
    events, kind = collected(reader, *reads)
    return [(type(event).__name__, jsonio.encode(event)) for event in events], kind


def collected(reader: Any, *reads: bytes) -> tuple[list[Event], str]:
    found: list[Event] = []
    try:
        for data in reads:
            found += reader.feed(data)
        reader.close()
    except Failure as failure:
        return found, failure.kind
    return found, ""


@given(streams(), st.lists(st.integers(0, 100_000), max_size=5))
def test_frames_say_what_events_say(events: Events, edges: list[int]):
    expected = run(anthropic.Reader(), wire(events))
    data = frames(events)
    cuts = [0, *sorted(one % (len(data) + 1) for one in edges), len(data)]
    reads = [data[start:end] for start, end in itertools.pairwise(cuts)]
    assert run(bedrock.Reader(), *reads) == expected
    assert run(bedrock.Reader(fast=False), data) == expected


@given(streams())
def test_the_sdk_reads_the_same_frames(events: Events):
    read = [
        json.loads(one.data) for one in AWSEventStreamDecoder().iter_bytes(iter([frames(events)]))
    ]
    assert read == events


@settings(max_examples=30)
@given(streams(), st.data())
def test_damage_never_looks_like_an_end(events: Events, data: st.DataObject):
    whole = bytearray(frames(events))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    damaged = bytes(whole)
    found = run(bedrock.Reader(), damaged)
    assert run(bedrock.Reader(), *[damaged[i : i + 1] for i in range(len(damaged))]) == found
    assert found[1] in ("upstream_nonsense", "upstream_truncated") or not _touches(events, at)


def _touches(events: Events, at: int) -> bool:
    """Whether a place is before the end of the event that ends the stream."""
    size = 0
    for event in events:
        size += len(frames([event]))
        if event["type"] in ("message_stop", "error"):
            return at < size
    return True


@given(st.binary(max_size=200))
def test_no_payload_does_worse_than_fail(payload: bytes):
    for sent in (
        aws_frames.chunk(payload),
        aws_frames.text_frame(payload, event_type="chunk", message_type="event"),
        aws_frames.exception("throttlingException", payload),
    ):
        _, kind = run(bedrock.Reader(), sent)
        assert kind


START = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}}
STOP = {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}}


def test_what_is_unknown_is_passed_over():
    strange = aws_frames.text_frame(b"{}", event_type="surprise", message_type="event")
    empty = aws_frames.text_frame(b"{}", event_type="chunk", message_type="event")
    initial = aws_frames.text_frame(b"{}", event_type="initial-response", message_type="event")
    spread = json.dumps(START, indent=2).replace("\n", "\r\n").encode()
    sent = [initial, strange, aws_frames.chunk(spread), empty, frames([STOP])]
    assert run(bedrock.Reader(), b"".join(sent)) == run(anthropic.Reader(), wire([START, STOP]))


def test_nothing_is_read_after_the_end():
    reader = bedrock.Reader()
    assert len(reader.feed(frames([START, STOP]) + b"anything")) == 2
    assert reader.done
    assert reader.feed(b"more") == []
    reader.close()


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (aws_frames.exception("internalServerException", b'{"message":"x"}'), "upstream_fault"),
        (aws_frames.exception("ThrottlingException", b"{}"), "upstream_throttled"),
        (
            aws_frames.text_frame(
                b"", message_type="error", error_code="ServiceUnavailable", error_message="x"
            ),
            "upstream_overloaded",
        ),
        (aws_frames.text_frame(b"", message_type="exception"), "upstream_fault"),
        (
            aws_frames.exception(
                "modelStreamErrorException",
                b'{"message":"x","originalStatusCode":529,"originalMessage":"Overloaded"}',
            ),
            "upstream_fault",
        ),
    ],
)
def test_exceptions_end_the_stream(sent: bytes, kind: str):
    reader = bedrock.Reader()
    events = reader.feed(frames([START]) + sent + frames([STOP]))
    assert isinstance(events[-1], UpstreamError)
    assert len(events) == 2
    assert bedrock.stream_failure(events[-1]).kind == kind
    with pytest.raises(Failure) as caught:
        reader.close()
    assert caught.value.kind == kind


# Bodies.

texts = st.text(min_size=1, max_size=20).filter(lambda text: text.strip())
marks = st.sampled_from([{}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}])
parts = st.lists(
    st.builds(lambda text, mark: {"type": "text", "text": text, **mark}, texts, marks),
    min_size=1, max_size=2,
)  # fmt: skip
conversations = st.lists(parts, min_size=1, max_size=4).map(
    lambda contents: [
        {"role": ("user", "assistant")[at % 2], "content": content}
        for at, content in enumerate(contents)
    ]
)


MARKED = {"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral"}}
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object"}},
    "cache_control": {"type": "ephemeral"},
}


@given(conversations, st.booleans(), st.sampled_from([(), ("a-beta-2026-01-01",)]))
def test_bodies_are_anthropics_but_for_what_they_must_not_be(
    messages: list[dict[str, Any]], stream: bool, betas: tuple[str, ...]
):
    body = {
        "model": "claude-haiku-4-5",
        "messages": [{"role": "system", "content": [MARKED]}, *messages],
        "stream": stream,
        "tools": [TOOL],
        "tool_choice": "none",
    }
    request = chat.parse(json.dumps(body).encode(), CATALOGUE, strict=False).request
    before = jsonio.encode(request)
    plain = json.loads(anthropic.to_wire(request, "x", ROW).body)
    aws = bedrock.prepare(request, "x", ROW, betas)
    google = vertex.prepare(request, "x", ROW, betas)
    assert jsonio.encode(request) == before
    at_aws, at_google = json.loads(aws.body), json.loads(google.body)
    assert at_aws.pop("anthropic_version") == "bedrock-2023-05-31"
    assert at_google.pop("anthropic_version") == "vertex-2023-10-16"
    assert tuple(at_aws.pop("anthropic_beta", ())) == betas
    assert google.headers == (b"anthropic-beta: a-beta-2026-01-01\r\n" if betas else b"")
    assert at_google.pop("stream", False) is stream
    assert plain["tool_choice"] == {"type": "none"}
    assert plain["tools"]
    mark = plain.pop("cache_control", None)
    if mark is not None:
        plain["messages"][-1]["content"][-1].setdefault("cache_control", mark)
    del plain["model"]
    plain.pop("stream", None)
    assert at_aws == at_google == plain


def test_an_automatic_mark_goes_to_the_last_block_that_can_hold_one():
    request = chat.parse(
        json.dumps(
            {
                "model": "claude-haiku-4-5",
                "messages": [
                    {"role": "system", "content": "Rules. " * 4000},
                    {"role": "user", "content": "Go."},
                    {"role": "assistant", "content": "Gone."},
                    {"role": "user", "content": [{"type": "text", "text": "On."}]},
                ],
            }
        ).encode(),
        CATALOGUE,
        strict=False,
    ).request
    assert b'"cache_control":{"type":"ephemeral"}' in jsonio.encode(request)
    body = json.loads(bedrock.prepare(request, "x", ROW).body)
    assert "cache_control" not in body
    assert body["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in body["messages"][0]["content"][0]


@pytest.mark.parametrize(
    ("region", "profiles", "expected"),
    [
        ("us-east-1", ("us", "global"), "us.x"),
        ("us-gov-west-1", ("us", "us-gov"), "us-gov.x"),
        ("ca-central-1", ("us", "global"), "us.x"),
        ("eu-north-1", ("global", "eu"), "eu.x"),
        ("ap-northeast-1", ("apac", "jp"), "jp.x"),
        ("ap-northeast-1", ("apac",), "apac.x"),
        ("ap-southeast-2", ("au", "global"), "au.x"),
        ("ap-south-1", ("apac", "global"), "apac.x"),
        ("ap-south-1", ("us", "global"), "global.x"),
        ("sa-east-1", ("us", "global"), "global.x"),
        ("eu-west-1", ("us",), "x"),
        ("eu-west-1", (), "x"),
    ],
)
def test_the_nearest_profile(region: str, profiles: tuple[str, ...], expected: str):
    row = structs.replace(ROW, clouds=Clouds(bedrock="x", bedrock_profiles=profiles))
    assert bedrock.model_id(row, region) == expected
    assert bedrock.model_id(row, region, "none") == "x"
    assert bedrock.model_id(row, region, "eu") == "eu.x"
    assert bedrock.model_id(structs.replace(row, clouds=Clouds()), region, "eu") == ""


def test_an_arn_is_one_segment_of_the_path():
    arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
    request = chat.parse(
        b'{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"x"}]}',
        CATALOGUE,
        strict=False,
    ).request
    path = bedrock.prepare(request, arn, ROW).path
    assert path == f"/model/{arn.replace('/', '%2F')}/invoke"

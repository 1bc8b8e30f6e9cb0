"""Chat completions ⇄ Claude on other clouds, case by case.

A case is a folder of ``chat-bedrock/``, ``chat-vertex/`` or ``chat-foundry/``:

``request.json``
    what the client sends; ``account.json`` the account's ``region`` and ``profile``;
``upstream.json``
    path, header lines and body of what goes upstream; or ``error.json``, what the client is told;
``upstream-error.json`` → ``error.json``
    an upstream's refusal: status, headers, body;
``upstream-reply.json`` → ``reply.json``
    a whole answer;
``upstream-events.json`` → ``chunks.sse``
    a streamed one, event by event, ``{"exception": name, "message": text}`` for an exception. Also
    one byte at a time, and without the reader's fast path.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dragoman.carriers import bedrock
from dragoman.carriers.registry import CARRIERS, Carrier
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.errors import Failure
from dragoman.hub.events import MessageDelta, MessageStart, UpstreamError
from dragoman.hub.usage import Usage
from tests import aws_frames

HERE = Path(__file__).parent
CREATED = 1_700_000_000
CATALOGUE = Catalogue()
CASES = sorted(
    path.relative_to(HERE).as_posix()
    for provider in ("bedrock", "vertex", "foundry")
    for path in (HERE / f"chat-{provider}").iterdir()
)
KNOWN = {
    "request.json", "account.json", "upstream.json", "error.json", "upstream-error.json",
    "upstream-reply.json", "reply.json", "upstream-events.json", "chunks.sse",
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Path:
    return HERE / request.param


def carrier_of(case: Path) -> Carrier:
    return CARRIERS[case.parent.name.removeprefix("chat-")]


def read(path: Path, default: Any = None) -> Any:
    return jsonio.decode(path.read_bytes()) if path.exists() else default


def parse(case: Path) -> chat.Parsed:
    return chat.parse(jsonio.compact((case / "request.json").read_bytes()), CATALOGUE, strict=False)


def wire(case: Path, parsed: chat.Parsed) -> bytes:
    """What goes upstream, as JSON."""
    carrier, account = carrier_of(case), read(case / "account.json", {})
    wire_id = carrier.wire_id(parsed.model)
    if carrier.name == "bedrock":
        wire_id = bedrock.model_id(parsed.model, account["region"], account.get("profile", ""))
    made = carrier.prepare(parsed.request, wire_id, parsed.model, ())
    assert made == carrier.prepare(parsed.request, wire_id, parsed.model, ())
    return jsonio.encode(
        {"path": made.path, "headers": made.headers.decode(), "body": msgspec.Raw(made.body)}
    )


def framed(case: Path) -> bytes:
    """The events of a case on the wire of its carrier."""
    events: list[dict[str, Any]] = read(case / "upstream-events.json")
    sent: list[bytes] = []
    for event in events:
        data = json.dumps(event, separators=(",", ":")).encode()
        if "exception" in event:
            told = json.dumps({"message": event["message"]}).encode()
            sent.append(aws_frames.exception(event["exception"], told))
        elif carrier_of(case).name == "bedrock":
            sent.append(aws_frames.chunk(data))
        else:
            sent.append(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), data))
    return b"".join(sent)


def streamed(case: Path, reads: Iterator[bytes], **reader_options: Any) -> bytes:
    """What a client gets."""
    carrier, parsed = carrier_of(case), parse(case)
    reader = carrier.reader(**reader_options)
    writer = chat.StreamWriter(parsed, CREATED)
    usage = Usage()
    sent: list[bytes] = []
    try:
        for data in reads:
            events = reader.feed(data)
            if events and isinstance(last := events[-1], UpstreamError):
                sent.append(writer.feed(events[:-1]))
                raise carrier.stream_failure(last)
            for event in events:
                if isinstance(event, MessageStart | MessageDelta):
                    usage.fold(event.usage)
            sent.append(writer.feed(events))
        reader.close()
        sent.append(writer.close(usage))
    except Failure as failure:
        sent.append(chat.error_event(failure))
    return b"".join(sent)


def refusal(failure: Failure) -> bytes:
    told = {"status": failure.status, "body": msgspec.Raw(chat.error_body(failure))}
    return jsonio.encode({**told, "kind": failure.kind})


def outcome(case: Path) -> dict[str, bytes]:
    """The files that are expected of a case."""
    found: dict[str, bytes] = {}
    parsed, carrier = parse(case), carrier_of(case)
    try:
        found["upstream.json"] = wire(case, parsed)
    except Failure as failure:
        return {"error.json": refusal(chat.localize(failure, parsed))}
    told = read(case / "upstream-error.json")
    if told is not None:
        body = told["body"] if isinstance(told["body"], str) else jsonio.encode(told["body"])
        body = body.encode() if isinstance(body, str) else body
        failure = carrier.read_error(told["status"], told.get("headers", {}), body)
        found["error.json"] = refusal(chat.localize(failure, parsed))
    whole = case / "upstream-reply.json"
    if whole.exists():
        reply = carrier.read_reply(jsonio.compact(whole.read_bytes()))
        found["reply.json"] = chat.reply(parsed, reply, CREATED)
    if (case / "upstream-events.json").exists():
        found["chunks.sse"] = streamed(case, iter([framed(case)]))
    return found


def test_case(case: Path, update_golden: bool):
    made = outcome(case)
    shown = {
        name: data if name.endswith(".sse") else msgspec.json.format(data, indent=2) + b"\n"
        for name, data in made.items()
    }
    if update_golden:
        for name, data in shown.items():
            (case / name).write_bytes(data)
    there = {name for name in ("upstream.json", "error.json", "reply.json", "chunks.sse")
             if (case / name).exists()}  # fmt: skip
    assert there == set(shown)
    for name, data in shown.items():
        assert (case / name).read_bytes().decode() == data.decode()
    assert {path.name for path in case.iterdir()} <= KNOWN


def test_streams_do_not_depend_on_how_they_arrive(case: Path):
    if not (case / "upstream-events.json").exists():
        return
    data = framed(case)
    expected = (case / "chunks.sse").read_bytes()
    single = (data[at : at + 1] for at in range(len(data)))
    assert streamed(case, single) == expected
    assert streamed(case, iter([data]), fast=False) == expected


def test_a_stream_that_is_cut_off_never_ends_well(case: Path):
    if not (case / "upstream-events.json").exists():
        return
    data = framed(case)
    for end in range(0, len(data) - 1, 17):
        sent = streamed(case, iter([data[:end]]))
        assert b"[DONE]" not in sent, end
        assert b'"error":' in sent, end

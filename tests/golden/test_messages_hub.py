"""Messages ⇄ the hub, case by case: what an upstream of another protocol is given, and what a
client gets of its answer. (To upstreams of the same protocol bytes pass as they are.)

A case is a folder of ``messages-hub/``:

``request.json``
    what the client sends, ``options.json``: ``strict`` and the ``anthropic-version``;
``hub.json``, ``warnings.json``
    the hub's request, and what is said about it;
``error.json``
    the status and body instead, of a refused request or of what a carrier raised
    (``failure.json``);
``upstream-reply.json`` → ``reply.json``
    a whole answer;
``upstream-events.sse`` → ``events.sse``
    a streamed one, also one byte at a time.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import messages
from dragoman.dialects.chat import Parsed
from dragoman.errors import Failure
from dragoman.hub.usage import Usage
from tests.golden.relaying import relayed

FOLDER = Path(__file__).parent / "messages-hub"
CATALOGUE = Catalogue()
CASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
OUT = ("hub.json", "warnings.json", "error.json", "reply.json", "events.sse")
IN = ("request.json", "options.json", "failure.json", "upstream-reply.json", "upstream-events.sse")


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Path:
    return FOLDER / request.param


def parse(case: Path) -> Parsed:
    path = case / "options.json"
    options: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    version = options.pop("version", "2023-06-01")
    options = {"strict": False, **options}
    body = jsonio.compact((case / "request.json").read_bytes())
    parsed = messages.parse(body, CATALOGUE, **options)
    messages.hear({"anthropic-version": version}, parsed, **options)
    return parsed


def error(failure: Failure) -> bytes:
    body = msgspec.Raw(messages.error_body(failure))
    return jsonio.encode({"status": messages.status(failure), "body": body})


def stream(parsed: Parsed, reads: Iterator[bytes]) -> bytes:
    writer = messages.StreamWriter(parsed, 0)
    return relayed(anthropic.Reader(), writer, reads, writer.fail)


def outcome(case: Path) -> dict[str, bytes]:
    """What a case comes to, by file."""
    found: dict[str, bytes] = {}
    try:
        parsed = parse(case)
        assert parsed.later is not None
        parsed.later.translate()
        if (case / "failure.json").exists():
            told = json.loads((case / "failure.json").read_bytes())
            raise messages.localize(Failure(told["kind"], told["message"]), parsed)
    except Failure as failure:
        return {"error.json": error(failure)}
    found["hub.json"] = jsonio.encode(parsed.request)
    if parsed.warnings:
        found["warnings.json"] = jsonio.encode(parsed.warnings)
    whole = case / "upstream-reply.json"
    if whole.exists():
        reply = anthropic.read_reply(jsonio.compact(whole.read_bytes()))
        usage = Usage()
        usage.fold(reply.usage)
        found["reply.json"] = messages.reply(parsed, [reply], 0, usage)
    events = case / "upstream-events.sse"
    if events.exists():
        data = events.read_bytes()
        found["events.sse"] = stream(parsed, iter([data]))
        single = (data[at : at + 1] for at in range(len(data)))
        assert stream(parse(case), single) == found["events.sse"]
    return found


def test_case(case: Path, update_golden: bool) -> None:
    found = outcome(case)
    for name in OUT:
        data = found.get(name)
        if data is not None and name.endswith(".json"):
            data = msgspec.json.format(data, indent=2) + b"\n"
        path = case / name
        if update_golden and data is None:
            path.unlink(missing_ok=True)
        elif update_golden and data is not None:
            path.write_bytes(data)
        elif data is None:
            assert not path.exists(), f"{name} is expected and did not come"
        else:
            assert path.read_bytes().decode() == data.decode()
    assert {path.name for path in case.iterdir()} <= {*IN, *OUT}


def test_streams_keep_their_shape(case: Path) -> None:
    """protocol.md §3: start first, blocks numbered without a gap and never overlapping, a last
    message_delta with its output tokens, and an end; or one error."""
    path = case / "events.sse"
    if not path.exists():
        return
    frames = path.read_bytes().decode().split("\n\n")[:-1]
    opened, count, kinds = None, 0, []
    for frame in frames:
        name, data = frame.split("\n")
        told = json.loads(data.removeprefix("data: "))
        kind = told["type"]
        assert name == f"event: {kind}"
        kinds.append(kind)
        if kind == "content_block_start":
            assert (opened, told["index"]) == (None, count)
            opened, count = count, count + 1
        elif kind == "content_block_delta":
            assert told["index"] == opened
        elif kind == "content_block_stop":
            assert told["index"] == opened
            opened = None
        elif kind == "message_delta":
            assert isinstance(told["usage"]["output_tokens"], int)
    assert kinds[0] == "message_start"
    assert kinds.count("message_start") == 1
    if kinds[-1] == "error":
        assert "message_stop" not in kinds
    else:
        assert kinds[-2:] == ["message_delta", "message_stop"]
        assert opened is None


def test_what_is_written_reads_as_it_was(case: Path) -> None:
    """A stream that was well formed comes out as the same events again."""
    path = case / "events.sse"
    if not path.exists() or "event: error" in path.read_text(encoding="utf-8"):
        return
    again = stream(parse(case), iter([path.read_bytes()]))
    assert again == path.read_bytes()

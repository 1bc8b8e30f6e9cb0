"""Responses and Completions ⇄ Anthropic messages, case by case.

A case is a folder of ``responses-anthropic/`` or ``completions-anthropic/``, its files those of
``chat-anthropic/`` (see ``test_chat_anthropic.py``); a streamed answer is ``events.sse``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types import Completion
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects.chat import Parsed
from dragoman.dialects.registry import COMPLETIONS, RESPONSES, Dialect
from dragoman.errors import Failure
from dragoman.hub.usage import Usage
from tests.golden.relaying import relayed
from tests.golden.test_chat_anthropic import CREATED, Golden

HERE = Path(__file__).parent
CATALOGUE = Catalogue()
DIALECTS = {"responses-anthropic": RESPONSES, "completions-anthropic": COMPLETIONS}
CASES = sorted(
    path.relative_to(HERE).as_posix() for folder in DIALECTS for path in (HERE / folder).iterdir()
)
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Path:
    return HERE / request.param


def dialect_of(case: Path) -> Dialect:
    return DIALECTS[case.parent.name]


def parse(case: Path) -> Parsed:
    options: dict[str, Any] = {"strict": False}
    path = case / "options.json"
    if path.exists():
        options |= jsonio.decode(path.read_bytes())
    raw = case / "request.txt"
    if raw.exists():
        return dialect_of(case).parse(raw.read_bytes(), CATALOGUE, **options)
    body = jsonio.compact((case / "request.json").read_bytes())
    return dialect_of(case).parse(body, CATALOGUE, **options)


def error(failure: Failure, dialect: Dialect) -> bytes:
    body = msgspec.Raw(dialect.error_body(failure))
    return jsonio.encode({"status": failure.status, "body": body})


def stream(parsed: Parsed, dialect: Dialect, reads: Iterator[bytes], *, fast: bool = True) -> bytes:
    """What a client gets, in the way serve.py does it."""
    writer = dialect.writer(parsed, CREATED, 0)
    return relayed(anthropic.Reader(fast=fast), writer, reads, writer.fail)


def test_case(case: Path, update_golden: bool):
    golden, dialect = Golden(case, update_golden), dialect_of(case)
    try:
        parsed = parse(case)
    except Failure as failure:
        golden.json("error.json", error(failure, dialect))
        return
    pending = [
        {"path": one.path, "kind": type(one.block).__name__, "source": one.block.source}
        for one in parsed.media
    ]
    golden.json("media.json", jsonio.encode(pending) if pending else None)
    golden.json("upstream.json", None if pending else anthropic.prepare(parsed.request))
    golden.json("warnings.json", jsonio.encode(parsed.warnings) if parsed.warnings else None)
    refused = case / "upstream-error.json"
    if refused.exists():
        told = jsonio.decode(refused.read_bytes())
        failure = anthropic.read_error(told["status"], {}, jsonio.encode(told["body"]))
        golden.json("error.json", error(dialect.localize(failure, parsed), dialect))
    else:
        golden.json("error.json", None)
    whole = case / "upstream-reply.json"
    if whole.exists():
        reply = anthropic.read_reply(jsonio.compact(whole.read_bytes()))
        usage = Usage()
        usage.fold(reply.usage)
        golden.json("reply.json", dialect.reply(parsed, [reply], CREATED, usage))
    events = case / "upstream-events.sse"
    if events.exists():
        golden.text("events.sse", stream(parsed, dialect, iter([events.read_bytes()])))


def test_streams_do_not_depend_on_how_they_arrive(case: Path):
    events = case / "upstream-events.sse"
    if not events.exists():
        return
    data, dialect = events.read_bytes(), dialect_of(case)
    expected = (case / "events.sse").read_bytes()
    single = (data[at : at + 1] for at in range(len(data)))
    assert stream(parse(case), dialect, single) == expected
    assert stream(parse(case), dialect, iter([data]), fast=False) == expected


def test_every_case_is_complete(case: Path):
    """A case asks something and expects something; no file in it is left unread."""
    names = {path.name for path in case.iterdir()}
    assert len({"request.json", "request.txt"} & names) == 1
    assert {"upstream.json", "error.json", "media.json"} & names
    known = {
        "request.json", "request.txt", "options.json", "upstream.json", "media.json",
        "warnings.json", "error.json", "upstream-error.json", "upstream-reply.json", "reply.json",
        "upstream-events.sse", "events.sse",
    }  # fmt: skip
    assert names <= known


def payloads(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream, their names checked against their types."""
    found: list[dict[str, Any]] = []
    for frame in data.split(b"\n\n"):
        if frame.startswith(b"event: "):
            name, _, rest = frame.partition(b"\ndata: ")
            found.append(jsonio.decode(rest))
            assert name == b"event: " + found[-1]["type"].encode()
    return found


CODEX_CODES = {"context_length_exceeded", "insufficient_quota"}
"""Codes that Codex acts upon and the SDK's types do not name."""


def test_events_are_what_the_sdk_calls_events(case: Path):
    """Typed, numbered from 0 without a gap, and in the order of protocol.md §6e."""
    path = case / "events.sse"
    if not path.exists() or dialect_of(case) is not RESPONSES:
        return
    events = payloads(path.read_bytes())
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] in ("response.completed", "response.incomplete", "response.failed")
    for event in events:
        if (event.get("response") or {}).get("error"):
            if event["response"]["error"]["code"] in CODEX_CODES:
                event["response"]["error"]["code"] = "server_error"
        EVENT.validate_python(event)
    done = {
        event["output_index"]: event["item"]
        for event in events
        if event["type"] == "response.output_item.done"
    }
    assert events[-1]["response"]["output"] == [done[at] for at in sorted(done)]


def test_replies_are_what_the_sdk_calls_replies(case: Path):
    path = case / "reply.json"
    if path.exists():
        shape = Response if dialect_of(case) is RESPONSES else Completion
        TypeAdapter(shape).validate_json(path.read_bytes())


def test_a_whole_answer_is_the_streamed_one(case: Path):
    """The same blocks, whole and streamed, come to the same output."""
    whole, path = case / "reply.json", case / "events.sse"
    if not whole.exists() or not path.exists() or dialect_of(case) is not RESPONSES:
        return
    assert payloads(path.read_bytes())[-1]["response"] == jsonio.decode(whole.read_bytes())

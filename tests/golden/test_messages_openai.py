"""Messages ⇄ an OpenAI-compatible server, case by case (protocol.md §6b to §6d).

A case is a folder of ``messages-openai/``: ``request.json`` → ``upstream.json`` (or
``error.json``), ``upstream-reply.json`` → ``reply.json``, ``upstream.sse`` → ``events.sse``, the
last also one byte at a time.
"""

from pathlib import Path

import msgspec
import pytest

from dragoman.carriers.registry import OPENAI
from dragoman.catalogue import override
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import messages
from dragoman.dialects.chat import Parsed
from dragoman.errors import Failure
from dragoman.hub.events import UpstreamError
from dragoman.hub.usage import Usage
from dragoman.hub.wire import Wire
from dragoman.record import fold

HERE = Path(__file__).parent / "messages-openai"
CATALOGUE = Catalogue(overrides=[override.foreign("gpt-next")])
CASES = sorted(path.name for path in HERE.iterdir())
CARRIER = OPENAI["plain"]


def sent(case: Path) -> tuple[Parsed, Wire]:
    body = jsonio.compact((case / "request.json").read_bytes())
    parsed = messages.parse(body, CATALOGUE, strict=False)
    assert parsed.later is not None
    parsed.later.translate()
    return parsed, CARRIER.prepare(parsed.request, "theirs", parsed.model, ())


def streamed(case: Path, size: int) -> bytes:
    parsed, wire = sent(case)
    data = (case / "upstream.sse").read_bytes()
    reader = CARRIER.reader() if wire.names is None else CARRIER.reader(wire.names)
    writer, usage = messages.StreamWriter(parsed, 0), Usage()
    out = b""
    try:
        for at in range(0, len(data), size):
            events = reader.feed(data[at : at + size])
            if events and isinstance(last := events[-1], UpstreamError):
                out += writer.feed(events[:-1])
                raise CARRIER.stream_failure(last)
            fold(usage, events)
            out += writer.feed(events)
        if not reader.done:
            events = reader.close() or []
            fold(usage, events)
            out += writer.feed(events)
    except Failure as failure:
        return out + writer.fail(failure)
    return out + writer.close(usage)


def outcome(case: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        parsed, wire = sent(case)
    except Failure as failure:
        return {"error.json": messages.error_body(failure)}
    found["upstream.json"] = wire.body
    answer = case / "upstream-reply.json"
    if answer.exists():
        read, body = CARRIER.read_reply, jsonio.compact(answer.read_bytes())
        reply = read(body) if wire.names is None else read(body, wire.names)
        usage = Usage()
        usage.fold(reply.usage)
        found["reply.json"] = messages.reply(parsed, [reply], 0, usage)
    if (case / "upstream.sse").exists():
        found["events.sse"] = streamed(case, 1 << 20)
        assert streamed(case, 1) == found["events.sse"]
    return found


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, update_golden: bool) -> None:
    case = HERE / name
    found = outcome(case)
    for file in ("upstream.json", "error.json", "reply.json", "events.sse"):
        data = found.get(file)
        if data is not None and file.endswith(".json"):
            data = msgspec.json.format(data, indent=2) + b"\n"
        path = case / file
        if not update_golden:
            assert (path.read_bytes() if path.exists() else None) == data
        elif data is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(data)

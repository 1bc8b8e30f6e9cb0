"""Messages and Responses ⇄ an OpenAI-compatible server, case by case (protocol.md §6b to §6e).

A case is a folder of ``messages-openai/`` or ``responses-openai/``: ``request.json`` →
``upstream.json`` (or ``error.json``), ``upstream-reply.json`` → ``reply.json``, ``upstream.sse`` →
``events.sse``, the last also one byte at a time; ``style.txt`` names the server's style (``plain``
without), ``warnings.json`` what could not be done.
"""

from pathlib import Path

import msgspec
import pytest

from dragoman.carriers.registry import OPENAI, Carrier
from dragoman.catalogue import override
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects.chat import Parsed
from dragoman.dialects.registry import MESSAGES, RESPONSES, Dialect
from dragoman.errors import Failure
from dragoman.hub.events import UpstreamError
from dragoman.hub.usage import Usage
from dragoman.hub.wire import Wire
from dragoman.record import fold

HERE = Path(__file__).parent
CATALOGUE = Catalogue(overrides=[override.foreign("gpt-next")])
DIALECTS = {"messages-openai": MESSAGES, "responses-openai": RESPONSES}
CASES = sorted(
    path.relative_to(HERE).as_posix() for folder in DIALECTS for path in (HERE / folder).iterdir()
)
CREATED = 1_700_000_000


def carrier_of(case: Path) -> Carrier:
    style = case / "style.txt"
    return OPENAI[style.read_text().strip() if style.exists() else "plain"]


def dialect_of(case: Path) -> Dialect:
    return DIALECTS[case.parent.name]


def sent(case: Path) -> tuple[Parsed, Wire]:
    body = jsonio.compact((case / "request.json").read_bytes())
    parsed = dialect_of(case).parse(body, CATALOGUE, strict=False)
    if parsed.later is not None:
        parsed.later.translate()
    wire = carrier_of(case).prepare(parsed.request, "theirs", parsed.model, ())
    parsed.warnings += wire.warnings
    return parsed, wire


def streamed(case: Path, size: int) -> bytes:
    parsed, wire = sent(case)
    data = (case / "upstream.sse").read_bytes()
    carrier = carrier_of(case)
    reader = carrier.reader() if wire.names is None else carrier.reader(wire.names)
    writer, usage = dialect_of(case).writer(parsed, CREATED, 0), Usage()
    out = b""
    try:
        for at in range(0, len(data), size):
            events = reader.feed(data[at : at + size])
            if events and isinstance(last := events[-1], UpstreamError):
                out += writer.feed(events[:-1])
                raise carrier.stream_failure(last)
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
        return {"error.json": dialect_of(case).error_body(failure)}
    found["upstream.json"] = wire.body
    if parsed.warnings:
        found["warnings.json"] = jsonio.encode(parsed.warnings)
    answer = case / "upstream-reply.json"
    if answer.exists():
        read, body = carrier_of(case).read_reply, jsonio.compact(answer.read_bytes())
        reply = read(body) if wire.names is None else read(body, wire.names)
        usage = Usage()
        usage.fold(reply.usage)
        found["reply.json"] = dialect_of(case).reply(parsed, [reply], CREATED, usage)
    if (case / "upstream.sse").exists():
        found["events.sse"] = streamed(case, 1 << 20)
        assert streamed(case, 1) == found["events.sse"]
    return found


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, update_golden: bool) -> None:
    case = HERE / name
    found = outcome(case)
    for file in ("upstream.json", "error.json", "warnings.json", "reply.json", "events.sse"):
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

"""Chat completions ⇄ an OpenAI-compatible server through the hub, case by case.

What a chat client sends to such an account goes up as it came; this is the way of what cannot (some
choices, other dialects), and what it comes to. A case is a folder of ``chat-openai/``:

``request.json``
    what the client sends; ``style.txt`` the server's style (``plain`` without);
``upstream.json``
    the body that goes upstream; or ``error.json``, what the client is told;
``upstream-reply.json`` → ``reply.json``
    a whole answer;
``upstream.sse`` → ``chunks.sse``
    a streamed one. Also one byte at a time.
"""

from pathlib import Path

import pytest

from dragoman.carriers.registry import OPENAI, Carrier
from dragoman.catalogue import override
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.errors import Failure
from dragoman.hub.events import UpstreamError
from dragoman.hub.usage import Usage
from dragoman.hub.wire import Wire
from dragoman.record import fold

HERE = Path(__file__).parent / "chat-openai"
CREATED = 1_700_000_000
CATALOGUE = Catalogue(overrides=[override.foreign("gpt-next")])
CASES = sorted(path.name for path in HERE.iterdir())
KNOWN = {
    "request.json", "style.txt", "upstream.json", "error.json", "upstream-reply.json",
    "reply.json", "upstream.sse", "chunks.sse",
}  # fmt: skip


def carrier_of(case: Path) -> Carrier:
    style = case / "style.txt"
    return OPENAI[style.read_text().strip() if style.exists() else "plain"]


def sent(case: Path) -> tuple[chat.Parsed, Wire]:
    body = jsonio.compact((case / "request.json").read_bytes())
    parsed = chat.parse(body, CATALOGUE, strict=False)
    prepare = carrier_of(case).prepare
    made = prepare(parsed.request, "theirs", parsed.model, ())
    assert made == prepare(parsed.request, "theirs", parsed.model, ())
    return parsed, made


def streamed(case: Path, parsed: chat.Parsed, wire: Wire, size: int) -> bytes:
    carrier = carrier_of(case)
    data = (case / "upstream.sse").read_bytes()
    reader = carrier.reader() if wire.names is None else carrier.reader(wire.names)
    writer, usage = chat.StreamWriter(parsed, CREATED), Usage()
    parsed.reply_id = ""
    out = b""
    try:
        for at in range(0, len(data), size):
            events = reader.feed(data[at : at + size])
            if events and isinstance(last := events[-1], UpstreamError):
                fold(usage, events[:-1])
                out += writer.feed(events[:-1])
                raise carrier.stream_failure(last)
            fold(usage, events)
            out += writer.feed(events)
        if not reader.done:
            events = reader.close() or []
            fold(usage, events)
            out += writer.feed(events)
    except Failure as failure:
        return out + chat.error_event(failure)
    return out + writer.close(usage)


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = HERE / name
    assert {path.name for path in case.iterdir()} <= KNOWN
    expected = case / "error.json"
    if expected.exists() and not (case / "upstream-reply.json").exists():
        with pytest.raises(Failure) as caught:
            sent(case)
        assert jsonio.decode(chat.error_body(caught.value)) == jsonio.decode(expected.read_bytes())
        return
    parsed, wire = sent(case)
    assert jsonio.decode(wire.body) == jsonio.decode((case / "upstream.json").read_bytes())
    assert wire.path == "/chat/completions"
    answer = case / "upstream-reply.json"
    if answer.exists():
        read = carrier_of(case).read_reply
        body = answer.read_bytes()
        reply = read(body) if wire.names is None else read(body, wire.names)
        usage = Usage()
        usage.fold(reply.usage)
        made = chat.reply(parsed, [reply], CREATED, usage)
        assert jsonio.decode(made) == jsonio.decode((case / "reply.json").read_bytes())
    if (case / "upstream.sse").exists():
        wanted = (case / "chunks.sse").read_bytes()
        for size in (1 << 20, 1, 7):
            assert streamed(case, parsed, wire, size) == wanted

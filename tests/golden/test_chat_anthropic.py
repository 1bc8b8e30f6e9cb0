"""Chat completions ⇄ Anthropic messages, case by case.

A case is a folder of ``chat-anthropic/``:

``request.json``
    what the client sends (``request.txt``: its bytes as they are), ``options.json`` the
    configuration's ``strict`` and ``caching``;
``upstream.json``, ``warnings.json``
    what goes upstream, byte for byte but for white space, and what is said about it;
``error.json``
    the status and body instead, of a refused request or of upstream's ``upstream-error.json``;
``media.json``
    what must be fetched or converted before anything can go upstream;
``upstream-reply.json`` → ``reply.json``
    a whole answer;
``upstream-events.sse`` → ``chunks.sse``
    a streamed one, also one byte at a time and without the reader's fast path.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.errors import Failure
from tests.golden.relaying import relayed

FOLDER = Path(__file__).parent / "chat-anthropic"
CREATED = 1_700_000_000
CATALOGUE = Catalogue()
CASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Path:
    return FOLDER / request.param


def pretty(data: bytes) -> bytes:
    return msgspec.json.format(data, indent=2) + b"\n"


class Golden:
    """Compares with a file of the case, or writes it."""

    def __init__(self, case: Path, update: bool) -> None:
        self.case = case
        self.update = update
        self.checked: set[str] = set()

    def json(self, name: str, data: bytes | None) -> None:
        self._check(name, None if data is None else pretty(data))

    def text(self, name: str, data: bytes) -> None:
        self._check(name, data)

    def _check(self, name: str, data: bytes | None) -> None:
        path = self.case / name
        self.checked.add(name)
        if self.update:
            if data is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(data)
        elif data is None:
            assert not path.exists(), f"{name} is expected and did not come"
        else:
            assert path.read_bytes().decode() == data.decode()


def parse(case: Path) -> chat.Parsed:
    raw = case / "request.txt"
    if raw.exists():
        body = raw.read_bytes()
    else:
        body = jsonio.compact((case / "request.json").read_bytes())
    path = case / "options.json"
    options: dict[str, Any] = {"strict": False}
    if path.exists():
        options |= jsonio.decode(path.read_bytes())
    return chat.parse(body, CATALOGUE, **options)


def error(failure: Failure) -> bytes:
    return jsonio.encode({"status": failure.status, "body": msgspec.Raw(chat.error_body(failure))})


def stream(parsed: chat.Parsed, reads: Iterator[bytes], *, fast: bool = True) -> bytes:
    """What a client gets, in the way serve.py does it."""
    writer = chat.StreamWriter(parsed, CREATED)
    return relayed(anthropic.Reader(fast=fast), writer, reads, chat.error_event)


def test_case(case: Path, update_golden: bool):
    golden = Golden(case, update_golden)
    try:
        parsed = parse(case)
    except Failure as failure:
        golden.json("error.json", error(failure))
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
        body = told["body"] if isinstance(told["body"], str) else jsonio.encode(told["body"])
        body = body.encode() if isinstance(body, str) else body
        failure = anthropic.read_error(told["status"], told.get("headers", {}), body)
        golden.json("error.json", error(chat.localize(failure, parsed)))
    else:
        golden.json("error.json", None)
    whole = case / "upstream-reply.json"
    if whole.exists():
        reply = anthropic.read_reply(jsonio.compact(whole.read_bytes()))
        golden.json("reply.json", chat.reply(parsed, reply, CREATED))
    events = case / "upstream-events.sse"
    if events.exists():
        golden.text("chunks.sse", stream(parsed, iter([events.read_bytes()])))


def test_streams_do_not_depend_on_how_they_arrive(case: Path):
    events = case / "upstream-events.sse"
    if not events.exists():
        return
    data = events.read_bytes()
    expected = (case / "chunks.sse").read_bytes()
    single = (data[at : at + 1] for at in range(len(data)))
    assert stream(parse(case), single) == expected
    assert stream(parse(case), iter([data]), fast=False) == expected
    assert stream(parse(case), iter([data.replace(b"\n", b"\r\n")])) == expected


def test_every_case_is_complete(case: Path):
    """A case asks something and expects something; no file in it is left unread."""
    names = {path.name for path in case.iterdir()}
    asked = {"request.json", "request.txt"} & names
    assert len(asked) == 1
    assert {"upstream.json", "error.json", "media.json"} & names
    known = {
        "options.json", "upstream.json", "media.json", "warnings.json", "error.json",
        "upstream-error.json",
        "upstream-reply.json", "reply.json", "upstream-events.sse", "chunks.sse",
    }  # fmt: skip
    assert names <= asked | known


def chunks(data: bytes) -> list[dict[str, Any]]:
    return [
        jsonio.decode(line.removeprefix(b"data: "))
        for line in data.split(b"\n")
        if line.startswith(b"data: {")
    ]


def test_streams_keep_their_shape(case: Path):
    """protocol.md §4d: one id, the role first, one finish reason, ``[DONE]`` or an error last."""
    path = case / "chunks.sse"
    if not path.exists():
        return
    data = path.read_bytes()
    found = chunks(data)
    failed = "error" in found[-1]
    assert data.endswith(b"data: [DONE]\n\n") is not failed
    if failed:
        found.pop()
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in found}) <= 1
    finished = [
        choice["finish_reason"]
        for chunk in found
        for choice in chunk["choices"]
        if choice["finish_reason"]
    ]
    assert len(finished) == (0 if failed else 1)
    if found:
        assert found[0]["choices"][0]["delta"]["role"] == "assistant"

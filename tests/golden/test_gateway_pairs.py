"""Messages and Responses over Claude's other homes, case by case, through the running gateway.

What a client sends and gets here depends on more than a dialect and a carrier: bytes of Messages
pass where the carrier takes them. So a case goes over real sockets, whole and streamed. It is a
folder of ``<dialect>-<provider>/``:

``request.json``
    what the client sends, asked for whole and as a stream;
``upstream.json``
    both paths, the header lines that mean something, and the body that goes upstream;
``upstream-reply.json`` → ``reply.json``
    a whole answer;
``upstream-events.json`` → ``events.sse``
    a streamed one, event by event; ``{"exception": name, "message": text}`` stands for an exception
    of Bedrock, which is an ``error`` event elsewhere;
``upstream-error.json`` → ``error.json``
    a refusal in the place of either: status, headers, body.
"""

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dragoman.clock import Clock
from tests import aws_frames
from tests.cross.upstreams import UPSTREAMS, framed, named, sse
from tests.gateway.harness import Harness, response, running
from tests.leak_watch import leak_watch
from tests.scripted_upstream import Connection, Request, ScriptedUpstream

HERE = Path(__file__).parent
PATHS = {"messages": "/v1/messages", "responses": "/v1/responses"}
PAIRS = (
    "messages-anthropic",
    "messages-bedrock",
    "messages-foundry",
    "messages-vertex",
    "responses-bedrock",
    "responses-foundry",
    "responses-vertex",
)
CASES = sorted(
    path.relative_to(HERE).as_posix() for pair in PAIRS for path in (HERE / pair).iterdir()
)
CREATED = 1_700_000_000.0
MEANINGFUL = ("anthropic-version", "anthropic-beta")
IN = {"request.json", "upstream-reply.json", "upstream-events.json", "upstream-error.json"}
OUT = {"upstream.json", "reply.json", "events.sse", "error.json"}
_BY_CHANCE = (
    (re.compile(rb'("request_id": ?)"[^"]+"'), rb'\1"req_1"'),
    (re.compile(rb"Please try again in [0-9.]+s"), b"Please try again in 2s"),
)
"""What is another at each run, and what stands for it."""


class Place:
    """A gateway with one account, and the upstream behind it."""

    def __init__(self, harness: Harness, requests: list[Request], answers: list[bytes]) -> None:
        self.harness = harness
        self.requests = requests
        self.answers = answers


@asynccontextmanager
async def place(folder: Path, provider: str) -> AsyncIterator[Place]:
    requests: list[Request] = []
    answers: list[bytes] = []

    async def serve(connection: Connection) -> None:
        while True:
            requests.append(await connection.receive())
            await connection.send(answers[0])

    async with ScriptedUpstream([serve]) as upstream:
        account = {"name": "a", **UPSTREAMS[provider].account(upstream.url)}
        clock = Clock(lambda: CREATED, time.monotonic)
        patience = {"queue_timeout_s": 0}
        async with running(folder, clock, accounts=[account], routing=patience) as harness:
            yield Place(harness, requests, answers)


class Places:
    """One for each provider, when it is first asked for."""

    def __init__(self, factory: pytest.TempPathFactory, stack: AsyncExitStack) -> None:
        self._factory = factory
        self._stack = stack
        self._there: dict[str, Place] = {}

    async def of(self, provider: str) -> Place:
        if provider not in self._there:
            made = place(self._factory.mktemp(provider), provider)
            self._there[provider] = await self._stack.enter_async_context(made)
        return self._there[provider]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Places]:
    async with leak_watch(), AsyncExitStack() as stack:
        yield Places(tmp_path_factory, stack)


def read(path: Path) -> Any:
    return json.loads(path.read_bytes()) if path.exists() else None


def streamed(provider: str, events: list[dict[str, Any]]) -> bytes:
    """Events on the wire of a provider."""
    if provider == "bedrock":
        return framed([_frame(event) for event in events])
    return sse([named(event) for event in events])


def _frame(event: dict[str, Any]) -> bytes:
    if "exception" in event:
        told = json.dumps({"message": event["message"]}).encode()
        return aws_frames.exception(event["exception"], told)
    return aws_frames.chunk(json.dumps(event).encode())


def refusal(told: dict[str, Any]) -> bytes:
    lines = [f"{name}: {value}" for name, value in told.get("headers", {}).items()]
    return response(told["status"], json.dumps(told["body"]).encode(), *lines)


def arrived(whole: Request, stream: Request) -> dict[str, Any]:
    """What went upstream, for a whole answer and for a stream: all but the path is the same."""
    body, other = json.loads(whole.body), json.loads(stream.body)
    assert {**body, "stream": True} == {**other, "stream": True}
    headers = {name: whole.headers[name] for name in MEANINGFUL if name in whole.headers}
    assert headers == {name: stream.headers[name] for name in MEANINGFUL if name in stream.headers}
    return {"path": whole.target, "path_of_stream": stream.target, "headers": headers, "body": body}


def pretty(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


async def outcome(case: Path, there: Place) -> dict[str, bytes]:
    """The files that are expected of a case."""
    dialect, provider = case.parent.name.split("-")
    asked, found = read(case / "request.json"), dict[str, bytes]()
    whole, events = read(case / "upstream-reply.json"), read(case / "upstream-events.json")
    told = read(case / "upstream-error.json")
    there.requests.clear()
    for stream in (False, True):
        if told is not None:
            there.answers[:] = [refusal(told)]
        elif stream:
            there.answers[:] = [streamed(provider, events)]
        else:
            there.answers[:] = [response(200, json.dumps(whole or {}).encode())]
        answer = await there.harness.http.post(PATHS[dialect], json={**asked, "stream": stream})
        content = answer.content
        for pattern, fixed in _BY_CHANCE:
            content = pattern.sub(fixed, content)
        if told is not None:
            shown = pretty({"status": answer.status_code, "body": json.loads(content)})
            assert found.setdefault("error.json", shown) == shown
        elif stream:
            assert answer.status_code == 200
            found["events.sse"] = content
        elif whole is not None:
            assert answer.status_code == 200
            found["reply.json"] = pretty(json.loads(content))
    first, second = there.requests
    found["upstream.json"] = pretty(arrived(first, second))
    return found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CASES)
async def test_case(places: Places, name: str, update_golden: bool) -> None:
    case = HERE / name
    made = await outcome(case, await places.of(case.parent.name.split("-")[1]))
    if update_golden:
        for file, data in made.items():
            (case / file).write_bytes(data)
    assert {path.name for path in case.iterdir()} - IN == set(made)
    for file, data in made.items():
        assert (case / file).read_bytes().decode() == data.decode()


@pytest.mark.parametrize("pair", PAIRS)
def test_every_pair_has_the_same_cases(pair: str) -> None:
    assert {path.name for path in (HERE / pair).iterdir()} == {
        path.name for path in (HERE / PAIRS[0]).iterdir()
    }

"""A simulator that answers at once, a clock moved by hand, and short ways to ask."""

from typing import Any

import pytest

from dragoman.clock import Clock
from dragoman.codec import jsonio
from dragoman.simulator.service import Answer, Incoming, Settings, Simulator

HEADERS = {"x-api-key": "sk-test", "anthropic-version": "2023-06-01"}
HAIKU = "claude-haiku-4-5-20251001"


class Hands:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.clock = Clock(wall=lambda: self.now, mono=lambda: self.now)


class Bench:
    """A simulator and the ways tests talk to it."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.hands = Hands()
        self.simulator = Simulator(self.hands.clock, settings or Settings(pace=0))

    def post(
        self,
        body: Any,
        *,
        path: str = "/v1/messages",
        account: str = "a",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        raw = body if isinstance(body, bytes) else jsonio.encode(body)
        return self.simulator.handle(
            Incoming("POST", path, "", {**HEADERS, **(headers or {})}, raw, account)
        )

    def ask(self, question: Any, **more: Any) -> dict[str, Any]:
        """The decoded message for one user turn; ``more`` are fields of the body."""
        body = {
            "model": HAIKU,
            "max_tokens": 1024,
            "messages": [{"role": "user", "content": question}],
            **more,
        }
        answer = self.post(body)
        assert answer.status == 200, answer.body
        return jsonio.decode(answer.body)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def text_of(message: dict[str, Any]) -> str:
    """All text of a decoded message."""
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


def parsed(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Server-sent events as (name, data)."""
    events: list[tuple[str, dict[str, Any]]] = []
    for chunk in stream.split(b"\n\n")[:-1]:
        name, data = chunk.split(b"\n", 1)
        assert name.startswith(b"event: ") and data.startswith(b"data: ")
        events.append((name[7:].decode(), jsonio.decode(data[6:])))
    return events

"""Log lines reach their reader whole, in order, and never at the price of a request."""

import asyncio
import gc
import json
import os
import time

import pytest

from dragoman.observe import log as log_module
from dragoman.observe.log import EventLine, Log
from dragoman.supervisor import Supervisor


def read(descriptor: int) -> bytes:
    """What is there by now."""
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        time.sleep(0.001)
        return b""


def lines(descriptor: int) -> list[dict[str, object]]:
    with os.fdopen(descriptor, "rb") as file:
        return [json.loads(line) for line in file.read().splitlines()]


def test_lines_are_json_in_order() -> None:
    reader, writer = os.pipe()
    log = Log(writer)
    assert log.write(EventLine(time=1.0, event="a", message="two\nlines\x1b[0m"))
    assert not log.write(EventLine(time=2.0, event="b"))
    log.close()
    os.close(writer)
    assert lines(reader) == [
        {"time": 1.0, "event": "a", "message": "two\nlines\x1b[0m"},
        {"time": 2.0, "event": "b"},
    ]


def test_a_reader_that_does_not_read_costs_lines_and_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_module, "MAX_WAITING_BYTES", 100_000)
    reader, writer = os.pipe()
    log = Log(writer)
    for number in range(40):
        log.write(EventLine(time=float(number), event="x" * 10_000))
        log.flush()
    os.set_blocking(reader, False)
    seen = b""
    while log.waiting:
        seen += read(reader)
    log.write(EventLine(time=99.0, event="last"))
    log.close()
    os.close(writer)
    while more := read(reader):
        seen += more
    os.close(reader)
    said = [json.loads(line) for line in seen.splitlines()]
    dropped = [line["count"] for line in said if line["event"] == "log_lines_dropped"]
    assert said[-1]["event"] == "last"
    assert len(dropped) == 1
    assert len(said) - 2 + dropped[0] == 40


def test_a_closed_pipe_does_not_stop_the_gateway() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = Log(writer)
    for _ in range(3):
        log.write(EventLine(time=0.0, event="x"))
        log.flush()
    log.close()
    os.close(writer)


async def test_the_supervisor_reports_what_escapes_a_task() -> None:
    crashes: list[BaseException] = []
    supervisor = Supervisor(crashes.append)

    async def fail() -> None:
        raise RuntimeError("boom")

    async def wait() -> None:
        await asyncio.sleep(3600)

    supervisor.spawn(fail())
    waiting = supervisor.spawn(wait())
    await asyncio.sleep(0.01)
    await supervisor.close()
    assert waiting.cancelled()
    assert len(crashes) == 1
    assert str(crashes[0]) == "boom"


async def test_what_escapes_a_task_that_nobody_awaits_is_reported() -> None:
    crashes: list[BaseException] = []
    supervisor = Supervisor(crashes.append)
    supervisor.listen(asyncio.get_running_loop())

    async def fail() -> None:
        raise RuntimeError("boom")

    supervisor.start(fail())
    await asyncio.sleep(0.01)
    gc.collect()
    assert [str(error) for error in crashes] == ["boom"]

"""Bytes in time: bursts, silence, readers that are behind, and callers that leave."""

import asyncio

import pytest

from dragoman.http.client import Client, Timeouts
from tests.http.client_rig import (
    HASTY,
    PATIENT,
    answer,
    chunked,
    client_to,
    failure_of,
    fetch,
    no_leaks,
    post,
    read_all,
    settle,
)
from tests.scripted_upstream import (
    FIN,
    RECEIVE,
    RST,
    Connection,
    Endless,
    Script,
    ScriptedUpstream,
    Sleep,
    Slices,
    Tell,
    Wait,
)

__all__ = ["no_leaks"]

STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
EVENTS = [b'data: {"n":%d}\n\n' % number for number in range(20)]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_a_burst_stays_a_burst() -> None:
    wire = chunked(*EVENTS)
    async with ScriptedUpstream([RECEIVE, wire]) as upstream, client_to(upstream) as client:
        assert await read_all(await post(client)) == [b"".join(EVENTS)]


async def test_what_arrived_between_two_reads_comes_as_one() -> None:
    go = asyncio.Event()
    script: Script = [RECEIVE, STREAM + chunk(b"a"), Wait(go), *map(chunk, EVENTS), chunk(b"")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        assert await response.read() == b"a"
        go.set()
        await settle()
        assert await response.read() == b"".join(EVENTS)
        assert await response.read() == b""


async def test_reading_what_is_there_does_not_suspend() -> None:
    script: Script = [RECEIVE, STREAM + chunk(b"a")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        reading = response.read()
        with pytest.raises(StopIteration) as stop:
            reading.send(None)
        assert stop.value.value == b"a"
        response.close()


async def test_events_arrive_as_they_are_sent() -> None:
    ticks = [asyncio.Event() for _ in EVENTS]
    script: Script = [RECEIVE, STREAM]
    for tick, event in zip(ticks, EVENTS, strict=True):
        script += [Wait(tick), chunk(event)]
    async with ScriptedUpstream([*script, chunk(b"")]) as upstream, client_to(upstream) as client:
        response = await post(client)
        for tick, event in zip(ticks, EVENTS, strict=True):
            tick.set()
            assert await response.read() == event
        assert await response.read() == b""


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_a_stream_in_slices_is_the_stream_at_once(size: int) -> None:
    wire = chunked(*EVENTS)
    script: Script = [RECEIVE, Slices(wire, size), RECEIVE, wire]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        sliced = await read_all(await post(client))
        whole = await read_all(await post(client))
        assert b"".join(sliced) == b"".join(whole) == b"".join(EVENTS)
        assert len(sliced) > len(whole) == 1


# Silence.


async def test_silence_before_the_head() -> None:
    async with ScriptedUpstream([RECEIVE]) as upstream, client_to(upstream) as client:
        failure = await failure_of(post(client, timeouts=HASTY))
        assert (failure.kind, failure.status) == ("upstream_timeout", 504)
        assert "0.2 s of silence before the response head" in failure.detail
        await upstream.connections[0].over


async def test_a_head_that_drips_is_late_too() -> None:
    drip: Script = [RECEIVE, b"HTTP/1.1 200 OK\r\n"]
    for _ in range(40):
        drip += [Sleep(0.05), b"x: y\r\n"]
    async with ScriptedUpstream(drip) as upstream, client_to(upstream) as client:
        failure = await failure_of(post(client, timeouts=Timeouts(0.4, 10)))
        assert failure.kind == "upstream_timeout"


@pytest.mark.parametrize("begun", [STREAM, STREAM + chunk(b"a"), STREAM + b"5\r\nhe"])
async def test_silence_inside_the_body(begun: bytes) -> None:
    async with ScriptedUpstream([RECEIVE, begun]) as upstream, client_to(upstream) as client:
        response = await post(client, timeouts=Timeouts(10, 0.2))
        failure = await failure_of(read_all(response))
        assert failure.kind == "upstream_timeout"
        assert "0.2 s of silence inside the response" in failure.detail
        await upstream.connections[0].over


async def test_a_slow_stream_is_not_a_silent_one() -> None:
    script: Script = [RECEIVE, STREAM]
    for event in EVENTS[:8]:
        script += [Sleep(0.1), chunk(event)]
    script.append(chunk(b""))
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client, timeouts=Timeouts(0.3, 0.3))
        assert b"".join(await read_all(response)) == b"".join(EVENTS[:8])


async def test_a_slow_reader_is_not_a_silent_upstream() -> None:
    script: Script = [RECEIVE, STREAM + chunk(b"a"), Sleep(0.7), chunk(b"b") + chunk(b"")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client, timeouts=Timeouts(0.3, 0.3))
        assert await response.read() == b"a"
        await asyncio.sleep(0.6)
        assert await read_all(response) == [b"b"]


# Readers that are behind.


def stuck(sent: list[int]) -> bool:
    return len(sent) > 5 and len(set(sent[-5:])) == 1


@pytest.mark.parametrize("size", [100, 50_000])
async def test_a_reader_that_is_behind_stops_the_upstream(size: int) -> None:
    script: Script = [RECEIVE, STREAM, Endless(chunk(b"x" * size))]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        connection = upstream.connections[0]
        sent: list[int] = []
        while not stuck(sent):
            await settle(5)
            sent.append(connection.sent)
        assert len(await response.read()) < 65536 + 16384
        while connection.sent <= sent[-1] + 1_000_000:
            assert set(await response.read()) == {ord("x")}
        response.close()
        await connection.over


async def test_a_reader_that_is_behind_gets_every_byte_in_the_end() -> None:
    body = bytes(range(256)) * 20_000
    pieces = [body[start : start + 10_000] for start in range(0, len(body), 10_000)]
    script: Script = [RECEIVE, chunked(*pieces), RECEIVE, answer(b"next")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        got: list[bytes] = []
        while data := await response.read():
            got.append(data)
            await asyncio.sleep(0.001)
        assert b"".join(got) == body
        assert max(map(len, got)) < 65536 + 16384
        assert await fetch(client) == b"next"
        assert len(upstream.connections) == 1


@pytest.mark.parametrize("end", [FIN, RST], ids=["FIN", "RST"])
async def test_the_end_waits_behind_what_was_not_read(end: object) -> None:
    body = b"x" * 300_000
    wire = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body) + 1, body)
    go = asyncio.Event()
    script: Script = [RECEIVE, wire, Wait(go), end]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        if end is FIN:
            go.set()
        got = b""
        while len(got) < len(body):
            got += await response.read()
            await asyncio.sleep(0.002)
        assert got == body
        go.set()
        failure = await failure_of(response.read())
        assert failure.kind == ("upstream_truncated" if end is FIN else "upstream_reset")


async def test_a_paused_connection_can_be_released_unread() -> None:
    wire = answer(b"x" * 75_000)
    script: Script = [RECEIVE, wire, RECEIVE, answer(b"next")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        await settle()
        response.close()
        assert await fetch(client) in (b"next", wire[-75_000:])


# Callers that leave.


async def cancelled(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_leaving_while_waiting_for_the_head() -> None:
    received = asyncio.Event()
    script: Script = [RECEIVE, Tell(received)]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        task = asyncio.create_task(post(client))
        await received.wait()
        await cancelled(task)
        await upstream.connections[0].over
        assert len(upstream.connections) == 1


async def test_leaving_while_reading() -> None:
    script: Script = [RECEIVE, STREAM + chunk(b"a")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        assert await response.read() == b"a"
        task = asyncio.create_task(response.read())
        await settle(2)
        await cancelled(task)
        await upstream.connections[0].over


async def test_leaving_while_reading_the_whole_body() -> None:
    script: Script = [RECEIVE, STREAM + chunk(b"a")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        task = asyncio.create_task(fetch(client))
        await settle(5)
        await cancelled(task)
        await upstream.connections[0].over


@pytest.mark.parametrize("rounds", range(8))
async def test_leaving_at_any_moment_closes_or_returns_the_connection(rounds: int) -> None:
    """Among them the moment when the head has arrived and the caller has not yet run."""
    script: Script = [RECEIVE, answer(b"one"), RECEIVE, answer(b"two"), RECEIVE, answer(b"three")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        await fetch(client)
        task = asyncio.create_task(fetch(client))
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await fetch(client) in (b"one", b"two", b"three")
        for connection in upstream.connections[:-1]:
            await connection.over


async def test_leaving_while_a_large_request_is_being_sent() -> None:
    async with ScriptedUpstream([Sleep(0.2)]) as upstream, client_to(upstream) as client:
        task = asyncio.create_task(post(client, b"x" * 30_000_000))
        await settle(10)
        await cancelled(task)
        await upstream.connections[0].over


async def test_a_coroutine_that_is_closed_closes_the_socket() -> None:
    received = asyncio.Event()
    script: Script = [RECEIVE, answer(), RECEIVE, Tell(received)]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        await fetch(client)
        sending = client.send("POST", "/", b"", b"", PATIENT)
        sending.send(None)
        await received.wait()
        sending.close()
        await upstream.connections[0].over


async def test_fifty_stalled_readers() -> None:
    script: Script = [RECEIVE, STREAM, Endless(chunk(b"x" * 20_000))]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        responses = await asyncio.gather(*[post(client) for _ in range(50)])
        sent: list[int] = []
        while not stuck(sent):
            await settle(5)
            sent.append(sum(connection.sent for connection in upstream.connections))
        held = [len(await response.read()) for response in responses]
        assert max(held) < 65536 + 16384
        for response in responses:
            response.close()


async def test_sends_beside_each_other_do_not_mix() -> None:
    async def echo(client: Client, number: int) -> None:
        body = b"%d" % number * 50
        assert await fetch(client, body) == body

    async def script(connection: Connection) -> None:
        while True:
            request = await connection.receive()
            await asyncio.sleep(0.001 * (len(request.body) % 7))
            await connection.send(answer(request.body))

    async with ScriptedUpstream([script]) as upstream, client_to(upstream) as client:
        await asyncio.gather(*[echo(client, number) for number in range(200)])

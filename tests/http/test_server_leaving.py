"""Clients that leave, half-close, or do not read: who is cancelled, and who is not."""

import asyncio
import tracemalloc

import pytest

from dragoman.http.call import Call
from tests.http.server_rig import (
    GET,
    PLAIN,
    Client,
    Held,
    Recorder,
    chunked,
    eventually,
    no_leaks,
    post,
    serving,
    settle,
)

__all__ = ["no_leaks"]


@pytest.mark.parametrize("how", ["reset", "fin", "close"])
@pytest.mark.parametrize("request_bytes", [GET, post(b"body"), chunked(b"body"), GET + GET])
async def test_leaving_before_the_answer_cancels_the_handler(
    how: str, request_bytes: bytes
) -> None:
    held = Held()
    async with serving(held) as rig:
        client = await rig.connect()
        await client.send(request_bytes)
        await held.started.wait()
        getattr(client, how)()
        await held.ended.wait()
        assert held.cancelled == held.calls
        assert [call.gone for call in held.calls] == [True]
        assert not held.calls[0].drained_out
        await eventually(lambda: rig.server.connections == 0)


@pytest.mark.parametrize("how", ["reset", "fin", "close"])
async def test_leaving_in_the_middle_of_a_body_cancels_the_handler(how: str) -> None:
    calls: list[Call] = []
    ended = asyncio.Event()

    async def handler(call: Call) -> None:
        calls.append(call)
        try:
            await call.body()
        finally:
            ended.set()

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(post(b"x" * 100)[:-50])
        await eventually(lambda: len(calls) == 1)
        getattr(client, how)()
        await ended.wait()
        assert calls[0].gone


@pytest.mark.parametrize("how", ["reset", "fin", "close"])
async def test_leaving_in_the_middle_of_a_head_is_nobodys_business(how: str) -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        client = await rig.connect()
        await client.send(GET[:-1])
        await settle()
        getattr(client, how)()
        await eventually(lambda: rig.server.connections == 0)
        assert seen.calls == []


async def test_a_reset_in_the_middle_of_a_stream_cancels_the_handler() -> None:
    calls: list[Call] = []
    ended = asyncio.Event()

    async def handler(call: Call) -> None:
        calls.append(call)
        call.begin(200, PLAIN)
        call.write(b"one")
        try:
            await asyncio.Event().wait()
        finally:
            call.write(b"nobody hears this")
            call.end()
            call.respond(200, PLAIN, b"nor this")
            await call.drained()
            ended.set()

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(GET)
        await client.until(b"one\r\n")
        client.reset()
        await ended.wait()
        assert calls[0].gone


async def test_a_half_closed_client_keeps_its_stream_to_the_end() -> None:
    go_on = asyncio.Event()

    async def handler(call: Call) -> None:
        call.begin(200, PLAIN)
        call.write(b"one")
        await go_on.wait()
        for _ in range(100):
            call.write(b"x" * 10_000)
            await call.drained()
        call.end(b"last")
        assert not call.gone

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(GET)
        await client.until(b"one\r\n")
        client.fin()
        await settle()
        go_on.set()
        rest = await client.rest()
        assert rest.endswith(b"4\r\nlast\r\n0\r\n\r\n")
        assert rest.count(b"x" * 10_000) == 100


async def test_a_client_that_closed_both_ways_is_found_out() -> None:
    ended = asyncio.Event()

    async def handler(call: Call) -> None:
        call.begin(200, PLAIN)
        call.write(b"one")
        call.on_idle(10, lambda: call.write(b": comment\n\n"))
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    # No time passes, so nothing is ever due; only the end of the client's input makes it probe.
    async with serving(handler, by_hand=True) as rig:
        client = await rig.connect()
        await client.send(GET)
        await client.until(b"one\r\n")
        client.close()
        await ended.wait()


async def test_a_stream_that_has_only_begun_is_no_answer_yet() -> None:
    held = asyncio.Event()
    calls: list[Call] = []

    async def handler(call: Call) -> None:
        calls.append(call)
        call.begin(200, PLAIN)
        try:
            await asyncio.Event().wait()
        finally:
            held.set()

    async with serving(handler, sweep_interval_s=100) as rig:
        client = await rig.connect()
        await client.send(GET)
        await eventually(lambda: len(calls) == 1)
        client.fin()
        await held.wait()
        assert calls[0].gone
        assert not calls[0].sent


async def test_an_answer_given_in_full_survives_a_fin() -> None:
    async def handler(call: Call) -> None:
        call.respond(200, PLAIN, b"x" * 10_000_000)

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(GET)
        await eventually(lambda: rig.server.connections == 1)
        await client.more()
        client.fin()
        assert len((await client.answer()).body) == 10_000_000
        await client.closed()


async def test_a_handler_that_did_not_begin_is_not_begun() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        for _ in range(50):
            client = await rig.connect()
            await client.send(GET)
            client.reset()
        await settle()
        assert rig.server.running == 0
        assert rig.server.connections == 0
        assert not [call for call in seen.calls if call.gone and not call.sent]


async def test_a_slow_reader_pauses_the_writer_and_holds_little() -> None:
    written = 0
    pauses = 0
    calls: list[Call] = []

    async def handler(call: Call) -> None:
        nonlocal written, pauses
        calls.append(call)
        call.begin(200, PLAIN)
        for _ in range(4000):
            call.write(b"x" * 5000)
            written += 5000
            if call.paused:
                pauses += 1
                await call.drained()
                assert not call.paused
        call.end()

    async with serving(handler) as rig:
        client = await rig.connect(receive_buffer=4096)
        tracemalloc.start()
        try:
            await client.send(GET)
            await eventually(lambda: bool(calls) and calls[0].paused)
            await settle()
            stopped_at = written
            held, _ = tracemalloc.get_traced_memory()
            await settle()
            assert written == stopped_at
            assert held < 64 * 1024 + 200_000
        finally:
            tracemalloc.stop()
        assert sum(map(len, (await client.answer()).chunks)) == 4000 * 5000
        assert pauses > 1


async def test_several_tasks_may_wait_for_a_slow_reader() -> None:
    woken: list[int] = []

    async def handler(call: Call) -> None:
        call.begin(200, PLAIN)
        while not call.paused:
            call.write(b"x" * 50_000)

        async def wait(number: int) -> None:
            await call.drained()
            woken.append(number)

        tasks = [asyncio.create_task(wait(number)) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        call.end()

    async with serving(handler) as rig:
        client = await rig.connect(receive_buffer=4096)
        await client.send(GET)
        await client.answer()
        assert woken == [0, 2]


async def test_a_writer_that_waits_is_cancelled_when_the_reader_leaves() -> None:
    waiting, ended = asyncio.Event(), asyncio.Event()

    async def handler(call: Call) -> None:
        call.begin(200, PLAIN)
        try:
            while True:
                call.write(b"x" * 50_000)
                if call.paused:
                    waiting.set()
                await call.drained()
        finally:
            ended.set()

    async with serving(handler) as rig:
        client = await rig.connect(receive_buffer=4096)
        await client.send(GET)
        await waiting.wait()
        client.reset()
        await ended.wait()


async def test_the_next_answer_waits_until_the_last_one_is_read() -> None:
    paths: list[str] = []

    async def handler(call: Call) -> None:
        paths.append(call.path)
        call.respond(200, PLAIN, b"x" * 8_000_000)

    async with serving(handler) as rig:
        client = await rig.connect(receive_buffer=65_536)
        await client.send(b"".join(GET.replace(b"/ ", b"/%d " % n) for n in range(4)))
        await settle()
        assert paths == ["/0"]
        for _ in range(4):
            assert len((await client.answer()).body) == 8_000_000
        assert paths == ["/0", "/1", "/2", "/3"]


SCRIPT = (post(b"x" * 10, "Expect: 100-continue")[:-10], b"x" * 5, b"x" * 5, GET)


async def play(client: Client) -> None:
    """Two requests, and everything that comes back."""
    for piece in SCRIPT:
        await client.send(piece)
        await asyncio.sleep(0.01)
    while await client.more():
        pass


@pytest.mark.parametrize("how", ["reset", "fin", "close"])
@pytest.mark.parametrize("after", range(14))
async def test_leaving_at_every_await_point_ends_once(after: int, how: str) -> None:
    """A client that leaves when the handler is at its n-th await: one end, nothing left behind."""
    ends: list[str] = []
    reached = 0
    arrived = asyncio.Event()

    def point() -> None:
        nonlocal reached
        reached += 1
        if reached > after:
            arrived.set()

    async def handler(call: Call) -> None:
        try:
            point()
            await asyncio.sleep(0)
            point()
            await call.body()
            point()
            call.begin(200, PLAIN)
            await asyncio.sleep(0.005)
            for _ in range(3):
                point()
                call.write(b"x" * 100_000)
                await call.drained()
                point()
                await asyncio.sleep(0.005)
            call.end()
            ends.append("complete")
        except asyncio.CancelledError:
            assert call.gone
            ends.append("left")
            raise

    async with serving(handler) as rig:
        client = await rig.connect()
        playing = asyncio.create_task(play(client))
        await arrived.wait()
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        getattr(client, how)()
        if how == "fin":
            await client.gone()
        await eventually(lambda: rig.server.running == rig.server.connections == 0)
        assert ends in (["left"], ["complete"], ["complete", "left"], ["complete"] * 2)

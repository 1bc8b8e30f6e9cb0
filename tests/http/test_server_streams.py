"""Streams: how they begin, flow, fall silent and end."""

import asyncio

import pytest

from dragoman.http.call import Call
from tests.http.server_rig import GET, PLAIN, no_leaks, serving, settle

__all__ = ["no_leaks"]


async def test_a_stream_leaves_as_it_is_written() -> None:
    async def handler(call: Call) -> None:
        call.begin(200, (("content-type", "text/event-stream"),))
        assert not call.sent
        call.write(b"")
        assert not call.sent
        call.write(b"one")
        assert call.sent
        await asyncio.sleep(0.01)
        call.write(b"x" * 1000)
        call.end(b"last")
        call.write(b"nothing more")
        call.end()

    async with serving(handler) as rig:
        client = await rig.connect()
        for _ in range(2):
            answer = await client.ask(GET)
            assert answer.status == 200
            assert answer.headers["content-type"] == "text/event-stream"
            assert answer.chunks == [b"one", b"x" * 1000, b"last"]


async def test_an_empty_stream_is_whole() -> None:
    async def handler(call: Call) -> None:
        call.begin(200, PLAIN)
        call.end()

    async with serving(handler) as rig:
        client = await rig.connect()
        for _ in range(2):
            assert (await client.ask(GET)).chunks == []


async def test_http_1_0_gets_a_stream_without_chunks() -> None:
    async def handler(call: Call) -> None:
        call.begin(200, PLAIN)
        call.write(b"one ")
        call.end(b"two")

    async with serving(handler) as rig:
        client = await rig.connect()
        answer = await client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert answer.headers["connection"] == "close"
        assert answer.body == b"one two"


async def test_the_head_of_a_stream_does_not_wait_for_ever_for_its_first_chunk() -> None:
    go_on = asyncio.Event()

    async def handler(call: Call) -> None:
        call.begin(200, PLAIN)
        await go_on.wait()
        assert call.sent
        call.end(b"at last")

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(GET)
        status, _ = await client.head()
        assert status == 200
        go_on.set()
        assert await client.until(b"0\r\n\r\n") == b"7\r\nat last\r\n0\r\n\r\n"


async def test_until_something_is_sent_the_handler_may_change_its_mind() -> None:
    async def handler(call: Call) -> None:
        call.begin(200, PLAIN)
        call.begin(200, PLAIN)
        call.respond(502, PLAIN, b"upstream failed")
        with pytest.raises(RuntimeError):
            call.respond(200, PLAIN, b"again")
        with pytest.raises(RuntimeError):
            call.begin(200, PLAIN)

    async with serving(handler) as rig:
        client = await rig.connect()
        for _ in range(2):
            answer = await client.ask(GET)
            assert (answer.status, answer.body) == (502, b"upstream failed")


async def test_writing_needs_a_beginning() -> None:
    async def handler(call: Call) -> None:
        with pytest.raises(RuntimeError):
            call.write(b"x")
        with pytest.raises(RuntimeError):
            call.end()
        call.respond(200, PLAIN, b"")

    async with serving(handler) as rig:
        assert (await rig.ask(GET)).status == 200


async def test_silence_calls_back() -> None:
    writes = 0

    async def handler(call: Call) -> None:
        def comment() -> None:
            nonlocal writes
            if not call.sent:
                call.begin(200, PLAIN)
            writes += 1
            call.write(b": wait\n\n")

        call.on_idle(10.0, comment)
        await go_on.wait()
        call.end(b"done")

    go_on = asyncio.Event()
    async with serving(handler, by_hand=True) as rig:
        client = await rig.connect()
        await client.send(GET)
        await settle()
        rig.time.pass_s(9.9)
        await settle()
        assert writes == 0
        rig.time.pass_s(0.2)
        await settle()
        assert writes == 1
        rig.time.pass_s(9.9)
        await settle()
        assert writes == 1
        rig.time.pass_s(0.2)
        await settle()
        go_on.set()
        answer = await client.answer()
        assert answer.chunks == [b": wait\n\n", b": wait\n\n", b"done"]
        rig.time.pass_s(20)
        await settle()
        assert writes == 2


async def test_a_stream_that_is_not_silent_does_not_call_back() -> None:
    async def handler(call: Call) -> None:
        called: list[int] = []
        call.begin(200, PLAIN)
        call.on_idle(10.0, lambda: called.append(1))
        for _ in range(10):
            call.write(b"event")
            await settle()
            rig.time.pass_s(6)
            await settle()
        assert not called
        call.end()

    async with serving(handler, by_hand=True) as rig:
        client = await rig.connect()
        await client.send(GET)
        assert len((await client.answer()).chunks) == 10


async def test_a_callback_that_fails_harms_nobody_else() -> None:
    errors: list[dict[str, object]] = []
    silent = asyncio.Event()

    def failed(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        errors.append(context)
        if len(errors) == 2:
            silent.set()

    async def handler(call: Call) -> None:
        call.on_idle(1.0, lambda: int("x"))
        await silent.wait()
        call.respond(200, PLAIN, b"fine")

    asyncio.get_running_loop().set_exception_handler(failed)
    async with serving(handler, by_hand=True) as rig:
        one, two = await rig.connect(), await rig.connect()
        await one.send(GET)
        await two.send(GET)
        await settle()
        rig.time.pass_s(2)
        assert (await one.answer()).body == (await two.answer()).body == b"fine"
    assert len(errors) == 2


async def test_resetting_is_a_reset() -> None:
    async def handler(call: Call) -> None:
        call.begin(200, PLAIN)
        call.write(b"half")
        call.reset()
        call.reset()
        call.write(b"more")

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(GET)
        with pytest.raises(ConnectionResetError):
            await client.rest()


async def test_aborting_is_visible_to_the_client() -> None:
    async def handler(call: Call) -> None:
        if call.path != "/unsent":
            call.begin(200, PLAIN)
            call.write(b"half")
        call.abort()
        call.abort()
        call.write(b"more")

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(GET)
        assert (await client.rest()).endswith(b"4\r\nhalf\r\n")
        client = await rig.connect()
        await client.send(GET.replace(b"/ ", b"/unsent "))
        await client.closed()
        client = await rig.connect()
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        # Without chunks, only a reset tells.
        with pytest.raises(ConnectionResetError):
            await client.rest()

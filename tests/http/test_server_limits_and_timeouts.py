"""Every limit of the server, hit from outside."""

import asyncio
import contextlib
import os
import socket
import stat

import pytest

from dragoman.http.call import Call
from tests.http.server_rig import (
    GET,
    PLAIN,
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

KIB = 1024


def with_headers(count: int, size: int = 1) -> bytes:
    """A GET with so many headers, Host among them."""
    lines = [b"GET / HTTP/1.1", b"Host: t", *(b"X%d: " % i + b"v" * size for i in range(1, count))]
    return b"\r\n".join([*lines, b"", b""])


async def test_a_hundred_headers_and_no_more() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        assert (await rig.ask(with_headers(100))).status == 200
        answer = await rig.ask(with_headers(101))
        assert (answer.status, answer.headers["connection"]) == (431, "close")
        assert len(seen.calls) == 1


async def test_32_kib_of_head_and_no_more() -> None:
    async with serving(Recorder()) as rig:
        fits = with_headers(3, 16_000)
        assert (await rig.ask(fits + b"")).status == 200
        assert (await rig.ask(with_headers(3, 16_400))).status == 431


async def test_an_endless_head_is_refused_on_the_way() -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        assert (await client.ask(with_headers(2, 40_000)[:35_000])).status == 431
        client = await rig.connect()
        await client.send(GET.removesuffix(b"\r\n"))
        sending = asyncio.create_task(client.send(b"a: b\r\n" * 10_000, step=600))
        assert (await client.answer()).status == 431
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_8_kib_of_target_and_no_more() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        target = b"/" + b"p" * 4095 + b"?" + b"q" * 4095
        assert (await rig.ask(GET.replace(b"/ ", target + b" "))).status == 200
        assert (await rig.ask(GET.replace(b"/ ", target + b"q "))).status == 414
        assert (await rig.ask(GET.replace(b"/ ", b"/" * 40_000 + b" "))).status == 414
        client = await rig.connect()
        assert (await client.ask(b"GET " + b"/" * 40_000)).status == 414
        assert len(seen.calls) == 1


async def test_a_refusal_knows_the_path() -> None:
    async with serving(Recorder()) as rig:
        request = with_headers(101).replace(b"/ ", b"/v1/messages?beta=true ")
        assert (await rig.ask(request)).body.startswith(b"headers_too_large /v1/messages ")


async def test_a_head_that_does_not_come_is_a_408() -> None:
    async with serving(Recorder(), by_hand=True) as rig:
        client = await rig.connect()
        await client.send(GET[:-2])
        await settle()
        rig.time.pass_s(9.9)
        await settle()
        await client.send(b"a: b\r\n")  # A drop now and then does not buy time.
        await settle()
        assert rig.server.connections == 1
        rig.time.pass_s(0.2)
        answer = await client.answer()
        assert (answer.status, answer.body[:15]) == (408, b"request_timeout")
        client.fin()
        await client.closed()


async def test_the_second_head_has_its_own_ten_seconds() -> None:
    async with serving(Recorder(), by_hand=True) as rig:
        client = await rig.connect()
        await client.ask(GET)
        await settle()
        rig.time.pass_s(60)
        await client.send(b"G")
        await settle()
        rig.time.pass_s(9.9)
        await settle()
        assert (await client.ask(GET[1:])).status == 200
        await client.send(b"G")
        await settle()
        rig.time.pass_s(10.1)
        assert (await client.answer()).status == 408


async def test_a_connection_without_a_request_is_closed_in_silence() -> None:
    async with serving(Recorder(), by_hand=True) as rig:
        client = await rig.connect()
        await eventually(lambda: rig.server.connections == 1)
        rig.time.pass_s(10.1)
        await client.closed()


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with serving(Recorder(), by_hand=True) as rig:
        client = await rig.connect()
        for _ in range(3):
            assert (await client.ask(GET)).status == 200
            await settle()
            rig.time.pass_s(74.9)
            await settle()
        rig.time.pass_s(0.2)
        await client.closed()


@pytest.mark.parametrize("framing", ["sized", "chunked"])
async def test_a_body_must_keep_coming(framing: str) -> None:
    body = b"x" * 100 * KIB
    async with serving(Recorder(), by_hand=True) as rig:
        for kib_in_time in (90, 3):
            client = await rig.connect()
            request = post(body) if framing == "sized" else chunked(*[b"x" * KIB] * 100)
            size = (len(request) - len(body)) // 100
            await client.send(request[: len(request) - (len(body) + 100 * size)])
            sent = len(request) - (len(body) + 100 * size)
            # At the least rate: a KiB a second, after ten seconds of grace.
            for _ in range(kib_in_time):
                await client.send(request[sent : sent + KIB + size])
                sent += KIB + size
                await asyncio.sleep(0.004)
                rig.time.pass_s(1.0)
            if kib_in_time > 50:
                await client.send(request[sent:])
                assert (await client.answer()).body == body
            else:
                await settle()
                assert client.received == b""
                rig.time.pass_s(10.5)
                assert (await client.answer()).status == 408
                client.fin()
                await client.closed()


async def test_a_body_that_was_not_asked_for_yet_is_not_late() -> None:
    read = asyncio.Event()

    async def handler(call: Call) -> None:
        await read.wait()
        call.respond(200, PLAIN, await call.body())

    async with serving(handler, by_hand=True) as rig:
        client = await rig.connect()
        await client.send(post(b"body", "Expect: 100-continue")[:-4])
        await settle()
        rig.time.pass_s(100)
        await settle()
        read.set()
        await client.until(b"100 Continue\r\n\r\n")
        await settle()
        rig.time.pass_s(9)
        await settle()
        assert (await client.ask(b"body")).body == b"body"


async def test_the_rest_of_an_answered_body_may_not_dawdle_either() -> None:
    async def handler(call: Call) -> None:
        call.respond(401, PLAIN, b"")

    async with serving(handler, by_hand=True) as rig:
        client = await rig.connect()
        assert (await client.ask(post(b"x" * 100)[:-50])).status == 401
        await settle()
        rig.time.pass_s(11)
        await client.gone()


async def test_a_refused_client_is_not_waited_for_long() -> None:
    async with serving(Recorder(), by_hand=True) as rig:
        client = await rig.connect()
        assert (await client.ask(b"nonsense\r\n\r\n")).status == 400
        assert await client.more() is False
        await settle()
        assert rig.server.connections == 1
        rig.time.pass_s(5.1)
        await eventually(lambda: rig.server.connections == 0)


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_reader_that_stopped_is_cut_off(streaming: bool) -> None:
    ended = asyncio.Event()
    calls: list[Call] = []

    async def handler(call: Call) -> None:
        calls.append(call)
        try:
            if streaming:
                call.begin(200, PLAIN)
                while True:
                    call.write(b"x" * 10_000)
                    await call.drained()
            call.respond(200, PLAIN, b"x" * 20_000_000)
        finally:
            ended.set()

    async with serving(handler, by_hand=True) as rig:
        client = await rig.connect(receive_buffer=4096)
        await client.send(GET)
        await settle()
        for _ in range(3):
            # Any progress counts.
            rig.time.pass_s(59)
            await settle()
            for _ in range(100):
                await client.more()
            await settle()
        assert rig.server.connections == 1
        for _ in range(5):
            rig.time.pass_s(31)
            await settle()
        assert rig.server.connections == 0
        await ended.wait()
        assert calls[0].gone is streaming


async def test_silence_of_the_handler_is_not_a_stalled_reader() -> None:
    held = Held()
    async with serving(held, by_hand=True) as rig:
        client = await rig.connect()
        await client.send(GET)
        for _ in range(10):
            await settle()
            rig.time.pass_s(59)
        held.let_go.set()
        assert (await client.answer()).status == 200


async def test_connections_from_one_address_can_be_limited() -> None:
    async with serving(Recorder(), max_connections_per_ip=2) as rig:
        first, second = await rig.connect(), await rig.connect()
        assert (await first.ask(GET)).status == (await second.ask(GET)).status == 200
        third = await rig.connect()
        answer = await third.answer()
        assert (answer.status, answer.headers["connection"]) == (429, "close")
        third.fin()
        await third.closed()
        first.close()
        await eventually(lambda: rig.server.connections == 1)
        assert (await rig.ask(GET)).status == 200


def _accepted(client_port: int) -> socket.socket:
    """A duplicate of the server's end of a connection to this process."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            sock = socket.socket(fileno=os.dup(int(name)))
            with contextlib.suppress(OSError):
                if sock.getpeername()[1:2] == (client_port,):
                    return sock
            sock.close()
    raise AssertionError("no such connection")


async def test_the_kernel_watches_for_clients_that_vanish() -> None:
    held = Held()
    async with serving(held, write_timeout_s=45) as rig:
        client = await rig.connect()
        await client.send(GET)
        await held.started.wait()
        with _accepted(client.sock.getsockname()[1]) as accepted:
            options = [
                accepted.getsockopt(level, name)
                for level, name in (
                    (socket.IPPROTO_TCP, socket.TCP_NODELAY),
                    (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                )
            ]
        assert options == [1, 1, 30, 10, 45_000]

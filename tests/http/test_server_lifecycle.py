"""Listening, draining, closing, TLS, and running out of file descriptors."""

import asyncio
import socket
import ssl
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from dragoman.clock import SYSTEM
from dragoman.http.call import Call
from dragoman.http.server import Server, ServerLimits
from dragoman.http.server_tls import server_context
from tests.certificates import authority
from tests.http.server_rig import (
    GET,
    PLAIN,
    Held,
    Recorder,
    eventually,
    no_leaks,
    post,
    serving,
    settle,
)

__all__ = ["no_leaks"]


def make(handler: Held | Recorder) -> Server:
    return Server(
        handler,
        ServerLimits(),
        clock=SYSTEM,
        spawn=asyncio.get_running_loop().create_task,
        refuse=lambda failure, path: b"",
    )


async def test_draining_closes_idle_connections_and_waits_for_the_others() -> None:
    held = Held()
    async with serving(held) as rig:
        idle, fresh, busy = [await rig.connect() for _ in range(3)]
        held.let_go.set()
        await idle.ask(GET)
        held.let_go.clear()
        held.started.clear()
        await busy.send(GET)
        await held.started.wait()
        draining = asyncio.create_task(rig.server.drain(20))
        await idle.closed()
        await fresh.closed()
        assert held.calls[-1].draining
        with pytest.raises(OSError):
            await rig.connect()
        await settle()
        assert not draining.done()
        held.let_go.set()
        answer = await busy.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        await busy.closed()
        await draining
        assert held.cancelled == []


async def test_who_asks_before_a_drain_is_turned_away_and_the_others_end() -> None:
    async def away(call: Call) -> None:
        call.respond(503, PLAIN, b"leaving" if call.draining else b"")

    held = Held()
    async with serving(held) as rig:
        idle, busy = [await rig.connect() for _ in range(2)]
        held.let_go.set()
        await idle.ask(GET)
        held.let_go.clear()
        held.started.clear()
        await busy.send(GET)
        await held.started.wait()
        leaving = asyncio.create_task(rig.server.turn_away(away, 20))
        await settle()
        for client in (idle, await rig.connect()):
            answer = await client.ask(GET)
            assert (answer.status, answer.body) == (503, b"leaving")
            assert answer.headers["connection"] == "close"
            await client.closed()
        assert not leaving.done()
        held.let_go.set()
        answer = await busy.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        await leaving
        await rig.server.turn_away(away, 20)  # Nothing is under way: no reason to wait.


async def test_turning_away_has_an_end() -> None:
    held = Held()
    async with serving(held) as rig:
        busy = await rig.connect()
        await busy.send(GET)
        await held.started.wait()
        await rig.server.turn_away(held, 0.01)
        assert rig.server.running == 1


async def test_a_request_that_is_arriving_while_draining_is_served() -> None:
    async with serving(Recorder()) as rig:
        head, body = await rig.connect(), await rig.connect()
        await head.send(GET[:-1])
        await body.send(post(b"body")[:-1])
        await eventually(lambda: rig.server.connections == 2)
        await settle()
        draining = asyncio.create_task(rig.server.drain(20))
        await settle()
        assert (await head.ask(GET[-1:])).headers["connection"] == "close"
        assert (await body.ask(b"y")).body == b"body"
        await draining


async def test_the_rest_of_an_answered_body_does_not_hold_up_a_drain() -> None:
    async def handler(call: Call) -> None:
        call.respond(401, PLAIN, b"")

    async with serving(handler) as rig:
        client = await rig.connect()
        answer = await client.ask(post(b"x" * 100)[:-50])
        assert "connection" not in answer.headers
        await asyncio.wait_for(rig.server.drain(20), 10)
        await client.gone()


async def test_pipelined_requests_are_not_begun_while_draining() -> None:
    held = Held()
    async with serving(held) as rig:
        client = await rig.connect()
        await client.send(GET * 3)
        await held.started.wait()
        draining = asyncio.create_task(rig.server.drain(20))
        await settle()
        held.let_go.set()
        assert (await client.answer()).headers["connection"] == "close"
        client.fin()
        await client.closed()
        await draining
        assert len(held.calls) == 1


@pytest.mark.parametrize("streaming", [False, True])
async def test_what_does_not_end_in_time_is_cancelled_and_may_say_so(streaming: bool) -> None:
    calls: list[Call] = []

    async def handler(call: Call) -> None:
        calls.append(call)
        if streaming:
            call.begin(200, PLAIN)
            call.write(b"event")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert call.drained_out
            if streaming:
                call.write(b"shutting down")
                call.end()
            raise

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(GET)
        await eventually(lambda: len(calls) == 1)
        await rig.server.drain(0.05)
        answer = await client.answer()
        if streaming:
            assert answer.chunks == [b"event", b"shutting down"]
        else:
            assert (answer.status, answer.body[:8]) == (503, b"draining")
        await client.closed()
        assert not calls[0].gone


async def test_a_handler_that_was_never_entered_is_answered_while_draining() -> None:
    seen = Recorder()
    waiting: list[object] = []

    def spawn(work: object) -> asyncio.Task[None]:
        waiting.append(work)
        return asyncio.create_task(asyncio.sleep(0))

    server = Server(
        seen, ServerLimits(), clock=SYSTEM, spawn=spawn, refuse=lambda failure, path: b""
    )
    address = await server.listen("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(GET)
    await eventually(lambda: len(waiting) == 1)
    draining = asyncio.create_task(server.drain(0.02))
    await asyncio.sleep(0.1)
    [work] = waiting
    await work  # type: ignore[misc]
    assert (await reader.readline()).startswith(b"HTTP/1.1 503 ")
    await draining
    assert seen.calls == []
    writer.close()


async def test_a_reader_that_stops_cannot_hold_up_a_drain() -> None:
    async def handler(call: Call) -> None:
        call.respond(200, PLAIN, b"x" * 20_000_000)

    async with serving(handler) as rig:
        client = await rig.connect(receive_buffer=4096)
        await client.send(GET)
        await settle()
        await rig.server.drain(0.05)
        assert rig.server.connections == 0


async def test_closing_ends_everything_at_once() -> None:
    held = Held()
    async with serving(held) as rig:
        clients = [await rig.connect() for _ in range(3)]
        await clients[0].send(GET)
        await clients[1].send(GET[:-1])
        await held.started.wait()
        await rig.server.close()
        for client in clients:
            await client.gone()
        assert held.cancelled == held.calls
        assert held.calls[0].drained_out
        assert rig.server.running == 0


async def test_a_server_listens_on_several_addresses() -> None:
    server = make(Recorder())
    host, port = await server.listen("localhost", 0)
    assert host in ("127.0.0.1", "::1")
    _, other = await server.listen("127.0.0.1", 0)
    assert other != port
    for one in (port, other):
        reader, writer = await asyncio.open_connection("127.0.0.1", one)
        writer.write(GET)
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()
    await server.close()


async def test_an_address_in_use_is_an_error_that_leaves_nothing_behind() -> None:
    server = make(Recorder())
    _, port = await server.listen("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        await server.listen("127.0.0.1", port)
    await server.close()


@pytest.mark.parametrize("host", ["", "::", "0.0.0.0"])
async def test_all_addresses_are_those_of_ipv4_too(host: str) -> None:
    seen = Recorder()
    server = make(seen)
    _, port = await server.listen(host, 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET)
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    assert [call.peer for call in seen.calls] == ["127.0.0.1"]
    writer.close()
    await server.close()


async def test_several_servers_may_share_a_port() -> None:
    seen = [Recorder(), Recorder()]
    servers = [make(one) for one in seen]
    _, port = await servers[0].listen("127.0.0.1", 0, reuse_port=True)
    await servers[1].listen("127.0.0.1", port, reuse_port=True)
    for _ in range(200):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readline()
        writer.close()
        await writer.wait_closed()
        if all(one.calls for one in seen):
            break
    for server in servers:
        await server.close()
    assert all(one.calls for one in seen)


@pytest.fixture
def tls_files() -> tuple[str, str]:
    authority().server("good")
    folder = Path(authority().file).parent
    return str(folder / "good.pem"), str(folder / "good.key")


def trusting(maximum: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority().file)
    context.maximum_version = maximum
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def test_https(tls_files: tuple[str, str]) -> None:
    async def handler(call: Call) -> None:
        if call.method == "GET":
            call.begin(200, PLAIN)
            for _ in range(20):
                call.write(b"x" * 50_000)
                await call.drained()
            call.end()
        else:
            call.respond(200, PLAIN, await call.body())

    async with serving(handler, tls=server_context(*tls_files), linger_timeout_s=0.1) as rig:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            reader, writer = await asyncio.open_connection(
                *rig.address, ssl=trusting(version), server_hostname="localhost", limit=2_000_000
            )
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
            for body in (b"one", b"x" * 300_000):
                writer.write(post(body))
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
                assert await reader.readexactly(len(body)) == body
            writer.write(GET)
            stream = await reader.readuntil(b"\r\n0\r\n\r\n")
            assert stream.count(b"x" * 50_000) == 20
            writer.write(b"nonsense\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400")
            writer.close()
            await writer.wait_closed()


async def test_leaving_over_tls_cancels_the_handler(tls_files: tuple[str, str]) -> None:
    held = Held()
    async with serving(held, tls=server_context(*tls_files)) as rig:
        _, writer = await asyncio.open_connection(
            *rig.address, ssl=trusting(), server_hostname="localhost"
        )
        writer.write(GET)
        await held.started.wait()
        writer.close()
        await held.ended.wait()
        assert held.calls[0].gone
        await writer.wait_closed()


async def test_old_tls_is_refused(tls_files: tuple[str, str]) -> None:
    context = server_context(*tls_files)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE


async def test_tls_files_must_be_what_they_should_be(tls_files: tuple[str, str]) -> None:
    certificate, key = tls_files
    with pytest.raises(FileNotFoundError):
        server_context("/nonexistent", key)
    with pytest.raises(ssl.SSLError):
        server_context(key, certificate)


async def test_plain_http_on_a_tls_port_does_not_hang(tls_files: tuple[str, str]) -> None:
    async with serving(Recorder(), tls=server_context(*tls_files)) as rig:
        client = await rig.connect()
        await client.send(GET)
        await client.gone()


CROWD = """
    import asyncio, resource, sys, time, uvloop
    from dragoman.clock import SYSTEM
    from dragoman.http.server import Server, ServerLimits

    async def handler(call):
        call.respond(200, (), b"fine")

    async def main():
        loop = asyncio.get_running_loop()
        server = Server(handler, ServerLimits(), clock=SYSTEM, spawn=loop.create_task,
                        refuse=lambda failure, path: b"")
        address = await server.listen("127.0.0.1", 0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        print(address[1], flush=True)
        started = time.process_time()
        await asyncio.sleep(2)
        print(server.connections, flush=True)
        # A busy loop would spend the two seconds; the work takes some milliseconds.
        print(time.process_time() - started < 1.0, flush=True)
        await asyncio.Event().wait()

    uvloop.run(main())
"""


def test_a_process_without_file_descriptors_sheds_load_and_recovers() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CROWD)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        try:
            assert 15 < int(process.stdout.readline()) < 40
            assert process.stdout.readline() == "True\n"
            for sock in crowd:
                sock.close()
            while not fetched(port):
                pass
        finally:
            process.kill()
            for sock in crowd:
                sock.close()


def fetched(port: int) -> bool:
    """Whether the server answers; it may still be busy hanging up on the crowd."""
    try:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.settimeout(10)
            sock.sendall(GET)
            return sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
    except ConnectionError:
        return False

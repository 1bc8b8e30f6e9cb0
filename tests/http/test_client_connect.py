"""Getting through to an upstream: names, addresses, time-outs, TLS."""

import asyncio
import socket
import ssl
from typing import Any

import pytest

from dragoman.clock import SYSTEM
from dragoman.http import client as client_module
from dragoman.http.client import Client, Target
from dragoman.http.client_tls import SecureConnection, trust
from dragoman.http.dial import Address, Unconnected, dial, resolve
from tests.certificates import authority
from tests.http.client_rig import (
    HASTY,
    MIB,
    answer,
    chunked,
    client_to,
    failure_of,
    fetch,
    no_leaks,
    post,
    read_all,
)
from tests.scripted_upstream import (
    CUT,
    FIN,
    RECEIVE,
    RST,
    Connection,
    Endless,
    Script,
    ScriptedUpstream,
    Slices,
    Tell,
    Wait,
)

__all__ = ["no_leaks"]

AGAIN: Script = [RECEIVE, answer(b"one"), RECEIVE, answer(b"two")]


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def v4(port: int, host: str = "127.0.0.1") -> Address:
    return Address(socket.AF_INET, (host, port))


class Blackhole:
    """An address that never answers: a listener whose queue of connections is full."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._listener = socket.socket()
        self._listener.bind((host, 0))
        self._listener.listen(0)
        self.port = self._listener.getsockname()[1]
        self._filling: list[socket.socket] = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((host, self.port))
            self._filling.append(sock)

    def __enter__(self) -> "Blackhole":
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (*self._filling, self._listener):
            sock.close()


# Addresses.


async def test_nobody_listens() -> None:
    port = unused_port()
    async with client_to(f"http://127.0.0.1:{port}") as client:
        failure = await failure_of(post(client))
        assert failure.kind == "upstream_unreachable"
        assert failure.detail == f"127.0.0.1:{port}: 127.0.0.1: Connection refused"
        assert "127.0.0.1" not in failure.message


async def test_a_name_that_does_not_exist() -> None:
    async with client_to("http://nowhere.invalid") as client:
        failure = await failure_of(post(client))
        assert failure.kind == "upstream_unreachable"
        assert failure.detail.startswith("nowhere.invalid:80: ")


async def test_an_address_that_never_answers() -> None:
    with Blackhole() as hole:
        url = f"http://127.0.0.1:{hole.port}"
        async with client_to(url, connect_timeout_s=0.2) as client:
            failure = await failure_of(post(client))
            assert failure.kind == "upstream_unreachable"
            assert "not connected within 0.2 s" in failure.detail


async def test_leaving_while_connecting() -> None:
    with Blackhole() as hole:
        async with client_to(f"http://127.0.0.1:{hole.port}") as client:
            task = asyncio.create_task(post(client))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_the_next_address_is_tried_at_once_when_one_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dragoman.http.dial.STAGGER_S", 1000.0)
    async with ScriptedUpstream() as upstream:
        sock = await dial([v4(unused_port()), v4(unused_port()), v4(upstream.port)])
        with sock:
            assert sock.getpeername()[1] == upstream.port
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with Blackhole() as hole:
        async with ScriptedUpstream() as upstream:
            with await dial([v4(hole.port), v4(upstream.port)]) as sock:
                assert sock.getpeername()[1] == upstream.port


async def test_all_addresses_fail() -> None:
    bad = Address(socket.AF_INET6, ("::1", unused_port(), 0, 0))
    with pytest.raises(Unconnected, match=r"127\.0\.0\.1: Connection refused; ::1: "):
        await dial([v4(unused_port()), bad])


async def test_no_address_at_all() -> None:
    with pytest.raises(Unconnected, match="no address"):
        await dial([])


async def test_a_family_that_does_not_exist_here_is_passed_over() -> None:
    async with ScriptedUpstream() as upstream:
        with await dial([Address(255, ("nonsense", 1)), v4(upstream.port)]) as sock:
            assert sock.getpeername()[1] == upstream.port


async def test_families_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(*_: Any, **__: Any) -> list[Any]:
        six = [(socket.AF_INET6, 1, 6, "", (f"::{n}", 1, 0, 0)) for n in range(3)]
        return [*six, (socket.AF_INET, 1, 6, "", ("127.0.0.1", 1))]

    class Loop:
        getaddrinfo = staticmethod(look_up)

    monkeypatch.setattr("dragoman.http.dial.asyncio.get_running_loop", Loop)
    found = await resolve("host", 1)
    assert [address.sockaddr[0] for address in found] == ["::0", "127.0.0.1", "::1", "::2"]


async def test_a_name_with_both_families_reaches_the_one_that_listens() -> None:
    async with ScriptedUpstream(AGAIN) as upstream:
        async with client_to(f"http://localhost:{upstream.port}") as client:
            assert await fetch(client) == b"one"
        assert upstream.requests[0].headers["host"] == f"localhost:{upstream.port}"


async def test_an_ipv6_literal() -> None:
    try:
        upstream = await ScriptedUpstream(AGAIN, host="::1").__aenter__()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    async with client_to(f"http://[::1]:{upstream.port}") as client:
        assert await fetch(client) == b"one"
        assert upstream.requests[0].headers["host"] == f"[::1]:{upstream.port}"
    await upstream.__aexit__()


async def test_a_name_is_asked_for_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def counting(host: str, port: int) -> list[Address]:
        asked.append(host)
        await asyncio.sleep(0.02)
        return [v4(unused_port(), "127.0.0.2"), v4(port)]

    monkeypatch.setattr(client_module, "resolve", counting)
    script: Script = [RECEIVE, answer(b"one", "connection: close")]
    async with ScriptedUpstream(script) as upstream:
        async with client_to(f"http://localhost:{upstream.port}") as client:
            assert await asyncio.gather(*[fetch(client) for _ in range(5)]) == [b"one"] * 5
            assert await fetch(client) == b"one"
            assert asked == ["localhost"]
            assert len(upstream.connections) == 6
            # The address that answered is now the first to be tried.
            assert client._addresses[0].sockaddr[0] == "127.0.0.1"


async def test_a_failure_asks_again_for_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[v4(unused_port())]]

    async def moving(host: str, port: int) -> list[Address]:
        return answers.pop()

    monkeypatch.setattr(client_module, "resolve", moving)
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream) as client:
        await failure_of(post(client))
        answers.append([v4(upstream.port)])
        assert await fetch(client) == b"one"


# TLS.


@pytest.fixture(scope="module")
def ca_file() -> str:
    return authority().file


async def test_requests_over_tls(ca_file: str) -> None:
    context = authority().server()
    context.set_alpn_protocols(["h2", "http/1.1"])
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    chosen: list[str | None] = []

    async def look(connection: Connection) -> None:
        chosen.append(connection.writer.get_extra_info("ssl_object").selected_alpn_protocol())

    async with ScriptedUpstream([look, *AGAIN], tls=context) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            assert [await fetch(client), await fetch(client)] == [b"one", b"two"]
        assert len(upstream.connections) == 1
    assert (names, chosen) == (["localhost"], ["http/1.1"])


async def test_tls_to_an_address(ca_file: str) -> None:
    async with ScriptedUpstream(AGAIN, tls=authority().server()) as upstream:
        url = f"https://127.0.0.1:{upstream.port}"
        async with client_to(url, ca_file=ca_file) as client:
            assert await fetch(client) == b"one"


BAD_SERVERS = {
    "another name": (lambda: authority().server("other", "DNS:elsewhere.test"), "mismatch"),
    "expired": (lambda: authority().server("expired", days=-1), "expired"),
    "unknown authority": (lambda: authority("rogue").server("rogue"), "self-signed|unable to get"),
}


@pytest.mark.parametrize("name", BAD_SERVERS)
async def test_a_certificate_that_is_not_good(name: str, ca_file: str) -> None:
    make, reason = BAD_SERVERS[name]
    async with ScriptedUpstream(AGAIN, tls=make()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            failure = await failure_of(post(client))
            assert failure.kind == "upstream_unreachable"
            with pytest.raises(AssertionError, match=reason):
                raise AssertionError(failure.detail)
        assert not upstream.requests


async def test_the_systems_store_does_not_know_a_test_authority() -> None:
    async with ScriptedUpstream(AGAIN, tls=authority().server()) as upstream:
        async with client_to(upstream) as client:
            failure = await failure_of(post(client))
            assert failure.kind == "upstream_unreachable"
            assert "certificate refused" in failure.detail


def test_the_systems_store_is_loaded_once() -> None:
    assert trust() is trust()
    assert trust().verify_mode is ssl.CERT_REQUIRED
    assert trust().check_hostname
    assert trust().minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_a_ca_file_that_cannot_be_used(content: str | None, tmp_path: Any) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ValueError, match="CA file"):
        Client(Target("https://localhost", ca_file=str(file)), clock=SYSTEM)


async def test_a_server_that_does_not_speak_tls(ca_file: str) -> None:
    async with ScriptedUpstream([b"HTTP/1.1 400 Bad Request\r\n\r\n", FIN]) as upstream:
        url = f"https://localhost:{upstream.port}"
        async with client_to(url, ca_file=ca_file) as client:
            failure = await failure_of(post(client))
            assert failure.kind == "upstream_unreachable"
            assert "TLS" in failure.detail


@pytest.mark.parametrize("end", [FIN, RST])
async def test_a_server_that_closes_inside_the_handshake(end: Any, ca_file: str) -> None:
    async def hello(connection: Connection) -> None:
        await connection.read()

    async with ScriptedUpstream([hello, end]) as upstream:
        url = f"https://localhost:{upstream.port}"
        async with client_to(url, ca_file=ca_file) as client:
            assert (await failure_of(post(client))).kind == "upstream_unreachable"


async def test_a_handshake_that_stalls(ca_file: str) -> None:
    async with ScriptedUpstream([]) as upstream:
        url = f"https://localhost:{upstream.port}"
        async with client_to(url, ca_file=ca_file, connect_timeout_s=0.2) as client:
            failure = await failure_of(post(client))
            assert failure.kind == "upstream_unreachable"
            assert "not connected within 0.2 s" in failure.detail
        await upstream.connections[0].over


async def test_leaving_inside_the_handshake(ca_file: str) -> None:
    connected = asyncio.Event()
    async with ScriptedUpstream([Tell(connected)]) as upstream:
        url = f"https://localhost:{upstream.port}"
        async with client_to(url, ca_file=ca_file) as client:
            task = asyncio.create_task(post(client))
            await connected.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await upstream.connections[0].over


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("size", [1, 5])
async def test_slices_over_tls(version: ssl.TLSVersion, size: int, ca_file: str) -> None:
    context = authority().server()
    context.maximum_version = version
    events = [b"data: %d\n\n" % number for number in range(50)]
    script: Script = [RECEIVE, Slices(chunked(*events), size), RECEIVE, chunked(*events)]
    async with ScriptedUpstream(script, tls=context) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            assert await fetch(client) == b"".join(events)
            assert await read_all(await post(client)) == [b"".join(events)]
            assert len(upstream.connections) == 1


async def test_large_bodies_over_tls(ca_file: str) -> None:
    body = bytes(range(256)) * 20_000

    async def echo(connection: Connection) -> None:
        while True:
            request = await connection.receive()
            await connection.send(answer(request.body))

    async with ScriptedUpstream([echo], tls=authority().server()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            for _ in range(2):
                assert await fetch(client, body) == body
            assert len(upstream.connections) == 1


@pytest.mark.parametrize("end", [FIN, CUT], ids=["close_notify", "cut"])
@pytest.mark.parametrize("slow", [False, True])
async def test_the_end_of_a_long_response_over_tls_is_not_lost(
    end: Any, slow: bool, ca_file: str
) -> None:
    body = b"x" * 300_000

    async def roomy(connection: Connection) -> None:
        sock = connection.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MIB)

    script: Script = [roomy, RECEIVE, answer(body, "connection: close"), end]
    async with ScriptedUpstream(script, tls=authority().server()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            response = await post(client)
            got = b""
            while data := await response.read():
                got += data
                assert len(data) < 65536 + 16384 + 512
                await asyncio.sleep(0.005 if slow else 0)
            assert got == body


@pytest.mark.parametrize("end", [FIN, CUT], ids=["close_notify", "cut"])
async def test_a_body_until_the_end_over_tls_needs_a_close_notify(end: Any, ca_file: str) -> None:
    script: Script = [RECEIVE, b"HTTP/1.1 200 OK\r\n\r\nhello", end]
    async with ScriptedUpstream(script, tls=authority().server()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            if end is FIN:
                assert await fetch(client) == b"hello"
            else:
                assert (await failure_of(fetch(client))).kind == "upstream_truncated"


@pytest.mark.parametrize("end", [FIN, CUT, RST], ids=["close_notify", "cut", "reset"])
async def test_the_keep_alive_race_over_tls(end: Any, ca_file: str) -> None:
    scripts: list[Script] = [[RECEIVE, answer(b"one"), RECEIVE, end], [RECEIVE, answer(b"two")]]
    async with ScriptedUpstream(*scripts, tls=authority().server()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            assert [await fetch(client), await fetch(client)] == [b"one", b"two"]


@pytest.mark.parametrize("end", [FIN, CUT, RST], ids=["close_notify", "cut", "reset"])
async def test_an_idle_connection_over_tls_that_is_closed_is_not_used(
    end: Any, ca_file: str
) -> None:
    go = asyncio.Event()
    scripts: list[Script] = [[RECEIVE, answer(b"one"), Wait(go), end], [RECEIVE, answer(b"two")]]
    async with ScriptedUpstream(*scripts, tls=authority().server()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            assert await fetch(client) == b"one"
            go.set()
            await upstream.connections[0].over
            assert await fetch(client) == b"two"
            assert len(upstream.requests) == 2


async def test_silence_over_tls(ca_file: str) -> None:
    async with ScriptedUpstream([RECEIVE], tls=authority().server()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            assert (await failure_of(post(client, timeouts=HASTY))).kind == "upstream_timeout"
        await upstream.connections[0].over


async def test_leaving_over_tls_closes_the_socket_at_once(ca_file: str) -> None:
    received = asyncio.Event()
    script: Script = [RECEIVE, Tell(received)]
    async with ScriptedUpstream(script, tls=authority().server()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            task = asyncio.create_task(post(client, b"x" * 5 * MIB))
            await received.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await upstream.connections[0].over


async def test_a_large_request_is_encrypted_as_the_upstream_takes_it(ca_file: str) -> None:
    go = asyncio.Event()
    script: Script = [Wait(go), RECEIVE, answer()]
    async with ScriptedUpstream(script, tls=authority().server()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            task = asyncio.create_task(fetch(client, b"x" * 40 * MIB))
            await asyncio.sleep(0.3)
            (connection,) = client._connections
            assert isinstance(connection, SecureConnection)
            assert len(connection._backlog) > 20 * MIB
            assert connection.transport.get_write_buffer_size() < 2 * MIB
            go.set()
            assert await task == b"hello"


async def test_a_reader_that_is_behind_stops_the_upstream_over_tls(ca_file: str) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n"
    script: Script = [RECEIVE, head, Endless(b"x" * 20_000)]
    async with ScriptedUpstream(script, tls=authority().server()) as upstream:
        async with client_to(upstream, ca_file=ca_file) as client:
            response = await post(client)
            connection = upstream.connections[0]
            before = -1
            while connection.sent != before:
                before = connection.sent
                await asyncio.sleep(0.05)
            assert len(await response.read()) < 65536 + 16384 + 512
            while connection.sent <= before + MIB:
                assert await response.read()
            response.close()
            await connection.over

"""Keep-alive: which connections are used again, which are not, and the race that comes with it."""

import asyncio
import gc
import itertools

import pytest

from dragoman.clock import Clock
from dragoman.http.client import Client, Target
from dragoman.http.upstream_connection import UpstreamConnection
from tests.http.client_rig import (
    HASTY,
    HEADERS,
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
from tests.scripted_upstream import FIN, RECEIVE, RST, Connection, ScriptedUpstream, Sleep, Wait

__all__ = ["no_leaks"]

AGAIN = [RECEIVE, answer(b"one"), RECEIVE, answer(b"two"), RECEIVE, answer(b"three")]


async def test_one_connection_serves_requests_in_a_row() -> None:
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream) as client:
        assert [await fetch(client) for _ in range(3)] == [b"one", b"two", b"three"]
        assert len(upstream.connections) == 1


async def test_what_is_on_the_wire() -> None:
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream) as client:
        await fetch(client, b'{"a":1}')
        await (await client.send("GET", "/v1/models?limit=5", b"", b"", PATIENT)).body(100)
        host = f"host: 127.0.0.1:{upstream.port}\r\naccept-encoding: identity\r\n".encode()
        post_head, get_head = (request.head for request in upstream.requests)
        assert post_head == (
            b"POST /v1/messages HTTP/1.1\r\n" + host + b"content-length: 7\r\n" + HEADERS + b"\r\n"
        )
        assert get_head == b"GET /v1/models?limit=5 HTTP/1.1\r\n" + host + b"\r\n"
        assert upstream.requests[0].body == b'{"a":1}'


async def test_a_path_in_the_base_url_comes_before_every_path() -> None:
    async with ScriptedUpstream(AGAIN) as upstream:
        async with client_to(upstream.url + "/gateway/") as client:
            await fetch(client)
        assert upstream.requests[0].target == "/gateway/v1/messages"


async def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream) as client:
        assert await fetch(client, body) == b"one"
        assert await fetch(client) == b"two"
        assert upstream.requests[0].body == body
        assert len(upstream.connections) == 1


async def test_connections_in_use_are_not_shared() -> None:
    go = asyncio.Event()
    script = [RECEIVE, Wait(go), answer(b"one"), RECEIVE, answer(b"two")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        waiting = [asyncio.create_task(fetch(client)) for _ in range(5)]
        while len(upstream.requests) < 5:
            await settle(1)
        go.set()
        assert await asyncio.gather(*waiting) == [b"one"] * 5
        assert len(upstream.connections) == 5


async def test_the_connection_used_last_is_used_first() -> None:
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream) as client:
        first, second = await post(client), await post(client)
        await read_all(first)
        await read_all(second)
        await fetch(client)
        counts = [len(connection.requests) for connection in upstream.connections]
        assert counts == [1, 2]


async def test_no_more_than_max_idle_are_kept() -> None:
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream, max_idle=2) as client:
        for response in [await post(client) for _ in range(4)]:
            await read_all(response)
        await settle()
        assert [connection.is_over for connection in upstream.connections].count(True) == 2


async def test_idle_connections_expire() -> None:
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream, idle_s=0.15) as client:
        await fetch(client)
        await asyncio.wait_for(upstream.connections[0].over, 5)
        await fetch(client)
        assert len(upstream.connections) == 2


async def test_time_that_the_process_slept_through_counts_for_idle_connections() -> None:
    jumps = itertools.chain([0.0, 0.0], itertools.repeat(3600.0))
    clock = Clock(wall=lambda: 0.0, mono=lambda: next(jumps))
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream, clock=clock) as client:
        await fetch(client)
        await asyncio.wait_for(upstream.connections[0].over, 5)


async def test_time_that_the_process_slept_through_is_not_the_upstreams_silence() -> None:
    jumps = itertools.chain([0.0, 0.0], itertools.repeat(3600.0))
    clock = Clock(wall=lambda: 0.0, mono=lambda: next(jumps))
    script = [RECEIVE, Sleep(0.3), answer(b"late")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream, clock=clock) as client:
        assert await fetch(client, timeouts=PATIENT) == b"late"


@pytest.mark.parametrize(
    "response",
    [
        answer(b"one", "connection: close"),
        answer(b"one", "Connection: Close"),
        b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\none",
        answer(b"one") + b"surplus",
        answer(b"one") + answer(b"two"),
        answer(b"one") + b"H",
        chunked(b"one") + b"0\r\n\r\n",
    ],
    ids=["close", "Close", "http/1.0", "surplus", "two responses", "one byte", "second end"],
)
async def test_not_used_again(response: bytes) -> None:
    async with ScriptedUpstream([RECEIVE, response]) as upstream, client_to(upstream) as client:
        assert await fetch(client) == b"one"
        assert await fetch(client) == b"one"
        assert len(upstream.connections) == 2
        await upstream.connections[0].over


async def test_http_1_0_with_keep_alive_is_used_again() -> None:
    response = b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\none"
    script = [RECEIVE, response, RECEIVE, response]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        assert [await fetch(client), await fetch(client)] == [b"one", b"one"]
        assert len(upstream.connections) == 1


async def test_bytes_on_an_idle_connection_close_it() -> None:
    go = asyncio.Event()
    script = [RECEIVE, answer(b"one"), Wait(go), answer(b"unasked")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        assert await fetch(client) == b"one"
        go.set()
        await upstream.connections[0].over
        assert await fetch(client) == b"one"
        assert len(upstream.connections) == 2


async def test_a_connection_given_up_while_idle_is_gone_at_once() -> None:
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream) as client:
        await fetch(client)
        client._idle[0].abort()
        assert await fetch(client) == b"one"
        assert len(upstream.connections) == 2


async def test_connections_are_freed_without_the_garbage_collector() -> None:
    def alive() -> int:
        return sum(isinstance(one, UpstreamConnection) for one in gc.get_objects())

    script = [RECEIVE, answer(b"one", "connection: close")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        gc.collect()
        gc.disable()
        try:
            before = alive()
            for _ in range(5):
                await fetch(client)
            await settle()
            assert alive() == before
        finally:
            gc.enable()


async def test_a_response_is_released_by_close_when_it_is_complete() -> None:
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream) as client:
        response = await post(client)
        await settle()
        response.close()
        response.close()
        assert await fetch(client) == b"two"
        assert len(upstream.connections) == 1


async def test_a_response_closed_before_its_end_closes_the_socket() -> None:
    script = [RECEIVE, answer(b"one")[:-1]]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        assert await response.read() == b"on"
        response.close()
        await upstream.connections[0].over
        with pytest.raises(RuntimeError, match="closed before its end"):
            await response.read()


async def test_a_stale_response_does_not_touch_the_connections_next_one() -> None:
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream) as client:
        first = await post(client)
        await read_all(first)
        second = await post(client)
        first.close()
        assert await first.read() == b""
        assert await second.body(100) == b"two"


@pytest.mark.parametrize("end", [FIN, RST])
async def test_a_reused_connection_that_dies_unanswered_is_replaced_once(end: object) -> None:
    scripts = [[RECEIVE, answer(b"one"), RECEIVE, end], [RECEIVE, answer(b"two")]]
    async with ScriptedUpstream(*scripts) as upstream, client_to(upstream) as client:
        assert await fetch(client) == b"one"
        assert await fetch(client, b"again") == b"two"
        assert [request.body for request in upstream.requests] == [b"{}", b"again", b"again"]
        assert client.resent == 1


async def test_a_connection_closed_while_idle_is_never_used() -> None:
    scripts = [[RECEIVE, answer(b"one"), FIN], [RECEIVE, answer(b"two")]]
    async with ScriptedUpstream(*scripts) as upstream, client_to(upstream) as client:
        assert await fetch(client) == b"one"
        await settle()
        assert await fetch(client) == b"two"
        assert len(upstream.requests) == 2


async def test_the_retry_goes_to_a_fresh_connection_and_happens_once() -> None:
    stale = [RECEIVE, answer(b"one"), RECEIVE, FIN]
    dead = [RECEIVE, FIN]
    async with ScriptedUpstream(stale, stale, dead) as upstream, client_to(upstream) as client:
        for response in [await post(client), await post(client)]:
            await read_all(response)
        failure = await failure_of(post(client))
        assert failure.kind == "upstream_reset"
        assert [len(connection.requests) for connection in upstream.connections] == [1, 2, 1]
        assert client.resent == 1


async def test_a_reused_connection_that_dies_after_one_byte_is_a_failure() -> None:
    script = [RECEIVE, answer(b"one"), RECEIVE, b"H", FIN]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        await fetch(client)
        assert (await failure_of(post(client))).kind == "upstream_reset"
        assert len(upstream.connections) == 1


async def test_silence_on_a_reused_connection_is_not_retried() -> None:
    script = [RECEIVE, answer(b"one"), RECEIVE]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        await fetch(client)
        assert (await failure_of(post(client, timeouts=HASTY))).kind == "upstream_timeout"
        assert len(upstream.requests) == 2


@pytest.mark.parametrize("end", [FIN, RST])
async def test_a_fresh_connection_that_dies_unanswered_is_a_failure(end: object) -> None:
    async with ScriptedUpstream([RECEIVE, end]) as upstream, client_to(upstream) as client:
        assert (await failure_of(post(client))).kind == "upstream_reset"
        assert len(upstream.connections) == 1


async def test_close_ends_idle_connections_and_lets_running_ones_finish() -> None:
    go = asyncio.Event()
    scripts = [[RECEIVE, answer(b"one"), RECEIVE, answer(b"late")[:-4], Wait(go), b"late"], AGAIN]
    async with ScriptedUpstream(*scripts) as upstream, client_to(upstream) as client:
        running, idle = await post(client), await post(client)
        await read_all(running)
        await read_all(idle)
        second = await post(client)  # on the connection used last
        first = await post(client)
        assert first.status == second.status == 200
        await client.close()
        go.set()
        assert await second.body(100) == b"two"
        assert await first.body(100) == b"late"
        failure = await failure_of(post(client))
        assert failure.kind == "upstream_unreachable"
        assert "closed" in failure.detail
        for connection in upstream.connections:
            await connection.over


async def test_no_timer_is_left_without_connections() -> None:
    async with ScriptedUpstream(AGAIN) as upstream, client_to(upstream) as client:
        assert client._timer is None
        await fetch(client)
        assert client._timer is not None
        await client.close()
        assert client._timer is None


async def test_many_requests_leave_nothing_behind() -> None:
    async def forever(connection: Connection) -> None:
        while True:
            await connection.receive()
            await connection.send(answer(b"x" * 100))

    async with ScriptedUpstream([forever]) as upstream, client_to(upstream) as client:

        async def work() -> None:
            for _ in range(20):
                assert await fetch(client) == b"x" * 100

        await asyncio.gather(*[work() for _ in range(20)])
        assert len(upstream.requests) == 400
        assert len(upstream.connections) <= 20


@pytest.mark.parametrize(
    "path",
    ["/v1\r\nx: y", "/v1 HTTP/1.1", "/\n", "/\x00", "/caf\u00e9", "v1", "", "/\x7f"],
)
async def test_a_path_cannot_break_out_of_the_request_line(path: str) -> None:
    async with ScriptedUpstream() as upstream, client_to(upstream) as client:
        with pytest.raises(ValueError, match="not a path"):
            await post(client, path=path)
        assert not upstream.connections


async def test_a_method_cannot_break_out_of_the_request_line() -> None:
    async with ScriptedUpstream() as upstream, client_to(upstream) as client:
        with pytest.raises(ValueError, match="not a method"):
            await client.send("GET /x HTTP/1.1\r\n", "/", b"", b"", PATIENT)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host",
        "host:80",
        "http://",
        "https://user:password@host",
        "https://host?x=1",
        "https://host#x",
        "http://ho st",
        "http://host/pa th",
        "http://host:99999",
    ],
)
def test_a_base_url_that_cannot_be_used(url: str, manual_clock: Clock) -> None:
    with pytest.raises(ValueError):
        Client(Target(url), clock=manual_clock)


@pytest.fixture
def manual_clock() -> Clock:
    return Clock(wall=lambda: 0.0, mono=lambda: 0.0)

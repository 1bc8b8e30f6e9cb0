"""Where a response begins and ends, what is not a response at all, and the limits of both."""

import asyncio
import random

import pytest

from tests.http.client_rig import (
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
)
from tests.scripted_upstream import (
    FIN,
    RECEIVE,
    RST,
    Connection,
    Script,
    ScriptedUpstream,
    Slices,
    Wait,
)

__all__ = ["no_leaks"]

HEAD_LIMIT = 65536


def padded(size: int) -> bytes:
    """A response whose head is exactly ``size`` bytes long."""
    bare = len(answer(b"ok", "x: ")) - 2
    return answer(b"ok", "x: " + "y" * (size - bare))


WHOLE = {
    "content-length": (answer(b"hello"), b"hello"),
    "empty": (answer(b""), b""),
    "chunked": (chunked(b"hel", b"lo"), b"hello"),
    "no chunk": (chunked(), b""),
    "Chunked": (chunked(b"hello").replace(b"chunked", b"Chunked"), b"hello"),
    "extension": (chunked(b"hello").replace(b"5\r\n", b"5;a=b;c\r\n"), b"hello"),
    "trailer": (chunked(b"hello")[:-2] + b"x-checksum: 1\r\n\r\n", b"hello"),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
    "100": (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"hello"), b"hello"),
    "103": (b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n" * 3 + answer(b"hello"), b"hello"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", b""),
    "200 headers": (answer(b"hello", *[f"x-{i}: {i}" for i in range(199)]), b"hello"),
    "longest head": (padded(HEAD_LIMIT), b"ok"),
    "events": (
        chunked(*[b"data: %d\n\n" % i for i in range(50)]),
        b"".join(b"data: %d\n\n" % i for i in range(50)),
    ),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("cut", ["whole", "bytes", "random"])
async def test_however_it_is_cut_the_response_is_the_same_and_the_connection_stays(
    name: str, cut: str
) -> None:
    wire, body = WHOLE[name]
    async with ScriptedUpstream([*sliced(wire, cut), *sliced(wire, cut)]) as upstream:
        async with client_to(upstream) as client:
            assert await fetch(client) == body
            assert await fetch(client) == body
            assert len(upstream.connections) == 1


BROKEN = {
    "html": (b"<html>not found</html>", "upstream_nonsense"),
    "tls": (b"\x15\x03\x01\x00\x02\x02\x0a", "upstream_nonsense"),
    "http/2": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "upstream_nonsense"),
    "bad status": (b"HTTP/1.1 abc OK\r\n\r\n", "upstream_nonsense"),
    "status 99": (b"HTTP/1.1 099 No\r\ncontent-length: 0\r\n\r\n", "upstream_nonsense"),
    "status 101": (
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        "upstream_nonsense",
    ),
    "name with space": (b"HTTP/1.1 200 OK\r\ncontent length: 0\r\n\r\n", "upstream_nonsense"),
    "nul": (answer(b"", "x: \x00"), "upstream_nonsense"),
    "folded": (answer(b"", "x: a\r\n b"), "upstream_nonsense"),
    "bare lf": (b"HTTP/1.1 200 OK\ncontent-length: 0\n\n", "upstream_nonsense"),
    "negative length": (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "upstream_nonsense"),
    "two lengths": (answer(b"ab", "content-length: 3"), "upstream_nonsense"),
    "length and chunks": (answer(b"", "transfer-encoding: chunked"), "upstream_nonsense"),
    "gzip transfer coding": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "upstream_nonsense",
    ),
    "chunked, chunked": (
        chunked(headers=("transfer-encoding: chunked",)),
        "upstream_nonsense",
    ),
    "tab after chunked": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\t\r\n\r\n0\r\n\r\n",
        "upstream_nonsense",
    ),
    "201 headers": (answer(b"ok", *[f"x-{i}: {i}" for i in range(200)]), "upstream_nonsense"),
    "201 equal headers": (answer(b"ok", *["x: 1"] * 200), "upstream_nonsense"),
    "head one byte too long": (padded(HEAD_LIMIT + 1), "upstream_nonsense"),
    "header without end": (answer(b"")[:-2] + b"x: " + b"y" * HEAD_LIMIT, "upstream_nonsense"),
    "spaces without end": (answer(b"")[:-2] + b"x:" + b" " * HEAD_LIMIT, "upstream_nonsense"),
    "1xx without end": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3000, "upstream_nonsense"),
    "half a head": (b"HTTP/1.1 200 OK\r\ncontent-le", "upstream_reset"),
    "only 100": (b"HTTP/1.1 100 Continue\r\n\r\n", "upstream_reset"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("cut", ["whole", "bytes", "random"])
async def test_what_is_not_a_response(name: str, cut: str) -> None:
    wire, kind = BROKEN[name]
    script: Script = [*sliced(wire, cut), FIN]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        failure = await failure_of(post(client))
        assert (failure.kind, failure.status) == (kind, 502)
        assert failure.detail
        await upstream.connections[0].over


CUT_SHORT = {
    "content-length": (answer(b"hello")[:-1], b"hell"),
    "no byte of it": (answer(b"hello")[:-5], b""),
    "inside a chunk": (chunked(b"hel", b"lo")[:-9], b"hel"),
    "before the last chunk": (chunked(b"hello")[:-5], b"hello"),
    "before the last line": (chunked(b"hello")[:-2], b"hello"),
}


@pytest.mark.parametrize("name", CUT_SHORT)
@pytest.mark.parametrize("cut", ["whole", "bytes"])
@pytest.mark.parametrize("end", [FIN, RST], ids=["FIN", "RST"])
async def test_a_body_that_ends_early(name: str, cut: str, end: object) -> None:
    wire, body = CUT_SHORT[name]
    arrived = asyncio.Event()  # a reset would overtake the bytes before it
    script: Script = [*sliced(wire, cut), Wait(arrived), end]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        got = b""
        while len(got) < len(body):
            got += await response.read()
        assert got == body
        arrived.set()
        failure = await failure_of(response.read())
        assert failure.kind == ("upstream_truncated" if end is FIN else "upstream_reset")
        assert (await failure_of(response.read())) is failure


@pytest.mark.parametrize("cut", ["whole", "bytes", "random"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_body_until_the_end_of_the_stream(cut: str, version: str) -> None:
    wire = f"HTTP/{version} 200 OK\r\ncontent-type: text/plain\r\n\r\nhello".encode()
    script: Script = [*sliced(wire, cut), FIN]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        assert await fetch(client) == b"hello"
        assert await fetch(client) == b"hello"
        assert len(upstream.connections) == 2


async def test_a_reset_is_never_the_end_of_a_body() -> None:
    arrived = asyncio.Event()

    script: Script = [RECEIVE, b"HTTP/1.1 200 OK\r\n\r\nhello", Wait(arrived), RST]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        assert await response.read() == b"hello"
        arrived.set()
        assert (await failure_of(response.read())).kind == "upstream_reset"


@pytest.mark.parametrize("cut", ["whole", "bytes", "random"])
async def test_chunks_that_are_not_chunks(cut: str) -> None:
    wire = chunked(b"hello").replace(b"\r\n0\r\n", b"\r\nxyz\r\n")
    script = sliced(wire, cut)
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        pieces = b""
        while len(pieces) < 5:
            pieces += await response.read()
        assert pieces == b"hello"
        assert (await failure_of(response.read())).kind == "upstream_nonsense"
        await upstream.connections[0].over


@pytest.mark.parametrize(
    "endless",
    [b"1;" + b"x" * 90_000, b"0\r\n" + b"x: y\r\n" * 15_000],
    ids=["chunk extension", "trailers"],
)
async def test_framing_without_data_does_not_go_on_for_ever(endless: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    script: Script = [RECEIVE, head, endless]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        assert (await failure_of(response.read())).kind == "upstream_nonsense"


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 5\r\n",
        b"transfer-encoding: chunked\r\n",
        b"content-length: 0\r\n",
        b"",
    ],
)
async def test_a_response_to_head_has_no_body(head: bytes) -> None:
    script: Script = [RECEIVE, b"HTTP/1.1 200 OK\r\nx: y\r\n" + head + b"\r\n"]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await client.send("HEAD", "/v1/models", HEADERS, b"", PATIENT)
        assert (response.status, response.headers["x"]) == (200, "y")
        assert await response.read() == b""
        assert b"content-length" not in upstream.requests[0].head


async def test_surplus_after_a_response_to_head_is_not_its_body() -> None:
    script: Script = [RECEIVE, answer(b"hello"), RECEIVE, answer(b"x")]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await client.send("HEAD", "/", HEADERS, b"", PATIENT)
        assert await response.body(100) == b""
        assert await fetch(client) == b"hello"
        assert len(upstream.connections) == 2


async def test_headers_are_lower_case_joined_and_stripped() -> None:
    wire = answer(b"", "X-One:  a \t", "x-ONE: b", "Request-ID: r\xe9q", "Empty:")
    async with ScriptedUpstream([RECEIVE, wire]) as upstream, client_to(upstream) as client:
        response = await post(client)
        await read_all(response)
        assert response.headers == {
            "content-length": "0",
            "x-one": "a, b",
            "request-id": "r\xe9q",
            "empty": "",
        }


async def test_neither_interim_headers_nor_trailers_are_headers() -> None:
    wire = b"HTTP/1.1 103 Early Hints\r\nearly: 1\r\n\r\n"
    wire += chunked(b"x")[:-2] + b"late: 1\r\n\r\n"
    script: Script = [RECEIVE, wire, RECEIVE, answer()]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        first = await post(client)
        await read_all(first)
        assert first.headers == {"transfer-encoding": "chunked"}
        second = await post(client)
        await read_all(second)
        assert second.headers == {"content-length": "5"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with ScriptedUpstream([RECEIVE, answer()]) as elsewhere:
        wire = answer(b"", f"location: {elsewhere.url}/", status=f"{status} Moved")
        async with ScriptedUpstream([RECEIVE, wire]) as upstream, client_to(upstream) as client:
            response = await post(client)
            assert response.status == status
            assert await response.body(10) == b""
        assert not elsewhere.connections


async def test_a_body_beyond_the_callers_limit() -> None:
    script: Script = [RECEIVE, answer(b"x" * 1000), RECEIVE, answer(b"x" * 1001)]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        assert await (await post(client)).body(1000) == b"x" * 1000
        response = await post(client)
        assert (await failure_of(response.body(1000))).kind == "upstream_nonsense"


async def test_a_body_beyond_the_callers_limit_closes_the_socket() -> None:
    script: Script = [RECEIVE, b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n" + b"x" * 2000]
    async with ScriptedUpstream(script) as upstream, client_to(upstream) as client:
        response = await post(client)
        assert (await failure_of(response.body(1000))).kind == "upstream_nonsense"
        await upstream.connections[0].over


async def test_an_early_answer_to_a_large_request() -> None:
    async def refuse(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.send(answer(b"too large", "connection: close", status="413 No"))
        while await connection.read():
            pass

    async with ScriptedUpstream([refuse]) as upstream, client_to(upstream) as client:
        response = await post(client, b"x" * 20_000_000)
        assert (response.status, await response.body(100)) == (413, b"too large")


async def test_a_connection_still_busy_with_its_request_is_not_used_again() -> None:
    async def answer_early(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.send(answer(b"enough"))
        await asyncio.sleep(0.1)
        while await connection.read():
            pass

    scripts = [[answer_early], [RECEIVE, answer(b"two")]]
    async with ScriptedUpstream(*scripts) as upstream, client_to(upstream) as client:
        assert await fetch(client, b"x" * 20_000_000) == b"enough"
        assert await fetch(client) == b"two"
        assert len(upstream.connections) == 2
        await upstream.connections[0].over


def sliced(wire: bytes, cut: str) -> Script:
    """Receive a request and answer it in one way of cutting."""
    if cut == "whole":
        return [RECEIVE, wire]
    if cut == "bytes":
        # Of what is long the end alone is cut: it takes its time.
        start = max(0, len(wire) - 4000)
        return [RECEIVE, wire[:start], Slices(wire[start:])]
    dice = random.Random(len(wire))
    script: Script = [RECEIVE]
    while wire:
        size = dice.randint(1, max(2, len(wire) // 3))
        script.append(Slices(wire[:size], size))
        wire = wire[size:]
    return script

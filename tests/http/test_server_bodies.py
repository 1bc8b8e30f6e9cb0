"""Request bodies: framings, codings, limits, and what happens to a body nobody reads."""

import asyncio
import gzip
import zlib

import pytest

from dragoman.errors import Failure
from dragoman.http.call import Call
from tests.http.server_rig import (
    GET,
    PLAIN,
    Recorder,
    chunked,
    eventually,
    no_leaks,
    post,
    serving,
    settle,
)

__all__ = ["no_leaks"]

EXPECT = "Expect: 100-continue"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("size", [0, 1, 1000, 70_000, 3_000_000])
async def test_a_body_arrives_whole(size: int) -> None:
    body = bytes(i * 7 % 256 for i in range(size))
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        for request in (post(body), chunked(body) if body else chunked()):
            sending = asyncio.create_task(client.send(request))
            assert (await client.answer()).body == body
            await sending


@pytest.mark.parametrize("step", [1, 2, 3, 5, 64])
async def test_cuts_do_not_matter(step: int) -> None:
    body = b"\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n" * 3
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        chunks = [body[i : i + 4] for i in range(0, len(body), 4)]
        requests = [post(body), chunked(*chunks), chunked(body, trailers=b"x-a: b\r\n"), post(b"")]
        await client.send(b"".join(requests), step)
        assert [(await client.answer()).body for _ in requests] == [body, body, body, b""]


async def test_a_body_that_came_along_does_not_suspend_the_handler() -> None:
    suspended = []

    async def handler(call: Call) -> None:
        reading = call.body()
        try:
            reading.send(None)
            suspended.append(call.path)
        except StopIteration as done:
            call.respond(200, PLAIN, done.value)
        reading.close()

    async with serving(handler) as rig:
        client = await rig.connect()
        assert (await client.ask(post(b"at once"))).body == b"at once"
        assert (await client.ask(GET)).body == b""
        assert not suspended


async def test_a_body_may_be_read_twice() -> None:
    async def handler(call: Call) -> None:
        one, two = await call.body(), await call.body()
        assert one is two
        call.respond(200, PLAIN, two)

    async with serving(handler) as rig:
        client = await rig.connect()
        for request in (post(b"plain"), chunked(b"pl", b"ain")):
            await client.send(request, step=9)
            assert (await client.answer()).body == b"plain"
        packed = gzip.compress(b"packed")
        await client.send(post(packed, "Content-Encoding: gzip"), step=9)
        assert (await client.answer()).body == b"packed"


async def test_a_hundred_thousand_chunks_of_one_byte() -> None:
    body = b"abcdefghij" * 10_000
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        request = chunked(*(body[i : i + 1] for i in range(len(body))))
        sending = asyncio.create_task(client.send(request))
        assert (await client.answer()).body == body
        await sending


async def test_trailers_are_dropped_and_grant_nothing() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        client = await rig.connect()
        trailers = b"Authorization: Bearer x\r\nHost: other\r\nX-One: 1\r\n"
        assert (await client.ask(chunked(b"body", trailers=trailers))).body == b"body"
        assert (await client.ask(GET)).status == 200
        assert all(set(call.headers) <= {"host", "transfer-encoding"} for call in seen.calls)
        assert seen.calls[0].headers["host"] == "test"


async def test_chunk_extensions_are_ignored() -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        head = chunked().removesuffix(b"0\r\n\r\n")
        assert (await client.ask(head + b'3;a=b;c="d e"\r\nabc\r\n0;x\r\n\r\n')).body == b"abc"
        assert (await client.ask(GET)).status == 200


@pytest.mark.parametrize(
    "framing",
    [
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"3;a\nabc\r\n0\r\n\r\n",
        b"3;\0\r\nabc\r\n0\r\n\r\n",
        b"3 ;a\r\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nabc0\r\n\r\n",
        b"3\r\nabc\r\n0\r\n\n\n",
        b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        b"0\r\nContent-Length: 3\r\n\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0\r\nA b: x\r\n\r\n",
        b"0\r\nA: x\r\n b\r\n\r\n",
        b"0\r\nA: x\n\r\n\r\n",
    ],
)
async def test_bad_chunks_end_the_connection(framing: bytes) -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        client = await rig.connect()
        await client.send(chunked().removesuffix(b"0\r\n\r\n") + framing + GET)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        client.fin()
        await client.closed()
        assert len(seen.calls) == 1


@pytest.mark.parametrize(
    "bloat",
    [b"1;" + b"x" * 30_000 + b"\r\na\r\n", b"0\r\n" + b"a: b\r\n" * 20_000],
    ids=["extensions", "trailers"],
)
async def test_framing_may_not_outweigh_the_body(bloat: bytes) -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        await client.send(chunked().removesuffix(b"0\r\n\r\n") + bloat * 4)
        assert (await client.answer()).status == 400


async def test_a_declared_body_over_the_limit_is_refused_before_it_comes() -> None:
    seen = Recorder()
    async with serving(seen, max_body_bytes=1000) as rig:
        client = await rig.connect()
        await client.send(post(b"x" * 1001)[:-1001])
        answer = await client.answer()
        assert (answer.status, answer.body) == (413, b"request_too_large")
        assert answer.headers["connection"] == "close"
        # What the client still sends does not turn the answer into a reset.
        await client.send(b"x" * 900)
        client.fin()
        await client.closed()
        assert (await rig.ask(post(b"x" * 1000))).status == 200
        assert (await rig.ask(post(b"x" * 1001))).status == 413


async def test_a_chunked_body_over_the_limit_is_refused_before_it_ends() -> None:
    seen = Recorder()
    async with serving(seen, max_body_bytes=1000) as rig:
        client = await rig.connect()
        await client.send(chunked(b"x" * 500, b"x" * 501).removesuffix(b"0\r\n\r\n"))
        assert (await client.answer()).status == 413
        assert (await rig.ask(chunked(b"x" * 500, b"x" * 500))).status == 200


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"body")),
        ("GZip", gzip.compress(b"body")),
        ("x-gzip", gzip.compress(b"body")),
        ("gzip", gzip.compress(b"bo") + gzip.compress(b"dy")),
        ("deflate", zlib.compress(b"body")),
        ("deflate", zlib.compress(b"body", wbits=-15)),
        ("identity", b"body"),
    ],
    # Not what was packed: gzip writes down the time, and all processes must find the same tests.
    ids=["gzip", "GZip", "x-gzip", "two gzips", "deflate", "bare deflate", "identity"],
)
async def test_codings_are_undone(coding: str, packed: bytes) -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        header = f"Content-Encoding: {coding}"
        pieces = [packed[i : i + 3] for i in range(0, len(packed), 3)]
        await client.send(post(packed, header) + chunked(*pieces, headers=(header,)))
        assert [(await client.answer()).body for _ in range(2)] == [b"body"] * 2
        await client.send(post(packed, header), step=2)
        assert (await client.answer()).body == b"body"


async def test_an_empty_compressed_body_is_empty() -> None:
    async with serving(Recorder()) as rig:
        assert (await rig.ask(post(b"", "Content-Encoding: gzip"))).body == b""
        get = GET.removesuffix(b"\r\n") + b"Content-Encoding: gzip\r\n\r\n"
        assert (await rig.ask(get)).body == b""


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", ""])
async def test_other_codings_are_refused(coding: str) -> None:
    async with serving(Recorder()) as rig:
        answer = await rig.ask(post(b"body", f"Content-Encoding: {coding}"))
        assert (answer.status, answer.body) == (415, b"unsupported_media_type")


@pytest.mark.parametrize(
    "packed",
    [
        b"not gzip",
        gzip.compress(b"body")[:-1],
        gzip.compress(b"body") + b"x",
        gzip.compress(b"body")[:-8] + b"\0" * 8,
    ],
    ids=["no gzip", "cut", "more", "checksum"],
)
async def test_corrupt_compression_is_refused(packed: bytes) -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        answer = await client.ask(post(packed, "Content-Encoding: gzip"))
        assert (answer.status, answer.body) == (400, b"bad_request")
        assert (await client.ask(GET)).status == 200


@pytest.mark.parametrize("cut", [False, True])
async def test_a_bomb_is_refused_before_it_is_unpacked(cut: bool) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with serving(Recorder(), max_body_bytes=1_000_000) as rig:
        client = await rig.connect()
        request = post(bomb, "Content-Encoding: gzip")
        # Cut: the rest never comes, and the refusal does not wait for it.
        await client.send(request[:-100] if cut else request)
        assert (await client.answer()).status == 413


async def test_a_large_compressed_body_lets_others_run() -> None:
    body = b"\0" * 8_000_000
    async with serving(Recorder()) as rig:
        packer, other = await rig.connect(), await rig.connect()
        await packer.send(post(gzip.compress(body), "Content-Encoding: gzip") + GET)
        assert (await other.ask(GET)).status == 200
        assert (await packer.answer()).body == body
        assert (await packer.answer()).status == 200


async def test_the_body_is_asked_for_when_it_is_wanted() -> None:
    asked, read = asyncio.Event(), asyncio.Event()

    async def handler(call: Call) -> None:
        asked.set()
        await read.wait()
        call.respond(200, PLAIN, await call.body())

    async with serving(handler) as rig:
        client = await rig.connect()
        for _ in range(2):
            await client.send(post(b"body", EXPECT)[:-4])
            await asked.wait()
            await settle()
            assert client.received == b""
            read.set()
            assert await client.until(b"\r\n\r\n") == CONTINUE
            assert (await client.ask(b"body")).body == b"body"
            asked.clear()
            read.clear()


async def test_a_body_that_comes_unasked_is_not_asked_for() -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        await client.send(post(b"body", EXPECT))
        assert (await client.answer()).body == b"body"
        await client.send(chunked(b"body", headers=(EXPECT,)))
        assert (await client.answer()).body == b"body"
        await client.send(post(b"", EXPECT))
        assert (await client.answer()).body == b""


async def test_http_1_0_is_never_asked() -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        request = post(b"body", EXPECT).replace(b"HTTP/1.1", b"HTTP/1.0")
        await client.send(request[:-4])
        await settle()
        assert client.received == b""
        assert (await client.ask(b"body")).body == b"body"


async def test_whoever_waits_is_not_asked_after_an_early_answer() -> None:
    async def handler(call: Call) -> None:
        call.respond(401, PLAIN, b"no key")

    async with serving(handler) as rig:
        client = await rig.connect()
        answer = await client.ask(post(b"body", EXPECT)[:-4])
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        client.fin()
        await client.closed()


async def test_a_body_that_is_too_large_is_not_asked_for() -> None:
    async with serving(Recorder(), max_body_bytes=1000) as rig:
        client = await rig.connect()
        await client.send(post(b"x" * 1001, EXPECT)[:-1001])
        assert (await client.until(b"\r\n")).startswith(b"HTTP/1.1 413 ")
        client.fin()


async def test_a_chunked_body_is_asked_for_too() -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        request = chunked(b"body", headers=(EXPECT,))
        head = request[: request.index(b"\r\n\r\n") + 4]
        await client.send(head)
        assert await client.until(b"\r\n\r\n") == CONTINUE
        assert (await client.ask(request.removeprefix(head))).body == b"body"


async def test_the_short_rest_of_an_unread_body_is_skipped() -> None:
    async def handler(call: Call) -> None:
        call.respond(401, PLAIN, b"no key")

    async with serving(handler, max_skipped_bytes=1000) as rig:
        client = await rig.connect()
        request = post(b"x" * 900)
        for _ in range(2):
            answer = await client.ask(request[:-900])
            assert answer.status == 401
            assert "connection" not in answer.headers
            await client.send(request[-900:], step=300)
        assert (await client.ask(GET)).status == 401
        assert rig.server.connections == 1


@pytest.mark.parametrize("framing", ["sized", "chunked"])
async def test_the_long_rest_of_an_unread_body_costs_the_connection(framing: str) -> None:
    async def handler(call: Call) -> None:
        call.respond(401, PLAIN, b"no key")

    body = b"x" * 200_000
    async with serving(handler, max_skipped_bytes=1000) as rig:
        client = await rig.connect()
        request = post(body) if framing == "sized" else chunked(body)
        answer = await client.ask(request[:200])
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        await client.send(request[200:] + GET)
        client.fin()
        await client.closed()


async def test_a_client_that_never_stops_sending_is_cut_off() -> None:
    async with serving(Recorder(), max_body_bytes=100_000) as rig:
        client = await rig.connect()
        await client.send(post(b"")[:-5] + b"900000\r\n\r\n")
        assert (await client.answer()).status == 413
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await client.send(b"x" * 50_000_000)


async def test_the_failure_of_a_body_waits_for_the_handler() -> None:
    broken, read = asyncio.Event(), asyncio.Event()
    failures: list[Failure] = []

    async def handler(call: Call) -> None:
        broken.set()
        await read.wait()
        for _ in range(2):
            with pytest.raises(Failure) as caught:
                await call.body()
            failures.append(caught.value)
        call.respond(400, PLAIN, b"")

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(chunked(b"x")[:-5] + b"zz\r\n")
        await broken.wait()
        await settle()
        read.set()
        assert (await client.answer()).status == 400
        await eventually(lambda: len(failures) == 2)
        assert {failure.kind for failure in failures} == {"bad_request"}

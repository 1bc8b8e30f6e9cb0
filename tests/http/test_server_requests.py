"""Requests and answers on one connection: keep-alive, pipelining, heads, streams."""

import asyncio
import re

import pytest

from dragoman.http.call import Call
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


async def test_a_call_shows_the_request_as_it_came() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        client = await rig.connect()
        port = client.sock.getsockname()[1]
        await client.ask(
            b"POST /v1/%2e%2e//chat?a=1&b=%20?x HTTP/1.1\r\nHost: test:80\r\nX-One: 1\r\n"
            b"x-ONE:  2 \t\r\nContent-Length: 3\r\nX-Empty:\r\nX-Latin: \xe9\r\n\r\nabc"
        )
        [call] = seen.calls
        assert (call.method, call.path, call.query) == ("POST", "/v1/%2e%2e//chat", "a=1&b=%20?x")
        assert call.headers == {
            "host": "test:80",
            "x-one": "1, 2",
            "content-length": "3",
            "x-empty": "",
            "x-latin": "\xe9",
        }
        assert call.peer == "127.0.0.1"
        assert port != 0
        assert seen.bodies == [b"abc"]
        assert call.sent
        assert not call.gone


async def test_a_connection_is_kept_alive() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        client = await rig.connect()
        for number in range(5):
            answer = await client.ask(post(b"%d" % number, path=f"/{number}"))
            assert (answer.status, answer.body) == (200, b"%d" % number)
            assert "connection" not in answer.headers
        assert seen.paths == ["/0", "/1", "/2", "/3", "/4"]
        assert rig.server.connections == 1


@pytest.mark.parametrize(
    ("request_head", "kept"),
    [
        (b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Keep-Alive, Close\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: t\r\nConnection: keep-alive\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nHost: t\r\nConnection: Keep-Alive\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\nConnection: upgrade\r\n\r\n", False),
    ],
)
async def test_who_wants_to_close_is_closed(request_head: bytes, kept: bool) -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        answer = await client.ask(request_head)
        assert answer.status == 200
        if kept:
            old = b"HTTP/1.0" in request_head
            assert answer.headers.get("connection") == ("keep-alive" if old else None)
            assert (await client.ask(request_head)).status == 200
        else:
            assert answer.headers["connection"] == "close"
            await client.closed()


async def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    held = Held()
    async with serving(held) as rig:
        client = await rig.connect()
        await client.send(GET.replace(b"/ ", b"/1 ") + GET.replace(b"/ ", b"/2 ") + post(b"x"))
        await eventually(lambda: len(held.calls) == 1)
        await settle()
        assert len(held.calls) == 1
        held.let_go.set()
        for _ in range(3):
            assert (await client.answer()).status == 200
        assert [call.path for call in held.calls] == ["/1", "/2", "/"]


async def test_pipelined_requests_may_be_cut_anywhere() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        client = await rig.connect()
        await client.send(b"".join(post(b"x" * n, path=f"/{n}") for n in range(6)), step=7)
        for number in range(6):
            assert (await client.answer()).body == b"x" * number
        assert seen.paths == [f"/{n}" for n in range(6)]


async def test_many_pipelined_answers_do_not_nest() -> None:
    async with serving(Recorder(), cors=("https://a.test",)) as rig:
        client = await rig.connect()
        preflight = (
            b"OPTIONS / HTTP/1.1\r\nHost: t\r\nOrigin: https://a.test\r\n"
            b"Access-Control-Request-Method: POST\r\n\r\n"
        )
        await client.send(preflight * 1500)
        for _ in range(1500):
            assert (await client.answer()).status == 204


async def test_reading_stops_while_too_much_waits_for_its_turn() -> None:
    held = Held()
    async with serving(held, max_pipelined_bytes=10_000) as rig:
        client = await rig.connect()
        await client.send(GET)
        await held.started.wait()

        async def flood() -> None:
            await client.send(GET * 400_000)

        flooding = asyncio.create_task(flood())
        await settle()
        assert not flooding.done()
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        held.let_go.set()
        for _ in range(1000):
            assert (await client.answer()).status == 200


async def test_one_empty_line_before_a_request_is_tolerated() -> None:
    async with serving(Recorder()) as rig:
        client = await rig.connect()
        for _ in range(2):
            assert (await client.ask(b"\r\n" + GET)).status == 200
        await client.send(b"\r\n" + GET, step=1)
        assert (await client.answer()).status == 200
        assert (await client.ask(b"\r\n\r\n" + GET)).status == 400


async def test_head_is_answered_without_a_body() -> None:
    async def handler(call: Call) -> None:
        if call.path == "/stream":
            call.begin(200, PLAIN)
            call.write(b"one")
            call.end(b"two")
        else:
            call.respond(200, PLAIN, b"a body")

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(b"HEAD / HTTP/1.1\r\nHost: t\r\n\r\n")
        whole = await client.answer(to_head=True)
        assert whole.headers["content-length"] == "6"
        await client.send(b"HEAD /stream HTTP/1.1\r\nHost: t\r\n\r\n")
        stream = await client.answer(to_head=True)
        assert stream.headers["transfer-encoding"] == "chunked"
        assert (await client.ask(GET)).body == b"a body"


async def test_options_reaches_the_handler() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        client = await rig.connect()
        await client.ask(b"OPTIONS /v1/models HTTP/1.1\r\nHost: t\r\n\r\n")
        await client.ask(b"OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n")
        assert [(call.method, call.path) for call in seen.calls] == [
            ("OPTIONS", "/v1/models"),
            ("OPTIONS", "*"),
        ]


async def test_an_offer_to_upgrade_is_ignored() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        client = await rig.connect()
        upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA")
        for _ in range(2):
            assert (await client.ask(post(b"body", *upgrade))).body == b"body"
        assert (await client.ask(post(b"", *upgrade))).status == 200


async def test_every_answer_tells_its_id_and_the_time() -> None:
    seen = Recorder()
    async with serving(seen, by_hand=True) as rig:
        client = await rig.connect()
        ids = set[str]()
        for number in range(600):
            answer = await client.ask(GET)
            assert answer.headers["x-request-id"] == seen.calls[number].request_id
            assert answer.headers["date"] == "Wed, 18 Nov 2026 11:06:40 GMT"
            ids.add(answer.headers["x-request-id"])
        assert len(ids) == 600
        assert all(re.fullmatch("req_[0-9a-f]{24}", one) for one in ids)
        refused = await client.ask(b"nonsense\r\n\r\n")
        assert re.fullmatch("req_[0-9a-f]{24}", refused.headers["x-request-id"])


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_body_has_none(status: int) -> None:
    async def handler(call: Call) -> None:
        call.respond(status, (), b"")

    async with serving(handler) as rig:
        client = await rig.connect()
        for _ in range(2):
            await client.send(GET)
            found, headers = await client.head()
            assert found == status
            assert not {"content-length", "transfer-encoding"} & set(headers)


async def test_an_unknown_status_is_sent_as_it_is() -> None:
    async def handler(call: Call) -> None:
        call.respond(529, PLAIN, b"overloaded")

    async with serving(handler) as rig:
        assert (await rig.ask(GET)).status == 529


@pytest.mark.parametrize(
    "header",
    [
        ("x-a", "b\r\nset-cookie: c"),
        ("x-a", "b\nc"),
        ("x-a", "b\rc"),
        ("x-a", "b\0c"),
        ("x-a\r\nx-b", "c"),
        ("x-a", "b\r\n"),
        ("x-a", "\u4f60"),
    ],
)
async def test_a_header_cannot_break_the_line(header: tuple[str, str]) -> None:
    async def handler(call: Call) -> None:
        with pytest.raises(ValueError):
            call.respond(200, [header], b"")
        with pytest.raises(ValueError):
            call.begin(200, [*PLAIN, header])
        call.respond(200, PLAIN, b"clean")

    async with serving(handler) as rig:
        answer = await rig.ask(GET)
        assert answer.body == b"clean"
        assert set(answer.headers) == {"content-type", "content-length", "date", "x-request-id"}


@pytest.mark.parametrize("begun", [False, True])
async def test_a_handler_that_forgets_to_answer_is_covered(begun: bool) -> None:
    async def handler(call: Call) -> None:
        if begun:
            call.begin(200, PLAIN)
            call.write(b"half")

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(GET)
        if begun:
            assert (await client.rest()).endswith(b"\r\n\r\n4\r\nhalf\r\n")
        else:
            answer = await client.answer()
            assert (answer.status, answer.body[:8]) == (500, b"internal")
            assert answer.headers["connection"] == "close"
            await client.closed()


async def test_a_handler_that_fails_is_covered() -> None:
    async def handler(call: Call) -> None:
        raise ZeroDivisionError(call.path)

    async with serving(handler, crashes=True) as rig:
        assert (await rig.ask(GET)).status == 500


async def test_work_after_the_answer_does_not_hold_up_the_next_request() -> None:
    settled = asyncio.Event()
    paths: list[str] = []

    async def handler(call: Call) -> None:
        call.respond(200, PLAIN, b"")
        await settled.wait()
        paths.append(call.path)

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.ask(GET)
        await client.ask(GET)
        assert rig.server.running == 2
        client.reset()
        await eventually(lambda: rig.server.connections == 0)
        assert rig.server.running == 2
        settled.set()
        await eventually(lambda: len(paths) == 2)


async def test_a_large_answer_arrives_whole() -> None:
    async def handler(call: Call) -> None:
        call.respond(200, PLAIN, b"x" * 5_000_000)

    async with serving(handler) as rig:
        client = await rig.connect()
        await client.send(GET + GET)
        for _ in range(2):
            assert len((await client.answer()).body) == 5_000_000

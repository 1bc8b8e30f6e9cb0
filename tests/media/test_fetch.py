"""What a download sends, and what it does with what comes back."""

import asyncio
import gzip

import pytest

from dragoman.clock import SYSTEM
from dragoman.media import fetch
from dragoman.media.address import Exceptions
from dragoman.media.fetch import Fetcher, Limits, Refused
from tests.certificates import authority
from tests.scripted_upstream import FIN, RECEIVE, RST, UNTIL_CLOSED, ScriptedUpstream, Slices

pytestmark = pytest.mark.usefixtures("no_leaks")
HERE = Exceptions.of(["127.0.0.1", "localhost"])


def answer(status: str, content: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def get(*script: object, path: str = "/x.png", most: int = 1000) -> bytes:
    async with ScriptedUpstream(list(script)) as web:  # type: ignore[arg-type]
        return await Fetcher(Limits(most, HERE), SYSTEM).get(web.url + path)


async def test_a_request_says_no_more_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedUpstream([RECEIVE, answer("200 OK", b"data")]) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with ScriptedUpstream([RECEIVE, answer("200 OK", b"data", "set-cookie: a=b")]) as web:
            fetcher = Fetcher(Limits(1000, HERE), SYSTEM)
            for _ in range(2):
                assert await fetcher.get(f"{web.url}/a?b=c#d") == b"data"
            for request in web.requests:
                assert (request.method, request.target) == ("GET", "/a?b=c")
                assert set(request.headers) == {"host", "accept-encoding", "user-agent", "accept"}
                assert request.headers["accept-encoding"] == "identity"
                assert request.headers["host"] == f"127.0.0.1:{web.port}"
        assert proxy.connections == []


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    async with ScriptedUpstream([RECEIVE, answer("200 OK", b"inside")]) as inside:
        with pytest.raises(Refused, match="leads to another one"):
            await get(RECEIVE, answer(f"{status} X", b"", f"location: {inside.url}/"))
        assert inside.connections == []


async def test_a_page_that_would_redirect_is_only_a_page() -> None:
    page = b'<meta http-equiv="refresh" content="0;url=http://127.0.0.1/">'
    assert await get(RECEIVE, answer("200 OK", page, "refresh: 0;url=http://127.0.0.1/")) == page


@pytest.mark.parametrize("status", ["404 Not Found", "500 X", "204 X", "206 X", "401 X"])
async def test_only_200_will_do(status: str) -> None:
    with pytest.raises(Refused, match=f"status {status[:3]}"):
        await get(RECEIVE, answer(status, b""))


async def test_a_body_has_a_limit() -> None:
    assert await get(RECEIVE, answer("200 OK", b"x" * 1000)) == b"x" * 1000
    with pytest.raises(Refused, match="more than 1000 bytes"):
        await get(RECEIVE, answer("200 OK", b"x" * 1001))
    chunk = b"100\r\n" + b"x" * 256 + b"\r\n"
    endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk * 100
    with pytest.raises(Refused, match="more than 1000 bytes"):
        await get(RECEIVE, endless, UNTIL_CLOSED)
    with pytest.raises(Refused, match="more than 1000 bytes"):
        await get(RECEIVE, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, UNTIL_CLOSED)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip"])
async def test_nothing_packed_is_unpacked(coding: str) -> None:
    packed = gzip.compress(b"\0" * 10_000_000)
    with pytest.raises(Refused):
        await get(RECEIVE, answer("200 OK", packed, f"content-encoding: {coding}"), most=1 << 20)


@pytest.mark.parametrize(
    "script",
    [
        [RECEIVE, RST],
        [RECEIVE, FIN],
        [RECEIVE, b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", FIN],
        [RECEIVE, b"nonsense\r\n\r\n", UNTIL_CLOSED],
        [RECEIVE, b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", UNTIL_CLOSED],
        [RECEIVE, b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n", UNTIL_CLOSED],
    ],
    ids=["reset", "closed", "cut", "nonsense", "negative", "immense"],
)
async def test_a_host_that_fails(script: list[object]) -> None:
    with pytest.raises(Refused, match="could not be fetched"):
        await get(*script)


async def test_a_port_where_nobody_listens() -> None:
    async with ScriptedUpstream([]) as web:
        url = web.url
    with pytest.raises(Refused, match="could not be fetched"):
        await Fetcher(Limits(1000, HERE), SYSTEM).get(url)


async def test_a_name_that_does_not_exist() -> None:
    async def lookup(host: str, port: int) -> list[fetch.Address]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(Refused, match="could not be fetched"):
        await Fetcher(Limits(1000), SYSTEM, lookup).get("http://gone.example/")


async def test_a_drip_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TOTAL_S", 0.2)

    async def drip(connection: object) -> None:
        for _ in range(1000):
            await connection.send(b"x")  # type: ignore[attr-defined]
            await asyncio.sleep(0.02)

    with pytest.raises(Refused, match="within"):
        await get(RECEIVE, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", drip)


async def test_silence_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SILENCE_S", 0.1)
    with pytest.raises(Refused, match="could not be fetched"):
        await get(RECEIVE, UNTIL_CLOSED)


async def test_byte_by_byte() -> None:
    data = bytes(range(256))
    assert await get(RECEIVE, Slices(answer("200 OK", data), 1)) == data


async def test_downloads_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MOST_AT_ONCE", 2)
    open_now = most = 0

    async def count(connection: object) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.02)
        open_now -= 1

    async with ScriptedUpstream([RECEIVE, count, answer("200 OK", b"x")]) as web:
        fetcher = Fetcher(Limits(1000, HERE), SYSTEM)
        assert await asyncio.gather(*[fetcher.get(web.url) for _ in range(8)]) == [b"x"] * 8
    assert most == 2


async def test_tls_is_checked() -> None:
    """An https host that nobody vouches for is refused like one that is not there."""
    script = [RECEIVE, answer("200 OK", b"x")]
    async with ScriptedUpstream(script, tls=authority().server()) as web:
        with pytest.raises(Refused, match="could not be fetched"):
            await Fetcher(Limits(1000, HERE), SYSTEM).get(web.url)
        assert web.requests == []

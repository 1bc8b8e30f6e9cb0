"""Requests that two parsers could read in two ways: refused, and nothing after them is read."""

import pytest

from tests.http.server_rig import GET, Recorder, no_leaks, serving

__all__ = ["no_leaks"]

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n"
BASE = b"POST /x HTTP/1.1\r\nHost: t\r\n"
LENGTH = b"Content-Length: 3\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

BAD = {
    # Two framings, or one that is not plain.
    "length and coding": BASE + LENGTH + CHUNKED + b"\r\nabc",
    "coding and length": BASE + CHUNKED + LENGTH + b"\r\nabc",
    "two lengths": BASE + LENGTH + b"Content-Length: 5\r\n\r\nabc",
    "two equal lengths": BASE + LENGTH + LENGTH + b"\r\nabc",
    "a list of lengths": BASE + b"Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": BASE + b"Content-Length: +3\r\n\r\nabc",
    "a negative length": BASE + b"Content-Length: -1\r\n\r\n",
    "a hexadecimal length": BASE + b"Content-Length: 0x3\r\n\r\nabc",
    "a grouped length": BASE + b"Content-Length: 1_0\r\n\r\nabc",
    "an Arabic length": BASE + "Content-Length: \u0663\r\n\r\nabc".encode(),
    "two numbers": BASE + b"Content-Length: 3 3\r\n\r\nabc",
    "an empty length": BASE + b"Content-Length:\r\n\r\n",
    "a huge length": BASE + b"Content-Length: 99999999999999999999\r\n\r\n",
    "xchunked": BASE + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunkedx": BASE + b"Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n",
    "gzip, chunked": BASE + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked, gzip": BASE + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked, identity": BASE + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": BASE + CHUNKED * 2 + b"\r\n0\r\n\r\n",
    "chunked, chunked": BASE + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a trailing comma": BASE + b"Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
    "identity": BASE + b"Transfer-Encoding: identity\r\n\r\n",
    "no coding": BASE + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "a quoted coding": BASE + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "a coding after VT": BASE + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a coding, folded": BASE + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a coding with a space": BASE + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a coding in HTTP/1.0": BASE.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n",
    # Lines.
    "a folded header": BASE + b"X: a\r\n b\r\n\r\n",
    "a header folded by a tab": BASE + b"X: a\r\n\tb\r\n\r\n",
    "a folded first header": b"GET / HTTP/1.1\r\n Host: t\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: t\n\n",
    "a bare line feed": BASE + b"X: a\nY: b\r\n\r\n",
    "a bare line feed at the end": BASE + b"X: a\r\n\n",
    "a bare carriage return": BASE + b"X: a\rY: b\r\n\r\n",
    "two carriage returns": BASE + b"X: a\r\r\n\r\n",
    "a leading line feed": b"\n" + GET,
    "two leading empty lines": b"\r\n\r\n" + GET,
    # Names.
    "a space before the colon": BASE + b"X : a\r\n\r\n",
    "a tab before the colon": BASE + b"X\t: a\r\n\r\n",
    "a space in a name": BASE + b"X Y: a\r\n\r\n",
    "no name": BASE + b": a\r\n\r\n",
    "no colon": BASE + b"X\r\n\r\n",
    "an underscore": BASE + b"Content_Length: 3\r\n\r\n",
    "an underscore in a credential": BASE + b"x_api_key: a\r\n\r\n",
    "a parenthesis": BASE + b"X(: a\r\n\r\n",
    "a NUL in a name": BASE + b"X\0: a\r\n\r\n",
    "a letter beyond ASCII": BASE + b"X\xe9: a\r\n\r\n",
    # Values.
    "a NUL": BASE + b"X: a\0b\r\n\r\n",
    "a control character": BASE + b"X: a\x01b\r\n\r\n",
    "an escape": BASE + b"X: \x1b[31m\r\n\r\n",
    "DEL": BASE + b"X: \x7f\r\n\r\n",
    # Host.
    "no host": b"GET / HTTP/1.1\r\nX: a\r\n\r\n",
    "an empty host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two equal hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    **{
        f"host {host!r}": b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
        for host in (
            *(b"a/b", b"a?b", b"a#b", b"a@b", b"a\\b", b"a b", b"a\tb", b"a,b c", b"a\xffb"),
            *(b'a"b', b"<a>", b"a^b", b"a`b", b"{a}", b"a|b", b"a" * 256),
        )
    },
    # Targets and request lines.
    "an absolute target": b"GET http://t/ HTTP/1.1\r\nHost: t\r\n\r\n",
    "an absolute foreign target": b"GET http://other/ HTTP/1.1\r\nHost: t\r\n\r\n",
    "an authority": b"GET t:80 HTTP/1.1\r\nHost: t\r\n\r\n",
    "CONNECT": b"CONNECT t:80 HTTP/1.1\r\nHost: t:80\r\n\r\n",
    "CONNECT /": b"CONNECT / HTTP/1.1\r\nHost: t:80\r\n\r\n",
    "a star": b"GET * HTTP/1.1\r\nHost: t\r\n\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\nHost: t\r\n\r\n",
    "a path beyond ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: t\r\n\r\n",
    "a control character in the path": b"GET /\x01 HTTP/1.1\r\nHost: t\r\n\r\n",
    "a relative path": b"GET v1/models HTTP/1.1\r\nHost: t\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: t\r\n\r\n",
    "two spaces before the version": b"GET /  HTTP/1.1\r\nHost: t\r\n\r\n",
    "a space in the path": b"GET /a b HTTP/1.1\r\nHost: t\r\n\r\n",
    "a line feed in the path": b"GET /\nX: HTTP/1.1\r\nHost: t\r\n\r\n",
    "a carriage return in the path": b"GET /\rX: HTTP/1.1\r\nHost: t\r\n\r\n",
    "a tab": b"GET\t/ HTTP/1.1\r\nHost: t\r\n\r\n",
    "a space at the end": b"GET / HTTP/1.1 \r\nHost: t\r\n\r\n",
    "a space at the beginning": b" GET / HTTP/1.1\r\nHost: t\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "HTTP/0.9": b"GET / HTTP/0.9\r\nHost: t\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: t\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: t\r\n\r\n",
    "HTTP/1.10": b"GET / HTTP/1.10\r\nHost: t\r\n\r\n",
    "http/1.1": b"GET / http/1.1\r\nHost: t\r\n\r\n",
    "RTSP": b"DESCRIBE / RTSP/1.0\r\nHost: t\r\n\r\n",
    "ICE": b"SOURCE / ICE/1.0\r\nHost: t\r\n\r\n",
    "a lower-case method": b"get / HTTP/1.1\r\nHost: t\r\n\r\n",
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: t\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a byte order mark": b"\xef\xbb\xbf" + GET,
}


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("request_bytes", BAD.values(), ids=BAD)
async def test_it_is_refused_and_nothing_after_it_is_read(request_bytes: bytes, step: int) -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        client = await rig.connect()
        await client.send(request_bytes + SMUGGLED, step)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        client.fin()
        await client.closed()
        assert seen.calls == []


@pytest.mark.parametrize(
    "host",
    [
        *("t", "t:8080", "127.0.0.1:80", "[::1]:8080", "[fe80::1%25eth0]", "a-b.c_d~e", "xn--e-ga"),
        *("a" * 255, "t:"),
    ],
)
async def test_ordinary_hosts_are_served(host: str) -> None:
    async with serving(Recorder()) as rig:
        for _ in range(2):
            request = GET.replace(b"test", host.encode())
            assert (await rig.ask(request)).status == 200


@pytest.mark.parametrize("name", ["session_id", "Conversation_Id"])
async def test_two_names_may_have_an_underscore(name: str) -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        request = GET.removesuffix(b"\r\n") + name.encode() + b": one\r\n\r\n"
        assert (await rig.ask(request)).status == 200
        assert seen.calls[0].headers[name.lower()] == "one"


@pytest.mark.parametrize(
    "target", ["//v1/messages", "/v1/../console", "/%2e%2e", "/%00", "/v1;x", "/V1", '/"<>{}|^`\\']
)
async def test_odd_paths_come_as_they_are(target: str) -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        await rig.ask(GET.replace(b"/ ", target.encode() + b" "))
        assert seen.paths == [target]


async def test_a_repeated_header_is_not_two_headers() -> None:
    seen = Recorder()
    async with serving(seen) as rig:
        twice = b"Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n"
        await rig.ask(GET.removesuffix(b"\r\n") + twice)
        assert seen.calls[0].headers["authorization"] == "Bearer a, Bearer b"


async def test_a_refusal_says_what_is_wrong() -> None:
    async with serving(Recorder()) as rig:
        answer = await rig.ask(b"POST /v1/messages HTTP/1.1\r\nX_Y: a\r\n\r\n")
        assert answer.headers["content-type"] == "application/json"
        assert answer.body == b"bad_request /v1/messages A header name contains an underscore."

"""Proxies: which one is used, the tunnel through it, and what it may refuse."""

import asyncio
import base64
from typing import Any

import pytest

from dragoman.clock import SYSTEM
from dragoman.http.client import Client, Target
from dragoman.http.proxy import Proxy, from_environment, parse
from tests.certificates import authority
from tests.http.client_rig import answer, client_to, failure_of, fetch, no_leaks, post
from tests.scripted_upstream import (
    FIN,
    RECEIVE,
    RST,
    Connection,
    Script,
    ScriptedUpstream,
    Slices,
    Tell,
    UpgradeTLS,
)

__all__ = ["no_leaks"]

OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"
UPSTREAM = "https://api.example.test"
"""A name that only the proxy could resolve."""


def tunnelled(reply: Any = OPEN) -> Script:
    """Agree to CONNECT, then be the upstream behind it."""
    return [RECEIVE, reply, UpgradeTLS(authority().server()), RECEIVE, answer(), RECEIVE, answer()]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
async def test_https_goes_through_a_tunnel(name: str) -> None:
    async with ScriptedUpstream(tunnelled()) as proxy:
        environ = {name: proxy.url}
        async with client_to(UPSTREAM, ca_file=authority().file, environ=environ) as client:
            assert await fetch(client) == b"hello"
            assert await fetch(client) == b"hello"
        assert len(proxy.connections) == 1
        connect, first, second = proxy.requests
        assert connect.head == (
            b"CONNECT api.example.test:443 HTTP/1.1\r\nhost: api.example.test:443\r\n\r\n"
        )
        assert first.target == second.target == "/v1/messages"
        assert first.headers["host"] == "api.example.test"
        assert "x-api-key" not in connect.headers


async def test_credentials_of_the_proxy_go_to_the_proxy_alone() -> None:
    async with ScriptedUpstream(tunnelled()) as proxy:
        url = f"http://us%40er:p%3Aw@127.0.0.1:{proxy.port}"
        async with client_to(UPSTREAM, ca_file=authority().file, proxy=url) as client:
            assert await fetch(client) == b"hello"
        connect, request = proxy.requests
        expected = "Basic " + base64.b64encode(b"us@er:p:w").decode()
        assert connect.headers["proxy-authorization"] == expected
        assert "proxy-authorization" not in request.headers


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
async def test_http_goes_in_absolute_form(name: str) -> None:
    script: Script = [RECEIVE, answer(), RECEIVE, answer()]
    async with ScriptedUpstream(script) as proxy:
        environ = {name: f"http://user:pw@127.0.0.1:{proxy.port}"}
        async with client_to("http://api.example.test:81/base", environ=environ) as client:
            assert await fetch(client) == b"hello"
            assert await fetch(client) == b"hello"
        for request in proxy.requests:
            assert request.target == "http://api.example.test:81/base/v1/messages"
            assert request.headers["host"] == "api.example.test:81"
            assert request.headers["proxy-authorization"].startswith("Basic ")
        assert len(proxy.connections) == 1


async def test_a_proxy_of_the_target_wins_over_the_environment() -> None:
    async with ScriptedUpstream([RECEIVE, answer()]) as proxy, ScriptedUpstream() as other:
        environ = {"HTTP_PROXY": other.url}
        url = "http://api.example.test"
        async with client_to(url, environ=environ, proxy=proxy.url) as client:
            assert await fetch(client) == b"hello"
        assert not other.connections


async def test_an_empty_proxy_means_none() -> None:
    async with ScriptedUpstream([RECEIVE, answer()]) as upstream, ScriptedUpstream() as proxy:
        environ = {"HTTP_PROXY": proxy.url}
        async with client_to(upstream, environ=environ, proxy="") as client:
            assert await fetch(client) == b"hello"
        assert not proxy.connections
        assert upstream.requests[0].target == "/v1/messages"


REFUSALS = {
    "407": (b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno", "407"),
    "502": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "502"),
    "302": (b"HTTP/1.1 302 Found\r\nlocation: http://x/\r\n\r\n", "302"),
    "not http": (b"SSH-2.0-OpenSSH\r\n\r\n", "did not answer"),
    "no status": (b"HTTP/1.1 2x0 OK\r\n\r\n", "did not answer"),
    "endless head": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 4000, "did not answer"),
    "surplus": (OPEN + b"\x16\x03", "before the tunnel"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_proxy_that_refuses(name: str) -> None:
    reply, reason = REFUSALS[name]
    async with ScriptedUpstream([RECEIVE, reply]) as proxy:
        url = f"http://user:secret@127.0.0.1:{proxy.port}"
        async with client_to(UPSTREAM, ca_file=authority().file, proxy=url) as client:
            failure = await failure_of(post(client))
            assert failure.kind == "upstream_unreachable"
            assert reason in failure.detail
            assert f"through 127.0.0.1:{proxy.port}" in failure.detail
            assert "secret" not in failure.detail
        await proxy.connections[0].over


@pytest.mark.parametrize("end", [FIN, RST])
async def test_a_proxy_that_closes(end: Any) -> None:
    async with ScriptedUpstream([RECEIVE, end]) as proxy:
        async with client_to(UPSTREAM, ca_file=authority().file, proxy=proxy.url) as client:
            assert (await failure_of(post(client))).kind == "upstream_unreachable"


async def test_a_proxy_that_says_nothing() -> None:
    async with ScriptedUpstream([RECEIVE]) as proxy:
        target: Any = {"proxy": proxy.url, "connect_timeout_s": 0.2, "ca_file": authority().file}
        async with client_to(UPSTREAM, **target) as client:
            assert "not connected within" in (await failure_of(post(client))).detail
        await proxy.connections[0].over


async def test_leaving_inside_the_tunnel_being_dug() -> None:
    received = asyncio.Event()
    async with ScriptedUpstream([RECEIVE, Tell(received)]) as proxy:
        async with client_to(UPSTREAM, ca_file=authority().file, proxy=proxy.url) as client:
            task = asyncio.create_task(post(client))
            await received.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await proxy.connections[0].over


async def test_a_reply_to_connect_in_slices() -> None:
    reply = b"HTTP/1.0 200 OK\r\nvia: x\r\n\r\n"
    async with ScriptedUpstream(tunnelled(Slices(reply))) as proxy:
        async with client_to(UPSTREAM, ca_file=authority().file, proxy=proxy.url) as client:
            assert await fetch(client) == b"hello"


async def test_the_certificate_behind_the_tunnel_is_the_upstreams() -> None:
    wrong = authority().server("proxy", "DNS:proxy.test,IP:127.0.0.1")
    async with ScriptedUpstream([RECEIVE, OPEN, UpgradeTLS(wrong)]) as proxy:
        async with client_to(UPSTREAM, ca_file=authority().file, proxy=proxy.url) as client:
            failure = await failure_of(post(client))
            assert failure.kind == "upstream_unreachable"
            assert "certificate refused" in failure.detail


async def test_an_ipv6_target_is_in_brackets() -> None:
    async with ScriptedUpstream([RECEIVE, OPEN]) as proxy:
        target: Any = {"proxy": proxy.url, "connect_timeout_s": 0.2, "ca_file": authority().file}
        async with client_to("https://[2001:db8::1]:8443", **target) as client:
            await failure_of(post(client))
        assert proxy.requests[0].target == "[2001:db8::1]:8443"


async def test_the_keep_alive_race_through_a_tunnel() -> None:
    async def close(connection: Connection) -> None:
        connection.writer.transport.abort()

    tls = UpgradeTLS(authority().server())
    scripts: list[Script] = [
        [RECEIVE, OPEN, tls, RECEIVE, answer(b"one"), RECEIVE, close],
        [RECEIVE, OPEN, tls, RECEIVE, answer(b"two")],
    ]
    async with ScriptedUpstream(*scripts) as proxy:
        async with client_to(UPSTREAM, ca_file=authority().file, proxy=proxy.url) as client:
            assert [await fetch(client), await fetch(client)] == [b"one", b"two"]


PROXY = Proxy("proxy.test", 3128, "")

SPARED = [
    ("*", "api.example.test", 443, True),
    ("api.example.test", "api.example.test", 443, True),
    ("API.example.test", "api.EXAMPLE.test.", 443, True),
    ("example.test", "api.example.test", 443, True),
    (".example.test", "api.example.test", 443, True),
    (".example.test", "example.test", 443, True),
    ("*.example.test", "api.example.test", 443, True),
    ("ample.test", "api.example.test", 443, False),
    ("api.example.test.evil", "api.example.test", 443, False),
    ("api.example.test:443", "api.example.test", 443, True),
    ("api.example.test:8443", "api.example.test", 443, False),
    ("other, ,api.example.test", "api.example.test", 443, True),
    ("other api.example.test", "api.example.test", 443, True),
    ("", "api.example.test", 443, False),
    (".", "api.example.test", 443, False),
    ("10.0.0.0/8", "10.1.2.3", 443, True),
    ("10.0.0.0/8:443", "10.1.2.3", 443, True),
    ("10.0.0.0/8:80", "10.1.2.3", 443, False),
    ("10.0.0.0/8", "11.1.2.3", 443, False),
    ("10.1.2.3", "10.1.2.3", 443, True),
    ("10.1.2.3/8", "10.9.9.9", 443, True),
    ("10.0.0.0/99", "10.1.2.3", 443, False),
    ("10.0.0.0/8", "ten.example.test", 443, False),
    ("example.test", "10.1.2.3", 443, False),
    ("2001:db8::/32", "2001:db8::1", 443, True),
    ("2001:db8::1", "2001:db8::1", 443, True),
    ("[2001:db8::1]:443", "2001:db8::1", 443, True),
    ("[2001:db8::1]:80", "2001:db8::1", 443, False),
    ("[2001:db8::1]", "2001:db8::1", 443, True),
]


@pytest.mark.parametrize(("spared", "host", "port", "direct"), SPARED)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy(name: str, spared: str, host: str, port: int, direct: bool) -> None:
    environ = {"HTTPS_PROXY": "http://proxy.test:3128", name: spared}
    assert from_environment("https", host, port, environ) == (None if direct else PROXY)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "::1"])
def test_this_machine_is_reached_directly(host: str) -> None:
    assert from_environment("http", host, 80, {"HTTP_PROXY": "http://proxy.test"}) is None


def test_each_scheme_has_its_proxy_and_the_lower_case_name_wins() -> None:
    environ = {
        "HTTP_PROXY": "http://plain.test",
        "HTTPS_PROXY": "http://upper.test",
        "https_proxy": "lower.test:8080",
    }
    assert from_environment("http", "a.test", 80, environ) == Proxy("plain.test", 80, "")
    assert from_environment("https", "a.test", 443, environ) == Proxy("lower.test", 8080, "")
    assert from_environment("https", "a.test", 443, {"https_proxy": ""}) is None


@pytest.mark.parametrize("url", ["socks5://proxy.test", "https://proxy.test", "http://", "x:y"])
def test_a_proxy_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError):
        parse(url)
    with pytest.raises(ValueError):
        Client(Target(UPSTREAM, proxy=url), clock=SYSTEM)

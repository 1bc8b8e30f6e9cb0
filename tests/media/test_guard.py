"""No packet reaches a host that may not be fetched from, whatever the URL and the resolver say."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from dragoman.clock import SYSTEM
from dragoman.http.dial import Address
from dragoman.media.address import Exceptions
from dragoman.media.fetch import Fetcher, Limits, Refused

pytestmark = pytest.mark.usefixtures("no_leaks")


class Listener:
    """Listens on loopback addresses and remembers whether anybody came."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.port = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came.append(b"somebody")
        self.came.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.accept, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    servers = [server]
    with contextlib.suppress(OSError):  # a machine without IPv6
        servers.append(await asyncio.start_server(listener.accept, "::1", listener.port))
    try:
        yield listener
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()


class Resolver:
    """Knows a few names; a name that is not in the table fails the test."""

    def __init__(self, table: dict[str, list[list[str]]]) -> None:
        self.table = table
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        answers = self.table[host]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            Address(socket.AF_INET6, (one, port, 0, 0))
            if ":" in one
            else Address(socket.AF_INET, (one, port))
            for one in answer
        ]


HOSTILE = """
http://127.0.0.1:{p}/ http://127.1:{p}/ http://127.0.0.1.:{p}/ http://0:{p}/ http://0.0.0.0:{p}/
http://2130706433:{p}/ http://0x7f000001:{p}/ http://0x7f.1:{p}/ http://0177.0.0.1:{p}/
http://017700000001:{p}/ http://127.0.0.01:{p}/ http://[::1]:{p}/ http://[::]:{p}/
http://[::ffff:127.0.0.1]:{p}/ http://[::ffff:7f00:1]:{p}/ http://[::127.0.0.1]:{p}/
http://[::ffff:0:7f00:1]:{p}/ http://[64:ff9b::7f00:1]:{p}/ http://[64:ff9b::a9fe:a9fe]/
http://[2002:7f00:1::]:{p}/ http://[2001:0:7f00:1::]/ http://[fe80::1%25lo]:{p}/
http://[fe80::1%lo]:{p}/ http://[fd00:ec2::254]/ http://169.254.169.254/latest/meta-data/
http://[::ffff:a9fe:a9fe]/ http://169.254.170.2/ http://100.100.100.200/ http://168.63.129.16/
http://192.0.0.192/ http://10.0.0.1/ http://172.16.0.1/ http://192.168.1.1/ http://100.64.0.1/
http://198.18.0.1/ http://224.0.0.1/ http://240.0.0.1/ http://255.255.255.255/
http://localhost:{p}/ http://LOCALHOST.:{p}/ http://a.localhost:{p}/ http://printer.local/
http://metadata.google.internal/ http://metadata/ http://router.lan/
http://user@127.0.0.1:{p}/ http://example.com@127.0.0.1:{p}/ http://127.0.0.1:{p}\\@example.com/
http://example.com\\@127.0.0.1:{p}/ http://127.0.0.1:{p}#@example.com/
http://127.0.0.1:{p}?@example.com/ http://１２７.０.０.１:{p}/ http://127。0。0。1:{p}/
http://ｌｏｃａｌｈｏｓｔ:{p}/ http://127.0.0.1%00.example.com/ http://127.0.0.1%2f.example.com/
http://8.8.8.8:22/ http://8.8.8.8:6379/ http://8.8.8.8:25/ http://8.8.8.8:{p}/
https://127.0.0.1:{p}/ https://[::1]:{p}/ file:///etc/passwd gopher://127.0.0.1:{p}/_x
ftp://127.0.0.1:{p}/ //127.0.0.1:{p}/ http:127.0.0.1:{p}/ http:/127.0.0.1:{p}/
""".split()

NAMES = {
    "private.example": [["10.0.0.1"]],
    "loopback.example": [["127.0.0.1"]],
    "loopback6.example": [["::1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "nat64.example": [["64:ff9b::7f00:1"]],
    "half.example": [["93.184.216.34", "127.0.0.1"]],
    "half6.example": [["2606:4700::1111", "::1"]],
    "zone.example": [["fe80::1%lo"]],
    "nothing.example": [[]],
    "nonsense.example": [["not an address"]],
    "metadata.example": [["169.254.169.254"]],
    "xn--bcher-kva.example": [["127.0.0.1"]],
    "127.0.0.1.nip.example": [["127.0.0.1"]],
}


def test_the_table_is_long_enough() -> None:
    assert len(HOSTILE) >= 60


async def test_no_hostile_url_gets_through() -> None:
    async with listening() as listener:
        resolver = Resolver({})
        fetcher = Fetcher(Limits(1000), SYSTEM, resolver)
        for url in HOSTILE:
            with pytest.raises(Refused):
                await fetcher.get(url.format(p=listener.port))
        assert listener.came == []
        assert resolver.asked == []


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_leads_to_a_private_host(name: str) -> None:
    async with listening() as listener:
        resolver = Resolver(dict(NAMES))
        fetcher = Fetcher(Limits(1000), SYSTEM, resolver)
        # Even where the port were no obstacle.
        for url in (f"http://{name}/", f"http://{name}:{listener.port}/"):
            with pytest.raises(Refused) as refused:
                await fetcher.get(url)
            # Nothing is told about the inside.
            assert str(refused.value) == "could not be fetched"
        assert listener.came == []
        assert set(resolver.asked) == {name}


async def test_a_second_answer_of_the_resolver_changes_nothing() -> None:
    """Rebinding: the first answer is fine, the second private, and the second is never asked
    for."""
    connected: list[tuple[object, ...]] = []

    async def dial(addresses: list[Address]) -> socket.socket:
        connected.extend(one.sockaddr for one in addresses)
        raise OSError("nobody there")

    async with listening() as listener:
        resolver = Resolver({"rebind.example": [["93.184.216.34"], ["127.0.0.1"]]})
        fetcher = Fetcher(Limits(1000), SYSTEM, resolver)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dragoman.http.client.dial", dial)
            with pytest.raises(Refused, match="could not be fetched"):
                await fetcher.get("http://rebind.example/x.png")
            assert connected == [("93.184.216.34", 80)]
            assert resolver.asked == ["rebind.example"]
            with pytest.raises(Refused):
                await fetcher.get("http://rebind.example/x.png")
            assert connected == [("93.184.216.34", 80)]
        assert listener.came == []


@pytest.mark.parametrize(
    ("entries", "host"),
    [
        (["127.0.0.1"], "127.0.0.1"),
        (["127.0.0.0/8"], "127.0.0.1"),
        (["127.0.0.0/8"], "[::ffff:127.0.0.1]"),
        (["files.corp"], "files.corp"),
        (["files.corp"], "FILES.corp."),
        (["127.0.0.0/8"], "files.corp"),
        (["intranet"], "intranet"),
        (["127.0.0.0/8"], "intranet"),
    ],
)
async def test_the_operator_can_except_a_host(entries: list[str], host: str) -> None:
    async with listening() as listener:
        resolver = Resolver({name: [["127.0.0.1"]] for name in ("files.corp", "intranet")})
        fetcher = Fetcher(Limits(1000, Exceptions.of(entries)), SYSTEM, resolver)
        assert await fetcher.get(f"http://{host}:{listener.port}/x") == b"hi"
        head = listener.came[1].decode().lower()
        assert f"host: {host.lower().rstrip('.')}:{listener.port}" in head.replace(
            "[::ffff:7f00:1]", "[::ffff:127.0.0.1]"
        )


@pytest.mark.parametrize(
    ("entries", "url"),
    [
        (["files.corp"], "http://other.corp:{p}/"),
        (["files.corp"], "http://127.0.0.1:{p}/"),
        (["corp"], "http://files.corp:{p}/"),
        (["127.0.0.2"], "http://127.0.0.1:{p}/"),
        (["10.0.0.0/8"], "http://files.corp:{p}/"),
    ],
)
async def test_an_exception_excepts_nothing_else(entries: list[str], url: str) -> None:
    async with listening() as listener:
        resolver = Resolver({name: [["127.0.0.1"]] for name in ("files.corp", "other.corp")})
        fetcher = Fetcher(Limits(1000, Exceptions.of(entries)), SYSTEM, resolver)
        with pytest.raises(Refused):
            await fetcher.get(url.format(p=listener.port))
        assert listener.came == []


async def test_only_a_checked_address_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asserted at the socket itself."""
    tried: list[object] = []
    real = socket.socket.connect

    def connect(sock: socket.socket, where: tuple[str, int]) -> None:
        tried.append(where[0])
        real(sock, where)

    async with listening() as listener:
        resolver = Resolver({"files.corp": [["127.0.0.1"]]})
        fetcher = Fetcher(Limits(1000, Exceptions.of(["files.corp"])), SYSTEM, resolver)
        monkeypatch.setattr(socket.socket, "connect", connect)
        assert await fetcher.get(f"http://files.corp:{listener.port}/") == b"hi"
        assert tried == ["127.0.0.1"]

"""Download what a client names by URL, without becoming its way into a private network.

::

    URL ─► one reading (place) ─► resolved once ─► every address checked ─► connected to one of
    those ─► GET ─► 200 or refused; no redirect, no cookie, no credential, no proxy

The name is asked for once and the connection goes to an address of that answer, so a second answer
changes nothing. One address that may not be reached refuses them all. The client is told that the
URL could not be fetched, and of a private host nothing else.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from dragoman import __version__
from dragoman.clock import Clock
from dragoman.errors import Failure
from dragoman.http.client import Client, Response, Target
from dragoman.http.dial import Address, resolve
from dragoman.media import address, place
from dragoman.media.address import Exceptions
from dragoman.media.place import Place
from dragoman.upstream import Timeouts

CONNECT_S: Final = 5.0
"""For name, TCP and TLS."""
SILENCE_S: Final = 5.0
"""Before the head, and between two pieces of the body."""
TOTAL_S: Final = 10.0
"""For one download, however lively it is."""
MOST_AT_ONCE: Final = 16
"""Downloads under way in the whole process; others wait, within their own time."""

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]

_HEADERS: Final = f"user-agent: dragoman/{__version__}\r\naccept: */*\r\n".encode()
_FORBIDDEN: Final = "names a host that may not be fetched from"
_LOCAL: Final = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".onion")
"""Names below these are nobody's but the network's own; a resolver is not even asked."""


class Refused(Exception):
    """The URL is not fetched; the text follows "The URL" and is for the client."""


class Limits(NamedTuple):
    """The operator's settings for downloads."""

    max_bytes: int
    exceptions: Exceptions = Exceptions()


class Fetcher:
    """Downloads for one configuration. ``lookup`` is asked for the addresses of names."""

    def __init__(self, limits: Limits, clock: Clock, lookup: Resolve = resolve) -> None:
        self._limits = limits
        self._clock = clock
        self._lookup = lookup
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def get(self, url: str) -> bytes:
        """What a URL leads to, whole. Raises :class:`Refused`."""
        try:
            found = place.read(url)
        except place.BadUrl as error:
            raise Refused(str(error)) from None
        try:
            async with asyncio.timeout(TOTAL_S), self._places:
                return await self._get(found)
        except TimeoutError:
            raise Refused(f"could not be fetched within {TOTAL_S:g} s") from None

    async def _get(self, found: Place) -> bytes:
        addresses = await self._checked(found)
        try:
            client = Client(
                Target(
                    found.origin,
                    proxy="",
                    connect_timeout_s=CONNECT_S,
                    addresses=tuple(addresses),
                ),
                clock=self._clock,
                environ={},
            )
        except ValueError:
            raise Refused("has a host that is not a name") from None
        try:
            response = await client.send(
                "GET", found.path, _HEADERS, b"", Timeouts(SILENCE_S, SILENCE_S)
            )
            try:
                return await self._body(response)
            finally:
                response.close()
        except Failure:
            raise Refused("could not be fetched") from None
        finally:
            await client.close()

    async def _checked(self, found: Place) -> list[Address]:
        """The addresses to connect to; every one of them may be."""
        if found.address is not None:
            if not self._may_reach(found, found.address):
                raise Refused(_FORBIDDEN)
            return [_numeric(found)]
        exceptions = self._limits.exceptions
        if _is_local(found.host) and not (exceptions.networks or found.host in exceptions.hosts):
            raise Refused(_FORBIDDEN)
        try:
            addresses = list(await self._lookup(found.host, found.port))
        except (OSError, UnicodeError):
            raise Refused("could not be fetched") from None
        if not addresses:
            raise Refused("could not be fetched")
        for one in addresses:
            read = address.read(one.sockaddr[0])
            if read is None or not self._may_reach(found, read):
                raise Refused("could not be fetched")
        return addresses

    def _may_reach(self, found: Place, one: address.Address) -> bool:
        if self._limits.exceptions.cover(found.host, one):
            return True
        return found.usual_port and address.is_public(one)

    async def _body(self, response: Response) -> bytes:
        if 300 <= response.status < 400:
            raise Refused("leads to another one; send the last one itself")
        if response.status != 200:
            raise Refused(f"was answered with status {response.status}")
        headers = response.headers
        # Asked for as it is: what comes packed may unpack to anything.
        if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise Refused("was answered with compressed data")
        most = self._limits.max_bytes
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > most:
            raise Refused(f"leads to more than {most} bytes")
        pieces: list[bytes] = []
        size = 0
        while data := await response.read():
            size += len(data)
            if size > most:
                raise Refused(f"leads to more than {most} bytes")
            pieces.append(data)
        return b"".join(pieces)


def _is_local(host: str) -> bool:
    return "." not in host or host.endswith(_LOCAL)


def _numeric(found: Place) -> Address:
    if ":" in found.host:
        return Address(socket.AF_INET6, (found.host, found.port, 0, 0))
    return Address(socket.AF_INET, (found.host, found.port))

"""Open a TCP connection to whichever address of a host answers first (RFC 8305, "happy eyeballs").

Addresses are tried in turn, the families alternating; when one has not answered after
:data:`STAGGER_S`, or has failed, the next one starts beside it. The first to connect wins and
the others are closed. All is done with socket callbacks, so nothing is left behind by a
cancelled caller.
"""

import asyncio
import os
import socket
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any, Final, NamedTuple

STAGGER_S: Final = 0.25
"""RFC 8305 §8 recommends 250 ms between attempts."""

_KEEPALIVE_IDLE_S: Final = 30
_KEEPALIVE_EVERY_S: Final = 10
_KEEPALIVE_PROBES: Final = 3
_USER_TIMEOUT_MS: Final = 30000


class Address(NamedTuple):
    """One of the places a name stands for."""

    family: int
    sockaddr: tuple[Any, ...]


class Unconnected(OSError):
    """No address could be connected to; the text names each and its error."""


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host, best first, families alternating. Raises ``OSError``."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    first: list[Address] = []
    other: list[Address] = []
    for family, _, _, _, sockaddr in found:
        (first if family == found[0][0] else other).append(Address(family, sockaddr))
    return [one for one in chain(*zip_longest(first, other)) if one is not None]


async def dial(addresses: Iterable[Address]) -> socket.socket:
    """A connected, non-blocking socket. Raises :class:`Unconnected`."""
    race = _Race(asyncio.get_running_loop(), addresses)
    taken: socket.socket | None = None
    try:
        race.next()
        taken = await race.winner
        return taken
    finally:
        race.stop(taken)


class _Race:
    __slots__ = ("_addresses", "_errors", "_loop", "_open", "_timer", "winner")

    def __init__(self, loop: asyncio.AbstractEventLoop, addresses: Iterable[Address]) -> None:
        self._loop = loop
        self._addresses = iter(addresses)
        self._open: dict[socket.socket, Address] = {}
        self._errors: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self.winner: asyncio.Future[socket.socket] = loop.create_future()

    def stop(self, taken: socket.socket | None) -> None:
        """Close every socket but the one that the caller has got."""
        if self._timer is not None:
            self._timer.cancel()
        for sock in self._open:
            self._loop.remove_writer(sock)
            if sock is not taken:
                sock.close()
        self._open.clear()

    def next(self) -> None:
        """Start the next attempt, and the clock for the one after it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for address in self._addresses:
            if self._start(address):
                self._timer = self._loop.call_later(STAGGER_S, self.next)
                return
            if self.winner.done():
                return
        if not self._open and not self.winner.done():
            text = "; ".join(self._errors) or "the name has no address"
            self.winner.set_exception(Unconnected(text))

    def _start(self, address: Address) -> bool:
        """Whether an attempt is under way."""
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM)
        except OSError as error:
            self._errors.append(f"{address.sockaddr[0]}: {error}")
            return False
        sock.setblocking(False)
        self._open[sock] = address
        try:
            sock.connect(address.sockaddr)
        except (BlockingIOError, InterruptedError):
            self._loop.add_writer(sock, self._connected, sock)
            return True
        except OSError as error:
            self._lose(sock, error)
            return False
        self._win(sock)
        return False

    def _connected(self, sock: socket.socket) -> None:
        self._loop.remove_writer(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._lose(sock, OSError(code, os.strerror(code)))
            self.next()
        else:
            self._win(sock)

    def _lose(self, sock: socket.socket, error: OSError) -> None:
        address = self._open.pop(sock)
        sock.close()
        self._errors.append(f"{address.sockaddr[0]}: {error.strerror or error}")

    def _win(self, sock: socket.socket) -> None:
        if not self.winner.done():
            _tune(sock)
            self.winner.set_result(sock)


def _tune(sock: socket.socket) -> None:
    """Send at once, and notice within about a minute that the other end is gone without a word."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", _KEEPALIVE_EVERY_S),
        ("TCP_KEEPCNT", _KEEPALIVE_PROBES),
        ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
    ):
        # Not every system has all of them.
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

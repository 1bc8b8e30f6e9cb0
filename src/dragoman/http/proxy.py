"""Proxies on the way to an upstream: which one the environment asks for, and the tunnel through it.

``HTTPS_PROXY`` serves https targets, ``HTTP_PROXY`` http targets; the lower-case name wins over the
upper-case one, as in curl. ``NO_PROXY`` lists what is reached directly: ``*``, ``host`` (with its
subdomains), ``.suffix``, an address, a CIDR block, each optionally with ``:port``. Loopback targets
never go through a proxy of the environment.

An https target is reached through a CONNECT tunnel (RFC 9110 §9.3.6), an http target by the
absolute form of the request line (RFC 9112 §3.2.2). Proxies themselves are spoken to in plain
HTTP.
"""

import asyncio
import base64
import socket
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

_MAX_REPLY_BYTES: Final = 16384


class Proxy(NamedTuple):
    """An HTTP proxy."""

    host: str
    port: int
    authorization: str
    """The value of ``proxy-authorization``, empty if the proxy asks for none."""


class Refused(OSError):
    """The proxy would not open a tunnel; the text says what it answered."""


def parse(url: str) -> Proxy:
    """A proxy from ``http://user:password@host:port`` or ``host:port``. Raises ``ValueError``."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http":
        raise ValueError(f"proxy scheme {parts.scheme!r}: only http:// proxies are supported")
    if not parts.hostname:
        raise ValueError("a proxy URL needs a host")
    authorization = ""
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(user.encode()).decode()
    return Proxy(parts.hostname, 80 if parts.port is None else parts.port, authorization)


def from_environment(scheme: str, host: str, port: int, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that ``environ`` names for a target, None to go directly. Raises ``ValueError``."""
    name = f"{scheme}_proxy"
    url = environ.get(name) or environ.get(name.upper())
    if not url or is_loopback(host):
        return None
    spared = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if any(_covers(entry, host, port) for entry in spared.replace(",", " ").split()):
        return None
    return parse(url)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name."""
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether one entry of NO_PROXY covers a target."""
    if entry == "*":
        return True
    name, entry_port = _split_port(entry.lower())
    if entry_port is not None and entry_port != port:
        return False
    host = host.rstrip(".").lower()
    try:
        address = ip_address(host)
    except ValueError:
        suffix = name.removeprefix("*").strip(".")
        return bool(suffix) and (host == suffix or host.endswith("." + suffix))
    try:
        return address in ip_network(name, strict=False)
    except ValueError:
        return False


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, int(rest[1:]) if rest[1:].isdigit() else None
    name, colon, digits = entry.rpartition(":")
    # More than one colon is an IPv6 address without brackets.
    if colon and ":" not in name and digits.isdigit():
        return name, int(digits)
    return entry, None


async def tunnel(sock: socket.socket, proxy: Proxy, authority: str) -> None:
    """Have ``proxy``, connected to by ``sock``, connect on to ``authority`` (``host:port``).

    Raises :class:`Refused` or ``OSError``.
    """
    loop = asyncio.get_running_loop()
    head = f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n"
    if proxy.authorization:
        head += f"proxy-authorization: {proxy.authorization}\r\n"
    await loop.sock_sendall(sock, f"{head}\r\n".encode())
    reply = b""
    while b"\r\n\r\n" not in reply:
        data = await loop.sock_recv(sock, _MAX_REPLY_BYTES)
        reply += data
        if not data or len(reply) > _MAX_REPLY_BYTES:
            raise Refused("the proxy did not answer CONNECT with an HTTP response")
    version, _, rest = reply.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        raise Refused("the proxy did not answer CONNECT with an HTTP response")
    if not status.startswith(b"2"):
        raise Refused(f"the proxy answered CONNECT with status {status.decode()}")
    if reply.index(b"\r\n\r\n") + 4 != len(reply):
        raise Refused("the proxy sent bytes before the tunnel was used")

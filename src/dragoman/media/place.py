"""A client's URL → the one place it can mean, or a refusal.

Attacks on fetchers live on two readers that understand one URL differently, so only what leaves no
doubt is let through: no user, no backslash, no zone, no percent sign in the host, one spelling of
an IPv4 address. What :func:`read` gives back is also what the connection and the request are made
of; the text is not looked at a second time.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import quote

from dragoman.media.address import Address
from dragoman.media.address import read as read_address

MAX_URL_BYTES: Final = 8192

_SHAPE = re.compile(
    r"(https?)://(?:\[([0-9A-Fa-f:.]{2,45})\]|([^/?#@:\[\]%]{1,253}))(?::(\d{1,5}))?"
    r"(/[^?#]*)?(\?[^#]*)?(?:#.*)?",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PLAIN = "!#$%&'()*+,/:;=?@[]~-._"
_PORTS = {"http": 80, "https": 443}


class BadUrl(ValueError):
    """The URL cannot be fetched; the text says why, for the person who sent it."""


class Place(NamedTuple):
    """Where a URL leads."""

    scheme: str
    host: str
    """A name in lower-case ASCII without a trailing dot, or an address."""
    port: int
    path: str
    """Path and query as the request line has them."""
    address: Address | None
    """The address that the host is, if it is one."""

    @property
    def usual_port(self) -> bool:
        """Whether it is one of the ports that web servers have."""
        return self.port in _PORTS.values()

    @property
    def origin(self) -> str:
        """Scheme, host and port as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def read(url: str) -> Place:
    """What a URL means. Raises :class:`BadUrl`."""
    if len(url) > MAX_URL_BYTES:
        raise BadUrl(f"is longer than {MAX_URL_BYTES} characters")
    if _FORBIDDEN.search(url):
        raise BadUrl("holds a space, a backslash or a control character")
    found = _SHAPE.fullmatch(url)
    if found is None:
        raise BadUrl("is not of the form http://host/path")
    scheme = found[1].lower()
    host, address = _bracketed(found[2]) if found[2] else _host(found[3])
    port = int(found[4]) if found[4] else _PORTS[scheme]
    if not 0 < port < 65536:
        raise BadUrl("has a port that does not exist")
    path = quote((found[5] or "/") + (found[6] or ""), safe=_PLAIN, errors="replace")
    return Place(scheme, host, port, path, address)


def _bracketed(text: str) -> tuple[str, Address | None]:
    try:
        return str(IPv6Address(text)), read_address(text)
    except ValueError:
        raise BadUrl("has a host that is not an address") from None


def _host(text: str) -> tuple[str, Address | None]:
    try:
        # Also brings full-width letters, digits and dots to the ones they stand for.
        host = text.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise BadUrl("has a host that is not a name") from None
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return host, IPv4Address(host)
        except ValueError:
            raise BadUrl("has an address that is not written as four plain numbers") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrl("has a host that is not a name")
    return host, None

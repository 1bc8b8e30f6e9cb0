"""What a carrier makes of a request: the bytes of one upstream request, without credentials."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from msgspec import Struct


class Wire(Struct, frozen=True, gc=False):
    """One upstream request, for every account of one carrier that knows the model by one id."""

    path: str
    """Absolute path, percent-encoded; the account's base URL may put another before it."""
    body: bytes
    headers: bytes = b""
    """Header lines that this request needs beside the account's own. A line that the account has,
    too, replaces its; values of ``anthropic-beta`` are added to its."""
    names: Mapping[str, str] | None = None
    """Upstream's tool names → the hub's, where they differ."""
    warnings: tuple[tuple[str, str], ...] = ()
    """What could not be said: (name, reason)."""
    quiet: bool = False
    """The answer will hold events that the client did not ask for (``Verbatim.hides``)."""


_BETA = b"anthropic-beta"


@lru_cache(maxsize=1024)
def merged(own: bytes, more: bytes) -> bytes:
    """An account's header lines with those of one request: ``Wire.headers`` says how.

    Both are written by the gateway: lower-case names, ``name: value``, CRLF.
    """
    lines = dict(_lines(own))
    for name, value in _lines(more):
        given = lines.get(name)
        lines[name] = b"%b,%b" % (value, given) if given and name == _BETA else value
    return b"".join([b"%b: %b\r\n" % line for line in lines.items()])


def _lines(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in block.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b": ")
        yield name, value

"""TLS towards upstreams: whom to trust, and a connection that encrypts.

TLS runs inside the protocol, on memory BIOs, not on the loop's own TLS transport. That one drops
what it has not yet delivered when the peer closes without a close_notify, so with capped reads
the end of a response was lost; and it keeps a buffer of 256 KiB a connection, where ours is
shared. The cost is the same.

Host names are always verified, TLS is 1.2 or newer, ALPN offers ``http/1.1`` alone.
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import Final, cast

from dragoman.http.upstream_connection import WRITE_AT_ONCE, Owner, UpstreamConnection

_WELL_KNOWN_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_RECORD_BYTES: Final = 16384
_SLICE_BYTES: Final = 262144

_contexts: dict[tuple[str, int], ssl.SSLContext] = {}


def trust(ca_file: str = "") -> ssl.SSLContext:
    """What verifies upstreams: ``ca_file`` alone, or the system's store if that is empty.

    Contexts are shared, for loading the system's store takes tens of milliseconds. Raises
    ``ValueError`` if the file cannot be read or holds no certificate.
    """
    try:
        key = (ca_file, os.stat(ca_file).st_mtime_ns if ca_file else 0)
        if key not in _contexts:
            _contexts[key] = _context(ca_file)
    except OSError as error:
        raise ValueError(f"CA file {ca_file!r}: {error}") from None
    return _contexts[key]


def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    if not ca_file:
        found = ssl.get_default_verify_paths()
        if not (found.cafile or found.capath):
            # A Python built for another distribution looks where nothing is.
            for bundle in _WELL_KNOWN_BUNDLES:
                if os.path.exists(bundle):
                    context.load_verify_locations(bundle)
                    break
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class SecureConnection(UpstreamConnection):
    """A connection that speaks TLS; :meth:`handshake` comes first."""

    __slots__ = (
        "_backlog",
        "_clean",
        "_incoming",
        "_outgoing",
        "_read",
        "_ready",
        "_stuck",
        "_tls",
    )

    def __init__(
        self, owner: Owner, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext, host: str
    ) -> None:
        super().__init__(owner, loop)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        # Into a buffer it returns a count, which the type of SSLObject.read does not say.
        self._read = cast(Callable[[int, memoryview], int], self._tls.read)
        self._ready: asyncio.Future[None] | None = None
        self._backlog = memoryview(b"")
        self._stuck = False
        self._clean = False

    async def handshake(self) -> None:
        """Agree on keys. Raises ``ssl.SSLError`` or ``OSError``; the socket is closed then."""
        self._ready = ready = self.loop.create_future()
        self._shake(ready)
        agreed = False
        try:
            await ready
            agreed = True
        finally:
            if not agreed:
                self.abort()

    def _shake(self, ready: asyncio.Future[None]) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._flush()  # the alert that tells the peer why
            self._ready = None
            if not ready.done():
                ready.set_exception(error)
        else:
            self._flush()
            self._ready = None
            if not ready.done():
                ready.set_result(None)

    def buffer_updated(self, nbytes: int) -> None:
        incoming = self._incoming
        incoming.write(self.owner.buffer[:nbytes])
        if self._ready is not None:
            self._shake(self._ready)
            return
        read = self._read
        plain = self.owner.plain
        try:
            while count := read(_RECORD_BYTES, plain):
                self.feed(plain[:count])
                if not incoming.pending and not self._tls.pending():
                    break
            else:
                self._clean = True
                self.eof_received()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.ended(error)
            self.abort()
        if self._outgoing.pending:
            self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self.transport.write(self._outgoing.read())

    def write(self, head: bytes, body: bytes) -> None:
        if len(body) <= WRITE_AT_ONCE:
            self._encrypt(head + body)
        else:
            self.bulky = True
            self._encrypt(head)
            self._backlog = memoryview(body)
            self._pump()

    def _encrypt(self, data: bytes | memoryview) -> None:
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self.ended(error)
            self.abort()
        else:
            self._flush()

    def _pump(self) -> None:
        # A large body is encrypted as the socket takes it, not all at once.
        while self._backlog and not self._stuck:
            piece = self._backlog[:_SLICE_BYTES]
            self._backlog = self._backlog[_SLICE_BYTES:]
            self._encrypt(piece)

    def pause_writing(self) -> None:
        self._stuck = True

    def resume_writing(self) -> None:
        self._stuck = False
        self._pump()

    @property
    def writing(self) -> bool:
        return bool(self._backlog) or super().writing

    def connection_lost(self, exc: Exception | None) -> None:
        self._backlog = memoryview(b"")
        ready = self._ready
        if ready is not None:
            self._ready = None
            if not ready.done():
                ready.set_exception(exc or ConnectionResetError("closed inside the TLS handshake"))
        super().connection_lost(exc)

    def ends_with_stream(self) -> bool:
        # Without the peer's close_notify anybody could have cut the stream (RFC 9112 §9.8).
        return self._clean and super().ends_with_stream()

"""What carries requests to one upstream account, as the rest of the gateway sees it.

Two things do: ``http.client.Client`` over the network, and the built-in simulator in process.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable


class Timeouts(NamedTuple):
    """How long an upstream may be silent, in seconds."""

    first_byte_s: float
    """Before the head of the response."""
    stall_s: float
    """Between two pieces of its body."""


class UpstreamResponse(Protocol):
    """What a client's answer looks like to the gateway; see ``http.client.Response``."""

    @property
    def status(self) -> int: ...
    @property
    def head(self) -> bytes:
        """Status line and headers as they came."""
        ...

    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def ended(self) -> bool:
        """Whether all of the body has arrived."""
        ...

    async def read(self) -> bytes: ...
    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand what arrives to ``sink``: True at the end, false when ``sink`` said so."""
        ...

    async def body(self, limit_bytes: int) -> bytes: ...
    def close(self) -> None: ...


class UpstreamClient(Protocol):
    """What carries requests to one account: ``http.client.Client`` or the built-in simulator."""

    async def send(
        self, method: str, path: str, headers: bytes, body: bytes, timeouts: Timeouts
    ) -> UpstreamResponse: ...
    async def close(self) -> None: ...


@runtime_checkable
class Resends(Protocol):
    """A client that keeps connections, and sends a request once more, on a new one, where the one
    that was kept proves to be closed."""

    resent: int
    """How often it did."""


async def pour(response: UpstreamResponse, sink: Callable[[bytes], bool]) -> bool:
    """:meth:`UpstreamResponse.pour` by reading."""
    while data := await response.read():
        if not sink(data):
            return False
    return True

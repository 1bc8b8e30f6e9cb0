"""Attempts: one request, account after account, until one answers.

Nothing has reached the client while this runs, so any failure that is an account's own moves the
request to the next account of the plan. What counts as an answer: for a stream, response headers
and a first event that is not an error; for a whole reply, all of its bytes. What the client caused
(a 400) is never retried.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple

from dragoman.account import Account
from dragoman.carriers import anthropic
from dragoman.errors import Failure
from dragoman.hub.events import Event, Ping, Reply, UpstreamError
from dragoman.pool import Pool
from dragoman.record import Record
from dragoman.upstream import Timeouts, UpstreamResponse

MAX_REPLY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 256 * 1024
_PATH = "/v1/messages"


class Upstream(NamedTuple):
    """A request as it goes up, the same for every account of one carrier."""

    body: bytes
    simulate: str
    """The client's ``x-simulate`` header, for simulator accounts only."""
    timeouts: Timeouts


class Answer:
    """A stream that has begun. ``async with`` it: leaving closes the upstream or gives it back."""

    __slots__ = ("_first", "_pool", "_reader", "_response", "account")

    def __init__(self, account: Account, pool: Pool, response: UpstreamResponse) -> None:
        self.account = account
        self._pool = pool
        self._response = response
        self._reader = anthropic.Reader()
        self._first: list[Event] | None = None

    async def begin(self) -> None:
        """Wait for the first event. Raises what an error event says, or what broke."""
        while True:
            data = await self._response.read()
            if not data:
                self._reader.close()
                raise Failure("upstream_truncated", "The upstream closed an empty stream.")
            events = self._reader.feed(data)
            for event in events:
                if isinstance(event, UpstreamError):
                    raise anthropic.stream_failure(event)
                if not isinstance(event, Ping):
                    self._first = events
                    return

    def __aiter__(self) -> "Answer":
        return self

    async def __anext__(self) -> list[Event]:
        """The events of one upstream read.

        Raises Failure when the stream breaks or reports an error.
        """
        first = self._first
        if first is not None:
            self._first = None
            return first
        data = await self._response.read()
        if not data:
            self._reader.close()
            raise StopAsyncIteration
        return self._reader.feed(data)

    async def __aenter__(self) -> "Answer":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._response.close()
        self.account.in_flight -= 1
        if isinstance(error, Failure):
            self._pool.failed(self.account, error)


async def stream(pool: Pool, plan: Sequence[Account], up: Upstream, record: Record) -> Answer:
    """The first account's stream that begins. Raises the last account's Failure."""
    last: Failure | None = None
    for account in plan:
        try:
            return await _begin(pool, account, up, record)
        except Failure as failure:
            pool.failed(account, failure)
            if not failure.row.retry:
                raise
            last = failure
    raise last or Failure("no_account", "No upstream account is available.", retry_after_s=1)


async def whole(pool: Pool, plan: Sequence[Account], up: Upstream, record: Record) -> Reply:
    """The first account's whole reply. Raises the last account's Failure."""
    last: Failure | None = None
    for account in plan:
        account.in_flight += 1
        try:
            response = await _send(account, up, record)
            try:
                reply = anthropic.read_reply(await response.body(MAX_REPLY_BYTES))
            finally:
                response.close()
        except Failure as failure:
            pool.failed(account, failure)
            if not failure.row.retry:
                raise
            last = failure
        else:
            pool.succeeded(account)
            return reply
        finally:
            account.in_flight -= 1
    raise last or Failure("no_account", "No upstream account is available.", retry_after_s=1)


async def _begin(pool: Pool, account: Account, up: Upstream, record: Record) -> Answer:
    account.in_flight += 1
    response: UpstreamResponse | None = None
    try:
        response = await _send(account, up, record)
        answer = Answer(account, pool, response)
        await answer.begin()
    except BaseException:
        account.in_flight -= 1
        if response is not None:
            response.close()
        raise
    pool.succeeded(account)
    return answer


async def _send(account: Account, up: Upstream, record: Record) -> UpstreamResponse:
    """One attempt up to a 200's headers. Raises the Failure that any other status means."""
    record.attempts += 1
    record.account = account.name
    headers = account.headers
    if up.simulate and account.provider == "simulator":
        headers += b"x-simulate: %b\r\n" % up.simulate.encode("latin-1", "replace")
    response = await account.client.send("POST", _PATH, headers, up.body, up.timeouts)
    if response.status == 200:
        return response
    try:
        body = await response.body(MAX_ERROR_BYTES)
    finally:
        response.close()
    raise anthropic.read_error(response.status, response.headers, body)

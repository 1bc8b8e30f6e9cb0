"""Attempts: one request, account after account, until one answers.

Nothing has reached the client while this runs, so any failure that is an account's own moves the
request to another account (``elsewhere.py``). What counts as an answer: for a stream, response
headers and a first event that is not an error; for a whole reply, all of its bytes.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypeVar

from dragoman import elsewhere, hedging
from dragoman.account import Account
from dragoman.carriers import anthropic
from dragoman.elsewhere import Attempt, Missed
from dragoman.errand import Search, Upstream
from dragoman.errors import Failure
from dragoman.hub.events import Event, MessageStart, Ping, Reply, UpstreamError
from dragoman.hub.usage import WireUsage
from dragoman.pool import Pool
from dragoman.record import Record
from dragoman.routing import Moved
from dragoman.upstream import UpstreamResponse

T = TypeVar("T")
FINISH_S = 1.0
"""How long the end of a response may come after its last event."""
MAX_REPLY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 256 * 1024
_PATH = "/v1/messages"
_FIELDS = (b"event:", b"data:", b":", b"id:", b"retry:")
"""How a stream of events begins."""
_BETA = b"anthropic-beta: "


class Answer:
    """A stream that has begun. ``async with`` it: leaving closes the upstream or gives it back."""

    __slots__ = ("_failure", "_first", "_pool", "_reader", "_response", "_take", "account")

    def __init__(self, account: Account, pool: Pool, response: UpstreamResponse) -> None:
        self.account = account
        self._pool = pool
        self._response = response
        self._reader = anthropic.Reader()
        self._first: list[Event] = []
        self._failure: Failure | None = None
        self._take: Callable[[list[Event]], bool] | None = None

    async def begin(self, patience_s: float) -> None:
        """Wait for the first event that holds a piece of the answer.

        Until then nothing is lost by going elsewhere. Raises what an error event says, or what
        broke; ``upstream_timeout`` when upstream keeps talking for ``patience_s`` without saying
        anything.
        """
        data = await self._response.read()
        if self._begun(data):
            return
        odd = not data.lstrip().startswith(_FIELDS)
        try:
            async with asyncio.timeout(patience_s):
                while not self._begun(await self._response.read(), odd):
                    pass
        except TimeoutError:
            detail = f"no piece of the answer within {patience_s:g} s of its head"
            words = "The upstream took too long to answer."
            raise Failure("upstream_timeout", words, detail=detail) from None

    def _begun(self, data: bytes, odd: bool = False) -> bool:
        """Whether the answer has begun with what was read; ``odd``: it does not look like one."""
        if not data:
            if odd:
                raise Failure("upstream_nonsense", "The upstream's answer is not a stream.")
            self._reader.close()
            raise Failure("upstream_truncated", "The upstream closed an empty stream.")
        events = self._reader.feed(data)
        self._first += events
        for event in events:
            if isinstance(event, UpstreamError):
                failure = anthropic.stream_failure(event)
                failure.answered = True
                raise failure
            if not isinstance(event, Ping | MessageStart):
                return True
        return False

    @property
    def said(self) -> WireUsage | None:
        """What the beginning of a stream that was not yet pumped says of usage."""
        starts = [event.usage for event in self._first if isinstance(event, MessageStart)]
        return starts[0] if starts else None

    async def pump(self, take: Callable[[list[Event]], bool]) -> bool:
        """Hand the events of every upstream read to ``take`` at the moment they arrive.

        True at the end of the answer; false as soon as ``take`` answers false, and then it may be
        called again. Raises Failure when the stream breaks or reports an error, after what came
        before it was handed over.
        """
        self._take = take
        events, self._first = self._first, []
        ended = False
        if self._deliver(events):
            ended = await self._response.pour(self._arrived)
        if self._failure is not None:
            raise self._failure
        if ended and not self._reader.done:
            self._reader.close()
        return self._reader.done

    def _arrived(self, data: bytes) -> bool:
        try:
            events = self._reader.feed(data)
        except Failure as failure:
            self._failure = failure
            return False
        return self._deliver(events)

    def _deliver(self, events: list[Event]) -> bool:
        """Hand events over; whether more is wanted."""
        done = self._reader.done
        if done and events and isinstance(last := events[-1], UpstreamError):
            # What came before the error is the client's; the error itself comes next.
            self._failure = anthropic.stream_failure(last)
            del events[-1]
        if events and self._take is not None and not self._take(events):
            return False
        return not done

    async def __aenter__(self) -> "Answer":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None and self._reader.done:
                await self._finish()
        finally:
            self._response.close()
            self.account.release()
            if isinstance(error, Failure):
                self.blame(error)

    def drop(self) -> None:
        """Let go of a stream that nobody has entered (``errand.Droppable``)."""
        self._response.close()
        self.account.release()

    def blame(self, failure: Failure) -> None:
        """Let the account know what broke its stream."""
        self._pool.failed(self.account, failure)

    async def _finish(self) -> None:
        """Read the end of a response whose last event was seen, so that its connection can be kept.

        It nearly always came along with the event, or comes within a moment; an upstream that keeps
        the client waiting for it loses the connection.
        """
        if self._response.ended:
            return
        try:
            async with asyncio.timeout(FINISH_S):
                while await self._response.read():
                    pass
        except (TimeoutError, Failure):
            return


def stream(
    pool: Pool, plan: Sequence[Account], up: Upstream, record: Record
) -> Coroutine[Any, Any, Answer]:
    """The first account's stream that begins. Raises the last account's Failure."""
    return _first(pool, plan, _begin, (up, record))


def whole(
    pool: Pool, plan: Sequence[Account], up: Upstream, record: Record
) -> Coroutine[Any, Any, tuple[Reply, Account]]:
    """The first account's whole reply, and whose it is. Raises the last account's Failure."""
    return _first(pool, plan, _reply, (up, record))


async def _first(
    pool: Pool,
    plan: Sequence[Account],
    attempt: Attempt[T],
    request: tuple[Upstream, Record],
) -> T:
    """What the first account that can gives; ``plan`` holds at least one."""
    up, record = request
    account = plan[0]
    pool.sent += 1
    if pool.hedges is not None and up.road is not None:
        return await hedging.Race(pool, pool.hedges, attempt, request).run(account)
    sent, well = up.body, not account.failures
    pool.trying(account)
    try:
        answered = await attempt(pool, account, up, record)
    except Failure as failure:
        missed = Missed(account, sent, well, failure)
        return await elsewhere.go_on(pool, missed, attempt, request, Search())
    pool.succeeded(account)
    if plan.__class__ is Moved and up.road is not None:
        up.road.moved(account)
    return answered


async def _reply(
    pool: Pool, account: Account, up: Upstream, record: Record
) -> tuple[Reply, Account]:
    account.in_flight += 1
    try:
        response = await _send(pool, account, up, record)
        try:
            return anthropic.read_reply(await response.body(MAX_REPLY_BYTES)), account
        finally:
            response.close()
    finally:
        account.release()


async def _begin(pool: Pool, account: Account, up: Upstream, record: Record) -> Answer:
    with ExitStack() as undo:
        account.in_flight += 1
        undo.callback(account.release)
        response = await _send(pool, account, up, record)
        undo.callback(response.close)
        answer = Answer(account, pool, response)
        await answer.begin(up.timeouts.first_byte_s)
        undo.pop_all()
    return answer


async def _send(pool: Pool, account: Account, up: Upstream, record: Record) -> UpstreamResponse:
    """One attempt up to a 200's headers. Raises the Failure that any other status means."""
    record.attempts += 1
    record.account = account.name
    headers = account.headers
    if up.simulate and account.provider == "simulator":
        headers += b"x-simulate: %b\r\n" % up.simulate.encode("latin-1", "replace")
    if up.betas:
        headers = _with_betas(headers, up.betas)
    response = await account.client.send("POST", _PATH, headers, up.body, up.timeouts)
    if response.status == 200:
        pool.heard(account, response.head)
        return response
    try:
        body = await response.body(MAX_ERROR_BYTES)
    finally:
        response.close()
    failure = anthropic.read_error(response.status, response.headers, body)
    failure.answered = True
    raise failure


def _with_betas(headers: bytes, betas: tuple[str, ...]) -> bytes:
    """Header lines with betas, added to those that the account's configuration names."""
    values = ",".join(betas).encode()
    if _BETA not in headers:
        return headers + b"%b%b\r\n" % (_BETA, values)
    return headers.replace(_BETA, b"%b%b," % (_BETA, values), 1)

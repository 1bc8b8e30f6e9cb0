"""A stream that has begun at an account, until it ends.

:class:`Answer` hands upstream's events on, as its carrier's reader gives them. :class:`Passed`
hands on the bytes themselves, for a client that speaks what the upstream speaks; the reader still
runs beside it: it tells usage, finds the end, and keeps an upstream's error from the client, which
gets ours instead.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from types import TracebackType

from dragoman.account import Account
from dragoman.carriers.registry import Carrier, Framing
from dragoman.errors import Failure
from dragoman.hub.events import Event, MessageStart, Ping, UpstreamError
from dragoman.hub.usage import WireUsage
from dragoman.hub.wire import Wire
from dragoman.pool import Pool
from dragoman.upstream import UpstreamResponse

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Most bytes of an event that has no end yet."""
_END = re.compile(rb"\r?\n\r?\n|\r\r")
FINISH_S = 1.0
"""How long the end of a response may come after its last event."""


class Answer:
    """A stream that has begun. ``async with`` it: leaving closes the upstream or gives it back."""

    __slots__ = (
        "_carrier",
        "_failure",
        "_first",
        "_plain",
        "_pool",
        "_reader",
        "_response",
        "_say",
        "_take",
        "account",
        "passed",
    )
    warnings: tuple[tuple[str, str], ...] = ()
    """What did not go up of the client's own bytes: (name, reason)."""

    def __init__(
        self,
        account: Account,
        pool: Pool,
        response: UpstreamResponse,
        carrier: Carrier,
        wire: Wire,
    ) -> None:
        self.account = account
        self.passed: bytes | None = None
        """Of an answer whose bytes go to the client: those of the events handed over last."""
        self._pool = pool
        self._response = response
        self._carrier = carrier
        names = wire.names
        self._reader = carrier.reader() if names is None else carrier.reader(names)
        self._first: list[Event] = []
        self._failure: Failure | None = None
        self._take: Callable[[list[Event]], bool] | None = None
        self._say: Callable[[bytes], bool] | None = None
        self._plain: Callable[[bytes], bytes | None] | None = None

    async def begin(self, patience_s: float) -> None:
        """Wait for the first event that holds a piece of the answer.

        Until then nothing is lost by going elsewhere. Raises what an error event says, or what
        broke; ``upstream_timeout`` when upstream keeps talking for ``patience_s`` without saying
        anything.
        """
        data = await self._response.read()
        if self._begun(data):
            return
        odd = not data.lstrip().startswith(self._carrier.begins)
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
        events = self._read(data)
        self._first += events
        for event in events:
            if isinstance(event, UpstreamError):
                failure = self._carrier.stream_failure(event)
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

    async def pump(
        self, take: Callable[[list[Event]], bool], say: Callable[[bytes], bool] | None = None
    ) -> bool:
        """Hand the events of every upstream read to ``take`` at the moment they arrive.

        A read that is one piece of text and nothing else, as most are, may go to ``say`` instead,
        as a JSON string: where a thousand streams send fifty a second that is a tenth of its price.

        True at the end of the answer; false as soon as ``take`` answers false, and then it may be
        called again. Raises Failure when the stream breaks or reports an error, after what came
        before it was handed over.
        """
        self._take = take
        events, self._first = self._first, []
        ended = False
        if say is not None:
            self._say, self._plain = say, self._reader.plain
        if self._deliver(events):
            ended = await self._response.pour(self._arrived)
        if self._failure is not None:
            raise self._failure
        if ended and not self._reader.done:
            self._deliver(self._reader.close() or [])
        return self._reader.done

    def _read(self, data: bytes) -> list[Event]:
        """What the first bytes say."""
        return self._reader.feed(data)

    def _arrived(self, data: bytes) -> bool:
        if self._plain is not None and self._say is not None:
            text = self._plain(data)
            if text is not None:
                return self._say(text)
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
            self._failure = self._carrier.stream_failure(last)
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


class Passed(Answer):
    """A stream whose bytes go to the client as they are.

    Only whole events do, so that nothing the gateway writes can stand inside of one, and an error
    is never half told.
    """

    __slots__ = ("_alarm", "_framing", "_held", "_hides", "_out", "warnings")

    def __init__(
        self,
        account: Account,
        pool: Pool,
        response: UpstreamResponse,
        carrier: Carrier,
        wire: Wire,
    ) -> None:
        super().__init__(account, pool, response, carrier, wire)
        verbatim = carrier.verbatim
        if verbatim is None:
            raise ValueError(f"carrier {carrier.name} takes no client's bytes")
        self._alarm = verbatim.alarm
        self._hides = verbatim.hides if wire.quiet else None
        """Tells events that the client did not ask for."""
        self._framing: Framing | None = None
        """Reads a stream whose frames are not the client's."""
        if verbatim.framing is not None:
            self._reader = self._framing = verbatim.framing()
        self.warnings = wire.warnings
        self._held = b""
        """The beginning of an event."""
        self._out: list[bytes] = []
        """Events that may be handed on and were not yet."""
        self.passed = b""

    def _read(self, data: bytes) -> list[Event]:
        if self._framing is not None:
            events = self._framing.feed(data)
            self._out.append(self._framing.take())
            return events
        whole, self._held = _whole_events(self._held + data)
        if len(self._held) > MAX_EVENT_BYTES:
            raise Failure("upstream_nonsense", "The upstream sent an event without an end.")
        # What would be hidden in an event is found in a piece that holds it, too.
        shown = self._hides is None or not self._hides(whole)
        if shown and self._alarm.search(whole) is None:
            events = self._reader.feed(whole)
            self._out.append(whole)
            return events
        found: list[Event] = []
        for frame in _frames(whole):
            hidden = self._hides is not None and self._hides(frame)
            read = self._reader.feed(frame)
            found += read
            if read and isinstance(read[-1], UpstreamError):
                break
            if not hidden:
                self._out.append(frame)
        return found

    def _arrived(self, data: bytes) -> bool:
        try:
            events = self._read(data)
        except Failure as failure:
            self._failure = failure
            events = []
        return self._deliver(events) and self._failure is None

    def _deliver(self, events: list[Event]) -> bool:
        """Hand over what may go on; also what holds no event that we know."""
        done = self._reader.done
        if done and events and isinstance(last := events[-1], UpstreamError):
            self._failure = self._carrier.stream_failure(last)
            del events[-1]
        self.passed, self._out = b"".join(self._out), []
        if (events or self.passed) and self._take is not None and not self._take(events):
            return False
        return not done


def _whole_events(data: bytes) -> tuple[bytes, bytes]:
    """Bytes up to the end of the last whole event, and the rest."""
    if data.endswith(b"\n\n"):
        return data, b""
    end = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4, data.rfind(b"\r\r") + 2)
    return (data[:end], data[end:]) if end > 3 else (b"", data)


def _frames(data: bytes) -> Iterator[bytes]:
    """Whole events, one by one."""
    at = 0
    for end in _END.finditer(data):
        yield data[at : end.end()]
        at = end.end()

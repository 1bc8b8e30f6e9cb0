"""A stream of chat chunks read into hub events (protocol.md §6d).

``[DONE]`` is the end. A stream that breaks off after its ``finish_reason`` is complete, too; one
without is ``upstream_truncated``, whatever else it said, so that an answer that was cut by a relay
in between is never taken for a whole one. Usage is told at the end, as the last chunk that held it
said. Of several choices the first is read.
"""

from collections.abc import Mapping

from dragoman.carriers.openai import chunks, repeated
from dragoman.carriers.openai.details import Details
from dragoman.carriers.openai.errors import error_event, stream_failure
from dragoman.carriers.openai.lanes import Lanes
from dragoman.carriers.openai.usage import read_usage
from dragoman.codec import jsonio, sse
from dragoman.errors import Failure
from dragoman.hub.events import (
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    UpstreamError,
)
from dragoman.hub.usage import WireUsage

DONE = b"[DONE]"
_TRUNCATED = UpstreamError("stream_truncated", "no finish_reason")


class Reader:
    """Bytes in, events out (``registry.Reader``).

    ``fast=False`` leaves out the short way of :mod:`repeated`, for tests.
    """

    plain = None

    def __init__(self, names: Mapping[str, str] | None = None, *, fast: bool = True) -> None:
        self._sse = sse.Decoder()
        self._fast = fast
        self._repeated: repeated.Repeated | None = None
        self._lanes = Lanes(names)
        self._details = Details()
        self._sealed = b""
        """What of them was told."""
        self._spoke = False
        self._started = False
        self._reason: str | None = None
        self._refused = False
        self._usage = WireUsage()
        self._error: UpstreamError | None = None
        self.done = False
        """Whether the stream's last event, its end or an error, has been read."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes. Raises Failure ``upstream_nonsense``."""
        events: list[Event] = []
        at = self._take_repeated(data, 0, events)
        while at < len(data) and not self.done:
            begin = at if self._sse.between else -1
            framed, at = self._sse.take(data, at)
            if framed is None:
                continue
            chunk = self._event(framed, events)
            if self._fast and chunk is not None and begin >= 0 and not self.done:
                self._repeated = repeated.learn(data[begin:at], chunk) or self._repeated
                at = self._take_repeated(data, at, events)
        return events

    def _take_repeated(self, data: bytes, at: int, events: list[Event]) -> int:
        """All chunks from ``at`` that are like the one learnt from; returns where they end."""
        like = self._repeated
        if like is None or not self._sse.between:
            return at
        lead, tail, rest, kind = like
        skip, match = len(lead), repeated.LITERAL.match
        while data.startswith(lead, at) and (found := match(data, at + skip)):
            literal, end = found[0], found.end()
            if not data.startswith(tail, end) or not (literal.isascii() or jsonio.is_utf8(literal)):
                break
            end += len(tail)
            if rest:
                padding = repeated.PADDING.match(data, end)
                end = padding.end() if padding else end
                if not data.startswith(rest, end):
                    break
                end += len(rest)
            at = end
            if len(literal) > 2:
                self._lanes.say(kind, literal, events)
        return at

    def close(self) -> list[Event]:
        """The bytes are at their end: what was held back. Raises Failure."""
        if self._error is not None:
            raise stream_failure(self._error)
        events: list[Event] = []
        if self._reason is None and not self.done:
            raise stream_failure(_TRUNCATED)
        if not self.done:
            self._end(events)
        return events

    def _event(self, framed: sse.Event, events: list[Event]) -> chunks.Chunk | None:
        """Read one event; gives back the chunk that it is, where it is one as it stands."""
        data = framed.data
        if data.strip() == DONE:
            self._end(events)
            return None
        if not jsonio.is_utf8(data):
            raise _nonsense("not UTF-8", data)
        try:
            try:
                chunk = chunks.decoder.decode(data)
                self._chunk(chunk, events)
                return chunk
            except jsonio.Malformed:
                mended = jsonio.without_lone_surrogates(data)
                self._chunk(chunks.decoder.decode(mended), events)
                return None
        except jsonio.Mismatch as error:
            raise _nonsense(f"{error.reason} at {error.path!r}", data) from None
        except jsonio.Malformed as error:
            raise _nonsense(str(error), data) from None

    def _chunk(self, chunk: chunks.Chunk, events: list[Event]) -> None:
        if chunks.there(chunk.error):
            self._fail(error_event(chunk.error), events)
            return
        if chunk.object == "error":
            self._fail(UpstreamError("server_error", jsonio.encode(chunk.message).decode()), events)
            return
        if not self._started and (chunk.id or chunk.choices):
            self._started = True
            self._lanes.answer = chunk.id or ""
            events.append(MessageStart(answer_id(chunk.id), chunk.model or "", WireUsage()))
        if chunks.there(chunk.usage):
            self._usage = read_usage(chunk.usage)
        for choice in chunk.choices or ():
            if not choice.index:
                self._choice(choice, events)

    def _choice(self, choice: chunks.Choice, events: list[Event]) -> None:
        said = choice.delta or choice.message
        if said is not None:
            self._said(said, events)
        if chunks.there(choice.usage):
            self._usage = read_usage(choice.usage)
        reason = choice.finish_reason
        if reason in chunks.BROKEN:
            kind = "server_error" if reason == "error" else str(reason)
            self._fail(UpstreamError(kind, "the answer was given up"), events)
        elif reason:
            self._reason = reason

    def _said(self, said: chunks.Said, events: list[Event]) -> None:
        lanes = self._lanes
        thought = chunks.thought(said)
        if thought is not None:
            lanes.say("thinking", thought, events)
        if chunks.there(said.reasoning_details):
            self._details.add(said.reasoning_details)
        text = chunks.text(said)
        if not self._spoke and (text is not None or said.tool_calls):
            # Clients take what comes last for the answer, so what is known goes before it.
            self._spoke = True
            self._sign(events)
        if text is not None:
            lanes.say("text", text, events)
        if chunks.there(said.refusal):
            self._refused = True
        for call in said.tool_calls or ():
            called = call.function or chunks.Called()
            given = (call.id or "", called.name or "")
            lanes.call(call.index, given, chunks.arguments(called), events)
        legacy = said.function_call
        if legacy is not None:
            lanes.call(0, ("", legacy.name or ""), chunks.arguments(legacy), events)

    def _fail(self, error: UpstreamError, events: list[Event]) -> None:
        if not self.done:
            self.done, self._error = True, error
            events.append(error)

    def _sign(self, events: list[Event]) -> None:
        """Tell the details so far, if they are more than what was told."""
        sealed = self._details.sealed()
        if sealed and sealed != self._sealed:
            self._sealed = sealed
            self._lanes.sign(sealed, events)

    def _end(self, events: list[Event]) -> None:
        if self._reason is None:
            self._fail(_TRUNCATED, events)
            return
        self._lanes.end(events)
        self._sign(events)
        stop = stop_reason(self._reason, bool(self._lanes.calls), self._refused)
        events.append(MessageDelta(stop, None, None, self._usage))
        events.append(MessageStop())
        self.done = True


def answer_id(given: str | None) -> str:
    """An answer's id without OpenAI's prefix: every dialect has its own."""
    return (given or "").removeprefix("chatcmpl-")


def stop_reason(reason: str | None, calls: bool, refused: bool) -> str:
    """The hub's stop reason. Many servers say ``stop`` of an answer that ends with calls."""
    found = chunks.REASONS.get(reason or "", "end_turn")
    if refused and not calls:
        return "refusal"
    return "tool_use" if calls and found == "end_turn" else found


def _nonsense(reason: str, data: bytes) -> Failure:
    return Failure(
        "upstream_nonsense",
        "The upstream sent an event that is not valid.",
        detail=f"{reason}: {data[:200]!r}",
    )

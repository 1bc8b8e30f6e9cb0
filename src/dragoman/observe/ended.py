"""Requests that have ended: one log line each, and their figures in the tally.

They are written down some at a time, as soon as there are :data:`AT_ONCE` of them or the oldest has
waited for :data:`~dragoman.observe.log.FLUSH_S`: code that runs thirty times in a row finds itself
in the processor's caches, and no answer waits for it. Whoever reads the tally has them written down
first.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from dragoman.clock import Clock
from dragoman.errors import Blame, Failure
from dragoman.observe.log import FLUSH_S, RequestLine
from dragoman.observe.redaction import redacted
from dragoman.observe.tally import Tally
from dragoman.record import Record

AT_ONCE = 32


class Ended:
    """Takes the records of requests that have ended; ``write`` takes their log lines."""

    def __init__(self, clock: Clock, tally: Tally, write: Callable[[Struct], None]) -> None:
        self._clock = clock
        self._tally = tally
        self._write = write
        self._records: list[Record] = []
        self._due = False
        tally.before_reading = self.settle

    def add(self, record: Record) -> None:
        """A request has ended just now."""
        record.ended = self._clock.mono()
        records = self._records
        records.append(record)
        if len(records) >= AT_ONCE:
            self.settle()
        elif not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(FLUSH_S, self._time_is_up)

    def _time_is_up(self) -> None:
        self._due = False
        self.settle()

    def settle(self) -> None:
        """Write down what waits."""
        records, self._records = self._records, []
        if not records:
            return
        # A reading of the clock on the wall for all of them.
        offset = self._clock.wall() - self._clock.mono()
        add, write = self._tally.add, self._write
        for record in records:
            duration_s = record.ended - record.started
            first_byte_s = record.first_byte - record.started if record.first_byte else 0.0
            outcome = record.outcome._value_
            add(record, outcome, duration_s, first_byte_s)
            usage, failure = record.usage, record.failure
            # By position: names would cost as much again.
            line = RequestLine(
                int((record.ended + offset) * 1000) / 1000,
                record.request_id,
                record.key,
                record.model,
                record.account,
                record.attempts,
                record.status,
                outcome,
                record.stream,
                # Milliseconds with two digits behind the point.
                int(duration_s * 100_000) / 100,
                int(first_byte_s * 100_000) / 100,
                usage.input,
                usage.cache_read,
                usage.cache_write,
                usage.output,
                record.conversation,
                record.cache,
                record.cache_reason,
                failure.kind if failure else "",
                _detail(failure) if failure else "",
                record.missed,
                record.ambiguous,
                record.hedged,
            )
            write(line)


def _detail(failure: Failure) -> str:
    """What the operator is told beyond the kind of a failure.

    Of a client's own mistake nothing: what there is to say quotes the request.
    """
    if failure.row.blame is Blame.CLIENT:
        return ""
    if failure.kind == "internal":
        return failure.detail
    return redacted(failure.detail)

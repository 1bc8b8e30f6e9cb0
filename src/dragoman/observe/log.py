"""Log lines: one JSON object a line, batched, written by a thread of its own.

A request costs one encode and one list append here; lines are handed over every tenth of a second,
so a slow terminal or a full pipe never holds up the event loop. When the writer falls more than
:data:`MAX_WAITING_BYTES` behind, lines are dropped and their number is said once there is room
again. Lines hold names and figures only: no prompt, no answer, no key.
"""

import os
import queue
import threading

import msgspec

from dragoman.codec import jsonio
from dragoman.record import Miss

MAX_WAITING_BYTES = 64 * 1024 * 1024
FLUSH_S = 0.1


class RequestLine(msgspec.Struct, omit_defaults=True, tag_field="event", tag="request", gc=False):
    """One request, as it ended. Times are milliseconds, counts are tokens."""

    time: float
    """Seconds since the epoch, at the end."""
    request_id: str
    key: str
    model: str
    account: str
    attempts: int
    status: int
    outcome: str
    stream: bool
    duration_ms: float
    first_byte_ms: float = 0.0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    conversation: str = ""
    cache: str = ""
    """``hit``, ``partial``, ``miss``, ``written`` or ``off``; without cache marks empty."""
    cache_reason: str = ""
    error: str = ""
    detail: str = ""
    missed: tuple[Miss, ...] = ()
    """Attempts that failed before one was answered, or before none was left."""
    ambiguous: int = 0
    """How many of them were sent and never answered: upstream may bill them."""
    hedged: bool = False
    """A second account was asked because the first was slow."""


class EventLine(msgspec.Struct, omit_defaults=True, gc=False):
    """Something that happened outside any request."""

    time: float
    event: str
    message: str = ""


class Log:
    """Where log lines go: a file descriptor, through a buffer and a thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # Two counters, one writer each: a shared one would lose updates between the threads.
        self._handed = 0
        self._written = 0
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def write(self, line: msgspec.Struct) -> bool:
        """Add a line; True when it is the first since the last flush, so that one is due."""
        self._lines.append(jsonio.encode(line))
        return len(self._lines) == 1

    @property
    def waiting(self) -> int:
        """Bytes handed over and not yet written."""
        return self._handed - self._written

    def flush(self) -> None:
        """Hand all waiting lines to the writer."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        batch = b"\n".join(lines) + b"\n"
        if self.waiting > MAX_WAITING_BYTES:
            self._dropped += len(lines)
            return
        if self._dropped:
            batch = b'{"event":"log_lines_dropped","count":%d}\n' % self._dropped + batch
            self._dropped = 0
        self._handed += len(batch)
        self._queue.put(batch)

    def close(self) -> None:
        """Write what is left, waiting at most two seconds for the reader of the pipe."""
        self.flush()
        self._queue.put(None)
        self._thread.join(timeout=2)

    def _write(self) -> None:
        while (batch := self._queue.get()) is not None:
            view = memoryview(batch)
            try:
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except OSError:
                # Nobody reads the log any more; the gateway goes on without it.
                continue
            finally:
                self._written += len(batch)

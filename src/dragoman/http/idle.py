"""Silence on an answer, noticed by the sweep and not by a timer a stream.

What the sweep compares is how many bytes were written, so writing costs nothing for being watched.
"""

from collections.abc import Callable


class IdleWatch:
    """A callback that is due whenever nothing was written for ``every_s``."""

    __slots__ = ("_seen_bytes", "_since", "callback", "every_s")

    def __init__(
        self, every_s: float, callback: Callable[[], None], since: float, out_bytes: int
    ) -> None:
        self.every_s = every_s
        self.callback = callback
        self._since = since
        self._seen_bytes = out_bytes

    def due(self, out_bytes: int, now: float) -> bool:
        """Whether to call back; ``out_bytes`` is what was written so far, ``now`` is ``mono()``."""
        if out_bytes != self._seen_bytes:
            self._seen_bytes = out_bytes
            self._since = now
            return False
        if now - self._since < self.every_s:
            return False
        self._since = now
        return True

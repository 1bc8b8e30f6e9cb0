"""The events of a stream: each with its name, its type and its number (protocol.md §6e)."""


class Frames:
    """Numbers the events of one stream and keeps their bytes until they are taken.

    A whole answer is a stream that nobody listens to: ``heard`` is false then, and nothing is
    written.
    """

    __slots__ = ("heard", "number", "parts")

    def __init__(self, *, heard: bool) -> None:
        self.heard = heard
        self.number = 0
        """Of the next event."""
        self.parts: list[bytes] = []

    def say(self, kind: bytes, members: bytes) -> None:
        """An event. ``members``: what else it holds, ``"name":value`` with commas between."""
        if self.heard:
            self.parts.append(
                b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n'
                % (kind, kind, self.number, members)
            )
            self.number += 1

    def take(self) -> bytes:
        """The bytes of the events since this was asked last."""
        found = b"".join(self.parts)
        self.parts = []
        return found

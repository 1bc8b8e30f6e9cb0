"""Where inputs live, and which of them are worth keeping.

``corpus/<target>/`` holds one input per file. An input stays if it takes a way through the code
that no smaller one takes, so that the whole corpus replays in seconds.
"""

import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
GOLDEN = Path(__file__).parents[1] / "golden" / "chat-anthropic"
SOURCE = "/dragoman/"
MOST_BYTES = 4096
_SEEDS = {
    "f1": ("request.json", "request.txt"),
    "f2": ("upstream-events.sse",),
    "f3": (),
    "f4": ("upstream-events.sse", "upstream-reply.json"),
    "f5": ("upstream-events.sse",),
}
"""The files of a golden folder with which a target begins."""

Edges = set[tuple[int, int, int]]


def kept(target: str) -> list[Path]:
    """The corpus of a target."""
    return sorted(path for path in (CORPUS / target).iterdir() if path.is_file())


def seeds(target: str) -> list[bytes]:
    """What golden folders offer."""
    paths = [path for name in _SEEDS[target] for path in sorted(GOLDEN.glob(f"*/{name}"))]
    return [path.read_bytes() for path in paths]


def edges(check: Callable[[bytes], None], data: bytes) -> Edges:
    """The steps from line to line that an input takes in the gateway's own code."""
    found: Edges = set()

    def on_line(frame: FrameType, last: list[int], code: int) -> Any:
        def trace(frame: FrameType, _event: str, _arg: object) -> Any:
            found.add((code, last[0], frame.f_lineno))
            last[0] = frame.f_lineno
            return trace

        return trace

    def on_call(frame: FrameType, _event: str, _arg: object) -> Any:
        code = frame.f_code
        if SOURCE not in code.co_filename or "/simulator/" in code.co_filename:
            return None
        return on_line(frame, [0], hash((code.co_filename, code.co_qualname)))

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        check(data)
    finally:
        sys.settrace(before)
    return found


def extend(target: str, check: Callable[[bytes], None], inputs: Iterable[bytes]) -> int:
    """Add those inputs that go where neither the corpus nor a golden file goes, the smallest
    first; how many."""
    known: Edges = set()
    for data in [*seeds(target), *(path.read_bytes() for path in kept(target))]:
        known |= edges(check, data)
    added = 0
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        if len(data) > MOST_BYTES:
            continue
        new = edges(check, data) - known
        if new:
            known |= new
            (CORPUS / target / f"{zlib.crc32(data):08x}").write_bytes(data)
            added += 1
    return added

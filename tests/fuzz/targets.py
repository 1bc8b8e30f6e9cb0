"""The fuzz targets: each takes any bytes, and an exception other than it allows is a defect.

``f1``  request bytes → ``chat.parse``: a request that upstream's SDK and rules accept, or a Failure
``f2``  event-stream bytes → ``codec/sse.py``: the events the HTML standard says, for any split
``f3``  event-stream frames → ``codec/eventstream.py``: what botocore reads, for any split
``f4``  what an upstream sends → the Anthropic ``Reader`` and ``read_reply``: events, or a Failure
``f5``  an upstream's events → ``chat.StreamWriter`` and ``chat.reply``: both say the same

The numbers are those of the list of all fuzz targets; F6 to F8 are for other parts.
"""

from collections.abc import Callable

from tests.fuzz import answers, frames, requests, streams

TARGETS: dict[str, Callable[[bytes], None]] = {
    "f1": requests.check,
    "f2": streams.check_framing,
    "f3": frames.check,
    "f4": streams.check_reading,
    "f5": answers.check,
}

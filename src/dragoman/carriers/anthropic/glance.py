"""A whole message that goes to the client as it came: what the house must know of it.

That is its usage, and that it is a message at all. Its blocks are the client's own business and
are not looked into.
"""

from msgspec import Raw, Struct

from dragoman.carriers.anthropic.reply import read_reply
from dragoman.carriers.anthropic.wire import NULL, ErrorBody
from dragoman.codec import jsonio
from dragoman.hub.events import Reply
from dragoman.hub.usage import WireUsage


class _Seen(Struct, gc=False):
    type: str = "message"
    id: str = ""
    model: str = ""
    content: Raw = NULL
    stop_reason: str | None = None
    error: ErrorBody | None = None
    usage: WireUsage | None = None


_seen = jsonio.Decoder(_Seen)


def glance(body: bytes) -> Reply:
    """A message without its blocks (``Carrier.glance``).

    Whatever is not as it should be is read in full, and raises what :func:`read_reply` does.
    """
    seen = _seen.attempt(body) if jsonio.is_utf8(body) else None
    if (
        seen is None
        or seen.usage is None
        or seen.error is not None
        or seen.type != "message"
        or bytes(memoryview(seen.content)[:1]) != b"["
    ):
        return read_reply(body)
    return Reply(seen.id, seen.model, [], seen.stop_reason, None, None, seen.usage)

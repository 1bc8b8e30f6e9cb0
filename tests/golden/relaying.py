"""What a client gets of a stream, in the way serve.py does it."""

from collections.abc import Callable, Iterable

from dragoman.carriers.registry import Reader
from dragoman.dialects.registry import Writer
from dragoman.errors import Failure
from dragoman.hub.usage import Usage
from dragoman.record import fold


def relayed(
    reader: Reader, writer: Writer, reads: Iterable[bytes], fail: Callable[[Failure], bytes]
) -> bytes:
    """Upstream's ``reads`` as the client's bytes; ``fail`` writes what broke them off."""
    usage = Usage()
    sent: list[bytes] = []
    try:
        for data in reads:
            events = reader.feed(data)
            fold(usage, events)
            sent.append(writer.feed(events))
        reader.close()
        sent.append(writer.close(usage))
    except Failure as failure:
        sent.append(fail(failure))
    return b"".join(sent)

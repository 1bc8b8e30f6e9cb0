"""The Anthropic Messages API as an upstream: version ``2023-06-01``, JSON and server-sent events.

The hub is modelled on this very protocol, so writing a request is encoding it. Reading is where
the work is: :class:`Reader` for streams, :func:`read_reply` for whole messages,
:func:`read_error` for refusals.
"""

from dragoman.carriers.anthropic.errors import read_error, stream_failure
from dragoman.carriers.anthropic.limits import SPENT, limits, reset_s
from dragoman.carriers.anthropic.reader import Reader
from dragoman.carriers.anthropic.reply import read_count, read_reply
from dragoman.carriers.anthropic.sending import COUNT_PATH, PATH, count, lines, to_wire, verbatim
from dragoman.carriers.anthropic.thinking import about_thinking, betas, ease
from dragoman.carriers.anthropic.unsigned import encoded, signed_bytes, signed_only
from dragoman.hub.request import Request

__all__ = [
    "COUNT_PATH",
    "PATH",
    "SPENT",
    "VERSION",
    "Reader",
    "about_thinking",
    "betas",
    "count",
    "ease",
    "limits",
    "lines",
    "prepare",
    "read_count",
    "read_error",
    "read_reply",
    "reset_s",
    "signed_bytes",
    "signed_only",
    "stream_failure",
    "to_wire",
    "verbatim",
]

VERSION = "2023-06-01"
"""The ``anthropic-version`` whose rules translated requests keep to (protocol.md §0.1)."""


def prepare(request: Request) -> bytes:
    """The upstream body. The same request gives the same bytes."""
    return encoded(request)

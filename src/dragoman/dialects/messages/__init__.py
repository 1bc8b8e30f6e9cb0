"""Anthropic Messages, as clients speak it: ``POST /v1/messages``.

To upstreams that speak the same a request goes as it came, and the answer comes down so; then only
:func:`parse` and :func:`hear` look at it. For others it is read into the hub's request, which is
modelled on this very protocol (:mod:`~dragoman.dialects.messages.later`), and :func:`reply` and
:class:`StreamWriter` write the answer. Facts and choices: protocol.md §2, §3 and §6.
"""

from dragoman.dialects.messages.errors import FINAL, error_body, error_event, localize, status
from dragoman.dialects.messages.estimate import estimate
from dragoman.dialects.messages.headers import hear
from dragoman.dialects.messages.reply import end_stream, reply
from dragoman.dialects.messages.request import parse, parse_count
from dragoman.dialects.messages.stream import PING, StreamWriter

__all__ = [
    "FINAL",
    "PING",
    "StreamWriter",
    "end_stream",
    "error_body",
    "error_event",
    "estimate",
    "hear",
    "localize",
    "parse",
    "parse_count",
    "reply",
    "status",
]

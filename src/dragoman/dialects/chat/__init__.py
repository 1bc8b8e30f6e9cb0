"""OpenAI Chat Completions, as clients speak it: ``POST /v1/chat/completions``.

:func:`parse` reads a request, :func:`reply` and :class:`StreamWriter` write its answer,
:func:`error_body` and :func:`error_event` what went wrong. Facts and choices: protocol.md §4 and
§5.
"""

from dragoman.dialects.chat.chunks import KEEPALIVE, end_stream
from dragoman.dialects.chat.errors import error_body, error_event, localize
from dragoman.dialects.chat.parsed import Caching, Parsed
from dragoman.dialects.chat.reply import reply
from dragoman.dialects.chat.request import parse
from dragoman.dialects.chat.stream import StreamWriter

__all__ = [
    "KEEPALIVE",
    "Caching",
    "Parsed",
    "StreamWriter",
    "end_stream",
    "error_body",
    "error_event",
    "localize",
    "parse",
    "reply",
]

"""OpenAI Responses, as clients speak it: ``POST /v1/responses``.

:func:`parse` reads a request, :func:`reply` and :class:`StreamWriter` write its answer. Nothing is
stored: what needs a store is refused by its name. Facts and choices: protocol.md §6e.
"""

from dragoman.dialects.chat.mapped import localize
from dragoman.dialects.responses.errors import error_event
from dragoman.dialects.responses.reply import reply
from dragoman.dialects.responses.request import parse
from dragoman.dialects.responses.stream import KEEPALIVE, StreamWriter, end_stream

__all__ = ["KEEPALIVE", "StreamWriter", "end_stream", "error_event", "localize", "parse", "reply"]

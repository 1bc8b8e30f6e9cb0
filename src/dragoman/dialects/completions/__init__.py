"""OpenAI's legacy Completions, for old clients: ``POST /v1/completions``.

A prompt is the one message of a chat; what the model answers is the text. :func:`parse` reads a
request, :func:`reply` and :class:`StreamWriter` write its answer.
"""

from dragoman.dialects.chat.mapped import localize
from dragoman.dialects.completions.answer import StreamWriter, end_stream, reply
from dragoman.dialects.completions.request import parse

__all__ = ["StreamWriter", "end_stream", "localize", "parse", "reply"]

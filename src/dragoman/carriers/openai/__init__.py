"""OpenAI Chat Completions as an upstream: OpenAI itself and every server that speaks like it.

The hub's request becomes a chat request (``sending.py``, ``messages.py``), chunks become the hub's
events (``reader.py``, ``lanes.py``). A chat client's own bytes pass through. Where servers differ,
:class:`Style` says how.
"""

from dragoman.carriers.openai.errors import ALARM, read_error, stream_failure
from dragoman.carriers.openai.limits import SPENT, limits, reset_s
from dragoman.carriers.openai.reader import Reader
from dragoman.carriers.openai.reply import read_reply
from dragoman.carriers.openai.sending import about_usage, prepare, verbatim
from dragoman.carriers.openai.style import PLAIN, STYLES, Style, of_host

__all__ = [
    "ALARM",
    "PLAIN",
    "SPENT",
    "STYLES",
    "Reader",
    "Style",
    "about_usage",
    "limits",
    "of_host",
    "prepare",
    "read_error",
    "read_reply",
    "reset_s",
    "stream_failure",
    "verbatim",
]

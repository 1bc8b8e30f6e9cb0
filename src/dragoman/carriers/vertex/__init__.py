"""Google Vertex AI as an upstream: ``rawPredict`` and ``streamRawPredict`` (protocol.md §7).

The model stands in the URL and the version in the body; everything else, the stream of events
too, is Anthropic's. Project and location are the account's and stand in its base URL.
"""

from dragoman.carriers.vertex.errors import read_error
from dragoman.carriers.vertex.sending import (
    VERSION,
    count,
    origin,
    prepare,
    publisher,
    verbatim,
)

__all__ = ["VERSION", "count", "origin", "prepare", "publisher", "read_error", "verbatim"]

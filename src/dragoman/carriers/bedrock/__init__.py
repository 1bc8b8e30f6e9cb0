"""Amazon Bedrock as an upstream: ``InvokeModel`` and ``InvokeModelWithResponseStream``.

The body is the Messages request without its model, the answer is the Messages answer; a stream
comes as AWS event-stream frames, each holding one of its events (protocol.md §7). Bedrock's other
endpoint speaks plain Messages, and is the carrier ``anthropic`` under other addresses, ids and
credentials.
"""

from dragoman.carriers.bedrock.errors import read_error, stream_failure
from dragoman.carriers.bedrock.profiles import model_id, plain_id
from dragoman.carriers.bedrock.reader import Framing, Reader
from dragoman.carriers.bedrock.sending import (
    MESSAGES,
    VERSION,
    count,
    prepare,
    read_count,
    verbatim,
)

__all__ = [
    "MESSAGES",
    "VERSION",
    "Framing",
    "Reader",
    "count",
    "model_id",
    "plain_id",
    "prepare",
    "read_count",
    "read_error",
    "stream_failure",
    "verbatim",
]

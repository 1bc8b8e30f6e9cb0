"""Failures of a Responses request. Before the stream they are as in every dialect of OpenAI's
(:func:`dragoman.dialects.chat.error_body`); inside it the writer tells them, and here is what is
told where there is no writer."""

from dragoman.codec import jsonio
from dragoman.dialects.responses.response import said
from dragoman.errors import Failure


def error_event(failure: Failure) -> bytes:
    """The only event of a stream that fails before anything is known of its answer."""
    told = {
        "type": "error",
        "sequence_number": 0,
        "code": failure.row.openai_code,
        "message": said(failure),
        "param": failure.param,
    }
    return b"event: error\ndata: %b\n\n" % jsonio.encode(told)

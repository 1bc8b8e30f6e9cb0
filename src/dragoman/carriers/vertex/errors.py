"""Vertex AI's errors: the model's come in Anthropic's words, the service's in Google's.

``{"error": {"code": 429, "message": "…", "status": "RESOURCE_EXHAUSTED"}}``, sometimes in a list
(source: Google's API design guide, whose names are mapped here to Anthropic's).
"""

import re

from msgspec import Struct

from dragoman.carriers import anthropic
from dragoman.carriers.elsewhere_hosted import restated
from dragoman.codec import jsonio
from dragoman.errors import Failure

_KINDS = {
    "INVALID_ARGUMENT": "invalid_request_error",
    "FAILED_PRECONDITION": "invalid_request_error",
    "OUT_OF_RANGE": "invalid_request_error",
    "UNAUTHENTICATED": "authentication_error",
    "PERMISSION_DENIED": "permission_error",
    "NOT_FOUND": "permission_error",
    "RESOURCE_EXHAUSTED": "rate_limit_error",
    "ABORTED": "api_error",
    "CANCELLED": "api_error",
    "INTERNAL": "api_error",
    "UNKNOWN": "api_error",
    "UNAVAILABLE": "overloaded_error",
    "DEADLINE_EXCEEDED": "timeout_error",
}
_NO_MODEL = re.compile(r"not servable|publisher model|not supported in (this )?region", re.I)


class _Status(Struct):
    status: str
    message: str = ""


class _Body(Struct):
    error: _Status


_bodies = jsonio.Decoder(_Body)
_lists = jsonio.Decoder(list[_Body])


def read_error(status: int, headers: dict[str, str], body: bytes) -> Failure:
    """An answer whose status is not 2xx (``registry.Carrier.read_error``)."""
    told = _bodies.attempt(body)
    if told is None:
        told = next(iter(_lists.attempt(body) or ()), None)
    kind = _KINDS.get(told.error.status) if told is not None else None
    if told is None or kind is None:
        return anthropic.read_error(status, headers, body)
    message = told.error.message
    said = f"{status} {told.error.status}: {message}"
    if told.error.status == "NOT_FOUND" or _NO_MODEL.search(message):
        # In our own words: theirs hold the project's name.
        return restated("permission_error", f"no such model: {message}", headers, said)
    return restated(kind, message, headers, said)

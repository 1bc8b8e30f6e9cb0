"""Bedrock's errors: an exception's name in ``x-amzn-errortype``, or in a frame of the stream.

Each is one of Anthropic's own errors in other words (sources: protocol.md §7 and botocore's model
of the service, which names the exceptions and their statuses). What a name does not tell is in the
message: a validation error may be about the client's request, or about a model that this account
has not got.
"""

import re

from msgspec import Struct

from dragoman.carriers import anthropic
from dragoman.carriers.elsewhere_hosted import restated
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub.events import UpstreamError

CORRUPT = "corruptStream"
"""Our own name for a stream whose frames cannot be read."""

_KINDS = {
    "accessdenied": "permission_error",
    "expiredtoken": "authentication_error",
    "incompletesignature": "authentication_error",
    "internalfailure": "api_error",
    "internalserver": "api_error",
    "invalidclienttokenid": "authentication_error",
    "invalidsignature": "authentication_error",
    "missingauthenticationtoken": "authentication_error",
    "modelerror": "api_error",
    "modelnotready": "overloaded_error",
    "modelstreamerror": "api_error",
    "modeltimeout": "timeout_error",
    "notauthorized": "authentication_error",
    "optinrequired": "permission_error",
    "requestexpired": "authentication_error",
    "resourcenotfound": "permission_error",
    "servicequotaexceeded": "rate_limit_error",
    "serviceunavailable": "overloaded_error",
    "signaturedoesnotmatch": "authentication_error",
    "throttling": "rate_limit_error",
    "toomanyrequests": "rate_limit_error",
    "unrecognizedclient": "authentication_error",
    "validation": "invalid_request_error",
}
"""Exceptions, in lower case and without their ending, → Anthropic's types."""
_NO_MODEL = re.compile(
    r"on-demand throughput|model identifier is invalid|invalid model|end of (its )?life"
    r"|not supported in this (region|account)|(model|account) access|access to the model"
    r"|not available (for|in) (this|your)|support counting tokens",
    re.IGNORECASE,
)
"""Validation errors that say this account, or its region, does not have the model."""
_TOO_LONG = re.compile(r"input is too long for (the )?requested model", re.IGNORECASE)
_ENDING = re.compile(r"(exception|error)?$", re.IGNORECASE)


class _Body(Struct):
    message: str = ""
    Message: str = ""


_bodies = jsonio.Decoder(_Body)


def read_error(status: int, headers: dict[str, str], body: bytes) -> Failure:
    """An answer whose status is not 2xx (``registry.Carrier.read_error``)."""
    name = headers.get("x-amzn-errortype", "").partition(":")[0]
    told = _bodies.attempt(body)
    kind = _kind(name)
    if kind is None or told is None:
        return anthropic.read_error(status, headers, body)
    message = told.message or told.Message
    return _restated(kind, name, message, headers)


def stream_failure(error: UpstreamError) -> Failure:
    """An exception inside a stream, or an event of type ``error``."""
    if error.type == CORRUPT:
        words = "The upstream sent a frame that is not valid."
        return Failure("upstream_nonsense", words, detail=error.message)
    kind = _kind(error.type)
    if kind is None:
        return anthropic.stream_failure(error)
    return _restated(kind, error.type, error.message, {})


def _kind(name: str) -> str | None:
    # Only what is left of ThrottlingException without its ending is looked up: some answers have
    # no ending, and some begin in lower case.
    return _KINDS.get(_ENDING.sub("", name.rpartition("#")[2], count=1).lower())


def _restated(kind: str, name: str, message: str, headers: dict[str, str]) -> Failure:
    said = f"{name}: {message}"
    if name.lower().startswith("resourcenotfound") or _NO_MODEL.search(message):
        # As a permission error it is told in our own words: theirs hold account numbers.
        return restated("permission_error", f"no such model: {message}", headers, said)
    if _TOO_LONG.search(message):
        message = f"prompt is too long: {message}"
    return restated(kind, message, headers, said)

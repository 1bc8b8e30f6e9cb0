"""Foundry's errors: the model's in Anthropic's words, the front door's in Azure's.

``{"error": {"code": "DeploymentNotFound", "message": "…"}}``, or ``{"statusCode": 401, "message":
"…"}`` from the API gateway before it (source: Azure's REST guidelines).
"""

from msgspec import Struct

from dragoman.carriers import anthropic
from dragoman.carriers.elsewhere_hosted import restated
from dragoman.codec import jsonio
from dragoman.errors import Failure

_NO_MODEL = frozenset({"DeploymentNotFound", "ModelNotFound", "unknown_model", "404"})
_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "authentication_error",
    404: "permission_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class _Error(Struct):
    code: str | int
    message: str = ""


class _Body(Struct):
    error: _Error


class _Refusal(Struct):
    statusCode: int
    message: str = ""


_bodies = jsonio.Decoder(_Body)
_refusals = jsonio.Decoder(_Refusal)


def read_error(status: int, headers: dict[str, str], body: bytes) -> Failure:
    """An answer whose status is not 2xx (``registry.Carrier.read_error``)."""
    told = _bodies.attempt(body)
    if told is not None:
        code, message = str(told.error.code), told.error.message
    elif (refusal := _refusals.attempt(body)) is not None:
        code, message = str(refusal.statusCode), refusal.message
    else:
        return anthropic.read_error(status, headers, body)
    said = f"{status} {code}: {message}"
    if code in _NO_MODEL or status == 404:
        return restated("permission_error", f"no such model: {message}", headers, said)
    kind = _BY_STATUS.get(status, "api_error")
    return restated(kind, message, headers, said)

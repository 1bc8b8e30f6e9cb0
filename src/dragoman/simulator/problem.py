"""What the API refuses, in the API's own words: status, error type, message.

Body and types are protocol.md §2c's. An :class:`ApiError` is an answer, not a fault: the engine
turns it into a response and nothing else ever sees it.
"""

from typing import Any

from dragoman.codec import jsonio

ERROR_TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class ApiError(Exception):
    """An error answer. ``retry_after_s`` becomes the header of that name."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "",
        retry_after_s: int | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type or ERROR_TYPES[status]
        self.retry_after_s = retry_after_s
        self.details = details

    def body(self, request_id: str) -> bytes:
        """The JSON body, as protocol.md §2c gives it."""
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        return jsonio.encode({"type": "error", "error": error, "request_id": request_id})

"""What can go wrong, once: the one error type, the one table, the five outcomes.

Everything that fails on a request raises :class:`Failure` with a ``kind``. :data:`TABLE` says for
each kind which HTTP status a client sees, which OpenAI ``type`` and ``code`` and which Anthropic
``type`` it carries, whose fault it is, whether another account may be tried and whether the account
cools down. A dialect only renders; it decides nothing.

    Failure
    ├── blame CLIENT    the request is wrong, or its key may not do this
    ├── blame UPSTREAM  an account refused, failed, stalled or talked nonsense
    └── blame GATEWAY   our own fault, or we are draining
"""

from enum import Enum, StrEnum
from typing import NamedTuple


class Blame(Enum):
    """Whose fault a failure is."""

    CLIENT = "client"
    UPSTREAM = "upstream"
    GATEWAY = "gateway"


class Outcome(StrEnum):
    """How a request ended; log line, metrics, pool and ledger use these five and nothing else."""

    COMPLETE = "complete"
    UPSTREAM_FAILED = "upstream_failed"
    CLIENT_LEFT = "client_left"
    DEADLINE = "deadline"
    DRAINED = "drained"


class Kind(NamedTuple):
    """One row of the table."""

    status: int
    """HTTP status while nothing has been sent yet."""
    openai_type: str
    openai_code: str | None
    anthropic_type: str
    blame: Blame
    retry: bool = False
    """Another account may succeed where this one failed, before the first byte reached the client.
    """
    cools: bool = False
    """The account is left alone for a while."""
    anthropic_status: int = 0
    """The status on Anthropic routes, where their clients know another; 0: the same."""


_INVALID = "invalid_request_error"
_LIMIT = "rate_limit_error"
_UP = "upstream_error"
_C, _U, _G = Blame.CLIENT, Blame.UPSTREAM, Blame.GATEWAY

TABLE: dict[str, Kind] = {
    # The request itself (interface.md §4, protocol.md §4b).
    "invalid_json": Kind(400, _INVALID, "invalid_json", _INVALID, _C),
    "invalid_type": Kind(400, _INVALID, "invalid_type", _INVALID, _C),
    "invalid_value": Kind(400, _INVALID, "invalid_value", _INVALID, _C),
    "missing_parameter": Kind(400, _INVALID, "missing_required_parameter", _INVALID, _C),
    "unknown_parameter": Kind(400, _INVALID, "unknown_parameter", _INVALID, _C),
    "unsupported_parameter": Kind(400, _INVALID, "unsupported_parameter", _INVALID, _C),
    "unsupported_value": Kind(400, _INVALID, "unsupported_value", _INVALID, _C),
    "below_minimum": Kind(400, _INVALID, "integer_below_min_value", _INVALID, _C),
    "above_maximum": Kind(400, _INVALID, "integer_above_max_value", _INVALID, _C),
    "decimal_above_maximum": Kind(400, _INVALID, "decimal_above_max_value", _INVALID, _C),
    "decimal_below_minimum": Kind(400, _INVALID, "decimal_below_min_value", _INVALID, _C),
    "string_too_long": Kind(400, _INVALID, "string_above_max_length", _INVALID, _C),
    "array_too_long": Kind(400, _INVALID, "array_above_max_length", _INVALID, _C),
    "empty_array": Kind(400, _INVALID, "empty_array", _INVALID, _C),
    "invalid_image": Kind(400, _INVALID, "invalid_image_format", _INVALID, _C),
    "invalid_image_url": Kind(400, _INVALID, "invalid_image_url", _INVALID, _C),
    "invalid_file_url": Kind(400, _INVALID, "invalid_file_url", _INVALID, _C),
    "context_length": Kind(400, _INVALID, "context_length_exceeded", _INVALID, _C),
    "bad_request": Kind(400, _INVALID, None, _INVALID, _C),
    "conflict": Kind(409, _INVALID, "conflict", _INVALID, _C),
    # HTTP itself.
    "not_found": Kind(404, _INVALID, "not_found", "not_found_error", _C),
    "method_not_allowed": Kind(405, _INVALID, "method_not_allowed", _INVALID, _C),
    "request_timeout": Kind(408, _INVALID, "request_timeout", _INVALID, _C),
    "request_too_large": Kind(413, _INVALID, "request_too_large", "request_too_large", _C),
    "uri_too_long": Kind(414, _INVALID, "uri_too_long", _INVALID, _C),
    "unsupported_media_type": Kind(415, _INVALID, "unsupported_media_type", _INVALID, _C),
    "headers_too_large": Kind(431, _INVALID, "headers_too_large", _INVALID, _C),
    # The key.
    "unauthenticated": Kind(401, _INVALID, "invalid_api_key", "authentication_error", _C),
    "quota_exhausted": Kind(402, "insufficient_quota", "insufficient_quota", "billing_error", _C),
    "model_not_allowed": Kind(403, "permission_error", "model_not_allowed", "permission_error", _C),
    "ip_not_allowed": Kind(403, "permission_error", "ip_not_allowed", "permission_error", _C),
    # Retried where an upstream says so: another account may have the model.
    "model_not_found": Kind(404, _INVALID, "model_not_found", "not_found_error", _C, True),
    # An account's carrier cannot say it; another's may.
    "unsupported_here": Kind(400, _INVALID, "unsupported_value", _INVALID, _C, True),
    "rate_limited": Kind(429, _LIMIT, "rate_limit_exceeded", _LIMIT, _C),
    # The gateway.
    "internal": Kind(500, "server_error", "internal_error", "api_error", _G),
    "draining": Kind(503, "server_error", "draining", "overloaded_error", _G),
    "busy": Kind(503, "server_error", "overloaded", "overloaded_error", _G),
    "no_account": Kind(503, _UP, "no_account_available", "overloaded_error", _G),
    # An upstream account, seen from one attempt. What is still standing when no account is left to
    # try is what the client gets.
    "upstream_rejected": Kind(400, _INVALID, None, _INVALID, _C),
    "upstream_refused": Kind(502, _UP, "upstream_refused", "api_error", _U, True, True),
    # Its credit or its spending limit is used up. To the client that is the same.
    "upstream_unpaid": Kind(502, _UP, "upstream_refused", "api_error", _U, True, True),
    "upstream_throttled": Kind(429, _LIMIT, "rate_limit_exceeded", _LIMIT, _U, True, True),
    "upstream_overloaded": Kind(
        503, "server_error", "overloaded", "overloaded_error", _U, True, True, 529
    ),
    "upstream_fault": Kind(502, _UP, "upstream_fault", "api_error", _U, True, True),
    "upstream_unreachable": Kind(502, _UP, "upstream_unreachable", "api_error", _U, True, True),
    "upstream_reset": Kind(502, _UP, "upstream_reset", "api_error", _U, True, True),
    "upstream_nonsense": Kind(502, _UP, "upstream_nonsense", "api_error", _U, True, True),
    "upstream_truncated": Kind(502, _UP, "stream_truncated", "api_error", _U, True, True),
    "upstream_timeout": Kind(
        504, "timeout_error", "upstream_timeout", "timeout_error", _U, True, True
    ),
}


class Failure(Exception):
    """The one error of a request.

    ``kind`` is a key of :data:`TABLE`. ``message`` is written for the person who sent the request.
    ``param`` is the path of the offending field in the client's own request
    (``messages[1].content[0].image_url.url``). ``detail`` is for the log only and never leaves the
    process. ``retry_after_s`` becomes the ``retry-after`` header. ``status`` overrides the table
    where an upstream's own status is kept (an upstream 400 the client caused).
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        param: str | None = None,
        detail: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.param = param
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.answered = False
        """An upstream said so itself: it has not done what it was asked, and bills nothing."""
        self.placed = False
        """``param`` is in the client's own request, which went up as it came."""
        self.details = b""
        """``error.details`` of Anthropic's errors, a JSON object that clients act upon; mostly
        empty."""
        self.request_id = ""
        """Of the request that it ended, once it is told."""
        self.row = TABLE[kind]
        self.status = self.row.status

    def __repr__(self) -> str:
        return f"Failure({self.kind!r}, {self.message!r}, param={self.param!r})"

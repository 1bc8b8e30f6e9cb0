"""What a refusal's status means, whoever refuses; a carrier may know more."""

BY_STATUS = {
    401: "upstream_refused",
    402: "upstream_unpaid",
    403: "upstream_refused",
    408: "upstream_timeout",
    413: "request_too_large",
    429: "upstream_throttled",
    503: "upstream_overloaded",
    504: "upstream_timeout",
    529: "upstream_overloaded",
}
"""Status → kind of failure."""

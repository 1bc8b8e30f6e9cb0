"""Bodies of admin requests, read within bounds, and answers, written as JSON."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dragoman.codec import jsonio
from dragoman.errors import Failure

MOST_BYTES = 64 * 1024
"""Largest body of a request that is not a chat request."""
DEEPEST = 8
PATIENCE_S = 10.0
"""How long a body may take to arrive."""


async def read(request: Request, most_bytes: int = MOST_BYTES) -> bytes:
    """A request's body.

    Raises ``request_too_large``, or ``bad_request`` where it does not arrive.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > most_bytes:
                    raise Failure(
                        "request_too_large", f"The body is larger than {most_bytes} bytes."
                    )
    except (TimeoutError, ClientDisconnect):
        raise Failure("bad_request", "The body did not arrive in time.") from None
    return b"".join(parts)


async def fields(request: Request) -> dict[str, Any]:
    """A body that is one JSON object; none at all is an empty one. Raises ``invalid_json``."""
    data = await read(request)
    if not data.strip():
        return {}
    try:
        if jsonio.too_deep(data, DEEPEST):
            raise Failure("invalid_json", "The body is nested too deeply.")
        found = jsonio.decode(data)
    except jsonio.Malformed as error:
        raise Failure("invalid_json", f"The body is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise Failure("invalid_json", "The body is not a JSON object.")
    return found  # pyright: ignore[reportUnknownVariableType]


def only(given: Mapping[str, Any], *names: str) -> None:
    """Raises ``unknown_parameter`` for a field that is none of these."""
    for name in given:
        if name not in names:
            raise Failure(
                "unknown_parameter",
                f"{name}: unknown field, there are {', '.join(names)}.",
                param=name,
            )


def answer(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(jsonio.encode(value), status, media_type="application/json")

"""The application: one table of routes, one shape of errors."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from dragoman.control.accounts import Accounts
from dragoman.control.desk import Desk
from dragoman.control.explain import Explain
from dragoman.control.guard import Guard
from dragoman.control.metrics import Metrics
from dragoman.control.trial import Trial
from dragoman.dialects.registry import CHAT
from dragoman.errors import Failure

Handler = Callable[[Request], Awaitable[Response]]
_STATUS_KINDS = {404: "not_found", 405: "method_not_allowed"}


def application(desk: Desk, key: Callable[[], bytes]) -> ASGIApp:
    """The admin API for who holds the key; ``key`` gives the digest of the one in force."""
    accounts = Accounts(desk)
    one = "/admin/v1/accounts/{name:path}"
    routes = [
        _route("/admin/v1/accounts", GET=accounts.index, POST=accounts.add),
        # Before the account itself: names may hold slashes.
        _route(f"{one}/test", POST=Trial(desk).run),
        _route(one, GET=accounts.show, PATCH=accounts.edit, DELETE=accounts.remove),
        _route("/admin/v1/route/explain", POST=Explain(desk).run),
        _route("/metrics", GET=Metrics(desk).scrape),
    ]

    async def crashed(_: Request, error: Exception) -> Response:
        desk.crashed(error)
        return _failed(Failure("internal", "The admin API failed on this request."))

    app = Starlette(
        routes=routes,
        exception_handlers={
            Failure: _failure,
            HTTPException: _refused,
            Exception: crashed,
        },
    )
    return Guard(app, key)


def _route(path: str, **handlers: Handler) -> Route:
    """One path and what answers each of its methods."""

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return Route(path, endpoint, methods=list(handlers))


async def _failure(_: Request, error: Exception) -> Response:
    assert isinstance(error, Failure)  # noqa: S101 - registered for this type
    return _failed(error)


async def _refused(request: Request, error: Exception) -> Response:
    """What no route takes."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    kind = _STATUS_KINDS.get(error.status_code, "bad_request")
    failure = Failure(kind, f"{error.detail}: {request.method} {request.url.path}.")
    failure.status = error.status_code
    answer = _failed(failure)
    answer.headers.update(error.headers or {})
    return answer


def _failed(failure: Failure) -> Response:
    return Response(CHAT.error_body(failure), failure.status, media_type="application/json")

"""The exact-match table of the public port, and its small answers: models and health.

A path is compared as it came, byte for byte: no decoding, no normalising, no merging of slashes, so
nothing can look like one route to a guard and like another to a handler. Every route also answers
under ``/openai`` and ``/anthropic``.
"""

import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from dragoman import counting
from dragoman.catalogue import listing
from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.dialects.registry import CHAT, COMPLETIONS, COUNT, MESSAGES, RESPONSES, Dialect, of
from dragoman.errors import Failure
from dragoman.exchange import Exchange
from dragoman.gateway import Gateway
from dragoman.http.call import Call
from dragoman.principal import Principal
from dragoman.record import Record
from dragoman.serve import serve

Work = Coroutine[Any, Any, None]
PREFIXES = ("", "/openai", "/anthropic")
HEALTH = frozenset({"/healthz", "/readyz"})
_MODEL = tuple(f"{prefix}/v1/models/" for prefix in PREFIXES)
_RESPONSE = tuple(f"{prefix}/v1/responses/" for prefix in PREFIXES)


_NO_IDS = ("", "input_tokens", "compact")
"""What stands in the place of a response's id and is another thing of OpenAI's."""


class Route(NamedTuple):
    """Methods of one path."""

    handlers: Mapping[str, Callable[[Call, Gateway], Work]]

    @property
    def allow(self) -> str:
        return ", ".join(sorted({*self.handlers, "OPTIONS"}))


def find(call: Call, gw: Gateway) -> Work:
    """The coroutine that answers a call."""
    route = _TABLE.get(call.path)
    if route is None:
        route = _with_id(call.path)
    if route is None:
        return refuse(
            call, gw, Failure("not_found", f"Unknown request URL: {call.method} {call.path}.")
        )
    handler = route.handlers.get(call.method)
    if handler is not None:
        return handler(call, gw)
    if call.method == "OPTIONS":
        return options(call, route)
    return refuse(
        call,
        gw,
        Failure("method_not_allowed", f"{call.path} answers {route.allow}, not {call.method}."),
        (("allow", route.allow),),
    )


def _with_id(path: str) -> Route | None:
    """The route of a path that names one thing."""
    if path.startswith(_MODEL):
        return _ONE_MODEL
    if path.startswith(_RESPONSE):
        name, _, part = path.split("/v1/responses/", 1)[1].partition("/")
        return _ONE_RESPONSE.get(part) if name not in _NO_IDS else None
    return None


async def options(call: Call, route: Route) -> None:
    _name_conversation(call)
    call.respond(204, (("allow", route.allow),), b"")


async def refuse(
    call: Call, gw: Gateway, failure: Failure, extra: tuple[tuple[str, str], ...] = ()
) -> None:
    """Answer a call that no route takes."""
    record = Record(call.request_id, call.started)
    Exchange(call, of(call.path, call.headers), gw, record).fail(failure, extra)
    gw.finished(record)


def chat(call: Call, gw: Gateway) -> Work:
    return serve(call, CHAT, gw)


def responses(call: Call, gw: Gateway) -> Work:
    return serve(call, RESPONSES, gw)


def completions(call: Call, gw: Gateway) -> Work:
    return serve(call, COMPLETIONS, gw)


def messages(call: Call, gw: Gateway) -> Work:
    return serve(call, MESSAGES, gw)


def count_tokens(call: Call, gw: Gateway) -> Work:
    return serve(call, COUNT, gw, counting.answer)


async def hello(call: Call, _: Gateway) -> None:
    """What Claude Code asks to open a connection ahead of time."""
    _say(call, 200, b'{"message":"hello"}')


async def models(call: Call, gw: Gateway) -> None:
    """``GET /v1/models``: what this key may use, in the shape of the API that is asked."""
    await _listing(call, gw, of(call.path, call.headers), _all_models)


async def model(call: Call, gw: Gateway) -> None:
    """``GET /v1/models/{id}``."""
    await _listing(call, gw, of(call.path, call.headers), _one_model)


async def response(call: Call, gw: Gateway) -> None:
    """What asks for a response that was given before: there is no store of them."""
    await _listing(call, gw, RESPONSES, _no_response)


async def healthz(call: Call, _: Gateway) -> None:
    """Alive: the process answers."""
    _say(call, 200, b'{"status":"ok"}')


async def readyz(call: Call, gw: Gateway) -> None:
    """Ready: not draining, and there is an account to serve from."""
    if call.draining:
        _say(call, 503, b'{"status":"draining"}')
    elif not gw.pool.roster.accounts:
        _say(call, 503, b'{"status":"no accounts"}')
    else:
        _say(call, 200, b'{"status":"ok"}')


def _say(call: Call, status: int, body: bytes) -> None:
    _name_conversation(call)
    call.respond(status, (("content-type", "application/json"),), body)


def _name_conversation(call: Call) -> None:
    """Put ``x-conversation-id`` on the answer: every answer has it where the client sent one
    (interface.md §4)."""
    conversation = call.headers.get("x-conversation-id")
    if conversation:
        call.lines = f"x-conversation-id: {conversation}\r\n"


async def _listing(
    call: Call, gw: Gateway, dialect: Dialect, render: Callable[[Call, Gateway, Principal], bytes]
) -> None:
    record = Record(call.request_id, call.started)
    exchange = Exchange(call, dialect, gw, record)
    try:
        principal = gw.keys.identify(call.headers, call.peer, gw.clock.wall())
        record.key = principal.name
        exchange.ticket = gw.limits.ticket(principal, record.usage, call.started).only_looking()
        exchange.respond(200, render(call, gw, principal))
    except Failure as failure:
        exchange.fail(failure)
    finally:
        gw.finished(record)


def _all_models(call: Call, gw: Gateway, principal: Principal) -> bytes:
    rows = [row for row in gw.catalogue.listed() if principal.may_use(row.id)]
    if "anthropic-version" in call.headers:
        page, more = _page(rows, call.query)
        data = [listing.anthropic_model(row) for row in page]
        ends = (data[0].id, data[-1].id) if data else (None, None)
        return jsonio.encode(
            {"data": data, "has_more": more, "first_id": ends[0], "last_id": ends[1]}
        )
    return jsonio.encode({"object": "list", "data": [listing.openai_model(row) for row in rows]})


def _page(rows: list[Model], query: str) -> tuple[list[Model], bool]:
    """What ``after_id``, ``before_id`` and ``limit`` ask for, and whether there is more that way;
    without ``limit`` there is no end, as who asks for no page may not look for a second."""
    asked = dict(parse_qsl(query))
    backwards = "before_id" in asked
    cursor = asked.get("before_id" if backwards else "after_id")
    if cursor is not None:
        at = next((at for at, row in enumerate(rows) if row.id == cursor), None)
        if at is None:
            name = "before_id" if backwards else "after_id"
            raise Failure("invalid_value", f"{name}: there is no such model", param=name)
        rows = rows[:at] if backwards else rows[at + 1 :]
    limit = asked.get("limit", "1000")
    if not _LIMIT.fullmatch(limit):
        raise Failure("invalid_value", "limit: must be 1 to 1000", param="limit")
    most = int(limit)
    return rows[-most:] if backwards else rows[:most], len(rows) > most


_LIMIT = re.compile(r"[1-9][0-9]{0,2}|1000")


def _one_model(call: Call, gw: Gateway, principal: Principal) -> bytes:
    name = unquote(call.path.split("/v1/models/", 1)[1])
    row = gw.catalogue.resolve(name).model
    if not principal.may_use(row.id) and not principal.may_use(name):
        raise Failure(
            "model_not_allowed", f"This API key may not use the model `{name}`.", param="model"
        )
    if "anthropic-version" in call.headers:
        return jsonio.encode(listing.anthropic_model(row))
    return jsonio.encode(listing.openai_model(row))


def _no_response(call: Call, gw: Gateway, principal: Principal) -> bytes:
    name = call.path.split("/v1/responses/", 1)[1].partition("/")[0]
    raise Failure(
        "not_found",
        f"Response with id '{name[:64]}' not found: this gateway stores no responses."
        " Send the whole conversation in 'input' of a new one.",
    )


_PUBLIC = {
    "/v1/chat/completions": Route({"POST": chat}),
    "/v1/responses": Route({"POST": responses}),
    "/v1/completions": Route({"POST": completions}),
    "/v1/messages": Route({"POST": messages}),
    "/v1/messages/count_tokens": Route({"POST": count_tokens}),
    "/v1/models": Route({"GET": models, "HEAD": models}),
}
_ONE_MODEL = Route({"GET": model, "HEAD": model})
_ONE_RESPONSE = {
    "": Route({"GET": response, "DELETE": response, "HEAD": response}),
    "cancel": Route({"POST": response}),
    "input_items": Route({"GET": response, "HEAD": response}),
}
_TABLE = {
    "/healthz": Route({"GET": healthz, "HEAD": healthz}),
    "/readyz": Route({"GET": readyz, "HEAD": readyz}),
    "/api/hello": Route({"GET": hello, "HEAD": hello}),
    "/anthropic/api/hello": Route({"GET": hello, "HEAD": hello}),
    **{prefix + path: route for prefix in PREFIXES for path, route in _PUBLIC.items()},
}

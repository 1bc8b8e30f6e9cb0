"""``POST /admin/v1/route/explain``: where a request would go, why not elsewhere, and what it costs.

The request is read by the dialect and planned by ``routing.plan``, as it would be if it were sent;
nothing is sent, counted or fetched. What is said beside the plan (why an account is not in it) is
read from the same accounts at the same moment.

A request of any dialect is taken. Which one it is in real life the path says; here it is named, or
told by the fields that only one of them has.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response

from dragoman import asked, routing
from dragoman.account import Account
from dragoman.affinity import HEADERS, Identity
from dragoman.codec import jsonio
from dragoman.control import bodies
from dragoman.control.condition import Moment, condition
from dragoman.control.desk import Desk, Running
from dragoman.control.forecast import caching, cost, thinking
from dragoman.dialects.chat import Parsed
from dragoman.dialects.registry import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Dialect
from dragoman.errors import Failure
from dragoman.principal import Principal
from dragoman.routing import Wanted

MOST_BYTES = 4 * 1024 * 1024
"""Largest body that is explained: reading one of the largest that are served would hold up
others."""
T = TypeVar("T")

_OWN = ("request", "headers", "key", "dialect")
_DIALECTS = {one.name: one for one in (CHAT, MESSAGES, RESPONSES, COMPLETIONS)}
_VERSION = "anthropic-version"
"""A header that only clients of the Messages API send."""
_TELLING = {"input": RESPONSES, "prompt": COMPLETIONS}
"""Fields that stand where others have ``messages``."""

_objects: jsonio.Decoder[dict[str, Raw]] = jsonio.Decoder(dict[str, Raw])
_headers: jsonio.Decoder[dict[str, str]] = jsonio.Decoder(dict[str, str])
_texts: jsonio.Decoder[str] = jsonio.Decoder(str)


class Question(NamedTuple):
    """What is to be explained."""

    body: bytes
    headers: Mapping[str, str]
    """Lower-case names."""
    key: str | None
    dialect: Dialect = CHAT


class Explain:
    """The handler of explanations."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self, request: Request) -> Response:
        """A request in, its way out."""
        names = (*HEADERS, _VERSION)
        own = {name: request.headers[name] for name in names if name in request.headers}
        question = understood(await bodies.read(request, MOST_BYTES), own)
        moment = Moment(self._desk.clock.wall(), self._desk.clock.mono())
        return bodies.answer(explain(question, self._desk.running(), moment))


def understood(data: bytes, own: Mapping[str, str]) -> Question:
    """The body: a request, with ``key``, ``headers`` and ``dialect`` beside its fields, or beside
    itself in an object that has it as ``request``.

    ``own`` are headers of the admin request itself that tell something. Raises ``invalid_json``,
    ``invalid_value`` and ``unknown_parameter``.
    """
    try:
        fields = _objects.decode(data)
    except (jsonio.Malformed, jsonio.Mismatch) as error:
        raise Failure("invalid_json", f"The body is not a JSON object: {error}.") from None
    headers = _optional(_headers, fields, "headers") or {}
    key = _optional(_texts, fields, "key")
    dialect = _optional(_texts, fields, "dialect")
    if "request" in fields:
        bodies.only(fields, *_OWN)
        body = bytes(fields["request"])
        given = _optional(_objects, fields, "request") or {}
    elif any(name in fields for name in _OWN):
        given = {name: fields[name] for name in fields if name not in _OWN}
        body = jsonio.encode(given)
    else:
        body, given = data, fields
    named = {**own, **{name.lower(): value for name, value in headers.items()}}
    return Question(body, named, key, _dialect(dialect, given, named))


def _dialect(name: str | None, given: Mapping[str, Raw], headers: Mapping[str, str]) -> Dialect:
    """The dialect of this name; without one, that of the fields. Raises ``invalid_value``."""
    if name is not None:
        if name not in _DIALECTS:
            known = ", ".join(_DIALECTS)
            words = f"dialect: there is none named {name[:100]}, there are {known}."
            raise Failure("invalid_value", words, param="dialect")
        return _DIALECTS[name]
    if _VERSION in headers:
        return MESSAGES
    if "messages" in given:
        return MESSAGES if "system" in given else CHAT
    return next((found for field, found in _TELLING.items() if field in given), CHAT)


def explain(question: Question, running: Running, moment: Moment) -> dict[str, Any]:
    """The explanation. Raises the Failure that the request itself would be answered with where it
    cannot be read."""
    config, dialect = running.config, question.dialect
    principal = _principal(question.key, running)
    parsed = dialect.parse(
        question.body,
        running.catalogue,
        strict=config.strict,
        caching=config.caching,
        recall=principal.recall if principal else None,
    )
    if dialect.hear is not None:
        dialect.hear(question.headers, parsed, strict=config.strict)
    named = asked.identity(parsed, question.headers, principal.seed if principal else b"")
    wanted = asked.wanted(parsed, named.hash, config.routing.max_attempts)
    if principal and config.routing.affinity and not running.pool.remembers(named.hash):
        wanted = asked.opened(wanted, parsed, principal.seed)
    if parsed.later is not None:
        # Only now: routing knows no more than what is read of a request before it is sent.
        parsed.later.fill()
    return {
        "dialect": dialect.name,
        "key": principal.name if principal else None,
        "model": {
            "asked": parsed.client_model,
            "id": parsed.model.id,
            "wire": parsed.request.model,
        },
        "stream": parsed.stream,
        "conversation": _conversation(named, principal, affinity=config.routing.affinity),
        **_way(parsed, wanted, principal, (running, moment)),
        "thinking": thinking(parsed),
        "caching": caching(parsed),
        "cost": cost(parsed),
        "media": len(parsed.media),
        "warnings": [{"name": name, "reason": reason} for name, reason in parsed.warnings],
    }


def _way(
    parsed: Parsed, wanted: Wanted, principal: Principal | None, now: tuple[Running, Moment]
) -> dict[str, Any]:
    """Candidates, exclusions, home, and the refusal where there is one."""
    running, moment = now
    config, roster = running.config, running.pool.roster
    plan: list[Account] = []
    refused: Failure | None = None
    if principal is not None:
        refused = _forbidden(principal, parsed, moment.wall)
    if refused is None:
        try:
            plan = routing.plan(wanted, roster, moment.mono, running.pool.detours)
        except Failure as failure:
            refused = failure
    at_home = routing.home(wanted, roster) if config.routing.affinity else None
    return {
        "home": at_home.name if at_home is not None else None,
        "max_attempts": wanted.max_attempts,
        "candidates": [
            {
                "account": one.name,
                "state": condition(one, moment.mono).state,
                "priority": one.priority,
                "weight": one.weight,
                "in_flight": one.in_flight,
            }
            for one in plan
        ],
        "excluded": [
            {"account": one.name, **_why_not(one, wanted.model, moment)}
            for one in running.pool.snapshot()
            if one not in plan
        ],
        "refused": _told(refused),
        "waiting": running.waiting.count,
    }


def _why_not(account: Account, model: str, moment: Moment) -> dict[str, Any]:
    """Why an account is not among the candidates."""
    now = condition(account, moment.mono)
    if now.state == "draining":
        return {"reason": "draining", **moment.tell(None)}
    if not account.serves(model):
        return {"reason": "does_not_serve_model", **moment.tell(None)}
    until = account.without.get(model, 0.0)
    if until > moment.mono:
        return {"reason": "model_refused_upstream", **moment.tell(until)}
    if not account.available(moment.mono, model):
        return {"reason": now.state, "because": now.reason, **moment.tell(now.until)}
    return {"reason": "further_down", **moment.tell(None)}


def _principal(name: str | None, running: Running) -> Principal | None:
    """The key of this name; the only one where none is named. None: several, and none named."""
    keys = list(running.keys)
    if name is None:
        return keys[0] if len(keys) == 1 else None
    for key in keys:
        if key.name == name:
            return key
    raise Failure("invalid_value", f"key: there is no key named {name[:100]}.", param="key")


def _forbidden(principal: Principal, parsed: Parsed, wall: float) -> Failure | None:
    """What the key is not for."""
    if principal.expires_at is not None and wall >= principal.expires_at:
        return Failure("unauthenticated", f"The key {principal.name!r} has expired.")
    model = parsed.client_model
    if principal.may_use(model) or principal.may_use(parsed.model.id):
        return None
    message = f"This API key may not use the model `{model}`."
    return Failure("model_not_allowed", message, param="model")


def _conversation(
    named: Identity, principal: Principal | None, *, affinity: bool
) -> dict[str, Any]:
    """Who it is. Ids are scoped by key: without one they are not those of real requests."""
    return {
        "id": f"{named.hash:016x}",
        "source": named.source,
        "scoped": principal is not None,
        "affinity": affinity,
    }


def _told(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "status": failure.status,
        "code": failure.row.openai_code,
        "message": failure.message,
        "retry_after_s": failure.retry_after_s,
    }


def _optional(decoder: jsonio.Decoder[T], fields: dict[str, Raw], name: str) -> T | None:
    if name not in fields:
        return None
    try:
        return decoder.decode(fields[name])
    except (jsonio.Malformed, jsonio.Mismatch) as error:
        raise Failure("invalid_value", f"{name}: {error}.", param=name) from None

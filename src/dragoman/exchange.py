"""One request and its way of answering.

Which headers, in which dialect, before or after the head is sent.
"""

import math
import random
from collections.abc import Coroutine, Sequence
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

from dragoman import asked, road, routing
from dragoman.account import Account
from dragoman.dialects.chat import Parsed
from dragoman.dialects.registry import Dialect, Writer
from dragoman.errand import Search, Upstream
from dragoman.errors import Failure
from dragoman.explain import HEADER, Watch
from dragoman.gateway import Gateway
from dragoman.http.call import Call
from dragoman.hub.events import Reply
from dragoman.hub.recall import Turn
from dragoman.limits import Ticket
from dragoman.observe.redaction import without_keys
from dragoman.principal import Principal
from dragoman.record import Record

NOWHERE = routing.Wanted("", 0, 1)
JSON = "content-type: application/json\r\n"
_PLAIN = " !#$&'()*+./:;<>?@[]^_`{|}~"
"""What a warning may hold as it is, beside letters, digits and the dash.

No comma, no equals sign.
"""
_EVENT_STREAM = (
    "content-type: text/event-stream; charset=utf-8\r\n"
    "cache-control: no-cache\r\n"
    "x-accel-buffering: no\r\n"
)


class Exchange:
    """One request on its way to one answer."""

    __slots__ = (
        "call",
        "dialect",
        "gw",
        "owner",
        "parsed",
        "record",
        "route",
        "ticket",
        "watch",
        "writer",
    )

    def __init__(self, call: Call, dialect: Dialect, gw: Gateway, record: Record) -> None:
        self.call = call
        self.dialect = dialect
        self.gw = gw
        self.record = record
        self.parsed: Parsed | None = None
        self.route = NOWHERE
        """What routing was asked."""
        self.ticket: Ticket | None = None
        self.owner = ""
        """The principal's id."""
        self.writer: Writer | None = None
        """Writes the stream, where it is one choice."""
        self.watch: Watch | None = None
        """Sees what becomes of the prompt cache, where there is one or the client asks."""

    def accept(self, parsed: Parsed, principal: Principal) -> None:
        """Take note of what is asked. Raises ``model_not_allowed``."""
        record = self.record
        self.parsed = parsed
        self.owner = principal.id
        record.model = parsed.client_model
        record.stream = parsed.stream
        record.warnings = parsed.warnings
        if not principal.may_use(parsed.client_model) and not principal.may_use(parsed.model.id):
            raise Failure(
                "model_not_allowed",
                f"This API key may not use the model `{parsed.client_model}`.",
                param="model",
            )

    def wanted(self, parsed: Parsed, principal: Principal) -> routing.Wanted:
        """What routing is asked: the model, and the conversation it belongs to."""
        options, headers = self.gw.options, self.call.headers
        watched = parsed.marked or HEADER in headers
        conversation = 0
        if options.affinity or watched:
            identity = asked.identity(parsed, headers, principal.seed)
            conversation = identity.hash
            if options.affinity:
                self.record.conversation = identity.text
            if watched:
                self.watch = Watch(self.gw, self.record, parsed, identity)
                self.watch.asked = headers.get(HEADER) == "1"
        if not options.affinity:
            conversation = random.getrandbits(64)
        route = asked.wanted(parsed, conversation, options.max_attempts)
        if route.placed and options.affinity and not self.gw.pool.remembers(conversation):
            route = asked.opened(route, parsed, principal.seed)
        self.route = route
        return route

    async def queue(
        self, wanted: routing.Wanted, refused: Failure, principal: Principal
    ) -> list[Account]:
        """Wait until an account has room.

        Raises ``refused`` or what came after it, when waiting does not help.
        """
        gw = self.gw
        if self.parsed is not None and self.parsed.stream:
            self.keep_alive()
        plan = await gw.waiting.wait(
            principal.id,
            refused,
            lambda: routing.plan(wanted, gw.pool.roster, gw.clock.mono(), gw.pool.detours),
            wanted.model,
        )
        if self.watch is not None:
            self.watch.sent = gw.clock.mono()
        return plan

    def another(self, search: Search) -> Coroutine[Any, Any, Account]:
        """Where the request goes after a failure (``errand.Road``)."""
        return road.another(self.gw, self.route, self.owner, search)

    def done(self, search: Search) -> None:
        """The attempt after a failure is over (``errand.Road``)."""
        road.done(self.gw, search)

    def spare(self, first: Account) -> Account | None:
        """Who may be asked beside the first (``errand.Road``)."""
        return road.spare(self.gw, self.route, first)

    def moved(self, account: Account) -> None:
        """Remember for the life of its cache where the conversation went (``errand.Road``)."""
        gw = self.gw
        if self.parsed is not None and gw.options.affinity:
            life_s = gw.options.affinity_ttl_s
            if not (self.parsed.model.org_locked_thinking or self.parsed.tied):
                # Such thinking, and what upstream keeps, outlives the cache.
                life_s = min(asked.cache_life_s(self.parsed), life_s)
            gw.pool.moved(self.route, account, life_s)

    def keep_alive(self) -> None:
        """Let comments flow while upstream is silent, from now to the end of the stream."""
        if self.gw.options.keepalive_s > 0:
            self.call.on_idle(self.gw.options.keepalive_s, partial(_comment, self))

    def begin(self) -> None:
        """Send the head of the stream, unless a comment already had to."""
        if self.call.sent:
            return
        self.record.first_byte = self.gw.clock.mono()
        self.record.status = 200
        self.call.begin(200, self.headers(_EVENT_STREAM))

    def forget_request(self, parsed: Parsed, up: Upstream) -> None:
        """Let go of what was asked, now that it cannot be sent again.

        A prompt may be megabytes and its answer may stream for minutes.
        """
        self.call.content = b""
        parsed.raw = b""
        parsed.media = ()
        parsed.later = None
        up.forget()

    def pass_on(self, parsed: Parsed, up: Upstream, body: bytes) -> None:
        """Let the client's own bytes go up, where an account speaks what the client speaks.

        Of several choices each is a request of its own, so they are translated.
        """
        up.dialect = self.dialect.name
        up.raw = body if self.dialect.passes and parsed.n == 1 else parsed.raw
        up.betas = parsed.betas
        up.version = parsed.version
        up.named = parsed.client_model
        up.later = parsed.later
        up.strict = self.gw.options.strict
        parsed.warned = len(parsed.warnings)

    def passed(self, reply: Reply) -> None:
        """Answer with the bytes of a whole reply as they came."""
        record = self.record
        if self.parsed is not None:
            record.warnings = kept(self.parsed, reply.warnings)
        record.usage.fold(reply.usage)
        self.respond(200, reply.body)

    def remember(self, turn: Turn | None) -> None:
        """Keep the signed thinking of a complete answer that made calls, before the client can send
        their results."""
        if turn is not None:
            self.gw.thoughts.keep(self.owner, turn)

    def respond(self, status: int, body: bytes) -> None:
        """Send a whole JSON answer."""
        self.record.first_byte = self.gw.clock.mono()
        self.record.status = status
        self.call.respond(status, self.headers(JSON), body)

    def fail(self, failure: Failure, extra: Sequence[tuple[str, str]] = ()) -> None:
        """Tell the client what went wrong.

        As a status while that is possible, else inside the stream.
        """
        call, record = self.call, self.record
        if self.parsed is not None and not failure.placed:
            failure = self.dialect.localize(failure, self.parsed)
        # An upstream's own words may repeat the credential it was sent.
        failure.message = without_keys(failure.message)
        failure.request_id = call.request_id
        record.fail(failure)
        if call.gone:
            return
        if call.sent:
            tell = self.dialect.error_event if self.writer is None else self.writer.fail
            call.write(tell(failure))
            call.end()
            return
        record.status = status = self.dialect.status(failure)
        headers = [*self.headers(JSON), *extra]
        if status in self.dialect.final:
            headers.append(("x-should-retry", "false"))
        if failure.retry_after_s is not None:
            headers.append(("retry-after", str(max(1, math.ceil(failure.retry_after_s)))))
        call.respond(status, headers, self.dialect.error_body(failure))

    def headers(self, content: str) -> list[tuple[str, str]]:
        """The headers every answer carries, as far as they are known by now (interface.md §4).

        ``content``: lines of this kind of answer. What needs no check goes into ``call.lines``,
        what holds text of others is given back.
        """
        call, record = self.call, self.record
        lines = content
        if self.ticket is not None:
            lines += self.ticket.rate_lines()
        if record.attempts and self.gw.options.expose_routing:
            lines += _routing(record.account, record.attempts)
        conversation = call.headers.get("x-conversation-id")
        if conversation:
            # The server has checked it when it came.
            lines += f"x-conversation-id: {conversation}\r\n"
        if self.dialect.id_header:
            lines += f"{self.dialect.id_header}: {call.request_id}\r\n"
        call.lines = lines
        headers: list[tuple[str, str]] = []
        if record.warnings:
            headers.append(("x-dragoman-warnings", ", ".join(map(_warning, record.warnings))))
        if self.watch is not None and self.watch.asked:
            headers.append((HEADER, self.watch.line()))
        return headers


def kept(parsed: Parsed, more: Sequence[tuple[str, str]] = ()) -> list[tuple[str, str]]:
    """Warnings that hold also where the client's own bytes went up: those of translating it, where
    an account before had needed that, do not. ``more`` did not go up."""
    told = [] if parsed.later is None else parsed.warnings[: parsed.warned]
    return [*told, *more] if more else told


@lru_cache(maxsize=4096)
def _routing(account: str, attempts: int) -> str:
    """Where an answer came from, as header lines. Names of accounts are checked when read."""
    return f"x-dragoman-account: {account}\r\nx-dragoman-attempts: {attempts}\r\n"


def _comment(exchange: Exchange) -> None:
    """Something on the wire while upstream says nothing, so that nobody in between gives up."""
    exchange.begin()
    exchange.call.write(exchange.dialect.keepalive)


def _warning(warning: tuple[str, str]) -> str:
    """``name=reason`` as a header may carry it.

    The names of unknown fields are the client's own text.
    """
    name, reason = warning
    return f"{quote(name, safe=_PLAIN)}={quote(reason, safe=_PLAIN)}"

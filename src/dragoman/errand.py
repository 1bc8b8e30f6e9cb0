"""A request on its way up: what is sent, to whom it may go next, and where it has been."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, runtime_checkable

from msgspec import UNSET, Struct

from dragoman.account import Account
from dragoman.carriers.registry import Carrier
from dragoman.catalogue.model import Model
from dragoman.dialects.chat.parsed import Later
from dragoman.errors import Failure
from dragoman.hub.request import Request
from dragoman.hub.wire import Wire
from dragoman.retries import Ticket
from dragoman.upstream import Timeouts

FREE = frozenset({"upstream_unreachable", "model_not_found", "unsupported_here"})
"""Failures that do not count as attempts: nobody worked, and the account is left alone for it."""
MOST_FREE = 10
"""More of them end a request all the same."""
CALM = FREE | {"upstream_refused", "upstream_unpaid", "upstream_throttled"}
"""Failures of an account that was well until then which cost the upstream nothing: it refused
before any work, and gets no more requests for a while. What follows them needs no turn."""
AMBIGUOUS = frozenset({"upstream_reset", "upstream_timeout", "upstream_truncated"})
"""Failures that come when nothing does: what was sent may be worked on, and billed."""


class Search:
    """Where a request has been in vain, and what it was told there last."""

    __slots__ = ("attempts", "calm", "failure", "free", "give_up", "ticket", "tried")

    def __init__(self) -> None:
        self.failure = Failure("no_account", "No upstream account is available.", retry_after_s=1)
        self.tried: list[Account] = []
        self.attempts = 0
        """Accounts that were sent the request, and may have worked on it."""
        self.free = 0
        """Accounts that do not count: they could not be reached, or do not have the model."""
        self.calm = False
        """Whether the last failure leaves no work behind that the next attempt would add to."""
        self.give_up = 0.0
        """``mono()`` seconds until which turns are waited for; 0 while none was."""
        self.ticket: Ticket | None = None
        """The turn that the present attempt has taken."""


class Road(Protocol):
    """Knows where else a request may go."""

    def another(self, search: Search) -> Coroutine[Any, Any, Account]:
        """An account that was not tried yet, once it is the request's turn.

        Raises ``search.failure`` when there is none, or none in time.
        """
        ...

    def done(self, search: Search) -> None:
        """The attempt that :meth:`another` allowed has been answered, or has failed."""
        ...

    def spare(self, first: Account) -> Account | None:
        """A healthy account with room that may be asked beside the first."""
        ...

    def moved(self, account: Account) -> None:
        """This account has answered, and it may not be where the conversation lives."""
        ...


@runtime_checkable
class Droppable(Protocol):
    """An answer that holds something until it is let go."""

    def drop(self) -> None:
        """Let go of it, unread."""
        ...


class Upstream(Struct, eq=False):
    """A request as it goes up: made for each carrier and model id when an account first needs it.

    Nearly always that is one, and :attr:`wire` is it.
    """

    request: Request
    """What is asked, until :meth:`forget`."""
    model: Model
    simulate: str
    """The client's ``x-simulate`` header, for simulator accounts only."""
    timeouts: Timeouts
    warnings: list[tuple[str, str]] | None = None
    """Of the request's record: what a carrier could not say is added."""
    betas: tuple[str, ...] = ()
    """Values of ``anthropic-beta`` that the client named and that may be passed on."""
    version: str = ""
    """The client's ``anthropic-version``, where it speaks that API."""
    later: Later | None = None
    """What completes ``request`` before it is translated."""
    named: str = ""
    """The model's name in ``raw``."""
    dialect: str = ""
    raw: bytes = b""
    """The client's own body in this dialect, where it may go up as it came."""
    missing: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Fetches and converts pictures and files, until it is done: what passes goes without."""
    road: Road | None = None
    """The way to other accounts; without one the request stays with the first."""
    counting: bool = False
    """Whether only the length of the prompt is asked."""
    strict: bool = False
    """Whether what a carrier has to leave out of the client's own bytes is refused."""
    generation: int = 0
    """How often ``request`` was changed since the beginning."""
    final: bool = False
    """Whether it may not be changed (any more)."""
    carrier: Carrier | None = None
    wire: Wire | None = None
    """What was made for this carrier and the model's usual id."""
    _wires: dict[tuple[str, str], Wire] | None = None
    """What was made for accounts with ids of their own."""

    def wire_for(self, account: Account) -> Wire:
        """What is sent to an account.

        Raises Failure where its carrier cannot say it, and ``model_not_found`` where the account
        does not offer the model.
        """
        carrier = account.carrier
        if account.known_as is None:
            if self.wire is None or self.carrier is not carrier:
                self.carrier = carrier
                self.wire = self._made(carrier, self.request.model)
            return self.wire
        wire_id = account.known_as(self.model)
        if not wire_id:
            words = "The model does not exist, or the gateway's accounts have no access to it."
            raise Failure("model_not_found", words, param="model")
        wires = self._wires
        if wires is None:
            wires = self._wires = {}
        wire = wires.get((carrier.name, wire_id))
        if wire is None:
            wire = wires[carrier.name, wire_id] = self._made(carrier, wire_id)
        return wire

    def passes(self, carrier: Carrier) -> bool:
        """Whether the client's own bytes go to such an account, and its answer's to the client."""
        verbatim = carrier.verbatim
        return bool(self.raw) and verbatim is not None and verbatim.dialect == self.dialect

    async def complete(self) -> None:
        """Have everything at hand that a request needs which is translated. Raises Failure."""
        if self.missing is not None:
            await self.missing()
            self.missing = None

    def change(self) -> None:
        """``request`` was changed: what was made of it is out of date."""
        self.generation += 1
        self.wire = self._wires = None

    def forget(self) -> None:
        """Let go of all that was asked: it cannot be sent again."""
        self.wire = self._wires = None
        self.raw = b""
        self.later = self.missing = None
        request = self.request
        request.messages = []
        request.system = request.tools = UNSET

    def _made(self, carrier: Carrier, wire_id: str) -> Wire:
        verbatim = carrier.verbatim
        if self.raw and verbatim is not None and verbatim.dialect == self.dialect:
            if wire_id == self.named and verbatim.names_model:
                wire_id = ""
            prepare = verbatim.prepare
            if self.counting and verbatim.count is not None:
                prepare = verbatim.count.prepare
            wire = prepare(self.raw, wire_id, self.betas, self.version, self.model)
            if wire.warnings and self.strict:
                _refuse(wire)
            return wire
        if self.later is not None:
            self.later.translate()
        wire = carrier.prepare(self.request, wire_id, self.model, self.betas)
        if wire.warnings and self.warnings is not None:
            self.warnings += wire.warnings
        return wire


def _refuse(wire: Wire) -> None:
    """Raise for the first field that was left out; betas only announce what a client may do."""
    for name, reason in wire.warnings:
        if name != "anthropic-beta":
            raise Failure("unsupported_here", f"{name}: {reason}.", param=name)

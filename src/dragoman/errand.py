"""A request on its way up: what is sent, to whom it may go next, and where it has been."""

from collections.abc import Coroutine
from typing import Any, Protocol, runtime_checkable

from dragoman.account import Account
from dragoman.errors import Failure
from dragoman.hub.request import Request
from dragoman.retries import Ticket
from dragoman.upstream import Timeouts

FREE = frozenset({"upstream_unreachable", "model_not_found"})
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


class Upstream:
    """A request as it goes up, the same for every account of one carrier."""

    __slots__ = ("betas", "body", "request", "road", "simulate", "timeouts")

    def __init__(
        self,
        body: bytes,
        simulate: str,
        timeouts: Timeouts,
        request: Request | None = None,
        betas: tuple[str, ...] = (),
    ) -> None:
        self.body = body
        self.request = request
        """What ``body`` was made of, while it may be made again."""
        self.betas = betas
        """Values of the protocol's beta header that the body needs."""
        self.simulate = simulate
        """The client's ``x-simulate`` header, for simulator accounts only."""
        self.timeouts = timeouts
        self.road: Road | None = None
        """The way to other accounts; without one the request stays with the first."""

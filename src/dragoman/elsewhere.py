"""After a failure: what it means for the account and the request, and where that goes next.

Nothing has reached the client yet. A failure that is the account's own is noted, lets the account
cool down and sends the request to another one, as :class:`dragoman.errand.Road` allows. What the
client caused is raised, with one exception: thinking of earlier turns that an upstream no longer
takes is often not the client's doing, so the request is sent once more without it.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from dragoman.account import Account
from dragoman.errand import AMBIGUOUS, CALM, FREE, Search, Upstream
from dragoman.errors import Failure
from dragoman.pool import Pool
from dragoman.record import Miss, Record

T = TypeVar("T")
Attempt = Callable[[Pool, Account, Upstream, Record], Coroutine[Any, Any, T]]


class Missed:
    """An attempt that failed."""

    __slots__ = ("account", "failure", "sent", "well")

    def __init__(self, account: Account, sent: int, well: bool, failure: Failure) -> None:
        self.account = account
        self.sent = sent
        """Which generation of the request was sent (``Upstream.generation``)."""
        self.well = well
        """Whether the account was in good health when the attempt began."""
        self.failure = failure


async def go_on(
    pool: Pool,
    missed: Missed,
    attempt: Attempt[T],
    request: tuple[Upstream, Record],
    search: Search,
) -> T:
    """What the first account that can gives, after one that could not.

    Raises the last account's Failure.
    """
    up, record = request
    while True:
        again = await _eased(pool, missed, attempt, request)
        if again:
            if up.road is not None:
                up.road.moved(missed.account)
            return again[0]
        note(pool, missed, search, record)
        road = up.road
        if road is None or not missed.failure.row.retry:
            raise missed.failure
        account = await road.another(search)
        sent, well = up.generation, not account.failures
        try:
            pool.trying(account)
            answered = await attempt(pool, account, up, record)
        except Failure as failure:
            missed = Missed(account, sent, well, failure)
        else:
            pool.succeeded(account)
            road.moved(account)
            return answered
        finally:
            road.done(search)


def note(pool: Pool, missed: Missed, search: Search, record: Record) -> None:
    """Write a failed attempt down, in the account and in the record."""
    account, failure = missed.account, missed.failure
    pool.failed(account, failure)
    if not failure.row.retry:
        return
    kind = failure.kind
    ambiguous = kind in AMBIGUOUS and not failure.answered
    record.missed += (Miss(account.name, kind, ambiguous),)
    if ambiguous:
        record.ambiguous += 1
        account.ambiguous[kind] = account.ambiguous.get(kind, 0) + 1
    search.failure = failure
    search.tried.append(account)
    if kind in FREE:
        search.free += 1
    else:
        search.attempts += 1
    # An account that may not cool down would be asked again and again.
    search.calm = kind in CALM and missed.well and not account.never_disable


async def _eased(
    pool: Pool, missed: Missed, attempt: Attempt[T], request: tuple[Upstream, Record]
) -> tuple[T] | None:
    """What the same account answers to the request without thinking, where that was refused.

    ``missed`` becomes the second failure where there is one.
    """
    up, record = request
    account, failure = missed.account, missed.failure
    if not account.carrier.about_thinking(failure) or not _ease(up, missed, record):
        return None
    try:
        answered = await attempt(pool, account, up, record)
    except Failure as again:
        missed.failure = again
        return None
    pool.succeeded(account)
    return (answered,)


def _ease(up: Upstream, missed: Missed, record: Record) -> bool:
    """Whether there is another body to send than the one that was, made now or, where there are
    several choices, for another of them."""
    if up.generation != missed.sent:
        return True
    carrier = missed.account.carrier
    if up.final or up.passes(carrier):
        # A client whose own bytes are sent is told.
        return False
    up.final = True
    if not carrier.ease(up.request, missed.failure):
        return False
    up.change()
    record.warnings.append(("thinking", "the upstream did not take the thinking of earlier turns"))
    return True

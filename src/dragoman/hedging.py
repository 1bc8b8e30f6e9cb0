"""Hedging: a request whose account takes unusually long is sent to a second account as well.

    first account ──────── usual time ────────────────────▶ given up, its connection closed
                               └─ second account ─────▶ answers first: the client's answer

Whoever begins to answer first has won; the other attempt is cancelled in the same moment and its
end awaited, so nothing is left running. Only the winner's usage is counted. Off unless
``routing.hedging`` is set: a request that is sent twice may be billed twice by upstream.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar, cast

from dragoman import elsewhere
from dragoman.account import Account
from dragoman.elsewhere import Attempt, Missed
from dragoman.errand import Droppable, Search, Upstream
from dragoman.errors import Failure
from dragoman.hedges import Class, Hedges
from dragoman.pool import Pool
from dragoman.record import Record

T = TypeVar("T")


class Won(NamedTuple, Generic[T]):
    """An attempt that was answered."""

    account: Account
    answer: T


class Race(Generic[T]):
    """One request and the attempts at it that run at the same time, at most two."""

    def __init__(
        self, pool: Pool, hedges: Hedges, attempt: Attempt[T], request: tuple[Upstream, Record]
    ) -> None:
        self._pool = pool
        self._hedges = hedges
        self._attempt: Attempt[T] = attempt
        self._request = request
        self._search = Search()

    async def run(self, first: Account) -> T:
        """The first answer. Raises the Failure of the last account that was tried."""
        self._hedges.passed()
        runs: list[asyncio.Task[Won[T] | Missed]] = []
        ended: Won[T] | Missed = Missed(first, 0, False, Failure("internal", "No attempt ended."))
        try:
            async with asyncio.TaskGroup() as group:
                runs.append(group.create_task(self._run(first)))
                usual_s = self._hedges.usual_s(self._class(first))
                if usual_s is not None:
                    await asyncio.wait(runs, timeout=usual_s)
                    second = None if runs[0].done() else self._second(first)
                    if second is not None:
                        runs.append(group.create_task(self._run(second)))
                ended = await self._end(runs)
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        finally:
            _drop(runs, ended)
        if not isinstance(ended, Won):
            return await elsewhere.go_on(
                self._pool, ended, self._attempt, self._request, self._search
            )
        if len(runs) > 1 and ended.account is not first:
            self._hedges.won += 1
        up, record = self._request
        record.account = ended.account.name
        if up.road is not None:
            up.road.moved(ended.account)
        return ended.answer

    def _second(self, first: Account) -> Account | None:
        """A healthy account with room, if there is one and a chance to ask it."""
        up, record = self._request
        if up.road is None:
            return None
        found = up.road.spare(first)
        if found is None or not self._hedges.take():
            return None
        record.hedged = True
        return found

    async def _end(self, runs: Sequence["asyncio.Task[Won[T] | Missed]"]) -> Won[T] | Missed:
        """The first answer; where there is none, the last failure, or one that no other account
        can mend."""
        running = set(runs)
        while True:
            _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            done = [run.result() for run in runs if run not in running]
            won = [ended for ended in done if isinstance(ended, Won)]
            missed = [ended for ended in done if isinstance(ended, Missed)]
            last = None if won else missed[-1]
            for one in missed:
                if one is not last and one.account not in self._search.tried:
                    self._note(one)
            if last is None or not running or not last.failure.row.retry:
                for other in running:
                    other.cancel()
                return last or won[0]
            self._note(last)

    def _note(self, missed: Missed) -> None:
        elsewhere.note(self._pool, missed, self._search, self._request[1])

    async def _run(self, account: Account) -> Won[T] | Missed:
        pool, hedges = self._pool, self._hedges
        up, record = self._request
        sent, well = up.generation, not account.failures
        began = hedges.now()
        pool.trying(account)
        try:
            answer = await self._attempt(pool, account, up, record)
        except Failure as failure:
            return Missed(account, sent, well, failure)
        except asyncio.CancelledError:
            # It took at least this long: without it the slow ones would never be known.
            hedges.took(self._class(account), hedges.now() - began)
            raise
        hedges.took(self._class(account), hedges.now() - began)
        pool.succeeded(account)
        return Won(account, answer)

    def _class(self, account: Account) -> Class:
        record = self._request[1]
        return Class(account.name, record.model, record.stream)


def _drop(runs: Sequence["asyncio.Task[Any]"], kept: object) -> None:
    """Let go of answers that nobody takes: one that came in the same moment as the winner's, or
    as the client left."""
    for run in runs:
        ended = None if run.cancelled() or run.exception() else run.result()
        if isinstance(ended, Won) and ended is not kept:
            answer = cast(Won[object], ended).answer
            if isinstance(answer, Droppable):
                answer.drop()

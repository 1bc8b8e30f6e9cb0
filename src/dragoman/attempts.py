"""Attempts: one request, account after account, until one answers.

Nothing has reached the client while this runs, so any failure that is an account's own moves the
request to another account (``elsewhere.py``). What counts as an answer: for a stream, response
headers and a first event that is not an error; for a whole reply, all of its bytes.
"""

from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

from dragoman import elsewhere, hedging
from dragoman.account import Account, Signer
from dragoman.answers import Answer, Passed
from dragoman.elsewhere import Attempt, Missed
from dragoman.errand import Search, Upstream
from dragoman.errors import Failure
from dragoman.hub.events import Reply
from dragoman.hub.wire import Wire, merged
from dragoman.pool import Pool
from dragoman.record import Record
from dragoman.routing import Moved
from dragoman.upstream import UpstreamResponse

T = TypeVar("T")
MAX_REPLY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 256 * 1024
_NO_COUNT = "No account that is available counts tokens for this model."
_NO_COUNTING = ("model_not_found", "upstream_refused")
"""What those say that do not count for a model, in a region or by the role they were given."""


def stream(
    pool: Pool, plan: Sequence[Account], up: Upstream, record: Record
) -> Coroutine[Any, Any, Answer]:
    """The first account's stream that begins. Raises the last account's Failure."""
    return _first(pool, plan, _begin, (up, record))


def whole(
    pool: Pool, plan: Sequence[Account], up: Upstream, record: Record
) -> Coroutine[Any, Any, tuple[Reply, Account]]:
    """The first account's whole reply, and whose it is. Raises the last account's Failure."""
    return _first(pool, plan, _reply, (up, record))


def count(pool: Pool, account: Account, up: Upstream, record: Record) -> Coroutine[Any, Any, bytes]:
    """What an account that can count says of a prompt's length, as it said it. Raises Failure."""
    return _first(pool, [account], _counted, (up, record))


async def _first(
    pool: Pool,
    plan: Sequence[Account],
    attempt: Attempt[T],
    request: tuple[Upstream, Record],
) -> T:
    """What the first account that can gives; ``plan`` holds at least one."""
    up, record = request
    account = plan[0]
    pool.sent += 1
    if pool.hedges is not None and up.road is not None:
        return await hedging.Race(pool, pool.hedges, attempt, request).run(account)
    sent, well = up.generation, not account.failures
    pool.trying(account)
    try:
        answered = await attempt(pool, account, up, record)
    except Failure as failure:
        missed = Missed(account, sent, well, failure)
        return await elsewhere.go_on(pool, missed, attempt, request, Search())
    pool.succeeded(account)
    if plan.__class__ is Moved and up.road is not None:
        up.road.moved(account)
    return answered


async def _reply(
    pool: Pool, account: Account, up: Upstream, record: Record
) -> tuple[Reply, Account]:
    account.in_flight += 1
    try:
        carrier = account.carrier
        if up.missing is not None and not up.passes(carrier):
            await up.complete()
        wire = up.wire_for(account)
        response = await _send(pool, account, up, record, wire)
        try:
            body = await response.body(MAX_REPLY_BYTES)
        finally:
            response.close()
    finally:
        account.release()
    passing = up.raw and up.passes(carrier)
    if passing and carrier.glance is not None:
        reply = carrier.glance(body)
    elif wire.names is None:
        reply = carrier.read_reply(body)
    else:
        reply = carrier.read_reply(body, wire.names)
    if passing:
        reply.body, reply.warnings = body, wire.warnings
    return reply, account


async def _counted(pool: Pool, account: Account, up: Upstream, record: Record) -> bytes:
    account.in_flight += 1
    try:
        verbatim = account.carrier.verbatim
        count = None if verbatim is None else verbatim.count
        if count is None:
            raise Failure("unsupported_here", _NO_COUNT)
        try:
            response = await _send(pool, account, up, record, up.wire_for(account))
        except Failure as failure:
            if count.certain or failure.kind not in _NO_COUNTING:
                raise
            # That it does not count says nothing about the account.
            raise Failure("unsupported_here", _NO_COUNT, detail=failure.detail) from None
        try:
            told = count.read(await response.body(MAX_ERROR_BYTES))
        finally:
            response.close()
    finally:
        account.release()
    if told is None:
        raise Failure("upstream_nonsense", "The upstream's answer is not a count of tokens.")
    return told


async def _begin(pool: Pool, account: Account, up: Upstream, record: Record) -> Answer:
    with ExitStack() as undo:
        account.in_flight += 1
        undo.callback(account.release)
        carrier = account.carrier
        if up.missing is not None and not up.passes(carrier):
            await up.complete()
        wire = up.wire_for(account)
        response = await _send(pool, account, up, record, wire)
        undo.callback(response.close)
        kind = Passed if up.raw and up.passes(carrier) else Answer
        answer = kind(account, pool, response, carrier, wire)
        await answer.begin(up.timeouts.first_byte_s)
        undo.pop_all()
    return answer


async def _send(
    pool: Pool, account: Account, up: Upstream, record: Record, wire: Wire
) -> UpstreamResponse:
    """One attempt up to a 200's headers. Raises the Failure that any other status means."""
    record.attempts += 1
    record.account = account.name
    headers, carrier = account.headers, account.carrier
    if up.simulate and account.provider == "simulator":
        headers += b"x-simulate: %b\r\n" % up.simulate.encode("latin-1", "replace")
    if wire.headers:
        headers = merged(headers, wire.headers)
    if account.sign is None:
        response = await account.client.send("POST", wire.path, headers, wire.body, up.timeouts)
    else:
        response = await _signed(account, account.sign, headers, wire, up)
    if response.status == 200:
        pool.heard(account, response.head)
        return response
    try:
        body = await response.body(MAX_ERROR_BYTES)
    finally:
        response.close()
    failure = carrier.read_error(response.status, response.headers, body)
    failure.answered = True
    failure.placed = up.passes(carrier)
    raise failure


async def _signed(
    account: Account, sign: Signer, headers: bytes, wire: Wire, up: Upstream
) -> UpstreamResponse:
    """The answer to a signed request: the second one, where a credential was refused that has
    grown old and a new one can be had."""
    signed = await sign("POST", wire.path, headers, wire.body)
    send = account.client.send
    response = await send("POST", wire.path, headers + signed, wire.body, up.timeouts)
    if response.status not in (401, 403) or not sign.refused(signed):
        return response
    try:
        await response.body(MAX_ERROR_BYTES)
    finally:
        response.close()
    signed = await sign("POST", wire.path, headers, wire.body)
    return await send("POST", wire.path, headers + signed, wire.body, up.timeouts)

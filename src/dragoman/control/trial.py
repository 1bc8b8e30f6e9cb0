"""``POST /admin/v1/accounts/{name}/test``: does an account answer?

One real request for one token, past the routing, also to an account that is drained or cooling.
What comes of it counts like any other answer: an account that answers is well again, one that fails
cools down.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dragoman.account import Account
from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.control import bodies
from dragoman.control.desk import Desk
from dragoman.errand import Upstream
from dragoman.errors import Failure
from dragoman.hub.request import Message, Text
from dragoman.hub.request import Request as HubRequest
from dragoman.hub.wire import merged
from dragoman.observe.redaction import redacted
from dragoman.upstream import Timeouts

TIMEOUTS = Timeouts(30.0, 30.0)
MOST_BYTES = 1024 * 1024


class Trial:
    """The handler of tests."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self, request: Request) -> Response:
        """The result of one request to one account, which may name its ``model``."""
        given = await bodies.fields(request)
        bodies.only(given, "model")
        running = self._desk.running()
        name = request.path_params["name"]
        account = next((one for one in running.pool.snapshot() if one.name == name), None)
        if account is None:
            raise Failure("not_found", f"There is no account named {name[:64]} in the pool.")
        row = _model(given.get("model"), account, running.catalogue)
        model = row.wire_id
        client = request.client.host if request.client else "unknown"
        self._desk.audit(f"account tested name={name} model={model} from={client}")
        started = self._desk.clock.mono()
        result: dict[str, Any] = {"account": name, "model": model, "ok": True, "error": None}
        pool = running.pool
        pool.trying(account)
        try:
            result["tokens"] = await _ask(account, row)
        except Failure as failure:
            pool.failed(account, failure)
            result["ok"] = False
            result["error"] = {
                "kind": failure.kind,
                "message": redacted(failure.message),
                "detail": redacted(failure.detail),
            }
        else:
            pool.succeeded(account)
        result["duration_ms"] = round((self._desk.clock.mono() - started) * 1000, 1)
        return bodies.answer(result)


async def _ask(account: Account, row: Model) -> dict[str, int]:
    """One request for one token; the tokens it took. Raises Failure."""
    text = Text(jsonio.quote("Hi"))
    asked = HubRequest(model=row.wire_id, max_tokens=1, messages=[Message("user", [text])])
    wire = Upstream(asked, row, "", TIMEOUTS).wire_for(account)
    account.in_flight += 1
    try:
        headers = merged(account.headers, wire.headers) if wire.headers else account.headers
        if account.sign is not None:
            headers += await account.sign("POST", wire.path, headers, wire.body)
        response = await account.client.send("POST", wire.path, headers, wire.body, TIMEOUTS)
        try:
            body = await response.body(MOST_BYTES)
        finally:
            response.close()
    finally:
        account.release()
    if response.status != 200:
        raise account.carrier.read_error(response.status, response.headers, body)
    usage = account.carrier.read_reply(body).usage
    return {"input": usage.input_tokens or 0, "output": usage.output_tokens or 0}


def _model(asked: Any, account: Account, catalogue: Catalogue) -> Model:
    """The model to ask: the model asked for, else of the cheapest that the account serves."""
    if asked is not None:
        if not isinstance(asked, str):
            raise Failure("invalid_value", "model: expected str.", param="model")
        return catalogue.resolve(asked).model
    serving = [
        row
        for row in catalogue.listed()
        if row.retired is None and not row.restricted and account.serves(row.wire_id)
    ]
    if not serving:
        raise Failure(
            "invalid_value", "model: is missing; the account serves none of the catalogue's.",
            param="model",
        )  # fmt: skip
    return min(serving, key=lambda row: row.prices.output)

"""The simulator itself: a request goes in, an answer comes out, and nothing else happens.

:class:`Simulator` does no I/O and starts no task. It decides what is answered and at what pace;
whoever called it sends the bytes (``inprocess.py`` inside the gateway, ``app.py`` on the network).

    handle ── route ── authenticate ── version ── faults ── check ── count ── limits ── reply
"""

import base64
import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from dragoman.catalogue.catalogue import Catalogue
from dragoman.clock import Clock
from dragoman.codec import jsonio
from dragoman.simulator import events, faults, reply
from dragoman.simulator.account import Accounts, AccountState
from dragoman.simulator.events import Message
from dragoman.simulator.faults import Ending, Faults
from dragoman.simulator.limits import Limits
from dragoman.simulator.listing import list_models, one_model
from dragoman.simulator.prefix import measure
from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.thinking import Guard
from dragoman.simulator.thinking import Signer
from dragoman.simulator.validate import Checker, fits

MAX_BODY_BYTES = 32 * 1024 * 1024
VERSIONS = frozenset(("2023-06-01", "2026-10-21"))
Headers = list[tuple[str, str]]
_JSON = ("content-type", "application/json")


class Settings(NamedTuple):
    """How the simulator behaves. ``seed`` decides signatures and made-up ids; two with the same
    seed accept each other's thinking blocks.
    """

    seed: str = "dragoman"
    pace: float = 60.0
    """Events per second of a stream; 0: as fast as possible."""
    limits: Limits = Limits()
    simulate: str = ""
    """Directives for requests that bring no ``x-simulate`` of their own."""
    serve_retired: bool = False
    """Answer for retired models too, instead of 404."""


class Incoming(NamedTuple):
    """One HTTP request. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    account: str


class Answer(NamedTuple):
    """What to send, and how."""

    status: int
    headers: Headers
    body: bytes = b""
    """All of it, when ``events`` is ``None``."""
    events: Iterator[bytes] | None = None
    pace: float = 0.0
    """Events per second; 0: as fast as possible."""
    delay_s: float = 0.0
    """Silence before the first byte."""
    ending: Ending = Ending.WHOLE
    silent: bool = False
    """Not even a head is sent: the connection is reset or stays silent, as ``ending`` says."""


class Simulator:
    """The Anthropic Messages API without a model."""

    def __init__(
        self, clock: Clock, settings: Settings | None = None, catalogue: Catalogue | None = None
    ) -> None:
        self._clock = clock
        self._settings = settings or Settings()
        self._catalogue = catalogue or Catalogue()
        self._accounts = Accounts(self._settings.limits, self._settings.seed)
        self._signer = Signer(self._settings.seed)
        self._checker = Checker(self._catalogue, self._settings.serve_retired)
        self._salt = f"{self._settings.seed}:{clock.wall()}".encode()
        self._count = 0

    def handle(self, incoming: Incoming) -> Answer:
        """Answer one request. Never raises for anything a client can send."""
        request_id = self._made_up("req_011C", 20)
        account = self._accounts.get(incoming.account, self._clock.mono())
        headers: Headers = [
            ("request-id", request_id),
            ("anthropic-organization-id", account.organization),
        ]
        fault = faults.NONE
        try:
            fault = self._fault(incoming, account)
            if fault.status:
                raise faults.error_of(fault)
            if fault.after is None and fault.ending is not Ending.WHOLE:
                answer = Answer(0, [], silent=True)
            else:
                guard = Guard(self._signer, account.organization, fault.bind)
                answer = self._route(incoming, account, headers, guard)
                if fault.ending is Ending.ERROR and answer.events is None:
                    raise ApiError("Overloaded", status=529)
        except ApiError as error:
            if error.retry_after_s is not None:
                headers.append(("retry-after", str(error.retry_after_s)))
            answer = _refused(error, headers, request_id, fault.html)
        return self._troubled(answer, fault)

    def _route(
        self, incoming: Incoming, account: AccountState, headers: Headers, guard: Guard
    ) -> Answer:
        path, method = incoming.path, incoming.method
        if path in ("/api/hello", "/"):
            return Answer(200, [*headers, _JSON], b'{"message":"hello"}')
        if path in ("/v1/messages", "/v1/messages/count_tokens"):
            if method != "POST":
                raise ApiError("Method Not Allowed", status=405)
            _authenticate(incoming.headers)
            _version(incoming.headers)
            if path == "/v1/messages":
                return self._messages(incoming, account, headers, guard)
            return self._count_tokens(incoming, headers, guard)
        if path == "/v1/models" or path.startswith("/v1/models/"):
            if method not in ("GET", "HEAD"):
                raise ApiError("Method Not Allowed", status=405)
            _authenticate(incoming.headers)
            _version(incoming.headers)
            if path == "/v1/models":
                body = list_models(self._catalogue, incoming.query)
            else:
                body = one_model(self._catalogue, path.removeprefix("/v1/models/"))
            return Answer(200, [*headers, _JSON], body)
        raise ApiError("Not Found", status=404)

    def _messages(
        self, incoming: Incoming, account: AccountState, headers: Headers, guard: Guard
    ) -> Answer:
        checked = self._checker.creation(_decoded(incoming.body), incoming.headers, guard)
        prompt = checked.prompt
        now = self._clock.mono()
        prefix = measure(prompt, checked.gallery)
        fits(checked, prefix.tokens)
        least = prompt.model.min_cache_tokens
        use = account.cache.look(prefix.segments, least, now)
        counted = prefix.tokens if prompt.model.cache_reads_limited else prefix.tokens - use.read
        try:
            account.meter.admit(counted, now)
        except ApiError:
            headers += account.meter.headers(now, self._clock.wall())
            raise
        account.cache.use(prefix.segments, least, now)
        message = Message(self._made_up("msg_01", 22), prompt.model.id)
        reply.fill(message, reply.Ask(checked, prefix.tokens, use, guard))
        account.meter.spend(message.usage["output_tokens"], now)
        headers += account.meter.headers(now, self._clock.wall())
        if prompt.stream:
            head = [*headers, ("content-type", "text/event-stream; charset=utf-8")]
            head.append(("cache-control", "no-cache"))
            return Answer(200, head, events=events.stream(message), pace=self._settings.pace)
        return Answer(200, [*headers, _JSON], events.body(message))

    def _count_tokens(self, incoming: Incoming, headers: Headers, guard: Guard) -> Answer:
        checked = self._checker.counting(_decoded(incoming.body), incoming.headers, guard)
        tokens = measure(checked.prompt, checked.gallery).tokens
        return Answer(200, [*headers, _JSON], jsonio.encode({"input_tokens": tokens}))

    def _fault(self, incoming: Incoming, account: AccountState) -> Faults:
        header = incoming.headers.get("x-simulate", "") or self._settings.simulate
        if not header:
            return faults.NONE
        fault = faults.parse(header, incoming.account)
        if fault.once is not None and not account.first_time(fault.once or header):
            return faults.without_trouble(fault)
        return fault

    def _troubled(self, answer: Answer, fault: Faults) -> Answer:
        """The answer with its faults: later, at another pace, ending badly."""
        if fault is faults.NONE:
            return answer
        answer = answer._replace(delay_s=fault.delay_ms / 1000)
        if fault.pace is not None:
            answer = answer._replace(pace=fault.pace)
        if fault.ending is Ending.WHOLE or answer.status not in (0, 200):
            return answer
        if answer.events is None:
            # A whole answer has no events to count: its connection breaks before anything is sent.
            return answer._replace(ending=fault.ending, silent=True)
        cut = _shortened(answer.events, fault)
        return answer._replace(events=cut, ending=fault.ending)

    def _made_up(self, prefix: str, length: int) -> str:
        """An id that looks like the API's and is used once."""
        self._count += 1
        digest = hashlib.blake2b(self._salt + b"%d" % self._count, digest_size=24).digest()
        text = base64.b64encode(digest, b"AZ").decode()
        return prefix + text[:length]


def _shortened(whole: Iterator[bytes], fault: Faults) -> Iterator[bytes]:
    for _, made in zip(range(fault.after or 0), whole, strict=False):
        yield made
    if fault.ending is Ending.ERROR:
        yield events.error("overloaded_error", "Overloaded")


def _decoded(body: bytes) -> object:
    if len(body) > MAX_BODY_BYTES:
        raise ApiError("Request exceeds the maximum size", status=413)
    try:
        return jsonio.decode(body)
    except jsonio.Malformed as error:
        raise ApiError(f"The request body is not valid JSON: {error}") from None


def _authenticate(headers: dict[str, str]) -> None:
    """Any key will do, but for none, and for the word ``invalid``."""
    key = headers.get("x-api-key", "")
    if key:
        if key == "invalid":
            raise ApiError("invalid x-api-key", status=401)
        return
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        if "x-api-key" in headers or scheme:
            raise ApiError("invalid x-api-key", status=401)
        raise ApiError("x-api-key header is required", status=401)
    if token.strip() in ("", "invalid"):
        raise ApiError("Invalid bearer token", status=401)


def _version(headers: dict[str, str]) -> None:
    version = headers.get("anthropic-version")
    if version is None:
        raise ApiError("anthropic-version: header is required")
    if version not in VERSIONS:
        raise ApiError(f'anthropic-version: "{version}" is not a valid version')


def _refused(error: ApiError, headers: Headers, request_id: str, html: bool) -> Answer:
    if html:
        page = [("content-type", "text/html; charset=UTF-8"), ("server", "cloudflare")]
        return Answer(error.status, page, faults.HTML)
    return Answer(error.status, [*headers, _JSON], error.body(request_id))

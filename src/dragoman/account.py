"""One upstream account in memory: its credential, its share, its health."""

import fnmatch
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from dragoman.affinity import seed
from dragoman.allowance import Allowance
from dragoman.carriers.registry import CARRIERS, Carrier
from dragoman.catalogue.model import Model
from dragoman.upstream import UpstreamClient


class Terms(NamedTuple):
    """What an operator may change about an account while it works."""

    models: tuple[str, ...] = ("*",)
    weight: float = 1.0
    priority: int = 0
    max_concurrency: int = 0
    never_disable: bool = False
    organization: str = ""
    draining: bool = False


class Signer(Protocol):
    """Credentials that depend on the time or on what is sent."""

    async def __call__(self, method: str, path: str, headers: bytes, body: bytes) -> bytes:
        """Header lines to add. ``path`` as in ``Wire.path``, ``headers`` all lines but these.

        Raises Failure ``upstream_refused`` where no credential can be had.
        """
        ...

    def refused(self, lines: bytes) -> bool:
        """Upstream answered 401 or 403 to these lines; whether others can be had now."""
        ...


class Account:
    """One upstream credential.

    ``weight`` is its share of new conversations, ``priority`` higher first, ``max_concurrency``
    requests in flight (0 = no limit). ``cool_until`` and ``probe_until`` are in ``mono()`` seconds:
    until the one nobody is sent here, until the other only a request that finds nobody else, for an
    account that failed gets one request first to show that it is back.
    """

    __slots__ = (
        "_serves",
        "allowance",
        "ambiguous",
        "carrier",
        "client",
        "cool_until",
        "credential",
        "draining",
        "failures",
        "faults",
        "freed",
        "headers",
        "heard_at",
        "in_flight",
        "known_as",
        "last_head",
        "look_at",
        "max_concurrency",
        "models",
        "name",
        "never_disable",
        "organization",
        "priority",
        "probe_until",
        "provider",
        "reason",
        "recent",
        "seed",
        "sign",
        "weight",
        "without",
    )

    def __init__(
        self,
        name: str,
        provider: str,
        client: UpstreamClient,
        headers: bytes,
        models: Sequence[str] = ("*",),
    ) -> None:
        self.name = name
        self.provider = provider
        self.client = client
        self.headers = headers
        """Credential and protocol version as ready header lines."""
        self.carrier: Carrier = CARRIERS[provider]
        """What it speaks."""
        self.sign: Signer | None = None
        """Makes the credential of each request, where ``headers`` cannot hold it."""
        self.known_as: Callable[[Model], str] | None = None
        """The upstream's own id of a model, empty where the account does not offer it; ``None``:
        the id that the request names."""
        self.models = tuple(models)
        self.weight = 1.0
        self.priority = 0
        self.max_concurrency = 0
        self.never_disable = False
        self.organization = ""
        """Whose account it is upstream; accounts of one organisation read each other's thinking."""
        self.draining = False
        """Takes no new requests; running ones go on."""
        self.credential = ""
        """A hash of what is asked, with which credential: another one is another account."""
        self.seed = seed(name)
        self.in_flight = 0
        self.recent = 0.0
        """Requests sent to it in the last minutes, older ones counting less; ``Pool.tidy``."""
        self.freed: Callable[[], None] | None = None
        """Told about every request that ends, while somebody waits for that."""
        self._begin()
        self._serves: dict[str, bool] = {}

    def _begin(self) -> None:
        """Nothing is known of its health yet."""
        self.cool_until = 0.0
        self.probe_until = 0.0
        self.failures = 0
        """Failures in a row."""
        self.reason = ""
        self.faults: dict[str, int] = {}
        """Failures since the start, by kind."""
        self.ambiguous: dict[str, int] = {}
        """Of those that left it open whether upstream had worked, by kind."""
        self.without: dict[str, float] = {}
        """Models that upstream does not serve to this account, and until when (``mono()`` seconds)
        none is sent here. Written by ``Pool.exclude``."""
        self.last_head = b""
        """Head of the last good answer, until it was looked at; see ``Pool.heard``."""
        self.heard_at = 0.0
        """When it came, ``mono()`` seconds."""
        self.look_at = 0.0
        """When a head is worth a look again."""
        self.allowance: Allowance | None = None
        """What is known of its rate limits; ask ``Pool.remaining``."""

    def settle(self, terms: Terms) -> None:
        """Take new terms; load and health stay as they are."""
        if terms.models != self.models:
            self._serves = {}
        self.models = terms.models
        self.weight = terms.weight
        self.priority = terms.priority
        self.max_concurrency = terms.max_concurrency
        self.never_disable = terms.never_disable
        self.organization = terms.organization
        self.draining = terms.draining

    def hand_over(self, heir: "Account") -> None:
        """Let another account take this one's place: the same name, another credential.

        What runs here ends here, and counts there, too, for as long as it runs. Who still holds
        this account and sends with it uses the new credential.
        """
        heir.recent = self.recent
        left = self.in_flight
        heir.in_flight += left

        def ended() -> None:
            nonlocal left
            if left:
                left -= 1
                heir.release()

        self.freed = ended
        self.client, self.headers = heir.client, heir.headers
        self.carrier, self.sign, self.known_as = heir.carrier, heir.sign, heir.known_as

    def serves(self, model: str) -> bool:
        """Whether the account's globs take a model id."""
        known = self._serves.get(model)
        if known is None:
            known = any(fnmatch.fnmatchcase(model, glob) for glob in self.models)
            if len(self._serves) < 1000:
                self._serves[model] = known
        return known

    def available(self, now: float, model: str = "") -> bool:
        """The one rule of availability, for every path."""
        return (
            self.cool_until <= now
            and self.probe_until <= now
            and not 0 < self.max_concurrency <= self.in_flight
            and not (self.without and self.lacks(model, now))
        )

    def lacks(self, model: str, now: float) -> bool:
        """Whether upstream is known not to serve a model to this account."""
        return self.without.get(model, now) > now

    def release(self) -> None:
        """One request less in flight."""
        self.in_flight -= 1
        if self.freed is not None:
            self.freed()

    @property
    def full(self) -> bool:
        return 0 < self.max_concurrency <= self.in_flight

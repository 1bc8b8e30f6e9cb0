"""One upstream account in memory: its credential, its share, its health."""

import fnmatch
from collections.abc import Callable, Sequence

from dragoman.affinity import seed
from dragoman.upstream import UpstreamClient


class Account:
    """One upstream credential.

    ``weight`` is its share of new conversations, ``priority`` higher first, ``max_concurrency``
    requests in flight (0 = no limit). ``cool_until`` and ``probe_until`` are in ``mono()`` seconds:
    until the one nobody is sent here, until the other only a request that finds nobody else, for an
    account that failed gets one request first to show that it is back.
    """

    __slots__ = (
        "_serves",
        "client",
        "cool_until",
        "draining",
        "failures",
        "faults",
        "freed",
        "headers",
        "in_flight",
        "max_concurrency",
        "models",
        "name",
        "never_disable",
        "organization",
        "priority",
        "probe_until",
        "provider",
        "reason",
        "seed",
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
        self.models = tuple(models)
        self.weight = 1.0
        self.priority = 0
        self.max_concurrency = 0
        self.never_disable = False
        self.organization = ""
        """Whose account it is upstream; accounts of one organisation read each other's thinking."""
        self.draining = False
        """Takes no new requests; running ones go on."""
        self.seed = seed(name)
        self.in_flight = 0
        self.freed: Callable[[], None] | None = None
        """Told about every request that ends, while somebody waits for that."""
        self.cool_until = 0.0
        self.probe_until = 0.0
        self.failures = 0
        """Failures in a row."""
        self.reason = ""
        self.faults: dict[str, int] = {}
        """Failures since the start, by kind."""
        self.without: dict[str, float] = {}
        """Models that upstream does not serve to this account, and until when (``mono()`` seconds)
        none is sent here. Written by ``Pool.exclude``."""
        self._serves: dict[str, bool] = {}

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

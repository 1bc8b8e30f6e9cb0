"""Whoever holds one client key: its name, what it may use, and how much of it."""

import fnmatch
import ipaddress
from collections.abc import Sequence

from dragoman.hub.recall import Recall

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Principal:
    """Whoever holds one key: its name, what it may use, and how much.

    ``rpm`` and ``tpm`` are per minute, ``token_quota`` is for life; 0 means no limit.
    ``expires_at`` is in seconds since the epoch.
    """

    __slots__ = (
        "_allowed",
        "concurrency",
        "expires_at",
        "id",
        "models",
        "name",
        "networks",
        "recall",
        "rpm",
        "seed",
        "token_quota",
        "tpm",
    )

    def __init__(self, name: str, digest: bytes, models: Sequence[str] = ("*",)) -> None:
        self.name = name
        self.id = digest.hex()[:16]
        self.seed = digest[:8]
        """Scopes conversation ids: the same id under two keys is two conversations."""
        self.models = tuple(models)
        self._allowed: dict[str, bool] = {}
        self.rpm = 0
        self.tpm = 0
        self.concurrency = 0
        self.token_quota = 0
        self.expires_at: float | None = None
        self.networks: tuple[Network, ...] = ()
        self.recall: Recall | None = None
        """Finds the signed thinking that was remembered for this key."""

    def may_use(self, model: str) -> bool:
        """Whether the key's globs allow a model.

        Remembered, for as many names as a catalogue has.
        """
        known = self._allowed.get(model)
        if known is None:
            known = any(fnmatch.fnmatchcase(model, glob) for glob in self.models)
            if len(self._allowed) < 1000:
                self._allowed[model] = known
        return known

    def may_come_from(self, peer: str) -> bool:
        """Whether the key's address list allows a client address; an empty list allows all."""
        if not self.networks:
            return True
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)

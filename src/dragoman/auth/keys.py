"""Client keys: who is calling, without a database on the way.

Every key lives in memory by the SHA-256 of its text. A look-up is one hash and one dictionary read,
the same for known and unknown keys. A header that was good is compared as it came the next time,
which costs a quarter of hashing it: so the texts of keys in use are in memory, in a bounded table
that dies with this set of keys, and nowhere else. Keys come from the configuration, or from
``keys.json`` in the data folder, where the key made at the first start is kept (its hash only).
"""

import hashlib
import re
import secrets
import string
from collections.abc import Iterator, Mapping

from dragoman.errors import Failure
from dragoman.principal import Principal

MOST_SEEN = 4096
"""Good headers that are remembered."""
KEY = re.compile(r"sk-[0-9A-Za-z]{48}")
_ALPHABET = string.ascii_letters + string.digits


class Keys:
    """All keys this process knows."""

    def __init__(self, principals: Mapping[bytes, Principal]) -> None:
        self._by_digest = dict(principals)
        self._seen: dict[str, Principal] = {}
        self._seen_bearers: dict[str, Principal] = {}

    def __len__(self) -> int:
        return len(self._by_digest)

    def __iter__(self) -> Iterator[Principal]:
        return iter(self._by_digest.values())

    def identify(self, headers: Mapping[str, str], peer: str, wall: float) -> Principal:
        """The principal of a request.

        ``x-api-key`` wins over ``authorization`` (what the Anthropic API does, protocol.md §0).
        Raises ``unauthenticated`` or ``ip_not_allowed``.
        """
        given = headers.get("x-api-key")
        seen = self._seen
        if given is None:
            given = headers.get("authorization", "")
            seen = self._seen_bearers
        principal = seen.get(given)
        if principal is None:
            principal = self._look_up(given if seen is self._seen else bearer(headers))
            if len(seen) >= MOST_SEEN:
                seen.clear()
            seen[given] = principal
        if principal.expires_at is not None and wall >= principal.expires_at:
            raise Failure(
                "unauthenticated",
                f"Incorrect API key provided: the key {principal.name!r} has expired.",
            )
        if principal.networks and not principal.may_come_from(peer):
            raise Failure(
                "ip_not_allowed", f"This API key may not be used from the address {peer}."
            )
        return principal

    def _look_up(self, key: str) -> Principal:
        principal = self._by_digest.get(digest(key))
        if principal is None:
            raise Failure("unauthenticated", _unknown(key))
        return principal


def bearer(headers: Mapping[str, str]) -> str:
    """The token of an ``Authorization: Bearer …`` header. Raises ``unauthenticated``."""
    authorization = headers.get("authorization")
    if authorization is None:
        raise Failure(
            "unauthenticated",
            "You didn't provide an API key. Send it as `Authorization: Bearer sk-…` or "
            "`x-api-key: sk-…`. "
            "(Incorrect API key provided: none.)",
        )
    if authorization[:7].lower() != "bearer ":
        raise Failure(
            "unauthenticated",
            "Incorrect API key provided: the Authorization header must read `Bearer sk-…`.",
        )
    return authorization[7:].strip()


def digest(key: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def new_key(prefix: str = "sk-") -> str:
    """A fresh key: ``sk-`` and 48 characters, 285 bits of chance."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(48))


def masked(key: str) -> str:
    """Enough of a key to recognise it, too little to use it."""
    return f"{key[:5]}…{key[-4:]}" if KEY.fullmatch(key) else "sk-…"


def _unknown(key: str) -> str:
    shape = "" if KEY.fullmatch(key) else " Keys are `sk-` followed by 48 letters and digits."
    return f"Incorrect API key provided: {masked(key)}.{shape}"

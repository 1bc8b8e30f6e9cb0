"""Tool names, one to one: the client's ↔ upstream's.

Anthropic takes ``[A-Za-z0-9_-]{1,64}`` (protocol.md §2b rule 13). A name that fits stays; another
gets the nearest one that fits, with a piece of its hash if two would become the same. Names depend
on nothing but the client's names in their order, so the same tools have the same names every time.
"""

import hashlib
import re
from collections.abc import Sequence

_FITS = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST = 64


class Names:
    """The names of one request."""

    __slots__ = ("_taken", "_upstream")

    def __init__(self, declared: Sequence[str] = (), reserved: Sequence[str] = ()) -> None:
        """``reserved``: upstream's own names, which no tool of the client's may have."""
        self._upstream: dict[str, str] = {}
        self._taken: set[str] = set(reserved)
        for name in declared:
            if name not in reserved and _FITS.fullmatch(name):
                self._upstream[name] = name
                self._taken.add(name)
        if len(self._upstream) < len(declared):
            for name in declared:
                self.upstream(name)

    def __len__(self) -> int:
        """How many names there are, declared or only called."""
        return len(self._upstream)

    def upstream(self, name: str) -> str:
        """Upstream's name for the client's ``name``."""
        found = self._upstream.get(name)
        if found is not None:
            return found
        plain = _OTHER.sub("_", name)
        if len(plain) > _LONGEST or not plain or plain in self._taken:
            digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
            plain = f"{plain[: _LONGEST - 9]}_{digest[:8]}"
        self._upstream[name] = plain
        self._taken.add(plain)
        return plain

    def used(self) -> list[str]:
        """All names of the client's, declared or only called, in order."""
        return list(self._upstream)

    def reverse(self) -> dict[str, str]:
        """Upstream's names → the client's, where they differ."""
        return {ours: theirs for theirs, ours in self._upstream.items() if ours != theirs}

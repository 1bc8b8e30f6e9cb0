"""Names and ids that fit: OpenAI takes tool names of 64 plain characters and call ids of 40.

What does not fit is cut and marked with a hash, so that the same name always becomes the same.
"""

import hashlib
import re

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_ID = 40
_LONGEST_USER = 64


class Names:
    """The tool names of one request, and the way back."""

    def __init__(self) -> None:
        self.back: dict[str, str] = {}
        """Upstream's names → the request's, where they differ."""

    def fit(self, name: str) -> str:
        """The name that upstream is told."""
        if _NAME.fullmatch(name):
            return name
        fitting = f"{_UNFIT.sub('_', name)[:55]}_{_hash(name, 4)}"
        self.back[fitting] = name
        return fitting


def call_id(given: str) -> str:
    """A call's id that upstream takes; the same for the call and its result."""
    return given if 0 < len(given) <= _LONGEST_ID else f"call_{_hash(given, 12)}"


def made_id(answer: str, index: int) -> str:
    """An id for a call that came without one, of the form that clients of Claude know."""
    return f"toolu_{_hash(f'{answer}/{index}', 12)}"


def user(given: str) -> str:
    """An end user's id that upstream takes."""
    return given if len(given) <= _LONGEST_USER else _hash(given, 32)


def _hash(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=size).hexdigest()

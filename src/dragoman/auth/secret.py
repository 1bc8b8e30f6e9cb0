"""A text that must not be seen.

Whatever prints, formats or logs a :class:`Secret` shows ``***``; JSON encoders refuse it. Reading
it takes an explicit :meth:`Secret.reveal`, so that every place where a secret leaves its box can
be found.
"""

import hmac


class Secret:
    """An API key, a password, a URL that may hold one."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        """Whether there is any text."""
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        """Compares in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

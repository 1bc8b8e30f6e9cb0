"""What an answer says about its account's rate limits: ``x-ratelimit-limit-requests``,
``x-ratelimit-remaining-tokens``, ``x-ratelimit-reset-tokens: 6m0s``."""

import re

from dragoman.allowance import Limit

SPENT = b"s: 0\r\n"
"""What a head holds when some limit is used up."""
_LINES = re.compile(
    rb"^x-ratelimit-(limit|remaining|reset)-(requests|tokens)[ \t]*:[ \t]*([^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_PIECES = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def limits(head: bytes) -> dict[str, Limit]:
    """The limits that a response head tells, by what they count; empty where it tells none."""
    told: dict[str, dict[str, str]] = {}
    for which, what, value in _LINES.findall(head):
        name = what.decode().lower()
        told.setdefault(name, {})[which.decode().lower()] = value.decode("latin-1").strip()
    found: dict[str, Limit] = {}
    for what, fields in told.items():
        remaining = _count(fields.get("remaining", ""))
        if remaining is not None:
            whole_s = duration_s(fields.get("reset", "")) or 0.0
            found[what] = Limit(_count(fields.get("limit", "")) or 0, remaining, whole_s)
    return found


def reset_s(told: dict[str, Limit]) -> float | None:
    """Seconds until every limit that is used up is whole again; ``None`` where none is, or where
    it is not said when."""
    longest = max([one.whole_s for one in told.values() if not one.remaining], default=0.0)
    return longest if longest > 0 else None


def duration_s(text: str) -> float | None:
    """``6m0s``, ``20ms``, ``1.5s`` → seconds; ``None`` for anything else."""
    pieces = _PIECES.findall(text)
    if not pieces or "".join(f"{number}{unit}" for number, unit in pieces) != text:
        return None
    return sum([float(number) * _UNITS[unit] for number, unit in pieces])


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None

"""What an answer says about its account's rate limits (protocol.md §2c).

``anthropic-ratelimit-<what>-limit`` is what a limit is when whole, ``…-remaining`` what is left of
it now, ``…-reset`` the time when it is whole again. An account of which nothing is left would
refuse the next request, so it is left before it has to.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from dragoman.allowance import Limit

SPENT = b"emaining: 0\r\n"
"""What a head holds when some limit is used up; looking for more would cost more than an answer's
head is worth."""
_LINES = re.compile(
    rb"^(?:anthropic-ratelimit-(requests|tokens|input-tokens|output-tokens)-"
    rb"(limit|remaining|reset)|date)[ \t]*:[ \t]*([^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)


def limits(head: bytes) -> dict[str, Limit]:
    """The limits that a response head tells, by what they count; empty where it tells none.

    Times are counted from upstream's own ``date``: our clock may differ from theirs. Without it, or
    where a time cannot be read, ``whole_s`` is 0.
    """
    told: dict[str, dict[str, str]] = {}
    said = None
    for what, which, value in _LINES.findall(head):
        text = value.decode("latin-1").strip()
        if not what:
            said = _date(text)
        else:
            told.setdefault(what.decode().lower(), {})[which.decode().lower()] = text
    found: dict[str, Limit] = {}
    for what, fields in told.items():
        remaining = _count(fields.get("remaining", ""))
        if remaining is not None:
            until = _time(fields.get("reset", ""))
            whole_s = (until - said).total_seconds() if until and said else 0.0
            limit = _count(fields.get("limit", "")) or 0
            found[what] = Limit(limit, remaining, max(0.0, whole_s))
    return found


def reset_s(told: dict[str, Limit]) -> float | None:
    """Seconds until every limit that is used up is whole again; ``None`` where none is, or where
    it is not said when."""
    longest = max([one.whole_s for one in told.values() if not one.remaining], default=0.0)
    return longest if longest > 0 else None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

"""What an answer says about its account's rate limits (protocol.md §2c).

``anthropic-ratelimit-<what>-limit`` is what a limit is when whole, ``…-remaining`` what is left of
it now, ``…-reset`` the time when it is whole again. An account of which nothing is left would
refuse the next request, so it is left before it has to.

Subscriptions have windows instead: ``anthropic-ratelimit-unified-<window>-utilization`` is the part
that is used (from 0 to 1), ``…-reset`` the end of the window (seconds since 1970), ``…-status`` is
``rejected`` when nothing is left. Others come before one that is used up, also where upstream would
go on with it at extra cost.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from dragoman.allowance import Limit

SPENT = b"emaining: 0\r\n"
"""What a head holds when some limit is used up; looking for more would cost more than an answer's
head is worth."""
_LINES = re.compile(
    rb"^(?:anthropic-ratelimit-(requests|tokens|input-tokens|output-tokens|unified-[0-9]+[a-z]+)-"
    rb"(limit|remaining|reset|utilization|status)|date)[ \t]*:[ \t]*([^\r\n]*)",
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
        if what.startswith("unified-"):
            window = _window(fields, said)
            if window is not None:
                found[what] = window
            continue
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


def _window(fields: dict[str, str], said: datetime | None) -> Limit | None:
    """A subscription's window; ``None`` where it is not told how much is used."""
    used = _part(fields.get("utilization", ""))
    if fields.get("status", "").lower() == "rejected":
        used = 1.0
    if used is None:
        return None
    until, whole_s = _count(fields.get("reset", "")), 0.0
    if until and said:
        whole_s = max(0.0, until - said.timestamp())
    return Limit(1, max(0.0, 1 - used), whole_s, window=True)


def _part(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < 1e6 else None


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

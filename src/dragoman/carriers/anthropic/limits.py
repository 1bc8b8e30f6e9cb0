"""What an answer says about its account's rate limits (protocol.md §2c).

``anthropic-ratelimit-<what>-remaining`` is what is left of a limit now, ``…-reset`` the time when
it is whole again. An account of which nothing is left would refuse the next request, so it is left
before it has to.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SPENT = b"emaining: 0\r\n"
"""What a head holds when some limit is used up; looking for more would cost more than an answer's
head is worth."""
_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")


def reset_s(headers: dict[str, str]) -> float | None:
    """Seconds until every limit that is used up is whole again; ``None`` where none is, or where
    it is not said when.

    Counted from upstream's own ``date``: our clock may differ from theirs.
    """
    try:
        said = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
    waits = [
        (until - said).total_seconds()
        for what in _LIMITS
        if headers.get(f"anthropic-ratelimit-{what}-remaining") == "0"
        and (until := _time(headers.get(f"anthropic-ratelimit-{what}-reset", ""))) is not None
    ]
    longest = max(waits, default=0.0)
    return longest if longest > 0 else None


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

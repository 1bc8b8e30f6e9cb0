"""What became of a request's cache, and why."""

from typing import Literal, NamedTuple

Outcome = Literal["hit", "partial", "miss", "written", "off"]
"""``hit``: all that the request before left was read. ``partial``: some of it. ``miss``: nothing.
``written``: nothing could be read yet, the prompt was kept. ``off``: nothing was to be kept."""

Kind = Literal[
    "first_request",
    "no_marks",
    "no_cache",
    "below_minimum",
    "expired",
    "account_changed",
    "model_changed",
    "tools_changed",
    "system_changed",
    "message_changed",
    "shortened",
    "format_changed",
    "tool_choice_changed",
    "thinking_changed",
    "thinking_dropped",
    "effort_changed",
    "images_changed",
    "in_parallel",
    "out_of_reach",
    "unexplained",
]
"""Why less was read than the request before left; docs/caching.md says what to do about each."""


class Reason(NamedTuple):
    """Why, and what goes with it."""

    kind: Kind
    detail: str = ""
    """The message's number, seconds since it expired, the account or model before; else empty."""

    def __str__(self) -> str:
        """As headers and log lines have it: ``message_changed:7``."""
        return f"{self.kind}:{self.detail}" if self.detail else self.kind


class Verdict(NamedTuple):
    """What was expected of the cache and what it did, in tokens."""

    outcome: Outcome
    reason: Reason | None = None
    """None for a ``hit``."""
    read: int = 0
    written: int = 0
    expected: int = 0
    """What should have been read, by all that is known here; 0: nothing."""
    expires: float = 0.0
    """``mono()`` seconds at which what this request left behind is forgotten; 0: it left nothing
    that is known."""


def off(kind: Kind) -> Verdict:
    """Nothing was to be kept."""
    return Verdict("off", Reason(kind))

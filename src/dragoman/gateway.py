"""What a request needs, in one frozen bundle.

A reload makes a new one, running requests keep theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dragoman.auth.keys import Keys
from dragoman.caches import Caches
from dragoman.catalogue.catalogue import Catalogue
from dragoman.clock import Clock
from dragoman.dialects.chat import Caching
from dragoman.limits import Limits
from dragoman.media.media import Media
from dragoman.pool import Pool
from dragoman.record import Record
from dragoman.thoughts import Memory
from dragoman.turns import Turns
from dragoman.upstream import Timeouts
from dragoman.waiting import WaitingRoom


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the request path."""

    strict: bool
    caching: Caching
    affinity: bool
    affinity_ttl_s: float
    max_attempts: int
    queue_timeout_s: float
    keepalive_s: float
    expose_routing: bool
    timeouts: Timeouts
    chat_passes: bool = False
    """Some account speaks Chat Completions, so that chat clients' bytes may go up as they are."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything ``serve`` works with."""

    clock: Clock
    keys: Keys
    limits: Limits
    catalogue: Catalogue
    pool: Pool
    media: Media
    thoughts: Memory
    caches: Caches
    """What upstream's prompt caches hold; survives reloads."""
    waiting: WaitingRoom
    turns: Turns
    options: Options
    finished: Callable[[Record], None]
    """Told about every request when it has ended, with its outcome."""

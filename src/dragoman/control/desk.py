"""What the admin API is given: how to look at the running gateway, and how to change it."""

from collections.abc import Callable
from typing import NamedTuple

from dragoman.auth.keys import Keys
from dragoman.caches import Caches
from dragoman.catalogue.catalogue import Catalogue
from dragoman.clock import Clock
from dragoman.config.structs import Config
from dragoman.control.book import Book
from dragoman.observe.tally import Tally
from dragoman.pool import Pool
from dragoman.waiting import WaitingRoom


class Running(NamedTuple):
    """What is in force at this moment; a reload puts other objects in force."""

    config: Config
    """With the accounts of the admin API."""
    declared: frozenset[str]
    """Names of the accounts that the configuration declares."""
    pool: Pool
    catalogue: Catalogue
    keys: Keys
    waiting: WaitingRoom
    caches: Caches


class Desk(NamedTuple):
    """Everything the admin API works with."""

    clock: Clock
    running: Callable[[], Running]
    book: Book
    apply: Callable[[], None]
    """Put in force what the book says now. Raises ValueError or OSError, and then nothing has
    changed."""
    tally: Tally
    audit: Callable[[str], None]
    """Told about every change, in one line."""
    crashed: Callable[[BaseException], None]

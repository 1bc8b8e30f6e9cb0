"""Money: integer nano-dollars, from token counters and the prices of the catalogue."""

from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.model import Prices
from dragoman.errors import Failure
from dragoman.observe.tally import Labels, Row

NANO = 1_000_000_000


def prices_of(catalogue: Catalogue, labels: Labels) -> Prices | None:
    """The prices of a row's requests; None for a name that is no model's."""
    try:
        row = catalogue.resolve(labels.model).model
    except Failure:
        return None
    return row.prices_for(labels.above + 1 if labels.above else 0)


def saved(catalogue: Catalogue, labels: Labels, row: Row) -> int:
    """Nano-dollars that the prompt cache saved: what reading it was cheaper than plain input, less
    what writing it was dearer. Below 0 where more was written than was worth it."""
    if not row.cache_read and not row.cache_write:
        return 0
    prices = prices_of(catalogue, labels)
    if prices is None:
        return 0
    short = row.cache_write - row.cache_write_1h
    return (
        row.cache_read * (prices.input - prices.cache_read)
        - short * (prices.cache_write_5m - prices.input)
        - row.cache_write_1h * (prices.cache_write_1h - prices.input)
    )


def decimal(nano: int) -> str:
    """Nano-dollars as exact dollars: ``0.00125``, ``-3.2``, ``0``."""
    sign, whole, rest = "-" if nano < 0 else "", *divmod(abs(nano), NANO)
    return f"{sign}{whole}.{rest:09d}".rstrip("0").rstrip(".")

"""From what was counted to figures."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.routing.trace import HOUR_S
from bench.routing.world import MODEL, Tally
from dragoman.catalogue.catalogue import Catalogue

NANO = 1e-9


class Figures(NamedTuple):
    """One policy in one scenario."""

    policy: str
    read: float
    """Part of the input tokens that was read from the cache."""
    dollars: float
    refused: int
    throttled: int
    moved: int
    errors: int
    """Errors other than 429 that clients saw, broken answers among them."""
    given_up: int
    worst: float
    """Requests in flight of the busiest account over the average account's, both for a weight of
    1, averaged over the busy hours."""
    spread: float
    """The same in single busy hours: 99 of 100 accounts and hours are below."""
    requests: int
    busy: tuple[tuple[float, float], ...]
    """By hour: requests in flight of the average account and of the busiest."""


def figures(policy: str, tally: Tally) -> Figures:
    """What a run came to."""
    whole = tally.read + tally.written + tally.written_hour + tally.plain
    worst, spread = imbalance(tally.busy_s)
    return Figures(
        policy,
        tally.read / max(1, whole),
        dollars(tally),
        tally.refused,
        tally.throttled,
        tally.moved,
        tally.errors + tally.broken,
        tally.given_up,
        worst,
        spread,
        tally.requests,
        tuple(
            (sum(row) / len(row) / HOUR_S, max(row) / HOUR_S)
            for _, row in sorted(tally.busy_s.items())
        ),
    )


def dollars(tally: Tally) -> float:
    """By the catalogue's prices."""
    prices = Catalogue().resolve(MODEL).model.prices
    return NANO * (
        tally.plain * prices.input
        + tally.written * prices.cache_write_5m
        + tally.written_hour * prices.cache_write_1h
        + tally.read * prices.cache_read
        + tally.out * prices.output
    )


def imbalance(busy_s: dict[int, Sequence[float]] | dict[int, list[float]]) -> tuple[float, float]:
    """Worst account over the busy hours, and the 99th percentile of account-hours; 1 is even.

    Busy is an hour with at least the average hour's load.
    """
    sums = {hour: sum(row) for hour, row in busy_s.items()}
    average = sum(sums.values()) / max(1, len(sums))
    busy = [hour for hour, load in sums.items() if load >= average > 0]
    if not busy:
        return 1.0, 1.0
    accounts = len(busy_s[busy[0]])
    total = [sum(busy_s[hour][at] for hour in busy) for at in range(accounts)]
    single = sorted(load * accounts / sums[hour] for hour in busy for load in busy_s[hour])
    return max(total) * accounts / sum(total), single[int(0.99 * (len(single) - 1))]

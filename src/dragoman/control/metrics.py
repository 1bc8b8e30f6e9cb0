"""``GET /metrics``: the gateway's counters in the text format of Prometheus.

Nothing is kept for this: at a scrape the families are made from the tally, the pool and the
catalogue, one after the other, and written in slices, so that many series do not hold up requests.
"""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from dragoman.control.desk import Desk
from dragoman.control.families import families

SLICE = 500
"""Samples written before requests get their turn again."""


class Metrics:
    """The handler of scrapes."""

    def __init__(self, desk: Desk) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Gateway(desk))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    async def scrape(self, _: Request) -> Response:
        """All metrics."""
        parts: list[bytes] = []
        for family in self._registry.collect():
            for part in _slices(family):
                parts.append(part)
                await asyncio.sleep(0)
        return Response(b"".join(parts), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Gateway(Collector):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> Iterable[Metric]:
        return families(self._desk)

    def describe(self) -> Iterable[Metric]:
        return []


class _One(Collector):
    """A family, or a part of it, as what text is made of."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return [self._family]


def _slices(family: Metric) -> Iterator[bytes]:
    """A family as text, some samples at a time; what is known of it stands before the first."""
    samples = iter(family.samples)
    first = True
    while first or family.samples:
        family.samples = list(islice(samples, SLICE))
        if not first and not family.samples:
            return
        text = generate_latest(_One(family))
        if not first:
            lines = text.splitlines(keepends=True)
            text = b"".join(line for line in lines if not line.startswith(b"# "))
        yield text
        first = False

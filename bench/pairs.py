"""Every dialect that clients speak, to every carrier that upstreams speak.

One gateway process for each carrier. Requests of its dialects are measured one after the other in
that process, then once more in the opposite order, and to Anthropic, where there is a limit for
their ratio, all of that twice: the same code costs up to a third more in one process than in the
next, so ratios between carriers are rougher than those between dialects of one carrier. What a
pair costs in a round is the mean of its windows.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.driver import Flags, Upstream
from bench.gateway import Dragoman, Running, Site, StartFailed, start
from bench.scenarios import BURST_CONNECTIONS, Scenario

PAIRS = "pairs"
"""What selects all of this, beside the names of scenarios."""
WHOLE, BURST = "pair", "pair-burst"
DIALECTS = ("chat", "messages", "responses")
CARRIERS = {
    "anthropic": '{{provider: anthropic, base_url: "{url}", api_key: sk-ant-bench-{name}',
    "bedrock": (
        '{{provider: bedrock, base_url: "{url}", region: us-east-1,'
        " aws_access_key_id: AKIDBENCH{name}, aws_secret_access_key: bench-secret-{name}"
    ),
    "vertex": (
        '{{provider: vertex, base_url: "{url}", region: global, project: bench-{name},'
        ' token_url: "{url}/token"'
    ),
    "foundry": '{{provider: foundry, base_url: "{url}/anthropic", api_key: bench-foundry-{name}',
    "openai": '{{provider: openai, base_url: "{url}/v1", api_key: sk-bench-{name}',
}
"""An account of each, without name and limit: ``url`` is the fake upstream."""
EVENTS = 1000
TWICE = "anthropic"
"""The carrier whose dialects a limit compares."""
SCENARIOS = (
    Scenario(WHOLE, {"conns": 64}, from_s=0.2, time_s=0.6, least_s=0.3, awake=True),
    Scenario(
        BURST,
        {"conns": BURST_CONNECTIONS, "events": EVENTS},
        from_s=0.2,
        time_s=0.6,
        least_s=0.3,
        awake=True,
    ),
)
BASE = "chat → anthropic"


def name_of(dialect: str, carrier: str) -> str:
    """``messages → bedrock``: under this a pair's measurements are kept."""
    return f"{dialect} → {carrier}"


class Carried(Dragoman):
    """The gateway with two accounts of one carrier, all else as in the other scenarios."""

    def __init__(self, carrier: str) -> None:
        super().__init__()
        self.carrier = carrier
        self.name = f"dragoman-{carrier}"

    def account(self, name: str, upstream: str) -> str:
        """One account of the pool, as YAML."""
        return CARRIERS[self.carrier].format(url=upstream, name=name)


def order(scenario: str, carrier: str) -> tuple[str, ...]:
    """The dialects, as they take their turns."""
    if scenario == BURST:
        return DIALECTS
    return (*DIALECTS, *reversed(DIALECTS)) * (2 if carrier == TWICE else 1)


Measure = Callable[[Scenario, Running, str, Flags], None]
"""(what, the gateway, the pair's name, its flags): measures and keeps the result."""


def run(
    folder: Path, upstream: Upstream, core: int, measure: Measure
) -> Iterator[tuple[str, StartFailed]]:
    """Measure all pairs once. Yields the name of each that could not be, and why."""
    for carrier in CARRIERS:
        site = Site(folder / f"pairs-{carrier}", upstream.port, core)
        site.folder.mkdir(parents=True)
        try:
            one = start(Carried(carrier), site)
        except StartFailed as error:
            yield from ((name_of(dialect, carrier), error) for dialect in DIALECTS)
            continue
        with one.child:
            for scenario in SCENARIOS:
                for dialect in order(scenario.name, carrier):
                    measure(scenario, one, name_of(dialect, carrier), {"dialect": dialect})
        shutil.rmtree(site.folder, ignore_errors=True)

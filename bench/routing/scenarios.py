"""What is simulated, in full and quickly."""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.routing.metrics import Figures, figures
from bench.routing.policies import POLICIES
from bench.routing.trace import DAY_S, HOUR_S, Trace
from bench.routing.upstream import TIER_2, TIER_3, Tier, Weather, outages
from bench.routing.world import Setting, World

SEED = 1
STORM = Weather(failing_an_hour=0.05, minutes=5.0, overloaded=0.002)
"""One account in twenty begins to fail within an hour; one request in 500 gets a 529."""
BOUND = "one account"
"""No policy, but the most that can be read: one account without limits that never fails."""


class Scenario(NamedTuple):
    """A pool, a trace and the policies that are compared."""

    name: str
    accounts: int
    conversations: int
    over_s: float
    policies: Sequence[str]
    weather: Weather = Weather()


EVERYBODY = ("oracle", "dragoman", "hashing", "pins", "shuffle", "least busy", "round robin")
AFFINE = ("oracle", "dragoman", "hashing", "pins")
FULL = (
    Scenario("day", 36, 100_000, DAY_S, (BOUND, *EVERYBODY)),
    Scenario("failures", 36, 100_000, DAY_S, (*AFFINE, "shuffle"), STORM),
    Scenario("tight", 6, 25_000, DAY_S / 4, AFFINE),
    Scenario("thousand", 1000, 100_000, HOUR_S, AFFINE),
)
QUICK = (
    Scenario("day", 6, 5_000, 2 * HOUR_S, (BOUND, *EVERYBODY)),
    Scenario("failures", 6, 5_000, 2 * HOUR_S, (*AFFINE, "shuffle"), STORM),
)


def tiers(count: int) -> list[tuple[Tier, float]]:
    """A pool: two accounts of tier 2 for each of tier 3, which has twice the weight."""
    return [(TIER_2, 1.0) if at % 3 else (TIER_3, 2.0) for at in range(count)]


def run(scenario: Scenario, seed: int = SEED) -> Iterator[Figures]:
    """One policy after the other over the same trace and the same failures."""
    trace = Trace(scenario.conversations, scenario.over_s, seed)
    until_s = DAY_S + scenario.over_s
    away = outages(scenario.weather, scenario.accounts, until_s, seed)
    for policy in scenario.policies:
        yield one(scenario, policy, trace, away)


def one(
    scenario: Scenario,
    policy: str,
    trace: Trace,
    away: Sequence[Sequence[tuple[float, float]]],
) -> Figures:
    """One policy."""
    setting = Setting(tiers(scenario.accounts), scenario.weather, trace.seed)
    make = POLICIES.get(policy)
    if make is None:
        endless = Tier(10**9, 10**12, 10**12)
        world = World(Setting([(endless, 1.0)], seed=trace.seed), trace)
        world.accounts[0].max_concurrency = 0
        make = POLICIES["hashing"]
    else:
        world = World(setting, trace, away)
    random.seed(0)
    return figures(policy, world.run(make))

"""What one decision of ``routing.plan`` costs as accounts grow, in processor time."""

import random
from time import process_time
from typing import NamedTuple

from bench.routing.world import MODEL, Nowhere
from dragoman.account import Account
from dragoman.clock import Clock
from dragoman.pool import Pool
from dragoman.routing import Wanted, plan

SIZES = (10, 100, 1_000, 10_000)
A_SECOND = 1_000
"""Decisions a second of the simulated clock: what is counted anew from time to time is counted as
often as it would be then."""


class Cost(NamedTuple):
    """Microseconds a decision, by the state that the conversation is in."""

    accounts: int
    hashed: float
    """Too short for the cache, or affinity is off: by hashing alone."""
    known: float
    """It is remembered where it was served last."""
    new: float
    """By its instructions and recent load."""


def measure(accounts: int, decisions: int = 20_000) -> Cost:
    """Everybody is busy, and one account in a hundred is away."""
    rng = random.Random(accounts)
    now = 0.0
    pool = Pool(
        [Account(f"account-{at}", "anthropic", Nowhere(), b"") for at in range(accounts)],
        Clock(wall=lambda: now, mono=lambda: now),
    )
    for account in pool.snapshot():
        account.in_flight = rng.randrange(12)
        account.recent = rng.uniform(50, 150)
        account.cool_until = 1e9 if rng.random() < 0.01 else 0.0
    hashes = [rng.getrandbits(64) for _ in range(decisions)]
    for number in hashes:
        wanted = Wanted(MODEL, number, 3, placed=True)
        pool.moved(wanted, pool.snapshot()[number % accounts], 1e9)
    rounds: list[float] = []
    for kind in range(3):
        best = 1e9
        for _ in range(3):
            asked = [
                Wanted(MODEL, one, 3, placed=kind > 0, opening=one | 1 if kind == 2 else 0)
                for one in hashes
            ]
            detours = pool.detours if kind else {}
            began = process_time()
            for wanted in asked:
                now += 1 / A_SECOND
                plan(wanted, pool.roster, now, detours)
            best = min(best, process_time() - began)
        rounds.append(best / decisions * 1e6)
    return Cost(accounts, *rounds)

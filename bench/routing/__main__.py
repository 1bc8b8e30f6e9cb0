"""``python -m bench.routing``: run every scenario and write ``docs/routing.md``.

``--quick`` runs two small ones, prints the tables and writes nothing. See ``docs/routing.md``.
"""

import argparse
import sys
from pathlib import Path
from time import process_time

from bench.routing import decision, report, scenarios
from bench.routing.metrics import Figures

DOCS = Path(__file__).resolve().parents[2] / "docs"


def main() -> None:
    """Everything, one process."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two small scenarios, no pages")
    parser.add_argument("--seed", type=int, default=scenarios.SEED)
    parser.add_argument("--only", help="one scenario by name, no pages")
    options = parser.parse_args()
    began = process_time()
    results: dict[str, list[Figures]] = {}
    for scenario in scenarios.QUICK if options.quick else scenarios.FULL:
        if options.only in (None, scenario.name):
            print(report.heading(scenario), file=sys.stderr, flush=True)
            rows = results[scenario.name] = []
            for row in scenarios.run(scenario, options.seed):
                rows.append(row)
                spent = process_time() - began
                print(f"  {spent:5.0f} s  {row.policy}", file=sys.stderr, flush=True)
            print(report.table(rows), flush=True)
    decisions = [
        decision.measure(size, 2_000 if options.quick else 20_000) for size in decision.SIZES
    ]
    print(report.costs(decisions))
    spent = f"`python -m bench.routing --seed {options.seed}`, {process_time() - began:.0f} s CPU"
    print(spent)
    if not options.quick and options.only is None:
        report.write(DOCS, results, decisions, spent)


if __name__ == "__main__":
    main()

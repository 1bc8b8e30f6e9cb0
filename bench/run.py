"""``python -m bench.run``: measure, and write ``docs/benchmarks.md``."""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import facts, report
from bench.calls import count
from bench.driver import Unavailable, build
from bench.figures import Figures
from bench.gateway import Dragoman, Gateway
from bench.litellm import LiteLLM
from bench.measure import Bench, Options, Run
from bench.nginx import Nginx
from bench.pairs import PAIRS
from bench.process import Cores, choose_cores, ended_by_signal
from bench.profile import profile
from bench.scenarios import NAMES
from dragoman.codec import jsonio

ROOT = Path(__file__).resolve().parent.parent
ALL = (*NAMES, PAIRS)
REPORT = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "bench" / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: measured, whatever the figures; 1: could not be measured; 2: wrong usage."""
    options = _arguments().parse_args(argv)
    if sys.platform != "linux":
        print("the benchmark reads /proc and waits on epoll: it needs Linux", file=sys.stderr)
        return 1
    cores = choose_cores()
    os.sched_setaffinity(0, {cores.driver})  # of this program, and of the load generators it starts
    with ended_by_signal():
        try:
            build()
            if options.profile:
                print(profile(Dragoman(), options.profile, cores, RESULTS))
                print(count(options.profile, cores))
                return 0
            return _measure(options, cores, argv)
        except Unavailable as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one round with short windows, under four minutes"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument(
        "--only", type=_names, default=frozenset(ALL), help=f"scenarios, of {','.join(ALL)}"
    )
    parser.add_argument(
        "--gateways",
        default="nginx,dragoman,litellm",
        help="which (default: nginx,dragoman,litellm)",
    )
    parser.add_argument("--no-litellm", action="store_true", help="without LiteLLM")
    parser.add_argument(
        "--output", type=Path, help="where the report goes; a full run writes docs/benchmarks.md"
    )
    parser.add_argument(
        "--profile", choices=NAMES, help="profile the gateway in one scenario instead"
    )
    return parser


def _names(text: str) -> frozenset[str]:
    names = frozenset(text.split(","))
    if unknown := names - set(ALL):
        raise argparse.ArgumentTypeError(f"no such scenario: {', '.join(sorted(unknown))}")
    return names


def _chosen(options: argparse.Namespace) -> list[Gateway]:
    known: dict[str, Gateway] = {g.name: g for g in (Nginx(), Dragoman(), LiteLLM())}
    names = [n for n in options.gateways.split(",") if not (n == "litellm" and options.no_litellm)]
    if unknown := set(names) - set(known):
        raise Unavailable(f"no such gateway: {', '.join(sorted(unknown))}")
    return [known[name] for name in names]


def _measure(options: argparse.Namespace, cores: Cores, argv: Sequence[str] | None) -> int:
    gateways = _chosen(options)
    missing = {g.name: reason for g in gateways if (reason := g.missing())}
    for name, reason in missing.items():
        print(f"{name} is left out: {reason}", file=sys.stderr)
    present = [g for g in gateways if g.name not in missing]
    if options.no_litellm:
        missing["litellm"] = "left out by --no-litellm"
    if not present:
        raise Unavailable("no gateway to measure")
    rounds = 1 if options.quick else options.rounds
    settings = Options(
        rounds, options.only, 0.5 if options.quick else 1.0, 1 if options.quick else 2
    )
    arguments = sys.argv[1:] if argv is None else list(argv)
    about = facts.Facts(
        date=time.strftime("%Y-%m-%d"),
        command=shlex.join(["python", "-m", "bench.run", *arguments]),
        machine=facts.machine(cores),
        cores=cores,
        versions={g.name: g.version() for g in present},
        missing=missing,
        rounds=rounds,
    )
    bench = Bench(present, settings, cores)
    bench.run()
    _save(bench.runs, about, gateways, _target(options))
    return 0


def _target(options: argparse.Namespace) -> Path:
    """Only a whole run may replace the published report."""
    whole = options.only == frozenset(ALL) and not options.quick and not options.no_litellm
    whole = whole and set(options.gateways.split(",")) >= {"nginx", "dragoman", "litellm"}
    return options.output or (REPORT if whole else RESULTS / "report.md")


def _save(runs: list[Run], about: facts.Facts, gateways: Sequence[Gateway], target: Path) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    raw = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    raw.write_bytes(jsonio.encode({"facts": asdict(about), "runs": [asdict(run) for run in runs]}))
    text = report.render(Figures(runs, about.cores.gateway), about, gateways)
    report.write(target, text)
    print(text)
    print(f"measurements: {raw}\nreport: {target}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

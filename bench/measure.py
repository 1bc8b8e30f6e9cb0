"""Running the rounds.

In each round every gateway is started afresh, then scenario after scenario is run on all of them,
one gateway at a time while the others are stopped (SIGSTOP). So the runs that a ratio compares are
seconds apart, and whatever else the machine does meets all alike.
"""

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import pairs
from bench.driver import Flags, LoadFailed, Upstream, load
from bench.gateway import KEY, Dragoman, Gateway, Running, Site, StartFailed, start
from bench.process import Cores
from bench.scenarios import SCENARIOS, Scenario

DIRECT = "direct"
"""The name that stands for no gateway: load generator to upstream."""


@dataclass(frozen=True)
class Options:
    """What to run."""

    rounds: int
    only: frozenset[str]
    """Scenarios, by name."""
    scale: float
    """Of the measured windows."""
    extra_starts: int
    """Starts beside the one of each round, of gateways that start quickly."""


@dataclass
class Run:
    """One measurement, as it was taken."""

    round: int
    gateway: str
    scenario: str
    result: dict[str, Any]
    """The load generator's output, or ``{"started_s": …}``, or ``{"failed": reason}``."""
    flags: Flags = field(default_factory=dict[str, str | int])


class Bench:
    """Takes measurements, one after the other."""

    def __init__(self, gateways: Sequence[Gateway], options: Options, cores: Cores) -> None:
        self._ours = any(one.name == Dragoman.name for one in gateways)
        # Pairs have processes of their own.
        alone = options.only == {pairs.PAIRS} and self._ours
        self._gateways = [] if alone else list(gateways)
        self._options = options
        self._cores = cores
        self.runs: list[Run] = []

    def run(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="dragoman-bench-"))
        try:
            with Upstream.start(folder, self._cores.driver) as upstream:
                for number in range(1, self._options.rounds + 1):
                    self._round(number, folder / str(number), upstream)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _round(self, number: int, folder: Path, upstream: Upstream) -> None:
        with ExitStack() as stack:
            running: list[Running] = []
            for gateway in self._order(number):
                if (one := self._start(number, gateway, folder, upstream)) is not None:
                    stack.callback(one.child.close)
                    running.append(one)
                    _pause(one, stopped=True)
            for scenario in self._scenarios():
                if scenario.direct:
                    self._measure(number, scenario, None, upstream)
                for one in running:
                    _pause(one, stopped=False)
                    self._measure(number, scenario, one, upstream)
                    _pause(one, stopped=True)
            if pairs.PAIRS in self._options.only and self._ours:
                self._pairs(number, folder, upstream)
        shutil.rmtree(folder, ignore_errors=True)

    def _pairs(self, number: int, folder: Path, upstream: Upstream) -> None:
        def measure(scenario: Scenario, one: Running, name: str, more: Flags) -> None:
            self._measure(number, scenario, one, upstream, pair=(name, more))

        for name, error in pairs.run(folder, upstream, self._cores.gateway, measure):
            self._keep(Run(number, name, pairs.WHOLE, {"failed": str(error)}))

    def _order(self, number: int) -> list[Gateway]:
        """Each round begins with another gateway."""
        turn = (number - 1) % max(1, len(self._gateways))
        return self._gateways[turn:] + self._gateways[:turn]

    def _scenarios(self) -> Iterator[Scenario]:
        return (s for s in SCENARIOS if s.name in self._options.only)

    def _start(
        self, number: int, gateway: Gateway, folder: Path, upstream: Upstream
    ) -> Running | None:
        starts = 1 + (0 if gateway.slow else self._options.extra_starts)
        for attempt in range(starts):
            site = Site(folder / f"{gateway.name}-{attempt}", upstream.port, self._cores.gateway)
            site.folder.mkdir(parents=True)
            try:
                one = start(gateway, site)
            except StartFailed as error:
                self._keep(Run(number, gateway.name, "start", {"failed": str(error)}))
                return None
            self._keep(Run(number, gateway.name, "start", {"started_s": one.started_s}))
            if attempt == starts - 1:
                return one
            one.child.close()
        return None

    def _measure(
        self,
        number: int,
        scenario: Scenario,
        one: Running | None,
        upstream: Upstream,
        *,
        pair: tuple[str, Flags] = ("", {}),
    ) -> None:
        """Run a scenario on a gateway. ``pair``: the name that the result is kept under, where it
        is not the gateway's, and more flags."""
        slow = one is not None and one.gateway.slow
        flags: dict[str, str | int] = scenario.resolve(slow=slow, scale=self._options.scale)
        flags |= pair[1]
        awake = scenario.awake and not self._cores.shared
        upstream.set_awake(awake)
        more: dict[str, str | int] = {
            "port": upstream.port,
            "awake": int(awake),
            "key": KEY,
        }
        if one is not None:
            more |= {"port": one.port, "tree": one.child.pid}
        name = pair[0] or (one.gateway.name if one else DIRECT)
        try:
            result = load({**flags, **more})
        except LoadFailed as error:
            result = {"failed": str(error)}
        if one is not None and not one.child.running():
            result = {"failed": f"the gateway ended: {one.child.tail()}"}
        self._keep(Run(number, name, scenario.name, result, flags))

    def _keep(self, run: Run) -> None:
        self.runs.append(run)
        print(
            f"round {run.round}  {run.scenario:12} {run.gateway:22} {_brief(run.result)}",
            file=sys.stderr,
            flush=True,
        )


def _pause(one: Running, *, stopped: bool) -> None:
    if one.gateway.may_pause:
        one.child.signal(signal.SIGSTOP if stopped else signal.SIGCONT)


def _brief(result: dict[str, Any]) -> str:
    if "failed" in result:
        return "FAILED: " + result["failed"].replace("\n", " ")[:200]
    if "started_s" in result:
        return f"first answer after {result['started_s']:.2f} s"
    spent = (result["after"]["cpu_ns"] - result["before"]["cpu_ns"]) / 1000
    done = result["events"] or result["requests"]
    text = f"{done / result['window_s']:9,.0f} /s  {spent / done if done else 0:9.2f} µs CPU each"
    faults = result["errors"]
    if faults["total"]:
        text += f"  {faults['total']} ERRORS, such as: {faults['examples'][0][:200]}"
    return text

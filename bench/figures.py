"""From measurements to figures.

One number for each round, then medians, spread, and ratios within a round.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from bench import pairs
from bench.measure import DIRECT, Run
from bench.scenarios import BODIES

TICK_S = 0.01
"""Unit of ``/proc/stat``."""


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of some rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread | None":
        ordered = sorted(values)
        return cls(median(ordered), ordered[0], ordered[-1]) if ordered else None


class Figures:
    """All figures of a run: ``figures.of("requests.cpu_us", "nginx")``."""

    def __init__(self, runs: Sequence[Run], core: int) -> None:
        """``core`` is the one that the gateways had."""
        self._core = str(core)
        self._values: dict[tuple[str, str], list[tuple[int, float]]] = {}
        self.faults: list[tuple[str, str, int, str]] = []
        """Scenario, gateway, number of errors, an example."""
        self.flags: dict[tuple[str, str], dict[str, str | int]] = {}
        """By scenario and gateway."""
        self.gateways = list(
            dict.fromkeys(r.gateway for r in runs if r.gateway != DIRECT and not _is_pair(r))
        )
        """Those that ran the scenarios; pairs of the gateway's own are not among them."""
        for run in runs:
            self.flags[run.scenario, run.gateway] = dict(run.flags)
            self._take(run)
        self._derive()

    def of(self, figure: str, gateway: str) -> Spread | None:
        """Over the rounds; None when it was not measured."""
        return Spread.of(value for _, value in self._values.get((figure, gateway), ()))

    def ratio(self, figure: str, gateway: str, to: str) -> Spread | None:
        """Of the two gateways' figures in the same round."""
        base = dict(self._values.get((figure, to), ()))
        pairs = self._values.get((figure, gateway), ())
        return Spread.of(value / base[number] for number, value in pairs if base.get(number))

    def _put(self, figure: str, run: Run, value: float) -> None:
        self._values.setdefault((figure, run.gateway), []).append((run.round, value))

    def _take(self, run: Run) -> None:
        result = run.result
        if "failed" in result:
            self.faults.append((run.scenario, run.gateway, 1, result["failed"]))
            return
        if run.scenario == "start":
            self._put("start.s", run, result["started_s"])
            return
        if result["errors"]["total"]:
            self.faults.append(
                (
                    run.scenario,
                    run.gateway,
                    result["errors"]["total"],
                    result["errors"]["examples"][0],
                )
            )
        self._conditions(run)
        if run.scenario == "memory":
            before, after = result["before"], result["after"]
            self._put("memory.idle_mb", run, before["rss_kb"] / 1024)
            self._put("memory.idle_pss_mb", run, before["pss_kb"] / 1024)
            self._put(
                "memory.stream_kb",
                run,
                (after["rss_kb"] - before["rss_kb"]) / int(run.flags["conns"]),
            )
            return
        units = result["events"] or result["requests"]
        if units:
            self._put(f"{run.scenario}.cpu_us", run, _spent_ns(result) / units / 1000)
        self._put(f"{run.scenario}.per_s", run, units / result["window_s"])
        self._put(f"{run.scenario}.p50_us", run, result["latency_us"]["p50"])
        self._put(f"{run.scenario}.p99_us", run, result["latency_us"]["p99"])
        if run.scenario == "streams":
            self._streams(run)

    def _streams(self, run: Run) -> None:
        result = run.result
        due = int(run.flags["conns"]) * int(run.flags["rate"]) * result["window_s"]
        self._put("streams.delivered", run, 100 * result["events"] / due)
        self._put("streams.complete", run, 100 * result["complete"] / int(run.flags["conns"]))
        self._put("streams.late_p50_us", run, result["late_us"]["p50"])
        self._put("streams.late_p99_us", run, result["late_us"]["p99"])
        self._put("streams.due_p99_us", run, result["late_due_us"]["p99"])
        self._put("streams.first_p99_us", run, result["first_event_us"]["p99"])

    def _conditions(self, run: Run) -> None:
        """How much of the gateway's core others had meanwhile, to judge a measurement by."""
        result: dict[str, Any] = run.result
        core = result["cores"].get(self._core)
        if run.gateway == DIRECT or core is None:
            return
        foreign = core["busy"] * TICK_S - _spent_ns(result) / 1e9
        self._put("foreign", run, 100 * max(0.0, foreign) / result["window_s"])
        self._put("steal", run, 100 * core["steal"] * TICK_S / result["window_s"])

    def _derive(self) -> None:
        for figure, gateway in list(self._values):
            if figure.startswith(pairs.WHOLE):
                self._values[figure, gateway] = _each_round(self._values[figure, gateway])
        for gateway in self.gateways:
            direct = dict(self._values.get(("single.p50_us", DIRECT), ()))
            through = self._values.get(("single.p50_us", gateway), ())
            self._values["single.added_us", gateway] = [
                (n, v - direct[n]) for n, v in through if n in direct
            ]
            for small, large in zip(list(BODIES), list(BODIES)[1:], strict=False):
                below = dict(self._values.get((f"{small}.cpu_us", gateway), ()))
                above = self._values.get((f"{large}.cpu_us", gateway), ())
                kb = (BODIES[large] - BODIES[small]) / 1024
                self._values[f"{large}.kb_us", gateway] = [
                    (n, (v - below[n]) / kb) for n, v in above if n in below
                ]

    def worst_kb(self, gateway: str) -> Spread | None:
        """The dearest further KB of a body, whichever two sizes it lies between."""
        found = [s for large in list(BODIES)[1:] if (s := self.of(f"{large}.kb_us", gateway))]
        return max(found, key=lambda spread: spread.median, default=None)

    def growth(self, dearer: str, base: str, gateway: str) -> Spread | None:
        """One figure as a multiple of another, within a round."""
        under = dict(self._values.get((base, gateway), ()))
        pairs = self._values.get((dearer, gateway), ())
        return Spread.of(value / under[number] for number, value in pairs if under.get(number))


def _is_pair(run: Run) -> bool:
    return run.scenario in (pairs.WHOLE, pairs.BURST)


def _each_round(values: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """One value a round, the mean of those that were taken in it."""
    rounds: dict[int, list[float]] = {}
    for number, value in values:
        rounds.setdefault(number, []).append(value)
    return [(number, mean(found)) for number, found in rounds.items()]


def _spent_ns(result: dict[str, Any]) -> int:
    return result["after"]["cpu_ns"] - result["before"]["cpu_ns"]

"""Pairs of dialect and carrier: every answer right through the real gateway, and the table."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import driver, measure, pairs, report
from bench.driver import Upstream
from bench.figures import Figures, Spread
from bench.gateway import KEY, Dragoman, Gateway, Running, Site, StartFailed, start
from bench.limits import limits
from bench.measure import Bench, Options, Run
from bench.process import Cores, choose_cores
from bench.scenarios import Scenario
from tests.bench.test_bench_report import CORE, facts, loaded

GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
needs_go = pytest.mark.skipif(
    GO is None, reason="go is not installed: the benchmark's programs are not tested"
)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    driver.build()
    core = max(os.sched_getaffinity(0))
    with Upstream.start(tmp_path_factory.mktemp("bench"), core) as running:
        yield running


@needs_go
@pytest.mark.timeout(240)
@pytest.mark.parametrize("carrier", list(pairs.CARRIERS))
def test_every_answer_is_right(upstream: Upstream, tmp_path: Path, carrier: str) -> None:
    one = start(pairs.Carried(carrier), Site(tmp_path, upstream.port, choose_cores().gateway))
    with one.child:
        for dialect in pairs.DIALECTS:
            for events in (0, 150):
                flags = {"port": one.port, "key": KEY, "dialect": dialect, "events": events}
                result = driver.load(flags | {"conns": 3, "from": "0s", "time": "50ms"}, 60)
                assert result["errors"] == {"total": 0, "examples": None}, dialect
                assert result["complete"] > 0
                assert result["events"] >= events


@needs_go
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/model/m/invoke", "status 401"),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", "status 401"),
        ("/anthropic/v1/messages", "status 401"),
        ("/model/m/converse", "status 404"),
    ],
)
def test_clouds_refuse_other_credentials(upstream: Upstream, path: str, said: str) -> None:
    flags = {"port": upstream.port, "path": path, "from": "0s", "time": "20ms"}
    examples = driver.load(flags, 60)["errors"]["examples"]
    assert examples[0].startswith(said)


def pair(number: int, name: str, cost: float, scenario: str = pairs.WHOLE) -> Run:
    return Run(number, name, scenario, loaded(cost))


def test_both_windows_of_a_round_count() -> None:
    messages = "messages → anthropic"
    runs = [
        pair(1, pairs.BASE, 90),
        pair(1, messages, 80),
        pair(1, messages, 100),
        pair(1, pairs.BASE, 110),
        pair(2, pairs.BASE, 200),
        pair(2, messages, 210),
        pair(1, pairs.BASE, 2, pairs.BURST),
    ]
    figures = Figures(runs, CORE)
    assert figures.gateways == []
    assert figures.of("pair.cpu_us", pairs.BASE) == Spread(150, 100, 200)
    ratio = figures.ratio("pair.cpu_us", messages, pairs.BASE)
    assert ratio is not None
    assert ratio.low == pytest.approx(0.9)
    assert ratio.high == pytest.approx(1.05)
    limit = next(one for one in limits(figures) if "messages → anthropic" in one.text)
    assert limit.verdict == "met"
    table = report.render(figures, facts(), [])
    assert "| chat → anthropic | 150 (100–200) | 1 | 2.00 | 1 |" in table
    assert "| messages → anthropic | 150 (90.0–210) | 0.98 (0.90–1.05) | – | – |" in table
    assert table.count("| responses → ") == len(pairs.CARRIERS)


class NoChild:
    """Stands for a gateway's process."""

    pid = 1

    def running(self) -> bool:
        return True

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class NoUpstream:
    """Stands for the upstream's process, which hears when to stay awake."""

    port = 1

    def __enter__(self) -> "NoUpstream":
        return self

    def __exit__(self, *_: object) -> None: ...

    def set_awake(self, awake: bool) -> None: ...


def test_each_pair_is_measured_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def started(gateway: Gateway, site: Site) -> Running:
        if gateway.name == "dragoman-vertex":
            raise StartFailed("no token")
        child: Any = NoChild()
        return Running(gateway, child, 1, 0.1)

    def load(flags: dict[str, Any]) -> dict[str, Any]:
        asked.append(flags)
        return loaded(1)

    monkeypatch.setattr(pairs, "start", started)
    monkeypatch.setattr(measure, "load", load)
    monkeypatch.setattr(Upstream, "start", lambda *_: NoUpstream())
    bench = Bench([Dragoman()], Options(2, frozenset({pairs.PAIRS}), 0.5, 2), Cores(0, 1))
    bench.run()
    served = [run for run in bench.runs if "failed" not in run.result]
    there_and_back = (*pairs.DIALECTS, *pairs.DIALECTS[::-1])
    names = [run.gateway for run in served if run.round == 1]
    turns = (*there_and_back, *there_and_back, *pairs.DIALECTS)
    assert names[: len(turns)] == [f"{one} → anthropic" for one in turns]
    others = len(pairs.CARRIERS) - 2
    each = len(there_and_back) + len(pairs.DIALECTS)
    assert len(served) == len(asked) == 2 * (len(turns) + others * each)
    assert {run.scenario for run in served} == {pairs.WHOLE, pairs.BURST}
    assert [flags["dialect"] for flags in asked[:3]] == list(pairs.DIALECTS)
    faults = Figures(bench.runs, CORE).faults
    assert ("pair", "chat → vertex", 1, "no token") in faults
    assert len(faults) == 2 * len(pairs.DIALECTS)


def test_windows_are_short_and_not_scaled_away() -> None:
    whole: Scenario = pairs.SCENARIOS[0]
    assert whole.resolve(slow=False, scale=0.5)["time"] == "0.3s"
    assert whole.resolve(slow=False, scale=0.1)["time"] == "0.3s"

"""From the load generator's output to figures, verdicts and the written report."""

from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.facts import Facts
from bench.figures import Figures, Spread
from bench.gateway import Dragoman
from bench.limits import Limit, limits
from bench.measure import Run
from bench.nginx import Nginx
from bench.process import Cores
from bench.scenarios import BODIES, SCENARIOS

CORE = 0


def loaded(cpu_us: float, requests: int = 1000, **more: Any) -> dict[str, Any]:
    """What the load generator prints, for `requests` answers that cost `cpu_us` each."""
    spread = {"count": 0, "p50": 0.0, "p90": 0.0, "p99": 0.0, "max": 0.0}
    return {
        "window_s": 2.0,
        "requests": requests,
        "events": 0,
        "complete": requests,
        "latency_us": spread,
        "first_event_us": spread,
        "late_us": spread,
        "late_due_us": spread,
        "errors": {"total": 0, "examples": None},
        "before": {"cpu_ns": 5_000, "rss_kb": 30 * 1024, "pss_kb": 20 * 1024},
        "after": {
            "cpu_ns": 5_000 + int(cpu_us * requests * 1000),
            "rss_kb": 46 * 1024,
            "pss_kb": 0,
        },
        "cores": {
            "0": {"busy": 10, "idle": 190, "steal": 0},
            "1": {"busy": 200, "idle": 0, "steal": 0},
        },
    } | more


def run(number: int, gateway: str, scenario: str, result: dict[str, Any]) -> Run:
    flags = next((s for s in SCENARIOS if s.name == scenario), SCENARIOS[1]).resolve(
        slow=False, scale=1
    )
    return Run(number, gateway, scenario, result, flags)


def latency(p50: float) -> dict[str, float]:
    return {"count": 1, "p50": p50, "p90": p50, "p99": p50, "max": p50}


def test_ratios_are_taken_within_a_round() -> None:
    runs = [
        run(1, "nginx", "requests", loaded(10)),
        run(1, "dragoman", "requests", loaded(20)),
        run(2, "nginx", "requests", loaded(40)),
        run(2, "dragoman", "requests", loaded(60)),
        run(3, "nginx", "requests", loaded(20)),
        run(3, "dragoman", "requests", loaded(34)),
    ]
    figures = Figures(runs, CORE)
    assert figures.of("requests.cpu_us", "nginx") == Spread(20, 10, 40)
    assert figures.ratio("requests.cpu_us", "dragoman", "nginx") == Spread(1.7, 1.5, 2.0)
    assert figures.ratio("requests.cpu_us", "dragoman", "litellm") is None


def test_latency_is_what_the_gateway_adds() -> None:
    runs = [
        run(1, "direct", "single", loaded(0, latency_us=latency(20))),
        run(1, "dragoman", "single", loaded(0, latency_us=latency(180))),
    ]
    assert Figures(runs, CORE).of("single.added_us", "dragoman") == Spread(160, 160, 160)


def test_each_further_kilobyte() -> None:
    costs = {"body-1k": 30, "body-30k": 59, "body-300k": 599, "body-3m": 599 + 2772 * 3}
    runs = [run(1, "dragoman", name, loaded(costs[name])) for name in BODIES]
    figures = Figures(runs, CORE)
    assert figures.of("body-30k.kb_us", "dragoman") == Spread(1, 1, 1)
    assert figures.of("body-300k.kb_us", "dragoman") == Spread(2, 2, 2)
    worst = figures.worst_kb("dragoman")
    assert worst is not None
    assert worst.median == pytest.approx(3)
    growth = figures.growth("body-3m.kb_us", "body-300k.kb_us", "dragoman")
    assert growth is not None
    assert growth.median == pytest.approx(1.5)


def test_memory_and_streams() -> None:
    streams = loaded(15, events=800_000, window_s=16.0, complete=990, requests=0)
    streams["after"]["cpu_ns"] = 5_000 + 15 * 800_000 * 1000
    figures = Figures(
        [run(1, "dragoman", "memory", loaded(1)), run(1, "dragoman", "streams", streams)], CORE
    )
    assert figures.of("memory.idle_mb", "dragoman") == Spread(30, 30, 30)
    assert figures.of("memory.stream_kb", "dragoman") == Spread(16.384, 16.384, 16.384)
    assert figures.of("streams.cpu_us", "dragoman") == Spread(15, 15, 15)
    assert figures.of("streams.delivered", "dragoman") == Spread(100, 100, 100)
    assert figures.of("streams.complete", "dragoman") == Spread(99, 99, 99)
    broken = next(x for x in limits(figures) if "not delivered whole" in x.text)
    assert broken.verdict == "**not met**"


@pytest.mark.parametrize(
    ("value", "below", "verdict"),
    [
        (1.9, False, "met, stretch too"),
        (2.0, False, "met, stretch too"),
        (2.5, False, "met"),
        (3.0, False, "met"),
        (3.0, True, "**not met**"),
        (3.01, False, "**not met**"),
        (None, False, "not measured"),
    ],
)
def test_verdicts(value: float | None, below: bool, verdict: str) -> None:
    measured = None if value is None else Spread(value, value, value)
    assert Limit("cost", measured, 3, 2, below=below).verdict == verdict


def test_errors_and_missing_gateways_are_named() -> None:
    bad = loaded(10, errors={"total": 7, "examples": ["status 503: `overloaded`\n"]})
    runs = [
        run(1, "dragoman", "requests", bad),
        run(1, "nginx", "start", {"failed": "nginx did not start: exited with 1"}),
    ]
    text = report.render(Figures(runs, CORE), facts(missing={"litellm": "no network"}), [Nginx()])
    assert "- **litellm was not measured**: no network" in text
    assert "- requests, dragoman: 7 errors, such as `status 503: 'overloaded'`" in text
    assert "nginx did not start: exited with 1" in text


def test_notes_survive_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "benchmarks.md"
    first = report.render(Figures([], CORE), facts(), [Dragoman()])
    report.write(path, first)
    assert path.read_text() == first
    path.write_text(first.replace("Nothing has been noted yet.", "The kernel is what limits it."))
    report.write(
        path, report.render(Figures([run(1, "nginx", "requests", loaded(17.6))], CORE), facts(), [])
    )
    text = path.read_text()
    assert "<!-- notes -->\nThe kernel is what limits it.\n<!-- /notes -->" in text
    assert "| nginx | 500 | 17.6 | 1 |" in text
    assert "Nothing has been noted yet." not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.714, "0.71"), (17.62, "17.6"), (143.2, "143"), (8883.0, "8,883"), (-0.5, "-0.50")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert report.number(value) == text


def test_cells() -> None:
    assert report.cell(None) == "–"
    assert report.cell(Spread(2, 1, 3), unit=" ×") == "2.00 × (1.00–3.00)"
    assert report.cell(Spread(2000, 2000, 2000), 1e-3) == "2.00"


def facts(missing: dict[str, str] | None = None) -> Facts:
    return Facts(
        date="2026-11-20",
        command="python -m bench.run",
        machine={"processor": "any"},
        cores=Cores(0, 1),
        versions={"dragoman": "0.1.0"},
        missing=missing or {},
        rounds=3,
    )

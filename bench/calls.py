"""How many Python calls a request, or an event, costs: exact, where a profiler only samples.

The gateway runs one scenario under ``cProfile``. Times under it mean little; numbers of calls do,
and they do not depend on what else the machine is doing.
"""

import pstats
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.driver import Upstream, load
from bench.gateway import KEY, Dragoman, Plan, Site, start
from bench.process import Cores
from bench.scenarios import SCENARIOS

ROWS = 70
LEAST = 0.2
"""Calls a unit below which a function belongs to the start, not to the path of a request."""


class _Counted(Dragoman):
    """The gateway under cProfile, which writes its file when the gateway ends."""

    patience_s = 30.0

    def plan(self, site: Site) -> Plan:
        plan = super().plan(site)
        argv = [sys.executable, "-m", "cProfile", "-o", str(stats(site)), *plan.launch.argv]
        return replace(plan, launch=replace(plan.launch, argv=argv))


def stats(site: Site) -> Path:
    """Where the counts of a gateway at this site are written."""
    return site.folder / "calls.pstats"


def count(scenario: str, cores: Cores) -> str:
    """Run the scenario and return the calls of each function, as text."""
    chosen = next(s for s in SCENARIOS if s.name == scenario)
    with tempfile.TemporaryDirectory(prefix="dragoman-calls-") as name:
        folder = Path(name)
        with Upstream.start(folder, cores.driver) as upstream:
            site = Site(folder / "gateway", upstream.port, cores.gateway)
            site.folder.mkdir()
            running = start(_Counted(), site)
            with running.child:
                flags = chosen.resolve(slow=True, scale=1)
                # From the first request to the last: the profile cannot be cut to a window.
                window = {"from": "0s", "port": running.port, "key": KEY}
                result = load({**flags, **window})
            if not stats(site).exists():
                return f"cProfile wrote nothing:\n{running.child.tail()}\n"
            return _table(
                stats(site), result["events"] or result["complete"], bool(result["events"])
            )


def _table(path: Path, units: int, events: bool) -> str:
    unit = "event" if events else "request"
    if not units:
        return f"no {unit} was answered\n"
    rows: list[tuple[float, float, str]] = []
    total = 0.0
    for place, entry in pstats.Stats(str(path)).stats.items():  # pyright: ignore[reportAttributeAccessIssue]
        file, line, function = place
        calls, own_s = entry[1] / units, entry[2] / units
        if calls >= LEAST:
            total += calls
            where = f"{Path(file).name}:{line} {function}" if line else function
            rows.append((calls, own_s * 1e6, where))
    rows.sort(reverse=True)
    lines = [f"{total:.0f} calls {'an' if events else 'a'} {unit}, of Python and of C functions"]
    lines.append(f"  calls/{unit}   own µs  function")
    lines += [f"{calls:14.2f} {own:8.2f}  {name}" for calls, own, name in rows[:ROWS]]
    return "\n".join(lines) + "\n"

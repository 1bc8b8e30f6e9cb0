"""Figures → ``docs/benchmarks.md``.

What stands between the two marks is written by hand and kept by every run.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import pairs
from bench.facts import Facts
from bench.figures import Figures, Spread
from bench.gateway import Gateway
from bench.limits import BOUND, limits
from bench.measure import DIRECT
from bench.scenarios import (
    BODIES,
    BODY_CONNECTIONS,
    BURST_CONNECTIONS,
    BURSTS,
    RATE,
    STREAMS,
)

OPEN, CLOSE = "<!-- notes -->", "<!-- /notes -->"
EMPTY_NOTES = "\nNothing has been noted yet.\n"
SIZES = {"body-1k": "1 KB", "body-30k": "30 KB", "body-300k": "300 KB", "body-3m": "3 MB"}


def write(path: Path, text: str) -> None:
    """Write the report, keeping the notes of the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(text.replace(f"{OPEN}{EMPTY_NOTES}{CLOSE}", f"{OPEN}{notes(before)}{CLOSE}"))


def notes(text: str) -> str:
    """What was written by hand in an earlier report."""
    _, opened, rest = text.partition(OPEN)
    kept, closed, _ = rest.partition(CLOSE)
    return kept if opened and closed else EMPTY_NOTES


def render(f: Figures, facts: Facts, gateways: Sequence[Gateway]) -> str:
    """The whole report."""
    sections = [
        _opening(facts),
        "## Against the limits\n\n" + _limits(f),
        "## Requests\n\n" + _requests(f),
        "## Bodies\n\n" + _bodies(f),
        "## Streams\n\n" + _streams(f),
        "## Bursts\n\n" + _bursts(f),
        "## Other pairs\n\n" + other_pairs(f),
        "## Memory and start\n\n" + _memory(f),
        "## What went wrong\n\n" + _faults(f, facts),
        f"## Notes\n\n{OPEN}{EMPTY_NOTES}{CLOSE}",
        "## How it was measured\n\n" + _method(facts, gateways),
    ]
    return "\n\n".join(sections) + "\n"


def _opening(facts: Facts) -> str:
    return "# Benchmarks\n\n" + prose(f"""
        Written by `{facts.command}` on {facts.date}; repeat it with `make bench`. Each cell is the
        median of {_times(facts.rounds)} with the least and the greatest in brackets; ratios are
        taken within a round, then their median. CPU is the processor time of the gateway's
        processes, user and system. Every answer was checked: status, text, and for streams the
        order and number of events and the end.
    """)


def _times(rounds: int) -> str:
    return "one round" if rounds == 1 else f"{rounds} interleaved rounds"


def prose(text: str) -> str:
    """One paragraph, however it is broken into lines."""
    return " ".join(text.split())


def number(value: float) -> str:
    """Three significant digits, thousands separated."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:,.{digits}f}"


def cell(spread: Spread | None, scale: float = 1, unit: str = "") -> str:
    """Median and spread; – when not measured."""
    if spread is None:
        return "–"
    middle, low, high = (
        number(value * scale) for value in (spread.median, spread.low, spread.high)
    )
    return f"{middle}{unit}" if low == middle == high else f"{middle}{unit} ({low}–{high})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """A Markdown table; columns after the first are right-aligned unless they hold words."""
    lines = [head, ["---"] + ["---" if words else "---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def _limits(f: Figures) -> str:
    rows = [[x.text, x.bound, cell(x.measured, unit=x.unit), x.verdict] for x in limits(f)]
    return table(["figure", "limit", "measured", ""], rows, words=True)


def _ratio(f: Figures, figure: str, gateway: str) -> str:
    return "1" if gateway == BOUND else cell(f.ratio(figure, gateway, BOUND))


def _requests(f: Figures) -> str:
    rows = [
        [
            name,
            cell(f.of("requests.per_s", name)),
            cell(f.of("requests.cpu_us", name)),
            _ratio(f, "requests.cpu_us", name),
            cell(f.of("requests.p50_us", name), 1e-3),
            cell(f.of("requests.p99_us", name), 1e-3),
            cell(f.of("single.p50_us", name)),
            cell(f.of("single.added_us", name)),
        ]
        for name in f.gateways
    ]
    direct = cell(f.of("single.p50_us", DIRECT))
    text = prose(f"""
        1 KB of body with the headers of OpenAI's SDK, 0.6 KB of answer with those of Anthropic's
        API, not streamed. 64 connections, each asking again at once; then one connection alone,
        which without a gateway takes {direct} µs.
    """)
    head = ["", "req/s", "CPU µs/request", f"× {BOUND}", "p50 ms", "p99 ms"]
    return f"{text}\n\n{table([*head, 'one connection: p50 µs', 'of that added µs'], rows)}"


def _bodies(f: Figures) -> str:
    names = list(BODIES)
    cost = [
        [
            _asked(f, "body-1k", g, BODY_CONNECTIONS),
            *(cell(f.of(f"{size}.cpu_us", g)) for size in names),
        ]
        for g in f.gateways
    ]
    each = [[g, *(cell(f.of(f"{size}.kb_us", g)) for size in names[1:])] for g in f.gateways]
    text = prose(f"""
        CPU µs a request, {BODY_CONNECTIONS} connections; ordinary prose with escapes and letters
        beyond ASCII, in messages of 4 KB.
    """)
    between = ["", "1 → 30 KB", "30 → 300 KB", "300 KB → 3 MB"]
    return (
        f"{text}\n\n{table(['', *SIZES.values()], cost)}\n\n"
        f"CPU µs of each further KB between two sizes:\n\n{table(between, each)}"
    )


def _asked(f: Figures, scenario: str, gateway: str, usual: int) -> str:
    """The gateway's name, and how much less it was asked for."""
    connections = int(f.flags.get((scenario, gateway), {}).get("conns", usual))
    return gateway if connections == usual else f"{gateway}, {connections:,} only"


def _same_load(f: Figures, scenario: str, gateway: str, text: str) -> str:
    """The text, unless the gateway was asked for less than the one it is compared with."""
    asked = [f.flags.get((scenario, g), {}).get("conns") for g in (gateway, BOUND)]
    return text if asked[0] == asked[1] else "–"


def _streams(f: Figures) -> str:
    rows = [
        [
            _asked(f, "streams", g, STREAMS),
            cell(f.of("streams.per_s", g)),
            cell(f.of("streams.delivered", g), unit=" %"),
            cell(f.of("streams.complete", g), unit=" %"),
            cell(f.of("streams.cpu_us", g)),
            _ratio(f, "streams.cpu_us", g),
            cell(f.of("streams.late_p50_us", g), 1e-3),
            cell(f.of("streams.late_p99_us", g), 1e-3),
            _same_load(f, "streams", g, _ratio(f, "streams.late_p99_us", g)),
            cell(f.of("streams.first_p99_us", g), 1e-3),
        ]
        for g in f.gateways
    ]
    text = prose(f"""
        {STREAMS:,} streams at once, {RATE} text deltas a second each, every delta sent at its own
        time. Lateness is from the upstream's write to the client's read.
    """)
    head = ["", "events/s", "delivered in the window", "streams whole", "CPU µs/event"]
    late = [f"× {BOUND}", "late p50 ms", "late p99 ms", f"× {BOUND}", "first event p99 ms"]
    return f"{text}\n\n{table([*head, *late], rows)}"


def _bursts(f: Figures) -> str:
    rows = [
        [
            _asked(f, "burst-1000", g, BURST_CONNECTIONS),
            *(cell(f.of(f"{name}.cpu_us", g)) for name in BURSTS),
        ]
        for g in f.gateways
    ]
    text = prose(f"""
        CPU µs an event when the upstream sends a stream as fast as it is taken (8 KB of events a
        chunk), {BURST_CONNECTIONS} connections.
    """)
    head = ["", *(f"{events:,} events" for events in BURSTS.values())]
    return f"{text}\n\n{table(head, rows)}"


def other_pairs(f: Figures) -> str:
    """What each dialect costs to each carrier, beside chat → anthropic."""
    rows: list[list[str]] = []
    for carrier in pairs.CARRIERS:
        for dialect in pairs.DIALECTS:
            name = pairs.name_of(dialect, carrier)
            row = [name]
            for scenario in (pairs.WHOLE, pairs.BURST):
                figure = f"{scenario}.cpu_us"
                ratio = "1" if name == pairs.BASE else cell(f.ratio(figure, name, pairs.BASE))
                row += [cell(f.of(figure, name)), ratio]
            rows.append(row)
    text = prose(f"""
        What clients speak → what the upstream speaks. Requests of 1 KB, not streamed, at 64
        connections; events of streams of {pairs.EVENTS:,} in bursts at {BURST_CONNECTIONS}
        connections. One process for each carrier, in which the dialects take turns, requests there
        and back. {pairs.BASE} is measured here too, so that ratios are within a round; in one
        process they are good to a few hundredths, between processes to a third. Requests to Bedrock
        are signed, its streams are frames with checksums; chat to an OpenAI-compatible server, and
        Messages to Anthropic and Foundry, go up as they came.
    """)
    over = f"× {pairs.BASE}"
    head = ["", "CPU µs/request", over, "CPU µs/event", over]
    return f"{text}\n\n{table(head, rows)}"


def _memory(f: Figures) -> str:
    rows = [
        [
            _asked(f, "memory", g, STREAMS),
            cell(f.of("memory.idle_mb", g)),
            cell(f.of("memory.idle_pss_mb", g)),
            cell(f.of("memory.stream_kb", g)),
            cell(f.of("start.s", g)),
        ]
        for g in f.gateways
    ]
    text = prose(f"""
        Resident memory after the first answer, and what {STREAMS:,} open streams add, ten events
        into each. Start is from the creation of the process to the end of the first good answer.
    """)
    head = ["", "idle MiB", "idle MiB, shared pages divided", "KiB an open stream"]
    return f"{text}\n\n{table([*head, 'first answer s'], rows)}"


def _faults(f: Figures, facts: Facts) -> str:
    lines = [f"- **{name} was not measured**: {why}" for name, why in facts.missing.items()]
    lines += [
        f"- {scenario}, {name}: {count} errors, such as `{_inline(text)}`"
        for scenario, name, count, text in f.faults
    ]
    for name in f.gateways:
        foreign, steal = f.of("foreign", name), f.of("steal", name)
        if foreign and foreign.high > 10:
            share = f"up to {foreign.high:.0f} % of its core (median {foreign.median:.0f} %)"
            lines.append(f"- while {name} was measured, other programs had {share}")
        if steal and steal.high > 5:
            lines.append(f"- the hypervisor took up to {steal.high:.0f} % of {name}'s core")
    nothing = "Nothing: no error in any answer, and the gateways had their core to themselves."
    return "\n".join(lines) or nothing


def _inline(text: str) -> str:
    return prose(text).replace("`", "'")[:240]


def _method(facts: Facts, gateways: Sequence[Gateway]) -> str:
    machine = [[name, value] for name, value in facts.machine.items()]
    about = [
        [f"{g.name} {facts.versions.get(g.name, '')}".strip(), g.about]
        for g in gateways
        if g.name not in facts.missing
    ]
    text = prose("""
        Upstream and load generator are one thread each, in Go, on epoll (`bench/native`), and share
        a core. Where many connections ask again at once (requests, bodies, bursts, pairs) they
        never sleep: waking them costs a gateway an interrupt to the other core, and a slow gateway
        more often than a fast one, which finds them busy. At one connection and in paced streams
        they sleep between events, as clients do. Throughput is
        bounded by them as well, and CPU a request is the figure to look at. In each round every
        gateway is started afresh, then scenario after scenario is run on all of them, one at a time
        while the others are stopped. What each scenario sends is in `bench/scenarios.py`.
    """)
    tables = [
        table(["machine", ""], machine, words=True),
        table(["gateway", "configured as"], about, words=True),
    ]
    return "\n\n".join([*tables, text])

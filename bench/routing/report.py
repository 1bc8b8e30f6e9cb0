"""Tables and plots, put into the pages of the documentation.

The pages are written by hand; what stands between ``<!-- name -->`` and ``<!-- /name -->`` is
written here.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.routing.decision import Cost
from bench.routing.drawing import Axis, Line, bars, lines
from bench.routing.metrics import Figures
from bench.routing.scenarios import BOUND, Scenario

HEADS = {
    "en": (
        "policy",
        "read from cache",
        "of the oracle's",
        "cost",
        "busiest account",
        "99 % of account-hours",
        "429s upstream",
        "429s to clients",
        "other errors to clients",
        "moved",
        "given up",
    ),
    "zh": (
        "策略",
        "缓存读取占比",
        "与先知之比",
        "费用",
        "最忙账号",
        "99 % 的账号小时",
        "上游 429",
        "客户端 429",
        "客户端其他错误",
        "换账号的请求",
        "放弃的会话",
    ),
}
COST_HEADS = {
    "en": ("accounts", "by hashing", "remembered", "new"),
    "zh": ("账号数", "仅哈希", "已记住", "新会话"),
}
Results = Mapping[str, Sequence[Figures]]


def table(rows: Sequence[Figures], language: str = "en") -> str:
    """One scenario."""
    oracle = next((row for row in rows if row.policy == "oracle"), None)
    lines = [HEADS[language], ("---", *["---:"] * (len(HEADS[language]) - 1))]
    for row in rows:
        of = f"{row.read / oracle.read:.1%}" if oracle is not None else "–"
        even = row.policy != BOUND
        lines.append(
            (
                f"**{row.policy}**" if row.policy == "dragoman" else row.policy,
                f"{row.read:.2%}",
                of,
                f"${row.dollars:,.0f}",
                f"{row.worst:.2f}" if even else "–",
                f"{row.spread:.2f}" if even else "–",
                f"{row.throttled:,}",
                f"{row.refused:,}",
                f"{row.errors:,}",
                f"{row.moved:,}",
                f"{row.given_up:,}",
            )
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def costs(rows: Sequence[Cost], language: str = "en") -> str:
    """Microseconds a decision."""
    lines: list[Sequence[str]] = [COST_HEADS[language], ["---:"] * 4]
    for row in rows:
        lines.append(
            [f"{row.accounts:,}", *(f"{one:.1f} µs" for one in (row.hashed, row.known, row.new))]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fill(page: str, name: str, text: str) -> str:
    """A page with a piece replaced. Raises ``ValueError`` where it has no such piece."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    found, count = re.subn(
        f"{re.escape(begin)}.*?{re.escape(end)}",
        lambda _: f"{begin}\n\n{text}\n\n{end}",
        page,
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"the page has {count} places for {name}")
    return found


def write(docs: Path, results: Results, decisions: Sequence[Cost], ran: str) -> None:
    """Both pages and their plots."""
    for path, language in ((docs / "routing.md", "en"), (docs / "zh" / "routing.md", "zh")):
        page = path.read_text()
        for name, rows in results.items():
            page = fill(page, name, table(rows, language))
        page = fill(page, "decisions", costs(decisions, language))
        page = fill(page, "run", ran)
        path.write_text(page)
    for name, drawn in plots(results, decisions).items():
        (docs / "img").mkdir(exist_ok=True)
        (docs / "img" / f"{name}.svg").write_text(drawn)


def plots(results: Results, decisions: Sequence[Cost]) -> dict[str, str]:
    """By file name."""
    drawn = {
        f"routing-{name}": bars(
            f"Input tokens read from the cache: {name}", [(row.policy, row.read) for row in rows]
        )
        for name, rows in results.items()
        if name in ("day", "failures")
    }
    day = {row.policy: row for row in results["day"]}
    curves = [
        Line(
            f"{policy}: busiest account",
            [(hour, most) for hour, (_, most) in enumerate(day[policy].busy[:24])],
        )
        for policy in ("hashing", "dragoman")
    ]
    average = [(hour, even) for hour, (even, _) in enumerate(day["dragoman"].busy[:24])]
    curves.append(Line("average account", average))
    highest = max(most for curve in curves for _, most in curve.points)
    up = Axis("requests in flight, for a weight of 1", range(int(highest) + 2))
    hours = max(len(curve.points) for curve in curves)
    step = max(1, hours // 8)
    across = Axis("hour", range(0, hours + step, step))
    drawn["routing-load"] = lines("Load over the day", across, up, curves)
    sizes = [row.accounts for row in decisions]
    drawn["routing-decision"] = lines(
        "Cost of one decision",
        Axis("accounts", sizes, log=True),
        Axis("µs", (1, 10, 100, 1000), log=True),
        [
            Line("new conversation", [(row.accounts, row.new) for row in decisions]),
            Line("remembered", [(row.accounts, row.known) for row in decisions]),
            Line("by hashing", [(row.accounts, row.hashed) for row in decisions]),
            Line("limit", [(10, 20), (100, 20), (10_000, 100)]),
        ],
    )
    return drawn


def heading(scenario: Scenario) -> str:
    """A line for the terminal."""
    return (
        f"{scenario.name}: {scenario.accounts:,} accounts, {scenario.conversations:,} "
        f"conversations in {scenario.over_s / 3600:g} h"
    )

"""``dragoman models``: the catalogue, as a table or as JSON."""

import os
import sys
from typing import Any, Literal

from msgspec import to_builtins
from rich.console import Console
from rich.table import Table

from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.model import Model, Prices
from dragoman.catalogue.rows import PRICES
from dragoman.codec import jsonio
from dragoman.config import ConfigError, load

Format = Literal["table", "json"]

PIPE_WIDTH = 220
"""Columns of the table where the output is no terminal: wide enough not to wrap."""


def models_command(config: str | None, form: Format) -> int:
    """Print the models of the configuration in force. Returns the exit code."""
    try:
        loaded = load(config, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    rows = Catalogue(overrides=loaded.models).listed()
    if form == "json":
        lines = ",\n".join(jsonio.encode(as_json(row)).decode() for row in rows)
        print(f"[\n{lines}\n]")
    else:
        console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
        console.print(table(rows))
    return 0


def as_json(row: Model) -> dict[str, Any]:
    """All fields of a row, prices in US dollars per million tokens."""
    fields = to_builtins(row)
    fields["usd_per_mtok"] = _dollars(row.prices)
    fields["tiers"] = [
        {
            "above_prompt_tokens": tier.above_prompt_tokens,
            "usd_per_mtok": _dollars(tier.prices),
        }
        for tier in row.tiers
    ]
    fields["lifecycle"] = row.lifecycle
    del fields["prices"]
    return fields


def table(rows: list[Model]) -> Table:
    """The catalogue for people."""
    found = Table(title="Models; prices in US dollars per million tokens", title_justify="left")
    found.add_column("model, aliases", overflow="fold")
    found.add_column("context\noutput", justify="right", no_wrap=True)
    found.add_column("input\noutput", justify="right", no_wrap=True)
    found.add_column("cache: 5 min\n1 h, read", justify="right", no_wrap=True)
    found.add_column("thinking", overflow="fold")
    found.add_column("effort", overflow="fold")
    found.add_column("capabilities", overflow="fold")
    found.add_column("life", overflow="fold")
    for row in rows:
        found.add_row(
            f"[bold]{row.id}[/bold]" + _aliases(row),
            f"{_tokens(row.context_tokens)}\n{_tokens(row.max_output_tokens)}",
            *_price_cells(row),
            _thinking(row),
            " ".join(f"{level}*" if level == row.effort_default else level for level in row.effort),
            _capabilities(row),
            life(row),
            style="dim" if row.retired else None,
        )
    return found


def life(row: Model) -> str:
    """From when to when a model is served."""
    if row.retired:
        return f"retired {row.retired}\nsuccessor {row.successor or 'none'}"
    if row.retires is None:
        return f"since {row.released}"
    if row.retires_earliest:
        return f"since {row.released}\nuntil {row.retires} at least"
    return f"since {row.released}\nretires {row.retires}"


def _aliases(row: Model) -> str:
    names = [f"for {row.target}"] if row.target else []
    return "".join(f"\n{name}" for name in [*names, ", ".join(row.aliases)] if name)


def _price_cells(row: Model) -> tuple[str, str]:
    both = [_dollars(prices) for prices in (row.prices, *(tier.prices for tier in row.tiers))]
    return (
        "\n".join(f"{price['input']:g}\n{price['output']:g}" for price in both),
        "\n".join(
            f"{price['cache_write_5m']:g}\n{price['cache_write_1h']:g}, {price['cache_read']:g}"
            for price in both
        ),
    )


def _thinking(row: Model) -> str:
    return " ".join(row.thinking) + f"\n({row.thinking_default})" if row.thinking else "none"


def _capabilities(row: Model) -> str:
    flags = {
        f"sampling {row.sampling}": True,
        "forced tools": row.forced_tool_choice,
        "prefill": row.prefill,
        "structured outputs": row.structured_outputs,
        "mid system": row.mid_system,
        "pdf": row.documents,
        "restricted": row.restricted,
    }
    return ", ".join(name for name, there in flags.items() if there)


def _tokens(count: int) -> str:
    if count % 1_000_000 == 0:
        return f"{count // 1_000_000}M"
    return f"{count // 1000}K" if count % 1000 == 0 else f"{count}"


def _dollars(prices: Prices) -> dict[str, float]:
    return {name: getattr(prices, name) / 1000 for name in PRICES}

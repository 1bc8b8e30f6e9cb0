"""``dragoman accounts``: the upstream accounts of a running gateway, through its admin API."""

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from dragoman.cli.admin import AdminError, Where, account_path, ask, find
from dragoman.cli.models import PIPE_WIDTH
from dragoman.codec import jsonio
from dragoman.config import ConfigError

app = typer.Typer(
    help="Upstream accounts of a running gateway, through its admin API.",
    rich_markup_mode=None,
)

Config = Annotated[
    str | None, typer.Option("--config", metavar="FILE", help="Where admin.port and admin.key are.")
]
Url = Annotated[
    str | None, typer.Option("--url", help="The admin API; else as the configuration says.")
]
Key = Annotated[
    str | None, typer.Option("--key", help="The admin key; else $DRAGOMAN_ADMIN_KEY, admin.key.")
]
Form = Annotated[Literal["table", "json"], typer.Option("--format", help="How to print them.")]
Name = Annotated[str, typer.Argument(help="The account's name.")]

ACCOUNTS = "/admin/v1/accounts"


@app.command("list")
def list_accounts(
    config: Config = None, url: Url = None, key: Key = None, form: Form = "table"
) -> int:
    """Live state of all accounts."""

    def show(where: Where) -> int:
        answer = ask(where, "GET", ACCOUNTS)
        if form == "json":
            lines = ",\n".join(jsonio.encode(row).decode() for row in answer["data"])
            print(f"[\n{lines}\n]")
        else:
            console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
            console.print(table(answer["data"], answer["waiting"]))
        return 0

    return _through((config, url, key), show)


@app.command()
def add(  # noqa: PLR0913, PLR0917 - options of a command
    name: Name,
    config: Config = None,
    url: Url = None,
    key: Key = None,
    provider: Annotated[str, typer.Option(help="What the account speaks.")] = "anthropic",
    api_key: Annotated[
        str, typer.Option(help="The credential; -: the first line of the standard input.")
    ] = "",
    base_url: Annotated[str, typer.Option(help="Where the upstream is.")] = "",
    weight: Annotated[float | None, typer.Option(help="Share of new conversations.")] = None,
    priority: Annotated[int | None, typer.Option(help="Higher first.")] = None,
    max_concurrency: Annotated[int | None, typer.Option(help="Requests at a time.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A glob of models; repeatable.")] = None,
) -> int:
    """Add an account; it gets requests at once and is there after a restart."""
    credential = sys.stdin.readline().strip() if api_key == "-" else api_key
    given: dict[str, Any] = {
        "name": name,
        "provider": provider,
        "api_key": credential or None,
        "base_url": base_url or None,
        "weight": weight,
        "priority": priority,
        "max_concurrency": max_concurrency,
        "models": model or None,
    }
    body = {field: value for field, value in given.items() if value is not None}

    def send(where: Where) -> int:
        ask(where, "POST", ACCOUNTS, body)
        print(f"added {name}")
        return 0

    return _through((config, url, key), send)


@app.command()
def test(
    name: Name, config: Config = None, url: Url = None, key: Key = None, model: str | None = None
) -> int:
    """Send one real request of one token to an account."""

    def send(where: Where) -> int:
        body = {} if model is None else {"model": model}
        found = ask(where, "POST", f"{account_path(name)}/test", body)
        if found["ok"]:
            print(f"{name} answered with {found['model']} in {found['duration_ms']:g} ms")
            return 0
        error = found["error"]
        raise AdminError(f"{name} failed: {error['kind']}: {error['detail'] or error['message']}")

    return _through((config, url, key), send)


@app.command()
def drain(
    name: Name,
    config: Config = None,
    url: Url = None,
    key: Key = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let it take requests again.")] = False,
) -> int:
    """Send nothing new to an account; what runs there goes on."""

    def send(where: Where) -> int:
        found = ask(where, "PATCH", account_path(name), {"drain": not undo})
        running = f"{found['in_flight']} requests run on it"
        print(f"{name} takes requests again" if undo else f"{name} is draining, {running}")
        return 0

    return _through((config, url, key), send)


@app.command()
def remove(name: Name, config: Config = None, url: Url = None, key: Key = None) -> int:
    """Remove an account that was added; what runs there goes on."""

    def send(where: Where) -> int:
        ask(where, "DELETE", account_path(name))
        print(f"removed {name}")
        return 0

    return _through((config, url, key), send)


def _through(
    flags: tuple[str | None, str | None, str | None], command: Callable[[Where], int]
) -> int:
    """Run a command against the admin API; errors in one line on stderr. Returns the exit code."""
    try:
        return command(find(*flags))
    except (AdminError, ConfigError) as error:
        print(error, file=sys.stderr)
        return 1


def table(rows: Sequence[dict[str, Any]], waiting: int) -> Table:
    """The accounts for people."""
    title = f"{len(rows)} accounts; {waiting} requests wait for one"
    found = Table(title=title, title_justify="left")
    found.add_column("account", overflow="fold")
    found.add_column("state", overflow="fold")
    found.add_column("until", no_wrap=True)
    found.add_column("remaining", overflow="fold")
    for name in ("in flight", "share\nnew, all", "requests\nfailed", "cache\nhits", "saved\nUSD"):
        found.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        found.add_row(*_cells(row), style="dim" if row["state"] in _AWAY else None)
    return found


_AWAY = ("draining", "disabled")


def _cells(row: dict[str, Any]) -> list[str]:
    reason = f"\n{row['reason']}" if row["reason"] else ""
    until = f"{row['until'][11:19]}Z\n{row['until_s']:.0f} s" if row["until"] else ""
    limits = [f"{what} {limit['remaining']:,}" for what, limit in row["limits"].items()]
    most = f"/{row['max_concurrency']}" if row["max_concurrency"] else ""
    share, hits = row["share"], row["cache"]["hit_rate"]
    return [
        f"[bold]{row['name']}[/bold]\n{row['provider']}, {row['owner']}",
        row["state"] + reason,
        until,
        "\n".join(limits),
        f"{row['in_flight']}{most}",
        f"{share['weight']:.1%}\n{share['requests']:.1%}",
        f"{row['requests']}\n{sum(row['failures'].values())}",
        "" if hits is None else f"{hits:.1%}",
        row["cache"]["saved_usd"],
    ]

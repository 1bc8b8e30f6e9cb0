"""The command line: ``dragoman COMMAND``.

Exit codes: 0 done, 1 the command failed, 2 wrong usage. Errors go to stderr in one line.
"""

import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from dragoman import __version__
from dragoman.cli import accounts
from dragoman.cli.check import check_command
from dragoman.cli.models import models_command
from dragoman.cli.serve import serve_command
from dragoman.cli.simulator import simulator_command

USAGE_ERROR = 2

# Without rich markup Typer imports neither Rich nor anything else before a command runs.
app = typer.Typer(
    name="dragoman",
    help="A self-hosted LLM gateway: OpenAI clients on one side, Claude on the other.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(accounts.app, name="accounts")

ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Configuration file; else $DRAGOMAN_CONFIG, else ./dragoman.yaml.",
    ),
]


@app.callback(invoke_without_command=True)
def dragoman(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> int | None:
    if version:
        print(f"dragoman {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(USAGE_ERROR)


@app.command()
def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any free one.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Processes.")] = None,
) -> None:
    """Run the gateway. SIGTERM drains, a second SIGTERM stops at once."""
    serve_command(config, host, port, workers)


@app.command()
def check(config: ConfigOption = None) -> int:
    """Validate the configuration and say what would be served."""
    return check_command(config)


@app.command()
def models(
    config: ConfigOption = None,
    form: Annotated[
        Literal["table", "json"], typer.Option("--format", help="How to print them.")
    ] = "table",
) -> int:
    """List the models: ids, aliases, limits, prices, capabilities, life."""
    return models_command(config, form)


@app.command()
def simulator(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any free one.")
    ] = 8082,
    pace: Annotated[
        float, typer.Option(min=0, help="Events per second of a stream; 0: at once.")
    ] = 60,
    simulate: Annotated[
        str, typer.Option(help="x-simulate directives for requests that bring none.")
    ] = "",
) -> None:
    """Run the simulator of the Anthropic API alone, for anybody's tests."""
    simulator_command(host, port, pace, simulate)


def run(arguments: Sequence[str]) -> int:
    """Run one command. Returns the exit code."""
    try:
        code = app(args=list(arguments), prog_name="dragoman", standalone_mode=False)
    except typer.TyperException as error:
        print(f"dragoman: {error.format_message()} (dragoman --help)", file=sys.stderr)
        return error.exit_code
    except typer.Abort:
        return 1
    return code if isinstance(code, int) else 0


def main() -> None:
    """Entry point of the ``dragoman`` command."""
    sys.exit(run(sys.argv[1:]))

"""``dragoman simulator``: the Anthropic Messages API as a local program, for anybody's tests."""

import asyncio
import signal
import sys

import uvloop

from dragoman import __version__
from dragoman.clock import SYSTEM
from dragoman.simulator.app import SimulatorApp
from dragoman.simulator.faults import parse
from dragoman.simulator.problem import ApiError
from dragoman.simulator.service import Settings, Simulator
from dragoman.supervisor import Supervisor

_DRAIN_S = 2.0


def simulator_command(host: str, port: int, pace: float = 60.0, simulate: str = "") -> None:
    """Run the simulator until SIGTERM or SIGINT.

    ``pace`` is events per second of a stream (0: as fast as possible), ``simulate`` holds
    directives for requests that bring no ``x-simulate`` header. Exits with 1 when it cannot
    listen, with 2 when ``simulate`` is not understood.
    """
    try:
        parse(simulate, "")
    except ApiError as error:
        print(f"dragoman: {error.message}", file=sys.stderr)
        raise SystemExit(2) from None
    settings = Settings(pace=pace, simulate=simulate)
    uvloop.run(_run(host, port, Simulator(SYSTEM, settings)))


async def _run(host: str, port: int, simulator: Simulator) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    supervisor = Supervisor(lambda trace: print(trace, file=sys.stderr))
    server = SimulatorApp(simulator, SYSTEM).server(supervisor.spawn)
    try:
        bound = await server.listen(host, port)
    except OSError as error:
        print(f"cannot listen on {host}:{port}: {error.strerror or error}", file=sys.stderr)
        raise SystemExit(1) from None
    print(greeting(*bound), flush=True)
    await stop.wait()
    await server.drain(_DRAIN_S)
    await supervisor.close()


def greeting(host: str, port: int) -> str:
    """What a person sees at the start; it ends with a command that works when pasted."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    base = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    return "\n".join(
        (
            f"Dragoman {__version__}: simulator of the Anthropic Messages API on {base}",
            f"Any key will do. For an SDK: ANTHROPIC_BASE_URL={base} ANTHROPIC_API_KEY=any",
            f"curl {base}/v1/messages \\",
            '  -H "x-api-key: any" -H "anthropic-version: 2023-06-01" \\',
            '  -H "content-type: application/json" \\',
            '  -d \'{"model": "claude-haiku-4-5-20251001", "max_tokens": 256, '
            '"messages": [{"role": "user", "content": "Hello!"}]}\'',
        )
    )

"""The programs beside this file, each run as its users would run it: in a process of its own, with
the gateway's address and key in the environment variables that its client reads."""

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import KEY

HERE = Path(__file__).parent
CLIENTS = Path(os.environ.get("DRAGOMAN_CLIENTS", ""))
NODE = CLIENTS / "runtime" / "bin" / "node"
PYTHON = CLIENTS / "python" / "bin" / "python"
GO = CLIENTS / "go"
TIME_LIMIT_S = 90


def environment(base: str, home: Path) -> dict[str, str]:
    """What a user sets, and nothing else that might lead a client elsewhere."""
    return {
        "PATH": f"{NODE.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "NODE_COMPILE_CACHE": str(CLIENTS / "compiled"),
        "NO_PROXY": "*",
        "no_proxy": "*",
        "OPENAI_BASE_URL": f"{base}/v1",
        "OPENAI_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": base,
        "ANTHROPIC_API_KEY": KEY,
        "DRAGOMAN_KEY": KEY,
    }


def need_go() -> None:
    """Skip what is in Go where there is none; everything else is installed."""
    if not GO.exists():
        pytest.skip("the Go clients need go, which make test-clients does not install")


def node_folder(folder: Path) -> Path:
    """A folder in which Node finds the packages, with the programs in it."""
    place = folder / "node"
    if not place.exists():
        shutil.copytree(HERE / "node", place)
        (place / "node_modules").symlink_to(CLIENTS / "node_modules")
    return place


def command(program: str, folder: Path) -> list[str]:
    """How a program is started."""
    if program.endswith(".py"):
        return [str(PYTHON), str(HERE / "python" / program)]
    if program.endswith(".mjs"):
        return [str(NODE), str(node_folder(folder) / program)]
    need_go()
    return [str(GO)]


async def run(arguments: list[str], folder: Path, environ: Mapping[str, str]) -> str:
    """What a command prints. One that fails fails the test, with what it said."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=folder,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            out, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode()[-4000:]
    return out.decode()


async def told(program: str, case: str, base: str, folder: Path, simulate: str = "") -> Any:
    """What one case of a program tells. ``simulate``: directives for the simulator."""
    environ = {**environment(base, folder), "SIMULATE": simulate}
    return json.loads(await run([*command(program, folder), case], folder, environ))

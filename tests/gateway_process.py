"""A real ``dragoman serve`` in a process of its own, for tests that look at it from outside."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_S = 20.0
ROOT = Path(__file__).resolve().parents[1]


class GatewayProcess:
    """A running gateway: its address, what it printed, and its log lines."""

    def __init__(self, arguments: list[str], folder: Path, environ: dict[str, str]) -> None:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANTHROPIC_", "DRAGOMAN_", "OPENAI_"))
        }
        self.folder = folder
        self._out = (folder / "stdout").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dragoman", "serve", *arguments],
            cwd=folder,
            env={
                **clean,
                "DRAGOMAN_DATA": str(folder / "data"),
                "DRAGOMAN_ADMIN_PORT": "0",
                **environ,
            },
            stdout=self._out,
            stderr=subprocess.PIPE,
        )
        self.base = ""
        self.admin = ""

    @property
    def printed(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def log(self) -> list[dict[str, object]]:
        """All log lines so far."""
        return [json.loads(line) for line in self.printed.splitlines() if line.startswith("{")]

    def wait_ready(self) -> None:
        """Wait for the start-up text; fails with what was said on stderr."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the gateway did not start: {self.errors()}")
            for line in self.printed.splitlines():
                if line.startswith("admin API: http"):
                    self.admin = line.removeprefix("admin API: ")
                if line.startswith("curl "):
                    self.base = line.split()[1].removesuffix("/v1/chat/completions")
                    return
            time.sleep(0.02)
        raise RuntimeError(f"the gateway was not ready within {READY_S} s: {self.printed}")

    def wait_log(self, count: int, event: str = "request") -> list[dict[str, object]]:
        """Wait until ``count`` lines of one kind are there."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            found = [line for line in self.log if line["event"] == event]
            if len(found) >= count:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{count} {event} lines wanted, there are {len(found)}")

    def errors(self) -> str:
        assert self.process.stderr is not None
        ready, _, _ = select.select([self.process.stderr], [], [], 0.5)
        return os.read(self.process.stderr.fileno(), 65536).decode() if ready else ""

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._out.close()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return self.process.returncode


@contextmanager
def gateway(
    folder: Path, config: str = "", environ: dict[str, str] | None = None, port: int = 0
) -> Iterator[GatewayProcess]:
    """Run a gateway in ``folder`` with the given YAML, on a free port."""
    arguments = ["--port", str(port)]
    if config:
        (folder / "dragoman.yaml").write_text(config)
        arguments += ["--config", "dragoman.yaml"]
    running = GatewayProcess(arguments, folder, environ or {})
    try:
        running.wait_ready()
        yield running
    finally:
        running.stop()

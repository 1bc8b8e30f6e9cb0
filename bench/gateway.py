"""What a gateway under test is, and the one this benchmark is for.

Each gateway listens on a free port of 127.0.0.1, sends its requests to the fake upstream and writes
its log to a file.
"""

import socket
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from textwrap import dedent

from bench.process import Child, Launch, free_port
from dragoman.codec import jsonio

KEY = "sk-" + "benchBENCH0123456789" * 2 + "Dragoman"
MODEL = "claude-haiku-4-5-20251001"


class StartFailed(RuntimeError):
    """The gateway did not serve a request; the message has the end of its log."""


@dataclass(frozen=True)
class Site:
    """Where a gateway is to run."""

    folder: Path
    """For its configuration, data and log; exists and is empty."""
    upstream_port: int
    core: int


@dataclass(frozen=True)
class Plan:
    """How a gateway is to be started, its files written already."""

    launch: Launch
    port: int


class Gateway:
    """A kind of gateway. Subclasses say how it is configured and started."""

    name: str
    about: str
    """How it is configured, one sentence for the report."""
    translates = True
    """Chat Completions in, Anthropic Messages out; otherwise bytes in, bytes out."""
    may_pause = True
    """Stopped by SIGSTOP while others are measured."""
    slow = False
    """So much slower than the others that scenarios ask less of it."""
    patience_s = 15.0
    """How long a start may take."""

    def missing(self) -> str | None:
        """Why it cannot run on this machine, or None. May install it."""
        raise NotImplementedError

    def version(self) -> str:
        raise NotImplementedError

    def plan(self, site: Site) -> Plan:
        """Write the configuration."""
        raise NotImplementedError


class Dragoman(Gateway):
    """The gateway of this repository."""

    name = "dragoman"
    about = (
        "one process; API key with rate, token and concurrency limits set (out of reach), "
        "two upstream accounts, affinity by `X-Conversation-Id`, one log line a request into a file"
    )

    def __init__(self) -> None:
        self._program = Path(sys.executable).with_name("dragoman")

    def missing(self) -> str | None:
        return None if self._program.exists() else f"{self._program} is not installed"

    def version(self) -> str:
        return metadata.version("dragoman")

    def account(self, name: str, upstream: str) -> str:
        """An account of the pool as the beginning of a YAML mapping."""
        return f'{{provider: anthropic, base_url: "{upstream}", api_key: sk-ant-bench-{name}'

    def plan(self, site: Site) -> Plan:
        port = free_port()
        upstream = f"http://127.0.0.1:{site.upstream_port}"
        config = site.folder / "dragoman.yaml"
        config.write_text(
            dedent(f"""\
            server: {{host: 127.0.0.1, port: {port}}}
            admin: {{port: {free_port()}, key: {KEY}}}
            storage:
              database: sqlite:///{site.folder}/dragoman.db
              journal: {site.folder}/journal
            accounts:
              - {self.account("a", upstream)}, name: a, max_concurrency: 100000}}
              - {self.account("b", upstream)}, name: b, max_concurrency: 100000}}
            keys:
              - name: bench
                key: {KEY}
                rpm: 1000000000
                tpm: 1000000000000
                concurrency: 100000
            """)
        )
        argv = [str(self._program), "serve", "--config", str(config)]
        env = {"DRAGOMAN_DATA": str(site.folder)}
        log = site.folder / "dragoman.log"
        return Plan(Launch(argv, site.core, log, env=env, cwd=site.folder), port)


@dataclass
class Running:
    """A gateway that has served its first request."""

    gateway: Gateway
    child: Child
    port: int
    started_s: float
    """From the start of the process to the end of the first good answer."""


def start(gateway: Gateway, site: Site) -> Running:
    """Start a gateway and ask it until it answers well. Raises :class:`StartFailed`."""
    plan = gateway.plan(site)
    begin = time.monotonic()
    child = Child(plan.launch)
    reason = "nothing listened"
    while time.monotonic() < begin + gateway.patience_s:
        if not child.running():
            reason = f"exited with {child.process.returncode}"
            break
        try:
            answer = _ask(plan.port)
        except ConnectionRefusedError:
            time.sleep(0.001)
            continue
        except OSError as error:
            reason = str(error)
            time.sleep(0.02)
            continue
        if answer.startswith(b"HTTP/1.1 200") and b"@0000" in answer:
            return Running(gateway, child, plan.port, time.monotonic() - begin)
        reason = answer[:300].decode(errors="replace")
        time.sleep(0.02)
    tail = child.tail()
    child.close()
    raise StartFailed(f"{gateway.name} did not start: {reason}\n{tail}")


def _ask(port: int) -> bytes:
    """One small chat completion over a connection of its own."""
    body = jsonio.encode(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": "bench:id=0000:reply=40 Hello"}],
            "max_tokens": 64,
        }
    )
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer

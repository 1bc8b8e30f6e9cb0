"""Conversion under ``dragoman serve`` itself: uvloop, signals, and what is left afterwards."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from tests.gateway.harness import KEY, body
from tests.gateway_process import GatewayProcess, gateway
from tests.media.pictures import noise, saved, two_halves

CONFIG = f"keys: [{{name: tests, key: {KEY}}}]\naccounts: [{{name: s, provider: simulator}}]\n"


def ask(running: GatewayProcess, data: bytes) -> tuple[int, str]:
    url = f"data:image/png;base64,{b64encode(data).decode()}"
    part = {"type": "image_url", "image_url": {"url": url}}
    content = json.dumps(body(messages=[{"role": "user", "content": [part]}])).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    request = urllib.request.Request(f"{running.base}/v1/chat/completions", content, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def workers(running: GatewayProcess) -> list[int]:
    pid = running.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_served_gateway_converts_and_leaves_nothing(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as running:
        assert workers(running) == []
        status, said = ask(running, saved(two_halves(), "HEIF"))
        assert status == 200
        # The simulator tells what it was given.
        assert "JPEG" in said
        assert "300 × 200" in said
        status, said = ask(running, saved(noise(1500, 1300), "BMP"))  # much more than a pipe holds
        assert status == 200
        assert "1500 × 1300" in said
        (pid,) = workers(running)
        status, said = ask(running, saved(two_halves(), "TIFF")[:200])
        assert status == 400
        assert "broken or incomplete" in said
        assert workers(running) == [pid]
        os.kill(pid, signal.SIGKILL)
        until(lambda: workers(running) == [])
        assert ask(running, saved(two_halves(), "AVIF"))[0] == 200
        (pid,) = workers(running)
        assert running.stop() == 0
        assert not Path(f"/proc/{pid}").exists()
        assert [line for line in running.log if line["event"] == "crash"] == []


def test_workers_do_not_outlive_a_killed_gateway(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as running:
        assert ask(running, saved(two_halves(), "HEIF"))[0] == 200
        (pid,) = workers(running)
        running.process.kill()
        running.process.wait()
        until(lambda: not Path(f"/proc/{pid}/exe").exists())


def test_a_terminals_interrupt_is_for_the_gateway_alone(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as running:
        assert ask(running, saved(two_halves(), "HEIF"))[0] == 200
        (pid,) = workers(running)
        assert os.getpgid(pid) != os.getpgid(running.process.pid)

"""``dragoman serve`` as a person runs it: start, key, signals, log, mistakes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.gateway.harness import KEY, body
from tests.gateway_process import GatewayProcess, gateway

SHAPE = re.compile(r"^ *(sk-[0-9A-Za-z]{48})$", re.MULTILINE)


def ask(running: GatewayProcess, key: str, **fields: object) -> bytes:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    content = json.dumps(body(**fields)).encode()
    request = urllib.request.Request(f"{running.base}/v1/chat/completions", content, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return answer.read()


def open_stream(running: GatewayProcess, key: str) -> socket.socket:
    """A stream that upstream never ends, begun."""
    host, port = running.base.removeprefix("http://").split(":")
    sock = socket.create_connection((host, int(port)), timeout=20)
    content = json.dumps(body(stream=True)).encode()
    sock.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-simulate: stall=6\r\n"
        b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
        % (key.encode(), len(content), content)
    )
    seen = b""
    while b'"content":"' not in seen.replace(b'"content":""', b""):
        seen += sock.recv(65536)
    return sock


def test_the_first_start_makes_a_key_and_the_shown_command_works(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        (key,) = SHAPE.findall(running.printed)
        command = running.printed[running.printed.rindex("curl ") :].strip()
        done = subprocess.run(
            ["bash", "-c", command.replace("curl ", "curl -s --noproxy '*' ")],
            capture_output=True, timeout=20, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout)["object"] == "chat.completion"
        assert "simulator" in running.printed
        (line,) = running.wait_log(1)
        assert (line["status"], line["outcome"], line["key"]) == (200, "complete", "default")
        assert key not in json.dumps(running.log)
        assert key not in (tmp_path / "data" / "keys.json").read_text()
    with gateway(tmp_path) as again:
        assert not SHAPE.findall(again.printed), "a key is shown once"
        assert json.loads(ask(again, key))["object"] == "chat.completion"


def test_a_real_key_goes_to_the_anthropic_api(tmp_path: Path) -> None:
    """The stand-alone simulator stands in for api.anthropic.com."""
    simulator = subprocess.Popen(
        [sys.executable, "-m", "dragoman", "simulator", "--port", "0", "--pace", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert simulator.stdout is not None
    try:
        address = re.search(r"http://[\d.]+:\d+", simulator.stdout.readline())
        assert address
        environ = {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": address[0]}
        with gateway(tmp_path, environ=environ) as running:
            assert "ANTHROPIC_API_KEY" in running.printed
            (key,) = SHAPE.findall(running.printed)
            answer = json.loads(ask(running, key))
            assert answer["choices"][0]["message"]["content"]
            streamed = ask(running, key, stream=True)
            assert streamed.endswith(b"data: [DONE]\n\n")
            assert "sk-ant-test" not in running.printed
            # A retired model answers what the upstream answers.
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(running, key, model="claude-3-opus-20240229")
            with refused.value as answered:
                told = json.loads(answered.read())["error"]
            assert (refused.value.code, told["code"]) == (404, "model_not_found")
    finally:
        simulator.terminate()
        simulator.wait(timeout=10)
        simulator.stdout.close()


def test_sigterm_drains_and_a_second_one_ends(tmp_path: Path) -> None:
    config = f"keys: [{{name: t, key: {KEY}}}]\nserver: {{drain_timeout_s: 60}}\n"
    with gateway(tmp_path, config) as running:
        stream = open_stream(running, KEY)
        running.process.send_signal(signal.SIGTERM)
        running.wait_log(1, "draining")
        time.sleep(0.3)
        assert running.process.poll() is None, "a stream is still running"
        begun = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=10) == 0
        # The one duration that the interface promises: three seconds, and room for a busy machine.
        assert time.monotonic() - begun < 9
        rest = b""
        while data := stream.recv(65536):
            rest += data
        assert b'"code":"draining"' in rest
        stream.close()
        assert [line["outcome"] for line in running.wait_log(1)] == ["drained"]


def test_sigterm_without_work_ends_at_once(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        assert running.stop() == 0
        assert [line["event"] for line in running.log] == ["draining", "stopped"]


def test_sighup_and_a_changed_file_reload(tmp_path: Path) -> None:
    config = f"keys: [{{name: t, key: {KEY}}}]\n"
    with gateway(tmp_path, config) as running:
        running.process.send_signal(signal.SIGHUP)
        running.wait_log(1, "reloaded")
        (tmp_path / "dragoman.yaml").write_text(config + "strict: true\n")
        running.wait_log(2, "reloaded")
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(running, KEY, seed=1)
        with refused.value as answered:
            assert answered.code == 400
        (tmp_path / "dragoman.yaml").write_text("keys: [\n")
        running.wait_log(1, "reload_failed")
        assert json.loads(ask(running, KEY))["object"] == "chat.completion"


def serve(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dragoman", "serve", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip


def test_what_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = serve(tmp_path, "--port", str(taken.getsockname()[1]))
        assert done.returncode == 1
        assert "cannot listen on 127.0.0.1" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    (tmp_path / "dragoman.yaml").write_text("server: {prot: 1}\n")
    done = serve(tmp_path)
    assert done.returncode == 1
    assert "server.prot: unknown field, did you mean port?" in done.stderr


def test_a_data_folder_that_takes_no_files_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, where a folder belongs")
    done = serve(tmp_path, "--port", "0")
    told = "data cannot be written: File exists; name another folder with DRAGOMAN_DATA\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_fields_of_later_versions_are_named_at_the_start(tmp_path: Path) -> None:
    config = (
        f"keys: [{{name: t, key: {KEY}, budget_usd: 5}}]\nstorage: {{redis: 'redis://x:1/0'}}\n"
    )
    with gateway(tmp_path, config) as running:
        assert "keys[0].budget_usd" in running.printed
        assert "storage.redis" in running.printed


def test_a_damaged_key_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    done = subprocess.run(
        [sys.executable, "-m", "dragoman", "serve", "--port", "0"],
        cwd=tmp_path, env={**os.environ, "DRAGOMAN_DATA": "."},
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "keys.json" in done.stderr
    assert "Traceback" not in done.stderr


def told_to_wait(running: GatewayProcess, simulate: str = "") -> int:
    """The ``retry-after`` of a request that is refused with 429."""
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    headers["x-simulate"] = simulate
    content = json.dumps(body()).encode()
    request = urllib.request.Request(f"{running.base}/v1/chat/completions", content, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(request, timeout=20)
    with refused.value as answered:
        assert answered.code == 429
        return int(answered.headers["retry-after"])


def test_a_killed_gateway_still_knows_who_asked_to_be_left_alone(tmp_path: Path) -> None:
    """R10, R12: a restart is no way around a cool-down, nor does it make the wait less honest."""
    config = f"keys: [{{name: t, key: {KEY}}}]\naccounts: [{{name: a, provider: simulator}}]\n"
    state = tmp_path / "data" / "pool.json"
    with gateway(tmp_path, config) as running:
        assert told_to_wait(running, "429, retry-after=500") == 500
        end = time.monotonic() + 20
        while not state.exists():
            assert time.monotonic() < end, "nothing was written"
            time.sleep(0.02)
        running.process.kill()
        running.process.wait()
    with gateway(tmp_path, config) as running:
        assert 400 < told_to_wait(running) <= 500

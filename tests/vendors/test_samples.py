"""Every sample of the vendors' pages works here, unchanged but for host, key and image path."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess, gateway

HERE = Path(__file__).parent
KEY = "sk-123456789012345678901234567890123456789012345678"
CONFIG = f"keys: [{{name: samples, key: {KEY}}}]\n"
HOSTS = re.compile(r"https://(gateway\.theturbo\.ai|gateway\.serevixai\.ai|api\.openai-core\.com)")
IMAGES = ("Path/to/agi/image.jpeg", "/path/to/your/image.jpeg")


def samples(suffix: str) -> list[Path]:
    found = sorted(HERE.glob(f"*/*.{suffix}"))
    assert found, f"no {suffix} samples"
    return found


def label(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("samples"), CONFIG) as process:
        yield process


def adapted(path: Path, base: str) -> str:
    """A sample with our host and an image that exists."""
    text, hosts = HOSTS.subn(base, path.read_text())
    assert hosts == 1, "a sample names one host, once"
    for image in IMAGES:
        text = text.replace(image, str(HERE / "image.jpeg"))
    return text


def run(command: list[str], folder: Path) -> str:
    environ = {**os.environ, "YOUR_API_KEY": KEY, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=25, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_text(kind: str, said: str) -> None:
    """What a sample prints when it worked."""
    if kind == "function":
        assert "get_current_weather" in said
        assert "Boston" in said
    elif kind == "image":
        assert "320" in said
        assert "213" in said
        assert re.search("jpe?g", said, re.IGNORECASE)
    else:
        assert re.search(r"[一-鿿]", said), "a Chinese question gets a Chinese answer"


def check_completion(kind: str, body: str, model: str) -> None:
    """A chat completion as the pages show it."""
    answer = json.loads(body)
    assert answer["object"] == "chat.completion"
    assert answer["id"].startswith("chatcmpl-")
    assert isinstance(answer["created"], int)
    assert answer["model"] == model
    (choice,) = answer["choices"]
    assert choice["index"] == 0
    assert choice["message"]["role"] == "assistant"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    if kind == "function":
        assert choice["finish_reason"] == "tool_calls"
        (call,) = choice["message"]["tool_calls"]
        assert call["function"]["name"] == "get_current_weather"
        assert "Boston" in json.loads(call["function"]["arguments"])["location"]
    else:
        assert choice["finish_reason"] == "stop"
        assert choice["message"]["content"]
    if kind == "image":
        check_text(kind, choice["message"]["content"])


@pytest.mark.parametrize("path", samples("py"), ids=label)
def test_python_samples_with_the_openai_package(
    path: Path, running: GatewayProcess, tmp_path: Path
) -> None:
    script = tmp_path / "sample.py"
    script.write_text(adapted(path, running.base))
    check_text(path.stem, run([sys.executable, str(script)], tmp_path))


@pytest.mark.parametrize("path", samples("sh"), ids=label)
def test_shell_samples_with_curl(path: Path, running: GatewayProcess, tmp_path: Path) -> None:
    if not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("the shell samples need curl and bash")
    script = adapted(path, running.base)
    if "Authorization" not in script:
        # One page leaves the key to the reader.
        script = script.replace(
            "--header 'Accept", f"--header 'Authorization: Bearer {KEY}' --header 'Accept"
        )
    model = re.search(r'model\\?": \\?"([^"\\]+)', script)
    assert model
    said = run(["bash", "-c", script.replace("curl ", "curl -s ", 1)], tmp_path)
    check_completion(path.stem, said, model[1])


@pytest.mark.parametrize("path", samples("http"), ids=label)
def test_raw_http_samples(path: Path, running: GatewayProcess) -> None:
    # The empty line before the body is lost in one page's text.
    head, brace, body = path.read_text().replace("$YOUR_API_KEY", KEY).partition("\n{")
    body = (brace + body).strip()
    method, target = head.splitlines()[0].split()
    headers = dict(line.split(": ", 1) for line in head.split("\n")[1:] if line)
    if "${base64_image}" in body:
        picture = subprocess.run(
            ["base64", "-w0", str(HERE / "image.jpeg")], capture_output=True, text=True, check=True
        ).stdout
        body = body.replace("${base64_image}", picture)
    request = urllib.request.Request(running.base + target, body.encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        check_completion(path.stem, answer.read().decode(), json.loads(body)["model"])


@pytest.fixture(scope="module")
def go_programs(tmp_path_factory: pytest.TempPathFactory, running: GatewayProcess) -> Path:
    """All Go samples, built in one module with the pinned package."""
    if not shutil.which("go"):
        pytest.skip("the Go samples need go")
    folder = tmp_path_factory.mktemp("go")
    for name in ("go.mod", "go.sum"):
        shutil.copy(HERE / "go" / name, folder / name)
    for path in samples("go"):
        place = folder / label(path)
        place.mkdir()
        (place / "main.go").write_text(adapted(path, running.base))
    (folder / "bin").mkdir()
    done = subprocess.run(
        ["go", "build", "-o", "bin/", "./..."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", samples("go"), ids=label)
def test_go_samples(path: Path, go_programs: Path, tmp_path: Path) -> None:
    said = run([str(go_programs / label(path))], tmp_path)
    if path.parent.name == "zenlayer-classic":
        model = re.search(r'"model": "([^"]+)"', path.read_text())
        assert model
        check_completion(path.stem, said, model[1])
    else:
        check_text(path.stem, said)


def shape(value: object) -> object:
    """A JSON value reduced to its keys and types; for lists, the shape of the first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def includes(ours: object, theirs: object) -> bool:
    """Whether every key of a vendor's response is in ours, with the same type."""
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and all(
            key in ours and includes(ours[key], item) for key, item in theirs.items()
        )
    if isinstance(theirs, list):
        return isinstance(ours, list) and all(includes(ours[0], item) for item in theirs)
    return ours == theirs


@pytest.mark.parametrize("path", samples("json"), ids=label)
def test_responses_have_what_the_pages_show(path: Path, running: GatewayProcess) -> None:
    # One page prints trailing commas.
    shown = json.loads(re.sub(r",(\s*[}\]])", r"\1", path.read_text()))
    target, body = "/v1/models", None
    if path.stem == "response":
        target = "/v1/chat/completions"
        model = shown.get("model", "claude-3.7-sonnet")
        body = json.dumps(
            {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}
        ).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(running.base + target, body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert includes(shape(json.loads(answer.read())), shape(shown))

"""``dragoman accounts`` against a gateway in a process of its own."""

import http.client
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman.cli import main
from tests.gateway_process import GatewayProcess, gateway

KEY = "an admin key"
CONFIG = "accounts: [{name: a, provider: simulator}, {name: b, provider: simulator}]\n"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("accounts")
    with gateway(folder, CONFIG, {"DRAGOMAN_ADMIN_KEY": KEY}) as process:
        yield process


@pytest.fixture(autouse=True)
def address(running: GatewayProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gateway is, in the environment that commands read."""
    monkeypatch.setenv("DRAGOMAN_ADMIN_KEY", KEY)
    monkeypatch.setenv("DRAGOMAN_ADMIN_PORT", running.admin.rpartition(":")[2])


def run(*arguments: str) -> int:
    return main.run(["accounts", *arguments])


def listed(capsys: Captured) -> dict[str, dict[str, object]]:
    capsys.readouterr()
    assert run("list", "--format", "json") == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_a_table(capsys: Captured) -> None:
    assert run("list") == 0
    out = capsys.readouterr().out
    for word in ("2 accounts; 0 requests wait", "simulator, file", "well", "0/100", "50.0%"):
        assert word in out
    assert "\x1b" not in out


def test_a_life_of_an_account(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-ant-from-stdin\nmore\n"))
    options = ["--provider", "simulator", "--api-key", "-", "--weight", "2", "--priority", "1"]
    more = ["--max-concurrency", "9", "--model", "claude-*", "--model", "x-*"]
    assert run("add", "team/new", *options, *more) == 0
    assert capsys.readouterr().out == "added team/new\n"
    row = listed(capsys)["team/new"]
    assert (row["owner"], row["weight"], row["priority"]) == ("api", 2, 1)
    assert (row["max_concurrency"], row["models"]) == (9, ["claude-*", "x-*"])
    assert run("test", "team/new", "--model", "claude-haiku-4-5") == 0
    assert "team/new answered with claude-haiku-4-5-20251001 in" in capsys.readouterr().out
    assert run("drain", "team/new") == 0
    assert capsys.readouterr().out == "team/new is draining, 0 requests run on it\n"
    assert listed(capsys)["team/new"]["state"] == "draining"
    assert run("drain", "team/new", "--undo") == 0
    assert capsys.readouterr().out == "team/new takes requests again\n"
    assert run("remove", "team/new") == 0
    assert capsys.readouterr().out == "removed team/new\n"
    assert set(listed(capsys)) == {"a", "b"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["remove", "a"], "a belongs to the configuration: remove it there, or drain it here."),
        (["remove", "nobody"], "There is no account named nobody."),
        (["add", "a", "--provider", "simulator"], "There is an account named a already."),
        (["add", "n"], "api_key: is empty; provider anthropic needs one."),
        (["test", "a", "--model", "gpt"], "The model `gpt` does not exist"),
        (["list", "--key", "wrong"], "refused the admin key: see --key and DRAGOMAN_ADMIN_KEY"),
        (["list", "--key", "wr\nong"], "holds a character that no header may hold"),
        (["list", "--url", "http://127.0.0.1:1"], "cannot reach the admin API at http://127.0.0.1"),
        (["list", "--url", "ftp://x"], "ftp://x is not a URL like http://127.0.0.1:8081"),
        (["list", "--config", "no.yaml", "--url", ""], "no.yaml: no such file"),
    ],
)
def test_errors_are_one_line_on_stderr(arguments: list[str], words: str, capsys: Captured) -> None:
    assert run(*arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert captured.err.count("\n") == 1


def test_the_public_port_is_no_admin_api(running: GatewayProcess, capsys: Captured) -> None:
    assert run("list", "--url", running.base) == 1
    assert "Unknown request URL" in capsys.readouterr().err


def test_without_a_key_it_says_where_one_is(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.delenv("DRAGOMAN_ADMIN_KEY")
    assert run("list") == 1
    assert "no admin key: set DRAGOMAN_ADMIN_KEY or admin.key" in capsys.readouterr().err


def test_the_file_says_where_it_is(
    running: GatewayProcess, monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: Captured
) -> None:
    monkeypatch.delenv("DRAGOMAN_ADMIN_KEY")
    monkeypatch.delenv("DRAGOMAN_ADMIN_PORT")
    port = running.admin.rpartition(":")[2]
    (folder / "dragoman.yaml").write_text(f"admin: {{host: 0.0.0.0, port: {port}, key: {KEY}}}")
    assert set(listed(capsys)) == {"a", "b"}


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["drain"], ["list", "--format", "xml"]])
def test_wrong_usage(arguments: list[str], capsys: Captured) -> None:
    assert run(*arguments) == 2
    assert capsys.readouterr().err.startswith("dragoman: ")


def test_an_answer_that_is_not_ours(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    class Page(http.client.HTTPConnection):
        def request(self, *_: object, **__: object) -> None: ...

        def getresponse(self) -> object:  # type: ignore[override]
            class Answer:
                status = 200

                def read(self) -> bytes:
                    return b"<html>"

            return Answer()

    monkeypatch.setattr(http.client, "HTTPConnection", Page)
    assert run("list") == 1
    assert "answered 200: no admin API is there" in capsys.readouterr().err

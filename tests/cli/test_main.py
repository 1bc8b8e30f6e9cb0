"""The command line: what it prints, where, and with which exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from dragoman import __version__
from dragoman.cli import main
from dragoman.codec import jsonio

Captured = pytest.CaptureFixture[str]
KEY = "sk-" + "0" * 48


def test_version(capsys: Captured) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"dragoman {__version__}\n"


def test_no_command_shows_the_commands(capsys: Captured) -> None:
    assert main.run([]) == 2
    out = capsys.readouterr().out
    for command in ("serve", "check", "models", "simulator"):
        assert f"  {command}" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["servee"], "dragoman: No such command 'servee'. Did you mean 'serve'? (dragoman --help)"),
        (["check", "--nothing"], "dragoman: No such option: --nothing"),
        (["models", "--format", "xml"], "dragoman: Invalid value for '--format'"),
        (["serve", "--port", "80800"], "dragoman: Invalid value for '--port'"),
        (["serve", "--workers", "0"], "dragoman: Invalid value for '--workers'"),
        (["check", "extra"], "dragoman: Got unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line_and_2(
    capsys: Captured, arguments: list[str], message: str
) -> None:
    assert main.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1


def test_help_names_the_options(capsys: Captured) -> None:
    assert main.run(["serve", "--help"]) == 0
    out = capsys.readouterr().out
    for option in ("--config", "--host", "--port", "--workers"):
        assert option in out


def test_serve_and_simulator_get_their_options(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(main, "serve_command", lambda *given: calls.append(given))
    monkeypatch.setattr(main, "simulator_command", lambda *given: calls.append(given))
    assert main.run(["serve"]) == 0
    assert (
        main.run(["serve", "--config", "f", "--host", "::", "--port", "0", "--workers", "2"]) == 0
    )
    assert main.run(["simulator", "--host", "0.0.0.0", "--port", "9"]) == 0
    assert main.run(["simulator", "--pace", "0", "--simulate", "529"]) == 0
    assert calls == [
        (None, None, None, None),
        ("f", "::", 0, 2),
        ("0.0.0.0", 9, 60.0, ""),
        ("127.0.0.1", 8082, 0.0, "529"),
    ]


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def no_more_input(*_: object) -> None:
        raise EOFError

    monkeypatch.setattr(main, "serve_command", interrupted)
    assert main.run(["serve"]) == 130
    monkeypatch.setattr(main, "serve_command", no_more_input)
    assert main.run(["serve"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_check_says_what_would_be_served(capsys: Captured, folder: Path) -> None:
    assert main.run(["check"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok: no configuration file: http://127.0.0.1:8080, 1 account, 0 keys, 29 models",
        "upstream: the built-in simulator,"
        " because no account is configured and ANTHROPIC_API_KEY is not set",
        "note: no key is configured: dragoman serve makes one at its first start",
    ]
    (folder / "d.yaml").write_text(
        f"""
        server: {{host: "::1", port: 1, tls_cert: d.yaml, tls_key: d.yaml}}
        storage: {{journal: x}}
        accounts: [{{name: a, api_key: k}}, {{name: b, api_key: k}}]
        keys: [{{name: k, key: {KEY}}}]
        models: [{{id: m, target: claude-opus-5-5}}]
        """
    )
    assert main.run(["check", "--config", "d.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok: d.yaml: https://[::1]:1, 2 accounts, 1 key, 30 models",
        "upstream: 2 of d.yaml: a, b",
        "note: storage.journal is accepted but not used yet: usage is not recorded",
    ]


def test_check_says_when_nothing_is_left_to_serve_with(
    capsys: Captured, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys.modules["dragoman.config.pending"], "PROVIDERS_NOT_YET", frozenset({"openai"})
    )
    (folder / "dragoman.yaml").write_text("accounts: [{name: b, provider: openai, api_key: k}]")
    assert main.run(["check"]) == 0
    assert "note: no account is left: every request will be answered 503" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "models"])
def test_mistakes_are_all_named_on_stderr(capsys: Captured, folder: Path, command: str) -> None:
    (folder / "dragoman.yaml").write_text("strict: 1\nrouting: {max_attempts: 0}\n")
    assert main.run([command]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "dragoman.yaml:1: strict: expected true or false, got 1",
        "dragoman.yaml:2: routing.max_attempts: expected int >= 1, got 0",
    ]


def test_a_missing_file_is_named(capsys: Captured) -> None:
    assert main.run(["check", "--config", "no.yaml"]) == 1
    assert capsys.readouterr().err == (
        "no.yaml: no such file; name another with --config or DRAGOMAN_CONFIG\n"
    )


def test_models_as_json(capsys: Captured, folder: Path) -> None:
    (folder / "dragoman.yaml").write_text("models: [{id: m, target: claude-haiku-5.5}]")
    assert main.run(["models", "--format", "json"]) == 0
    rows = {row["id"]: row for row in jsonio.decode(capsys.readouterr().out.encode())}
    assert len(rows) == 30
    assert rows["m"]["target"] == "claude-haiku-5-5"
    assert rows["claude-haiku-5-5"]["usd_per_mtok"] == {
        "input": 0.1,
        "output": 0.5,
        "cache_write_5m": 0.125,
        "cache_write_1h": 0.2,
        "cache_read": 0.01,
    }
    assert rows["claude-haiku-5-5"]["tiers"][0]["above_prompt_tokens"] == 100_000
    assert rows["claude-haiku-5-5"]["tiers"][0]["usd_per_mtok"]["output"] == 2.5
    assert rows["claude-3-7-sonnet-20250219"]["aliases"][2] == "claude-3.7-sonnet"
    assert rows["claude-3-7-sonnet-20250219"]["lifecycle"] == "retired"


def test_models_as_a_table(capsys: Captured, folder: Path) -> None:
    (folder / "dragoman.yaml").write_text(
        "models: [{id: my-alias, target: claude-haiku-4-5}, {id: gone, retired: 2026-01-01}]"
    )
    assert main.run(["models"]) == 0
    out = capsys.readouterr().out
    for text in (
        "claude-opus-5-5",
        "claude-3.7-sonnet",
        "for claude-haiku-4-5-20251001",
        "retired 2026-02-19",
        "successor claude-sonnet-4-6",
        "successor none",
        "retires 2026-11-30",
        "until 2027-09-01 at least",
        "low medium* high xhigh max",
        "adaptive between_tools",
        "6.25",
        "128K",
        "8192",
        "sampling fixed",
    ):
        assert text in out, text
    assert "\x1b" not in out


def test_python_dash_m() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dragoman", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"dragoman {__version__}\n")


def test_the_collector_works_once_the_program_is_loaded() -> None:
    code = "import gc, dragoman.__main__; print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


def test_check_tells_credentials_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    account = "{name: aws, provider: bedrock, region: eu-west-1, aws_profile: nobody}"
    Path("dragoman.yaml").write_text(f"accounts: [{account}]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main.run(["check"]) == 1
    assert capsys.readouterr().err == (
        "account aws: The config profile (nobody) could not be found\n"
    )
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    assert main.run(["check"]) == 1
    assert capsys.readouterr().err == (
        "account aws: needs the package botocore: pip install 'dragoman[bedrock]'\n"
    )

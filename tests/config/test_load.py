"""Where a configuration comes from, and which source wins."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dragoman.auth.secret import Secret
from dragoman.config import Config, ConfigError, load, with_flags
from dragoman.config.load import ENVIRONMENT
from tests.config.conftest import Mistakes, Read

KEY = "sk-" + "0" * 48
CERT = Path(__file__)


def test_nothing_at_all_is_a_configuration() -> None:
    config = load(None, {})
    assert (config.source, config.data_dir) == (None, "./data")
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8080)
    assert [(account.name, account.provider) for account in config.accounts] == [
        ("simulator", "simulator")
    ]
    assert "built-in simulator" in config.upstream_note
    assert "ANTHROPIC_API_KEY is not set" in config.upstream_note
    assert config.given == frozenset()


def test_every_field_of_the_example_is_read(read: Read) -> None:
    config = read(
        f"""
        server:
          host: 127.0.0.1
          port: 8080
          workers: 1
          max_body_bytes: 33554432
          first_byte_timeout_s: 600
          stall_timeout_s: 120
          keepalive_s: 10
          drain_timeout_s: 30
        admin:
          host: 127.0.0.1
          port: 8081
          key: ${{DRAGOMAN_ADMIN_KEY:-}}
        storage:
          database: sqlite:///dragoman.db
          redis: ""
          journal: ./journal
        accounts:
          - name: anthropic-a
            provider: anthropic
            base_url: https://api.anthropic.com
            api_key: ${{ANTHROPIC_API_KEY_A}}
            weight: 1
            priority: 0
            max_concurrency: 100
            models: ["claude-*"]
            headers: {{}}
        keys:
          - name: ci
            key: {KEY}
            models: ["*"]
            rpm: 0
            tpm: 0
            concurrency: 0
            token_quota: 0
            budget_usd: 0
            budget_period: total
            expires_at: null
            allowed_ips: []
        models:
          - id: my-alias
            target: claude-haiku-4-5-20251001
        retired_models: forward
        caching: auto
        routing:
          affinity: true
          affinity_ttl_s: 3600
          max_attempts: 3
          queue_timeout_s: 10
        images:
          fetch: true
          max_bytes: 20971520
          allow_private_hosts: []
        strict: false
        """,
        {"ANTHROPIC_API_KEY_A": "sk-ant-a"},
    )
    plain = load("/dev/null", {"ANTHROPIC_API_KEY": "x"})
    sections = "server admin storage routing images strict retired_models caching"
    for section in sections.split():
        assert getattr(config, section) == getattr(plain, section), section
    (account,) = config.accounts
    assert (account.name, account.api_key.reveal()) == ("anthropic-a", "sk-ant-a")
    (key,) = config.keys
    assert (key.key.reveal(), key.models, key.expires_at) == (KEY, ("*",), None)
    assert config.models[0].target == "claude-haiku-4-5-20251001"
    assert config.upstream_note == "upstream: 1 of dragoman.yaml: anthropic-a"


def test_values_other_than_the_defaults_are_read(read: Read) -> None:
    config = read(
        f"""
        server:
          host: "::1"
          port: 0
          max_connections_per_ip: 5
          keepalive_s: 0.5
          expose_routing: false
          cors_origins: [https://app.example.com]
          trusted_proxies: [10.0.0.0/8, "::1"]
          tls_cert: {CERT}
          tls_key: {CERT}
        accounts:
          - name: b
            provider: anthropic
            api_key: k
            base_url: http://127.0.0.1:9000/prefix/
            headers: {{x-a: "1", x-b: "${{B}}"}}
            proxy: http://u:p@proxy:3128
            ca_file: {CERT}
          - {{name: s, provider: simulator, proxy: ""}}
        keys:
          - name: ci
            key: {KEY}
            expires_at: 2027-01-31T00:00:00Z
            allowed_ips: [10.0.0.0/8]
        caching: off
        """,
        {"B": "2"},
    )
    assert config.caching == "off"
    assert (config.server.port, config.server.keepalive_s) == (0, 0.5)
    assert config.server.trusted_proxies == ("10.0.0.0/8", "::1")
    account, simulator = config.accounts
    assert account.base_url == "http://127.0.0.1:9000/prefix"
    assert account.headers["x-b"].reveal() == "2"
    assert account.proxy is not None
    assert account.proxy.reveal() == "http://u:p@proxy:3128"
    assert simulator.proxy == Secret("")
    assert (account.models, simulator.models) == (("claude-*",), ("*",))
    assert config.keys[0].expires_at == datetime(2027, 1, 31, tzinfo=UTC)


def test_secrets_do_not_print(read: Read) -> None:
    config = read(
        f"""
        admin: {{key: canary-admin}}
        storage: {{database: "postgresql://u:canary@h/d", redis: "redis://:canary@h/0"}}
        accounts:
          - name: a
            api_key: canary-account
            headers: {{x: canary-header}}
            proxy: http://u:canary@proxy:1
        keys: [{{name: k, key: {KEY}}}]
        """
    )
    for text in (
        repr(config),
        str(config),
        f"{config.accounts[0]}",
        f"{config.accounts[0].api_key:>9}",
    ):
        assert "canary" not in text
        assert KEY not in text
        assert "***" in text


def test_the_file_is_looked_for_in_order(folder: Path) -> None:
    for name, port in (("a.yaml", 1), ("b.yaml", 2), ("dragoman.yaml", 3)):
        (folder / name).write_text(f"server: {{port: {port}}}")
    environ = {"DRAGOMAN_CONFIG": "b.yaml"}
    found = [load("a.yaml", environ), load(None, environ), load(None, {}), load("", {})]
    assert [config.server.port for config in found] == [1, 2, 3, 3]
    assert [config.source for config in found] == [
        "a.yaml",
        "b.yaml",
        "dragoman.yaml",
        "dragoman.yaml",
    ]


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "latin.yaml").write_bytes(b"a: \xe9")
    cases = {
        "no.yaml": "no.yaml: no such file; name another with --config or DRAGOMAN_CONFIG",
        ".": ".: cannot be read: Is a directory",
        "latin.yaml": "latin.yaml: is not UTF-8 text",
    }
    for name, message in cases.items():
        with pytest.raises(ConfigError) as caught:
            load(name, {})
        assert str(caught.value) == message


def test_a_byte_order_mark_is_no_part_of_the_file(folder: Path) -> None:
    (folder / "bom.yaml").write_text("\ufeffstrict: true", encoding="utf-8")
    assert load("bom.yaml", {}).strict is True


@pytest.mark.parametrize(
    ("variable", "text", "other"),
    [
        ("DRAGOMAN_HOST", "0.0.0.0", "::1"),
        ("DRAGOMAN_PORT", "9000", "9001"),
        ("DRAGOMAN_ADMIN_KEY", "secret", "other"),
        ("DRAGOMAN_DATABASE", "postgresql://u:p@h/d", "sqlite:///x.db"),
        ("DRAGOMAN_REDIS", "redis://h:6379/0", "redis://other/0"),
    ],
)
def test_the_environment_counts_where_the_file_is_silent(
    read: Read, variable: str, text: str, other: str
) -> None:
    section, field = ENVIRONMENT[variable].split(".")

    def value(config: Config) -> str:
        found = getattr(getattr(config, section), field)
        return found.reveal() if isinstance(found, Secret) else str(found)

    default = value(load(None, {}))
    assert value(load(None, {variable: text})) == text
    assert value(load(None, {variable: ""})) == default
    for silent in (
        "",
        "strict: false",
        f"{section}:",
        f"{section}: {{}}",
        f"{section}: {{{field}: }}",
    ):
        assert value(read(silent, {variable: text})) == text
    assert (
        value(
            read(f"{section}: {{{field}: '{other}'}}".replace("'9001'", "9001"), {variable: text})
        )
        == other
    )


def test_a_mistake_in_the_environment_names_its_variable(mistakes: Mistakes) -> None:
    assert mistakes("strict: false", {"DRAGOMAN_PORT": "eighty"}) == [
        "$DRAGOMAN_PORT: server.port: expected int, got 'eighty'"
    ]
    # A section that is wrong altogether is not repaired by the environment.
    assert mistakes("server: 1", {"DRAGOMAN_PORT": "80"}) == ["1: server: expected fields, got 1"]


def test_the_data_folder_comes_from_the_environment() -> None:
    assert load(None, {"DRAGOMAN_DATA": "/var/lib/dragoman"}).data_dir == "/var/lib/dragoman"


def test_an_api_key_in_the_environment_makes_an_account(read: Read) -> None:
    environ = {"ANTHROPIC_API_KEY": "sk-ant-x", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    for text in ("", "accounts:", "accounts: []"):
        config = read(text, environ)
        (account,) = config.accounts
        assert (account.name, account.provider) == ("anthropic", "anthropic")
        assert (account.base_url, account.api_key.reveal()) == ("http://127.0.0.1:9", "sk-ant-x")
        assert config.upstream_note == (
            "upstream: http://127.0.0.1:9 with the key in ANTHROPIC_API_KEY"
        )
    config = load(None, {"ANTHROPIC_API_KEY": "sk-ant-x"})
    assert config.accounts[0].base_url == "https://api.anthropic.com"


def test_accounts_of_the_file_win_over_the_environment(read: Read) -> None:
    config = read(
        "accounts: [{name: a, api_key: k}]", {"ANTHROPIC_API_KEY": "x", "ANTHROPIC_BASE_URL": "y"}
    )
    assert [account.name for account in config.accounts] == ["a"]
    assert config.accounts[0].base_url == "https://api.anthropic.com"


def test_a_bad_base_url_in_the_environment_is_named(mistakes: Mistakes) -> None:
    environ = {"ANTHROPIC_API_KEY": "x", "ANTHROPIC_BASE_URL": "api.example.com"}
    assert mistakes("", environ) == [
        "$ANTHROPIC_BASE_URL: accounts[0].base_url: is not a URL like https://api.anthropic.com"
    ]


def test_variables_stand_for_numbers_and_booleans(read: Read) -> None:
    environ = {"PORT": "9000", "STRICT": "true", "S": "2.5", "ORIGIN": "https://a.example"}
    config = read(
        """
        server: {port: "${PORT}", keepalive_s: "${S}", cors_origins: ["${ORIGIN}"]}
        strict: ${STRICT}
        """,
        environ,
    )
    assert (config.server.port, config.server.keepalive_s, config.strict) == (9000, 2.5, True)
    assert config.server.cors_origins == ("https://a.example",)


def test_flags_win_over_everything(read: Read) -> None:
    config = read("server: {host: '::1', port: 1}", {"DRAGOMAN_PORT": "2"})
    assert with_flags(config) is config
    flagged = with_flags(config, host="0.0.0.0", port=3, workers=1)
    assert (flagged.server.host, flagged.server.port) == ("0.0.0.0", 3)
    assert load(None, {}, host="0.0.0.0", port=3, workers=1) == flagged
    assert {"server.host", "server.port", "server.workers"} <= flagged.given
    with pytest.raises(ConfigError) as caught:
        with_flags(config, host="not a host", workers=2)
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "--host: is not a host name or an address",
        "--workers: more than one needs storage.redis",
    ]


def test_the_public_port_may_be_the_admin_apis_default(read: Read) -> None:
    assert read("server: {port: 8081}").server.port == read("").admin.port
    hosts = "server: {host: 10.0.0.1, port: 9000}\nadmin: {host: 127.0.0.1, port: 9000}"
    assert read(hosts).admin.port == 9000

"""Every mistake is found, at once, with its line, its path and what was probably meant."""

import msgspec
import pytest

from dragoman.catalogue.override import Override, TierEntry
from dragoman.config.decode import _STAND_INS  # pyright: ignore[reportPrivateUsage]
from dragoman.config.structs import AccountConfig, FileConfig, KeyConfig
from tests.config.conftest import Mistakes

KEY = "sk-" + "0" * 48
OTHER = "sk-" + "1" * 48


def test_all_mistakes_at_once_in_the_order_of_the_file(mistakes: Mistakes) -> None:
    found = mistakes(
        """\
        server:
          port: 80800
          max_bdy_bytes: 3
          host: not a host
        accounts:
          - name: a
            provider: anthropc
            base_ulr: https://x
            api_key: ${MISSING}
          - name: a
            api_key: 12345
            models: claude
          - foo
          -
        keys:
          - key: sk-0
        routing: {max_attempts: 0}
        strict: yes
        rooting: 1
        """
    )
    assert found == [
        "2: server.port: expected int <= 65535, got 80800",
        "3: server.max_bdy_bytes: unknown field, did you mean max_body_bytes?",
        "4: server.host: is not a host name or an address",
        "7: accounts[0].provider: must be one of anthropic, bedrock, vertex, foundry, openai,"
        " simulator, got 'anthropc', did you mean anthropic?",
        "8: accounts[0].base_ulr: unknown field, did you mean base_url?",
        "9: accounts[0].api_key: the environment variable MISSING is not set;"
        " set it or write ${MISSING:-default}",
        "10: accounts[1].name: is the same as accounts[0].name",
        "11: accounts[1].api_key: expected str, got int; write it in quotes",
        "12: accounts[1].models: expected a list, got 'claude'",
        "13: accounts[2]: expected fields, got 'foo'",
        "14: accounts[3].name: is missing",
        "14: accounts[3].api_key: is empty; provider anthropic needs one",
        "16: keys[0].name: is missing",
        "16: keys[0].key: is not sk- and 48 characters of 0-9A-Za-z",
        "17: routing.max_attempts: expected int >= 1, got 0",
        "18: strict: expected true or false, got 'yes'",
        "19: rooting: unknown field, did you mean routing?",
    ]


ACCOUNT = "accounts: [{{name: a, api_key: k, {}}}]"
KEYED = f"keys: [{{{{name: a, key: {KEY}, {{}}}}}}]"
MODEL = "models: [{{id: m, {}}}]"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("server: {host: ''}", "server.host: is not a host name"),
        ("server: {host: 'a b'}", "server.host: is not a host name"),
        ("server: {port: -1}", "server.port: expected int >= 0, got -1"),
        ("server: {port: '80'}", "server.port: expected int, got '80'"),
        ("server: {port: 80.5}", "server.port: expected int, got 80.5"),
        ("server: {port: true}", "server.port: expected int, got True"),
        ("server: {port: [1]}", "server.port: expected int, got a list"),
        ("server: {workers: 2}", "server.workers: more than one needs storage.redis"),
        ("server: {max_body_bytes: 10}", "server.max_body_bytes: expected int >= 1024"),
        ("server: {stall_timeout_s: 0}", "server.stall_timeout_s: expected float > 0"),
        ("server: {stall_timeout_s: 1e9}", "server.stall_timeout_s: expected float <= 86400"),
        ("server: {keepalive_s: -1}", "server.keepalive_s: expected float >= 0"),
        ("server: {cors_origins: ['*']}", "server.cors_origins[0]: is not an origin"),
        ("server: {cors_origins: ['https://a/']}", "server.cors_origins[0]: is not an origin"),
        ("server: {cors_origins: ['ftp://a']}", "server.cors_origins[0]: is not an origin"),
        ("server: {cors_origins: ['http://[']}", "server.cors_origins[0]: is not an origin"),
        ("server: {cors_origins: ['http://a:x']}", "server.cors_origins[0]: is not an origin"),
        ("server: {cors_origins: [1]}", "server.cors_origins[0]: expected str, got int"),
        ("server: {trusted_proxies: [10.0.0.1/8]}", "did you mean 10.0.0.0/8?"),
        ("server: {trusted_proxies: ['10']}", "server.trusted_proxies[0]: is not an address"),
        ("server: {tls_cert: nowhere}", "server.tls_cert: no such file: nowhere"),
        ("server: {tls_cert: x}", "server.tls_key: is missing: tls_cert and tls_key go together"),
        ("server: {tls_key: x}", "server.tls_cert: is missing: tls_cert and tls_key go together"),
        ("admin: {host: '//'}", "admin.host: is not a host name"),
        ("storage: {database: 'mysql://h/d'}", "storage.database: is neither sqlite:///FILE"),
        ("storage: {redis: 'h:6379'}", "storage.redis: is not a URL like redis://"),
        ("accounts: {name: a}", "accounts: expected a list, got fields"),
        ("server: [1]", "server: expected fields, got a list"),
        ("strict: {a: b}", "strict: expected true or false, got fields"),
        (ACCOUNT.format("name: b"), "accounts[0].name: given twice"),
        (ACCOUNT.format("base_url: api.anthropic.com"), "accounts[0].base_url: is not a URL"),
        (ACCOUNT.format("base_url: 'https://'"), "accounts[0].base_url: is not a URL"),
        (ACCOUNT.format("base_url: 'https://h:99999'"), "accounts[0].base_url: is not a URL"),
        (ACCOUNT.format("base_url: 'https://u:p@h'"), "credentials go into api_key"),
        (ACCOUNT.format("base_url: 'https://h?x=1'"), "must be scheme, host and path alone"),
        (ACCOUNT.format("base_url: 'https://h/a b'"), "must be scheme, host and path alone"),
        (ACCOUNT.format("base_url: 'https://h/v1/'"), "must not end in /v1"),
        (ACCOUNT.format("weight: 0"), "accounts[0].weight: expected float > 0"),
        (ACCOUNT.format("max_concurrency: -1"), "accounts[0].max_concurrency: expected int >= 0"),
        (ACCOUNT.format("models: ['']"), "accounts[0].models[0]: is not a pattern like claude-*"),
        (ACCOUNT.format("headers: {'a b': x}"), "accounts[0].headers.a b: is not a header name"),
        (ACCOUNT.format("headers: {Host: x}"), "accounts[0].headers.Host: is written by Dragoman"),
        (ACCOUNT.format('headers: {x: "a\\nb"}'), "accounts[0].headers.x: holds a character"),
        (ACCOUNT.format("headers: [a]"), "accounts[0].headers: expected fields, got a list"),
        (
            ACCOUNT.format("headers: {y: a, x: 1}"),
            "accounts[0].headers.x: expected str, got int; write it in quotes",
        ),
        (
            "server: {port: 9000}\nadmin: {port: 9000}",
            "2: admin.port: is the same as server.port",
        ),
        (ACCOUNT.format("proxy: 'proxy:3128'"), "accounts[0].proxy: is not a URL"),
        (ACCOUNT.format("proxy: 'http://p:x'"), "accounts[0].proxy: is not a URL"),
        (ACCOUNT.format("ca_file: nowhere"), "accounts[0].ca_file: no such file: nowhere"),
        ("accounts: [{name: 'a b', api_key: k}]", "accounts[0].name: must be 1 to 64 letters"),
        ("accounts: [{name: a, api_key: 'a b'}]", "accounts[0].api_key: holds a space"),
        ("accounts: [{name: a, api_key: 'schlüssel'}]", "accounts[0].api_key: holds a space or"),
        ("accounts: [{name: a, api_key: }]", "accounts[0].api_key: is empty"),
        ("accounts: [{name: , api_key: k}]", "accounts[0].name: is missing"),
        ("accounts: [{name: a, provider: openai}]", "api_key: is empty; provider openai needs one"),
        (f'keys: [{{name: "a\\nb", key: {KEY}}}]', "keys[0].name: must be 1 to 100 printable"),
        (f"keys: [{{name: a, key: {KEY}0}}]", "keys[0].key: is not sk- and 48 characters"),
        (
            f"keys: [{{name: a, key: {KEY}}}, {{name: b, key: {KEY}}}]",
            "keys[1].key: is the same as keys[0].key",
        ),
        (
            f"keys: [{{name: a, key: {KEY}}}, {{name: a, key: {OTHER}}}]",
            "keys[1].name: is the same as keys[0].name",
        ),
        (KEYED.format("rpm: -1"), "keys[0].rpm: expected int >= 0"),
        (KEYED.format("budget_usd: -0.5"), "keys[0].budget_usd: expected float >= 0"),
        (
            KEYED.format("budget_period: weak"),
            "keys[0].budget_period: must be one of total, day, week, month, got 'weak',"
            " did you mean week?",
        ),
        (KEYED.format("expires_at: 2027-01-01"), "keys[0].expires_at: invalid RFC3339"),
        (KEYED.format("expires_at: 2027-01-01T00:00:00"), "keys[0].expires_at: expected datetime"),
        (KEYED.format("allowed_ips: [a]"), "keys[0].allowed_ips[0]: is not an address"),
        (KEYED.format("models: ['a b']"), "keys[0].models[0]: is not a pattern"),
        (MODEL.format("target: gpt-4o"), "models[0].target: no such model"),
        (
            MODEL.format("target: haiku-4-5"),
            "models[0].target: no such model, did you mean claude-",
        ),
        (MODEL.format("target: m"), "models[0].target: leads back to itself"),
        (MODEL.format("context_tokens: 0"), "models[0].context_tokens: expected int >= 1"),
        (
            MODEL.format("effort: [lo]"),
            "models[0].effort[0]: must be one of low, medium, high, xhigh, max, got 'lo',"
            " did you mean low?",
        ),
        (MODEL.format("usd_per_mtok: {input: 0.12345}"), "models[0].usd_per_mtok: 0.12345 is not"),
        (MODEL.format("tiers: [{above_prompt_tokens: 1}]"), "usd_per_mtok: is missing"),
        ("models: [{target: claude-opus-5}]", "models[0].id: is missing"),
        ("caching: on", "caching: must be one of auto, client, off, got 'on'"),
        ("caching: true", "caching: expected str, got True"),
        ("retired_models: keep", "retired_models: must be one of forward, successor, got 'keep'"),
        ("routing: {affinity_ttl_s: 0}", "routing.affinity_ttl_s: expected float > 0"),
        ("images: {max_bytes: 1}", "images.max_bytes: expected int >= 1024"),
        ("images: {allow_private_hosts: ['10.0.0.1/8']}", "did you mean 10.0.0.0/8?"),
        ("images: {allow_private_hosts: ['a b']}", "images.allow_private_hosts[0]: is not a host"),
    ],
)
def test_a_mistake_is_named(mistakes: Mistakes, text: str, mistake: str) -> None:
    found = mistakes(text)
    assert any(mistake in line for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        "accounts: [{name: a, api_key: [canary]}]",
        "accounts: [{name: a, api_key: 'canary canary'}]",
        "keys: [{name: a, key: canary}]",
        "keys: [{name: a, key: {canary: canary}}]",
        "admin: {key: [canary]}",
        "storage: {database: 'mysql://u:canary@h'}",
        "accounts: [{name: a, api_key: k, headers: {x: [canary]}}]",
        "accounts: [{name: a, api_key: k, headers: canary}]",
        "accounts: [{name: a, api_key: k, proxy: canary}]",
        "accounts: [{name: a, api_key: k, proxy: 1234567}]",
        "accounts: [{name: a, api_key: k, base_url: 'https://u:canary@h'}]",
    ],
)
def test_a_mistake_does_not_show_a_secret(mistakes: Mistakes, text: str) -> None:
    found = "\n".join(mistakes(text))
    assert "canary" not in found
    assert "1234567" not in found


def test_every_required_field_has_a_stand_in() -> None:
    for shape in (FileConfig, AccountConfig, KeyConfig, Override, TierEntry):
        for field in msgspec.structs.fields(shape):
            if field.required:
                assert getattr(field.type, "__origin__", field.type) in _STAND_INS

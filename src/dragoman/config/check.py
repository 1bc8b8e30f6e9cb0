"""What types and ranges cannot say: names that must be unique, URLs, addresses, files, fields that
go together.

Each check yields problems by path; none of them stops the others.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from dragoman.auth.secret import Secret
from dragoman.catalogue import catalogue
from dragoman.config import clouds
from dragoman.config.structs import AccountConfig, FileConfig, KeyConfig, ServerConfig

_KEY = re.compile(r"sk-[0-9A-Za-z]{48}")
_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_GLOB = re.compile(r"[!-~]{1,200}")
_OWN_HEADERS = frozenset(
    "host content-length transfer-encoding connection keep-alive te trailer upgrade expect".split()
)
"""Headers that the HTTP client itself writes."""


class Problem(NamedTuple):
    path: str
    message: str


def check(config: FileConfig) -> Iterator[Problem]:
    """Everything that is wrong beyond types and ranges."""
    yield from _server(config.server)
    if config.server.workers > 1 and not config.storage.redis:
        yield Problem("server.workers", "more than one needs storage.redis")
    yield from _host("admin.host", config.admin.host)
    yield from _storage(config.storage.database, config.storage.redis)
    yield from _unique("accounts", [account.name for account in config.accounts], "name")
    for index, account in enumerate(config.accounts):
        yield from _account(f"accounts[{index}]", account)
    yield from _unique("keys", [key.name for key in config.keys], "name")
    yield from _unique("keys", [key.key for key in config.keys], "key")
    for index, key in enumerate(config.keys):
        yield from _key(f"keys[{index}]", key)
    for index, problem in catalogue.problems(config.models):
        yield Problem(f"models[{index}].{problem.field}", problem.message)
    for index, host in enumerate(config.images.allow_private_hosts):
        path = f"images.allow_private_hosts[{index}]"
        yield from _network(path, host) if "/" in host else _host(path, host)


def one_port_twice(config: FileConfig, given: Collection[str]) -> Iterator[Problem]:
    """The admin API on the public port, where both were asked for: ``given`` holds the paths of
    fields that are set. A default that is in the way is no mistake, the start says so."""
    server, admin = config.server, config.admin
    shared = server.host == admin.host or {server.host, admin.host} & {"0.0.0.0", "::"}
    if "admin.port" in given and admin.port and admin.port == server.port and shared:
        yield Problem("admin.port", "is the same as server.port")


def _server(server: ServerConfig) -> Iterator[Problem]:
    yield from _host("server.host", server.host)
    yield from _networks("server.trusted_proxies", server.trusted_proxies)
    for index, origin in enumerate(server.cors_origins):
        parts = _split(origin)
        plain = parts is not None and f"{parts.scheme}://{parts.netloc}" == origin
        if not plain or parts is None or parts.scheme not in {"http", "https"}:
            yield Problem(
                f"server.cors_origins[{index}]", "is not an origin like https://app.example.com"
            )
    if bool(server.tls_cert) != bool(server.tls_key):
        lacking = "tls_key" if server.tls_cert else "tls_cert"
        yield Problem(f"server.{lacking}", "is missing: tls_cert and tls_key go together")
    yield from _file("server.tls_cert", server.tls_cert)
    yield from _file("server.tls_key", server.tls_key)


def _storage(database: Secret, redis: Secret) -> Iterator[Problem]:
    if not database.reveal().startswith(("sqlite:///", "postgresql://")):
        yield Problem(
            "storage.database", "is neither sqlite:///FILE nor postgresql://user:password@host/name"
        )
    if redis and not redis.reveal().startswith(("redis://", "rediss://", "unix://")):
        yield Problem("storage.redis", "is not a URL like redis://host:6379/0")


def _account(path: str, account: AccountConfig) -> Iterator[Problem]:
    if not _ACCOUNT_NAME.fullmatch(account.name):
        yield Problem(f"{path}.name", "must be 1 to 64 letters, digits and . _ : @ / -")
    if account.provider not in clouds.KEYLESS and not account.api_key:
        yield Problem(f"{path}.api_key", f"is empty; provider {account.provider} needs one")
    if not _VALUE.fullmatch(account.api_key.reveal()) or " " in account.api_key.reveal():
        yield Problem(f"{path}.api_key", "holds a space or a character that no header may hold")
    yield from _address(path, account)
    yield from _model_ids(f"{path}.model_ids", account)
    for field, message in clouds.problems(account):
        yield Problem(f"{path}.{field}", message)
    yield from _file(f"{path}.google_credentials_file", account.google_credentials_file)
    if account.token_url and not _is_http(account.token_url):
        yield Problem(f"{path}.token_url", "is not a URL like https://oauth2.googleapis.com/token")
    yield from _globs(f"{path}.models", account.models)
    yield from _headers(f"{path}.headers", account.headers)
    yield from _file(f"{path}.ca_file", account.ca_file)
    if account.proxy:
        parts = _split(account.proxy.reveal())
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
            yield Problem(f"{path}.proxy", "is not a URL like http://proxy.example.com:3128")


def check_account(account: AccountConfig) -> Iterator[Problem]:
    """What is wrong with one account by itself; paths begin at the account."""
    for problem in _account("", account):
        yield problem._replace(path=problem.path.removeprefix("."))


def _headers(path: str, headers: Mapping[str, Secret]) -> Iterator[Problem]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            yield Problem(f"{path}.{name}", "is not a header name")
        elif name.lower() in _OWN_HEADERS:
            yield Problem(f"{path}.{name}", "is written by Dragoman itself")
        if not _VALUE.fullmatch(value.reveal()):
            yield Problem(f"{path}.{name}", "holds a character that no header may hold")


def _address(path: str, account: AccountConfig) -> Iterator[Problem]:
    if account.base_url:
        yield from _base_url(f"{path}.base_url", account.base_url)
        if account.provider != "openai" and account.base_url.rstrip("/").endswith("/v1"):
            yield Problem(f"{path}.base_url", "must not end in /v1: Dragoman adds it")


def _model_ids(path: str, account: AccountConfig) -> Iterator[Problem]:
    for ours, theirs in account.model_ids.items():
        if not _GLOB.fullmatch(ours) or not _GLOB.fullmatch(theirs):
            yield Problem(path, "an id is empty or holds a space")


def _base_url(path: str, url: str) -> Iterator[Problem]:
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        yield Problem(path, "is not a URL like https://api.anthropic.com")
    elif parts.username is not None or parts.password is not None:
        yield Problem(path, "holds a user or a password; credentials go into api_key")
    elif parts.query or parts.fragment or not re.fullmatch(r"[!-~]+", url):
        yield Problem(path, "must be scheme, host and path alone")


def _is_http(url: str) -> bool:
    parts = _split(url)
    return parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname)


def _key(path: str, key: KeyConfig) -> Iterator[Problem]:
    if not _TEXT.fullmatch(key.name):
        yield Problem(f"{path}.name", "must be 1 to 100 printable characters")
    if not _KEY.fullmatch(key.key.reveal()):
        yield Problem(f"{path}.key", "is not sk- and 48 characters of 0-9A-Za-z")
    yield from _globs(f"{path}.models", key.models)
    yield from _networks(f"{path}.allowed_ips", key.allowed_ips)


def _unique(path: str, values: Sequence[str | Secret], field: str) -> Iterator[Problem]:
    first: dict[str | Secret, int] = {}
    for index, value in enumerate(values):
        known = first.setdefault(value, index)
        if known != index:
            yield Problem(f"{path}[{index}].{field}", f"is the same as {path}[{known}].{field}")


def _globs(path: str, globs: Iterable[str]) -> Iterator[Problem]:
    for index, glob in enumerate(globs):
        if not _GLOB.fullmatch(glob):
            yield Problem(f"{path}[{index}]", "is not a pattern like claude-*")


def _networks(path: str, networks: Iterable[str]) -> Iterator[Problem]:
    for index, network in enumerate(networks):
        yield from _network(f"{path}[{index}]", network)


def _network(path: str, network: str) -> Iterator[Problem]:
    try:
        loose = ip_network(network, strict=False)
    except ValueError:
        yield Problem(path, "is not an address or CIDR block like 10.0.0.0/8")
        return
    if "/" in network and ip_address(network.split("/", maxsplit=1)[0]) != loose.network_address:
        yield Problem(path, f"has host bits set, did you mean {loose}?")


def _host(path: str, host: str) -> Iterator[Problem]:
    if _HOST.fullmatch(host):
        return
    try:
        ip_address(host)
    except ValueError:
        yield Problem(path, "is not a host name or an address")


def _file(path: str, name: str) -> Iterator[Problem]:
    if not name:
        return
    try:
        there = Path(name).is_file()
    except OSError as error:  # a name longer than any file's
        yield Problem(path, f"cannot be read: {error.strerror}")
        return
    if not there:
        yield Problem(path, f"no such file: {name}")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts

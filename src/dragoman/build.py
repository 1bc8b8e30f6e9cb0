"""Configuration → the objects of the request path."""

import hashlib
import ipaddress
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from dragoman import __version__, cloud_accounts
from dragoman.account import Account, Terms
from dragoman.auth.keyfile import StoredKey
from dragoman.auth.keys import Keys, digest
from dragoman.carriers import openai
from dragoman.carriers.registry import OPENAI
from dragoman.catalogue import override
from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.model import Model
from dragoman.catalogue.override import Override
from dragoman.clock import Clock
from dragoman.config.clouds import CLOUDS
from dragoman.config.pending import served
from dragoman.config.structs import AccountConfig, Config, KeyConfig
from dragoman.gateway import Options
from dragoman.http.client import Client, Target
from dragoman.media.address import Exceptions
from dragoman.media.converter import Converter
from dragoman.media.fetch import Fetcher, Limits
from dragoman.media.media import Media
from dragoman.principal import Network, Principal
from dragoman.simulator.inprocess import InProcessClient
from dragoman.simulator.service import Settings, Simulator
from dragoman.upstream import Timeouts, UpstreamClient

ANTHROPIC_VERSION = "2023-06-01"
"""Translated requests speak the API of this version, which still takes sampling parameters
(protocol.md §0.1, decision 8)."""
SIMULATED = Settings(serve_retired=True)
"""The built-in upstream answers for every model of the catalogue: it is there to try things out."""


def options(config: Config) -> Options:
    """Settings of the request path."""
    server, routing = config.server, config.routing
    return Options(
        strict=config.strict,
        caching=config.caching,
        affinity=routing.affinity,
        affinity_ttl_s=routing.affinity_ttl_s,
        max_attempts=routing.max_attempts,
        queue_timeout_s=routing.queue_timeout_s,
        keepalive_s=server.keepalive_s,
        expose_routing=server.expose_routing,
        timeouts=Timeouts(server.first_byte_timeout_s, server.stall_timeout_s),
        chat_passes=any(account.provider == "openai" for account in config.accounts),
    )


def media(config: Config, converter: Converter, clock: Clock) -> Media:
    """What fetches and converts images; the worker processes outlive a reload."""
    images = config.images
    limits = Limits(images.max_bytes, Exceptions.of(images.allow_private_hosts))
    return Media(Fetcher(limits, clock), converter, fetch=images.fetch)


def catalogue(config: Config, wall: float) -> Catalogue:
    """The catalogue as of today, with the configuration's models."""
    today = datetime.fromtimestamp(wall, UTC).date().isoformat()
    overrides = (*config.models, *foreign(config))
    rows = Catalogue(overrides=overrides, retired_policy=config.retired_models, today=today)
    accounts = [config.accounts[index] for index in served(config)]
    rows.adapt(cloud_accounts.fitting(accounts, fetch=config.images.fetch))
    return rows


def foreign(config: Config) -> list[Override]:
    """Rows for models of other makers: those that accounts name and nothing else describes."""
    known = Catalogue(overrides=config.models)
    ids = [one for index in served(config) for one in config.accounts[index].model_ids]
    return [override.foreign(one) for one in dict.fromkeys(ids) if not known.knows(one)]


def keys(config: Config, stored: Sequence[StoredKey]) -> Keys:
    """Keys of the configuration, and those of the key file."""
    principals: dict[bytes, Principal] = {}
    for one in stored:
        hashed = bytes.fromhex(one.sha256)
        principals[hashed] = Principal(one.name, hashed)
    for declared in config.keys:
        hashed = digest(declared.key.reveal())
        principals[hashed] = principal(declared, hashed)
    return Keys(principals)


def principal(declared: KeyConfig, hashed: bytes) -> Principal:
    """A key of the configuration with its limits."""
    made = Principal(declared.name, hashed, declared.models)
    made.rpm = declared.rpm
    made.tpm = declared.tpm
    made.concurrency = declared.concurrency
    made.token_quota = declared.token_quota
    if declared.expires_at is not None:
        made.expires_at = declared.expires_at.timestamp()
    made.networks = networks(declared.allowed_ips)
    return made


def networks(blocks: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and CIDR blocks of the configuration, which has checked them."""
    return tuple(ipaddress.ip_network(block, strict=False) for block in blocks)


def accounts(
    config: Config, rows: Catalogue, clock: Clock, known: Sequence[Account] = ()
) -> list[tuple[Account, Terms]]:
    """The pool's accounts and the terms they are to have, in the order of the configuration; those
    without a carrier are left out.

    Of the ``known`` ones those whose credential and address did not change are taken as they are.
    Nothing is changed on them here, so that a configuration that cannot be used changes nothing.
    Raises ``ValueError`` for an address, a proxy or a CA file that cannot be used.
    """
    kept = {account.credential: account for account in known}
    simulators: list[Simulator] = []
    made: list[tuple[Account, Terms]] = []
    for declared in (config.accounts[index] for index in served(config)):
        lines = headers(declared)
        mark = credential(config, declared, lines)
        account = kept.get(mark)
        if account is None:
            client = _client(declared, clock, partial(_simulator, simulators, rows, clock))
            account = Account(declared.name, declared.provider, client, lines)
            account.credential = mark
            if declared.provider in CLOUDS:
                cloud_accounts.equip(account, declared, clock)
            elif declared.provider == "openai":
                account.carrier = OPENAI[style(declared)]
            account.known_as = known_as(declared, account)
        made.append((account, terms(declared)))
    return made


def style(declared: AccountConfig) -> str:
    """How an OpenAI-compatible server speaks: as configured, else by its address."""
    if declared.openai_style != "auto":
        return declared.openai_style
    return openai.of_host(urlsplit(declared.base_url).hostname or "").name


def known_as(declared: AccountConfig, account: Account) -> Callable[[Model], str] | None:
    """What an account calls a model; ``None`` where that is what requests call it anyway."""

    def usual(row: Model) -> str:
        return cloud_accounts.id_of(declared, account, row)

    ids = declared.model_ids
    if not ids:
        return usual if declared.provider in CLOUDS else None
    return lambda row: ids.get(row.id) or ids.get(row.wire_id) or usual(row)


def terms(declared: AccountConfig) -> Terms:
    """What of an account may change while it works."""
    return Terms(
        models=tuple(declared.models),
        weight=declared.weight,
        priority=declared.priority,
        max_concurrency=declared.max_concurrency,
        never_disable=declared.never_disable,
        organization=declared.organization,
        draining=declared.drain,
    )


def credential(config: Config, declared: AccountConfig, lines: bytes) -> str:
    """A hash of what makes an account this one: its name, where it is asked and as whom."""
    where = (
        declared.name,
        declared.provider,
        declared.base_url,
        None if declared.proxy is None else declared.proxy.reveal(),
        declared.ca_file,
        _stamp(declared.ca_file),
        declared.model_ids,
        declared.openai_style,
    )
    if declared.provider in CLOUDS:
        where += cloud_accounts.secrets(declared)
        where += (_stamp(declared.google_credentials_file),)
    if declared.provider == "simulator":
        # It answers by the catalogue.
        where += (config.models, config.retired_models)
    return hashlib.blake2b(repr(where).encode() + lines, digest_size=16).hexdigest()


def _stamp(path: str) -> int:
    """When a file was changed last; a new one under the same name counts as another."""
    try:
        return Path(path).stat().st_mtime_ns if path else 0
    except OSError:
        return 0


def _simulator(made: list[Simulator], rows: Catalogue, clock: Clock) -> Simulator:
    """The one that all accounts of a configuration share, made when the first of them asks."""
    if not made:
        made.append(Simulator(clock, SIMULATED, rows))
    return made[0]


def _client(
    declared: AccountConfig, clock: Clock, simulator: Callable[[], Simulator]
) -> UpstreamClient:
    if declared.provider == "simulator":
        return InProcessClient(simulator(), declared.name, clock)
    target = Target(
        cloud_accounts.base_url(declared),
        ca_file=declared.ca_file,
        proxy=None if declared.proxy is None else declared.proxy.reveal(),
    )
    return Client(target, clock=clock)


def headers(declared: AccountConfig) -> bytes:
    """An account's header lines: credential, protocol version, and what the configuration adds."""
    lines = {
        "x-api-key": declared.api_key.reveal() or "simulator",
        "anthropic-version": ANTHROPIC_VERSION,
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "user-agent": f"dragoman/{__version__}",
    }
    if declared.provider in CLOUDS:
        del lines["x-api-key"]
        lines |= cloud_accounts.lines(declared)
    elif declared.provider == "openai":
        del lines["x-api-key"], lines["anthropic-version"]
        lines["authorization"] = f"Bearer {declared.api_key.reveal()}"
    lines.update({name.lower(): value.reveal() for name, value in declared.headers.items()})
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("latin-1")

"""``dragoman check``: is the configuration right, and what would be served with it?"""

import os
import sys

from dragoman.catalogue.catalogue import Catalogue
from dragoman.clock import SYSTEM
from dragoman.cloud_accounts import signer
from dragoman.config import Config, ConfigError, load, pending, served


def check_command(config: str | None) -> int:
    """Print what would be served, or every mistake to stderr. Returns the exit code."""
    try:
        loaded = load(config, os.environ)
        for index in served(loaded):
            signer(loaded.accounts[index], SYSTEM)
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"ok: {summary(loaded)}")
    print(loaded.upstream_note)
    for note in notes(loaded):
        print(f"note: {note}")
    return 0


def summary(config: Config) -> str:
    """What would be served, in one line."""
    scheme = "https" if config.server.tls_cert else "http"
    host = f"[{config.server.host}]" if ":" in config.server.host else config.server.host
    parts = [
        f"{scheme}://{host}:{config.server.port}",
        _count(len(served(config)), "account"),
        _count(len(config.keys), "key"),
        _count(len(Catalogue(overrides=config.models).listed()), "model"),
    ]
    return f"{config.source or 'no configuration file'}: {', '.join(parts)}"


def notes(config: Config) -> list[str]:
    """What the operator should know before starting."""
    found = pending(config)
    if not served(config):
        found.append("no account is left: every request will be answered 503")
    if not config.keys:
        found.append("no key is configured: dragoman serve makes one at its first start")
    return found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

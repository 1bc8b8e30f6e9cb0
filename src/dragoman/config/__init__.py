"""The configuration: ``load`` reads it once, ``Config`` is what everything else is given."""

from dragoman.config.document import Mistake
from dragoman.config.load import ConfigError, load, with_flags
from dragoman.config.pending import pending, served
from dragoman.config.structs import (
    AccountConfig,
    AdminConfig,
    Config,
    ImagesConfig,
    KeyConfig,
    RoutingConfig,
    ServerConfig,
    StorageConfig,
)

__all__ = [
    "AccountConfig",
    "AdminConfig",
    "Config",
    "ConfigError",
    "ImagesConfig",
    "KeyConfig",
    "Mistake",
    "RoutingConfig",
    "ServerConfig",
    "StorageConfig",
    "load",
    "pending",
    "served",
    "with_flags",
]

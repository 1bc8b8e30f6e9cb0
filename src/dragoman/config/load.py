"""Where a configuration comes from, and in which order sources win.

A flag of ``dragoman serve`` wins over the file, the file over the environment, the environment
over the default. The file is the one of ``--config``, else of ``DRAGOMAN_CONFIG``, else
``dragoman.yaml`` in the working directory if there is one, else none. It is read once; a reload
reads it again into a new :class:`Config`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import structs

from dragoman.config.accounts import settled
from dragoman.config.check import check, one_port_twice
from dragoman.config.decode import Decoding
from dragoman.config.document import Document, Mistake, Node, Place
from dragoman.config.structs import AccountConfig, Config, FileConfig

DEFAULT_FILE = "dragoman.yaml"

ENVIRONMENT = {
    "DRAGOMAN_HOST": "server.host",
    "DRAGOMAN_PORT": "server.port",
    "DRAGOMAN_ADMIN_HOST": "admin.host",
    "DRAGOMAN_ADMIN_PORT": "admin.port",
    "DRAGOMAN_ADMIN_KEY": "admin.key",
    "DRAGOMAN_DATABASE": "storage.database",
    "DRAGOMAN_REDIS": "storage.redis",
}
"""Variables that stand in for a field the file does not set. An empty variable counts as not
set."""

DATA_VARIABLE = "DRAGOMAN_DATA"
CONFIG_VARIABLE = "DRAGOMAN_CONFIG"
KEY_VARIABLE = "ANTHROPIC_API_KEY"
URL_VARIABLE = "ANTHROPIC_BASE_URL"


class ConfigError(Exception):
    """The configuration is wrong; ``mistakes`` lists everything that is, in the order of the
    file."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = list(mistakes)


def load(
    path: str | None,
    environ: Mapping[str, str],
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
) -> Config:
    """The configuration in force; ``path``, ``host``, ``port`` and ``workers`` are flags.

    Raises :class:`ConfigError`.
    """
    return with_flags(_load(path, environ), host=host, port=port, workers=workers)


def _load(path: str | None, environ: Mapping[str, str]) -> Config:
    source = path or environ.get(CONFIG_VARIABLE) or None
    if source is None and Path(DEFAULT_FILE).is_file():
        source = DEFAULT_FILE
    document = Document("" if source is None else _read(source), source or "", environ)
    if document.broken:
        raise ConfigError(document.mistakes)
    decoding = Decoding(document.mistakes)
    found = decoding.struct(_with_environment(document.root, environ), FileConfig)
    problems = [*check(found), *one_port_twice(found, decoding.given)]
    for problem in [problem for problem in problems if not decoding.faulty(problem.path)]:
        decoding.mistake(problem.path, problem.message)
    if decoding.mistakes:
        raise ConfigError(sorted(decoding.mistakes, key=lambda mistake: mistake.line))
    return Config(
        server=found.server,
        admin=found.admin,
        storage=found.storage,
        accounts=tuple(map(settled, found.accounts or _SIMULATOR)),
        keys=found.keys,
        models=found.models,
        retired_models=found.retired_models,
        caching=found.caching,
        routing=found.routing,
        images=found.images,
        strict=found.strict,
        source=source,
        data_dir=environ.get(DATA_VARIABLE) or "./data",
        upstream_note=_note(found, decoding.place("accounts").source),
        given=frozenset(decoding.given),
    )


def with_flags(
    config: Config, host: str | None = None, port: int | None = None, workers: int | None = None
) -> Config:
    """The configuration with the flags of ``dragoman serve``. Raises :class:`ConfigError`."""
    flags = {"host": host, "port": port, "workers": workers}
    changes = {name: value for name, value in flags.items() if value is not None}
    if not changes:
        return config
    changed = structs.replace(
        config,
        server=structs.replace(config.server, **changes),
        given=config.given | {f"server.{name}" for name in changes},
    )
    mistakes = [
        Mistake("", 0, f"--{problem.path.removeprefix('server.')}", problem.message)
        for problem in check(changed)
    ]
    if mistakes:
        raise ConfigError(mistakes)
    return changed


_SIMULATOR = (AccountConfig(name="simulator", provider="simulator"),)


def is_implicit(config: Config) -> bool:
    """Whether the only account is the simulator that stands in where none is configured."""
    return config.accounts == tuple(map(settled, _SIMULATOR)) and not any(
        path.startswith("accounts") for path in config.given
    )


def _read(source: str) -> str:
    try:
        return Path(source).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    except FileNotFoundError:
        reason = f"no such file; name another with --config or {CONFIG_VARIABLE}"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    raise ConfigError([Mistake(source, 0, "", reason)])


def _with_environment(root: Node, environ: Mapping[str, str]) -> Node:
    """The file's fields, and those of the environment where the file is silent."""
    fields = dict(root.value) if isinstance(root.value, dict) else {}
    for variable, path in ENVIRONMENT.items():
        if environ.get(variable):
            section, name = path.split(".")
            _set_default(fields, section, name, _variable(variable, environ))
    accounts = fields.get("accounts")
    if environ.get(KEY_VARIABLE) and (accounts is None or accounts.value in (None, [])):
        place = Place(f"${KEY_VARIABLE}", 0)
        account = {
            "name": Node("anthropic", place),
            "api_key": _variable(KEY_VARIABLE, environ),
        }
        if environ.get(URL_VARIABLE):
            account["base_url"] = _variable(URL_VARIABLE, environ)
        fields["accounts"] = Node([Node(account, place)], place)
    return Node(fields, root.place)


def _set_default(fields: dict[str, Node], section: str, name: str, node: Node) -> None:
    around = fields.get(section, Node(None, node.place))
    if around.value is None and not around.bad:
        fields[section] = Node({name: node}, around.place)
    elif isinstance(around.value, dict):
        present = around.value.get(name)
        if present is None or (present.value is None and not present.bad):
            fields[section] = Node({**around.value, name: node}, around.place)


def _variable(name: str, environ: Mapping[str, str]) -> Node:
    return Node(environ[name], Place(f"${name}", 0), variable=True)


def _note(found: FileConfig, source: str) -> str:
    """Which upstream is used, and why, in one line. ``source`` is where the accounts come from."""
    if not found.accounts:
        return (
            "upstream: the built-in simulator, "
            f"because no account is configured and {KEY_VARIABLE} is not set"
        )
    if source == f"${KEY_VARIABLE}":
        return f"upstream: {settled(found.accounts[0]).base_url} with the key in {KEY_VARIABLE}"
    names = ", ".join(account.name for account in found.accounts)
    return f"upstream: {len(found.accounts)} of {source}: {names}"

"""The configuration as frozen structs: every field, its type, its range, its default.

The text below a field is what docs/configuration.md says about it. Units are in the names: ``_s``
seconds, ``_bytes`` bytes, ``_usd`` US dollars. Nothing is read from a file or the environment
here.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from dragoman.auth.secret import Secret
from dragoman.catalogue.override import Override

Port = Annotated[int, Meta(ge=0, le=65_535)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000_000_000)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Pause = Annotated[float, Meta(ge=0, le=86_400)]

Provider = Literal["anthropic", "bedrock", "vertex", "foundry", "openai", "simulator"]


class ServerConfig(Struct, frozen=True, kw_only=True):
    """The public port and its limits."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` or `::` for all."""
    port: Port = 8080
    """Port to listen on; 0 takes any free one."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes; more than one needs `storage.redis`."""
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1_073_741_824)] = 33_554_432
    """Largest request body, counted after decompression; a larger one is answered 413."""
    max_connections_per_ip: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Connections one address may hold open at a time; 0: no limit."""
    first_byte_timeout_s: Seconds = 600
    """Upstream silence before the first byte of its answer; then another account is tried, or
    504."""
    stall_timeout_s: Seconds = 120
    """Upstream silence inside a stream; then the stream ends with an error."""
    keepalive_s: Pause = 10
    """Client streams get an SSE comment after this much silence; 0: never."""
    drain_timeout_s: Pause = 30
    """Time that running requests have to finish after SIGTERM."""
    expose_routing: bool = True
    """Answer with `x-dragoman-account` and `x-dragoman-attempts`."""
    cors_origins: tuple[str, ...] = ()
    """Origins, like `https://app.example.com`, whose pages may call the API; none: no CORS
    headers."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or CIDR blocks of reverse proxies whose `X-Forwarded-For` is believed."""
    tls_cert: str = ""
    """File with the certificate chain (PEM); with `tls_key` the port speaks HTTPS."""
    tls_key: str = ""
    """File with the private key (PEM)."""


class AdminConfig(Struct, frozen=True, kw_only=True):
    """The admin API and the metrics, on a port of their own ([their page](admin.md)).

    When the default address is taken, the gateway serves without them and says so; when one that
    was configured is taken, it does not start.
    """

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 8081
    """Port to listen on, another than the public one; 0 takes any free one."""
    key: Secret = Secret("")
    """Bearer key of the admin API; empty: one is made and printed once."""


class StorageConfig(Struct, frozen=True, kw_only=True):
    """Where keys, usage and shared state live."""

    database: Secret = Secret("sqlite:///dragoman.db")
    """`sqlite:///file` (relative to the data folder) or
    `postgresql://user:password@host:5432/name`."""
    redis: Secret = Secret("")
    """`redis://host:6379/0`: limits, affinity and health shared by several processes; empty:
    none."""
    journal: str = "./journal"
    """Folder of the write-ahead usage journal."""


class AccountConfig(Struct, frozen=True, kw_only=True):
    """One upstream credential; together they are the pool.

    Without any account Dragoman uses `ANTHROPIC_API_KEY`, and without that its built-in simulator.
    """

    name: str
    """Unique; shown in logs, metrics and `x-dragoman-account`."""
    provider: Provider = "anthropic"
    """What the account speaks; `simulator` answers locally, costs nothing and needs no key."""
    base_url: str = ""
    """Scheme and host of the upstream, without `/v1`; empty: the provider's own
    (`https://api.anthropic.com`). For `openai` as its SDKs take it, `/v1` included
    (`https://openrouter.ai/api/v1`); empty: `https://api.openai.com/v1`."""
    api_key: Secret = Secret("")
    """The credential: an API key, for `vertex` an access token. The clouds have other kinds, below
    ([providers](providers.md))."""
    weight: Annotated[float, Meta(gt=0, le=1_000_000)] = 1
    """Share of new conversations, relative to the other accounts."""
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    """Higher first; lower ones only when no higher one is available."""
    max_concurrency: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    """Requests at a time; 0: no limit."""
    models: tuple[str, ...] = ()
    """Globs over the ids of models; empty: what the provider serves (`claude-*`; the simulator:
    `*`; `openai`: the models of `model_ids`, without any `*`)."""
    model_ids: dict[str, str] = {}
    """What the upstream calls a model, by the id that Dragoman knows it by; other models go by the
    provider's usual ids."""
    openai_style: Literal["auto", "openai", "openrouter", "plain"] = "auto"
    """`openai`: what the server calls its fields ([providers](providers.md)); `auto`: by its
    address."""
    headers: dict[str, Secret] = {}
    """Added to each upstream request."""
    organization: str = ""
    """Name of the upstream organisation; accounts of one organisation can read each other's
    thinking, and conversations that hold such thinking stay among them."""
    drain: bool = False
    """Take no new requests; running ones go on to their end."""
    never_disable: bool = False
    """Keep trying this account whatever it answers."""
    ca_file: str = ""
    """File with the certificate authorities to trust (PEM); empty: the system's."""
    proxy: Secret | None = None
    """`http://host:port` to reach the upstream through; empty: direct; null: as `HTTPS_PROXY` and
    `NO_PROXY` say."""
    region: str = ""
    """`bedrock`: the AWS region, like `eu-west-1`; `vertex`: `global`, `us`, `eu` or a region, like
    `europe-west1`."""
    project: str = ""
    """`vertex`: id of the Google Cloud project."""
    resource: str = ""
    """`foundry`: name of the resource, the first part of its address."""
    bedrock_api: Literal["invoke", "messages"] = "invoke"
    """`bedrock`: InvokeModel, or the newer endpoint for the plain Messages API, which has fewer
    models."""
    inference_profile: str = ""
    """`bedrock`, InvokeModel: prefix of the inference profiles, like `eu` or `global`; empty: the
    nearest to `region` that a model has; `none`: ids without a prefix."""
    aws_access_key_id: Secret = Secret("")
    """`bedrock`: key id of a user or a session. Without it and without `api_key`, botocore looks
    for credentials where AWS's own tools do (`pip install 'dragoman[bedrock]'`)."""
    aws_secret_access_key: Secret = Secret("")
    """`bedrock`: the secret that goes with the key id."""
    aws_session_token: Secret = Secret("")
    """`bedrock`: the token that goes with a session's key."""
    aws_profile: str = ""
    """`bedrock`: the profile of AWS's configuration files that botocore is to use."""
    google_credentials: Secret = Secret("")
    """`vertex`: the JSON text of a service account's key (`pip install 'dragoman[vertex]'`) or of a
    user's credentials. Without it, the file and `api_key`, the metadata server of Google's machines
    is asked."""
    google_credentials_file: str = ""
    """`vertex`: file with that text."""
    azure_tenant_id: str = ""
    """`foundry`: with `azure_client_id` and `azure_client_secret` an application of Entra ID, used
    in the place of `api_key`."""
    azure_client_id: str = ""
    """`foundry`: id of that application."""
    azure_client_secret: Secret = Secret("")
    """`foundry`: its secret."""
    token_url: str = ""
    """`vertex`, `foundry`: where access tokens are had; empty: as the credential says, or Google's
    or Microsoft's own."""


class KeyConfig(Struct, frozen=True, kw_only=True):
    """One client key declared in the file.

    Without any, `dragoman serve` makes one at its first start and prints it once.
    """

    name: str
    """Unique; shown in logs and metrics."""
    key: Secret
    """`sk-` and 48 characters of `0-9A-Za-z`."""
    models: tuple[str, ...] = ("*",)
    """Globs over the model names the key may use."""
    rpm: Count = 0
    """Requests per minute; 0: no limit."""
    tpm: Count = 0
    """Tokens per minute; 0: no limit."""
    concurrency: Count = 0
    """Requests at a time; 0: no limit."""
    token_quota: Count = 0
    """Lifetime tokens of every kind; at the quota the key is suspended; 0: no limit."""
    budget_usd: Annotated[float, Meta(ge=0, le=1_000_000_000)] = 0
    """Spending limit in `budget_period`; 0: no limit."""
    budget_period: Literal["total", "day", "week", "month"] = "total"
    """What the budget is for."""
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    """Moment after which the key is refused, RFC 3339 (`2027-01-31T00:00:00Z`); null: never."""
    allowed_ips: tuple[str, ...] = ()
    """Addresses or CIDR blocks the key may be used from; empty: anywhere."""


class RoutingConfig(Struct, frozen=True, kw_only=True):
    """How a request finds its account."""

    affinity: bool = True
    """Keep a conversation on one account, where its prompt cache is."""
    affinity_ttl_s: Annotated[float, Meta(gt=0, le=2_592_000)] = 3600
    """How long after its last request a conversation that left its account stays where it went,
    unless its prompt cache there ends before that (after 5 minutes; after 1 hour where requests ask
    for one-hour caching)."""
    max_attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    """Accounts tried before the first byte reaches the client."""
    hedging: bool = False
    """Send a request that waits unusually long for its first byte to a second account as well, at
    most 2 % of all; upstream may bill both."""
    queue_timeout_s: Pause = 10
    """Wait for a free or cooling account before answering 429."""


class ImagesConfig(Struct, frozen=True, kw_only=True):
    """Images and files that clients name by URL."""

    fetch: bool = True
    """Guarded download of what the upstream does not fetch itself: http URLs, and URLs of texts and
    of pictures to be converted, by their names; false: refuse those."""
    max_bytes: Annotated[int, Meta(ge=1024, le=1_073_741_824)] = 20_971_520
    """Largest download."""
    allow_private_hosts: tuple[str, ...] = ()
    """Hosts, addresses or CIDR blocks that may be fetched from although they are private."""


class FileConfig(Struct, frozen=True, kw_only=True):
    """What dragoman.yaml may hold."""

    server: ServerConfig = ServerConfig()
    """The public port and its limits."""
    admin: AdminConfig = AdminConfig()
    """The admin API and the metrics."""
    storage: StorageConfig = StorageConfig()
    """Where keys, usage and shared state live."""
    accounts: tuple[AccountConfig, ...] = ()
    """Upstream credentials, the pool."""
    keys: tuple[KeyConfig, ...] = ()
    """Client keys declared in the file."""
    models: tuple[Override, ...] = ()
    """Additions to and overrides of the built-in catalogue."""
    retired_models: Literal["forward", "successor"] = "forward"
    """Retired models are sent upstream as they are, or served by the successor the catalogue
    names."""
    routing: RoutingConfig = RoutingConfig()
    """How a request finds its account."""
    images: ImagesConfig = ImagesConfig()
    """Images and files that clients name by URL."""
    caching: Literal["auto", "client", "off"] = "auto"
    """Prompt caching: by the client's cache marks, and by the gateway where a request is long
    enough and has none (`auto`); by the client's alone (`client`); not at all (`off`)."""
    strict: bool = False
    """Parameters that Claude cannot honour are a 400 instead of a warning."""


class Config(FileConfig, frozen=True, kw_only=True):
    """Everything in force: the file, the environment where the file is silent, and the defaults."""

    source: str | None = None
    """The file it came from; None without a file."""
    data_dir: str = "./data"
    """Folder for what Dragoman keeps between starts (`DRAGOMAN_DATA`)."""
    upstream_note: str = ""
    """One plain line: which upstream is used, and why."""
    given: frozenset[str] = frozenset()
    """Paths of the fields that the file or the environment sets."""

"""What makes an account one on another cloud: its carrier, its ids, its credential.

Credentials that are a header line (API keys of Bedrock and Foundry) are lines like any other
account's. The others sign each request: AWS keys by a signature over it, Google's and Microsoft's
by an access token that is had from a token endpoint and kept. That endpoint is asked once an hour,
over a connection of its own that is closed at once.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import structs

from dragoman.account import Account, Signer
from dragoman.auth import aws, entra, google
from dragoman.auth.oauth import Bearer
from dragoman.auth.renewal import Renewing
from dragoman.auth.sigv4 import AwsKey, Scope
from dragoman.carriers import bedrock, vertex
from dragoman.carriers.registry import BEDROCK_MESSAGES
from dragoman.catalogue.model import Model
from dragoman.clock import Clock
from dragoman.config.structs import AccountConfig
from dragoman.errors import Failure
from dragoman.http.client import Client, Target
from dragoman.upstream import Timeouts

_TIMEOUTS = Timeouts(10.0, 10.0)
_MAX_ANSWER_BYTES = 64 * 1024


def base_url(declared: AccountConfig) -> str:
    """Where an account's requests go, with the path that all of them share."""
    if declared.provider == "vertex":
        return declared.base_url + vertex.publisher(declared.project, declared.region)
    return declared.base_url


def lines(declared: AccountConfig) -> dict[str, str]:
    """What an account's header lines hold beside everybody's: its key, unless each request is
    signed."""
    # InvokeModel takes the answer's media type from "accept", and knows no other.
    made = {"accept": "application/json"} if declared.provider == "bedrock" else {}
    key = declared.api_key.reveal()
    if key and declared.provider == "foundry":
        made |= {"x-api-key": key, "api-key": key}
    elif key:
        made["authorization"] = f"Bearer {key}"
    return made


def secrets(declared: AccountConfig) -> tuple[str, ...]:
    """What else makes an account this one: another value makes it another account."""
    return (
        declared.region,
        declared.project,
        declared.resource,
        declared.bedrock_api,
        declared.inference_profile,
        declared.aws_access_key_id.reveal(),
        declared.aws_secret_access_key.reveal(),
        declared.aws_session_token.reveal(),
        declared.aws_profile,
        declared.google_credentials.reveal(),
        declared.google_credentials_file,
        declared.azure_tenant_id,
        declared.azure_client_id,
        declared.azure_client_secret.reveal(),
        declared.token_url,
    )


def equip(account: Account, declared: AccountConfig, clock: Clock) -> None:
    """Give an account its carrier and its signer.

    Raises ``ValueError`` for a credential that cannot be used, or a package that is missing.
    """
    if declared.provider == "bedrock" and declared.bedrock_api == "messages":
        account.carrier = BEDROCK_MESSAGES
    account.sign = signer(declared, clock)


def fitting(accounts: Sequence[AccountConfig], *, fetch: bool) -> Callable[[Model], Model]:
    """How the models of the catalogue are to be treated for the accounts of a pool.

    Where an account takes images as bytes only, the gateway fetches them (if it may, ``fetch``):
    any account can then be asked. Where all accounts are Bedrock's, models that it does not keep
    to a schema are asked for JSON in words, as models without structured outputs are.
    """
    by_invoke = [one.provider == "bedrock" and one.bedrock_api == "invoke" for one in accounts]
    bytes_only = any(by_invoke) or any(one.provider == "vertex" for one in accounts)
    only_bedrock = bool(by_invoke) and all(by_invoke)

    def fitted(row: Model) -> Model:
        held = row.structured_outputs
        if only_bedrock:
            held = held and row.clouds.bedrock_structured_outputs
        urls = row.url_sources and not (bytes_only and fetch)
        if (held, urls) == (row.structured_outputs, row.url_sources):
            return row
        return structs.replace(row, structured_outputs=held, url_sources=urls)

    return fitted


def id_of(declared: AccountConfig, account: Account, model: Model) -> str:
    """The upstream's id of a model; empty where the catalogue knows none."""
    if account.carrier.name == "bedrock":
        return bedrock.model_id(model, declared.region, declared.inference_profile)
    return account.carrier.wire_id(model)


def signer(declared: AccountConfig, clock: Clock) -> Signer | None:
    """What signs an account's requests; ``None`` where its header lines hold its key.

    Raises ``ValueError`` as :func:`equip` does; nothing is asked of anybody yet.
    """
    try:
        return _signer(declared, clock)
    except ValueError as error:
        raise ValueError(f"account {declared.name}: {error}") from None


def _signer(declared: AccountConfig, clock: Clock) -> Signer | None:
    if declared.api_key:
        return None
    if declared.provider == "bedrock":
        return _aws(declared, clock)
    if declared.provider == "vertex":
        return Bearer(Renewing(_google(declared, clock), clock))
    if declared.provider == "foundry":
        application = entra.Application(
            declared.azure_tenant_id,
            declared.azure_client_id,
            declared.azure_client_secret.reveal(),
        )
        ask = _TokenEndpoint(declared, clock)
        return Bearer(Renewing(entra.fetch(application, ask, declared.token_url), clock))
    return None


def _aws(declared: AccountConfig, clock: Clock) -> aws.Signature:
    service = "bedrock" if declared.bedrock_api == "invoke" else "bedrock-mantle"
    url = urlsplit(declared.base_url)
    origin = aws.Origin(_authority(declared.base_url), url.path.rstrip("/"))
    key: AwsKey | Renewing[AwsKey]
    if declared.aws_access_key_id:
        key = AwsKey(
            declared.aws_access_key_id.reveal(),
            declared.aws_secret_access_key.reveal(),
            declared.aws_session_token.reveal(),
        )
    else:
        key = Renewing(aws.found_by_botocore(declared.aws_profile), clock)
    return aws.Signature(key, Scope(declared.region, service), origin, clock)


def _google(declared: AccountConfig, clock: Clock) -> google.Fetch:
    ask = _TokenEndpoint(declared, clock)
    text = declared.google_credentials.reveal()
    if declared.google_credentials_file:
        try:
            text = Path(declared.google_credentials_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"google_credentials_file: {error}") from None
    if not text:
        return google.from_metadata(ask, declared.token_url)
    return google.fetch(google.credentials(text), ask, clock, declared.token_url)


class _TokenEndpoint:
    """Asks token endpoints (``oauth.Ask``) by an account's proxy and authorities."""

    def __init__(self, declared: AccountConfig, clock: Clock) -> None:
        self._proxy = None if declared.proxy is None else declared.proxy.reveal()
        self._ca_file = declared.ca_file
        self._clock = clock

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """Status and body of the answer. Raises Failure where there is none."""
        parts = urlsplit(url)
        target = Target(f"{parts.scheme}://{parts.netloc}", self._ca_file, self._proxy)
        try:
            client = Client(target, clock=self._clock)
        except ValueError as error:
            words = "The upstream refused the gateway's own account."
            raise Failure("upstream_refused", words, detail=f"{url}: {error}") from None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        try:
            response = await client.send(method, path, sent.encode("latin-1"), body, _TIMEOUTS)
            try:
                return response.status, await response.body(_MAX_ANSWER_BYTES)
            finally:
                response.close()
        finally:
            await client.close()


def _authority(url: str) -> str:
    """Host and port as the HTTP client's ``host`` header says them."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"

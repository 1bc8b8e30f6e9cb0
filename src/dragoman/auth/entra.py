"""Microsoft Entra ID: an application's secret is traded for access tokens (client credentials).

Source: Microsoft's documentation of the OAuth 2.0 client credentials flow; the scope is the one
that Anthropic's SDK documents for Foundry.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import quote

from dragoman.auth.oauth import Ask, granted
from dragoman.auth.renewal import Fresh

SCOPE = "https://ai.azure.com/.default"
AUTHORITY = "https://login.microsoftonline.com"


class Application(NamedTuple):
    """An application of a tenant, with its secret."""

    tenant_id: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return "***"


def fetch(
    application: Application, ask: Ask, token_url: str = ""
) -> Callable[[], Awaitable[Fresh[str]]]:
    """What trades the secret for access tokens; ``token_url`` in the place of the tenant's own."""
    url = token_url or f"{AUTHORITY}/{quote(application.tenant_id, safe='')}/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": application.client_id,
        "client_secret": application.client_secret,
        "scope": SCOPE,
    }
    return lambda: granted(ask, url, form)

"""How commands reach the admin API of a running gateway: by the standard library's client."""

import http.client
import os
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from dragoman.codec import jsonio
from dragoman.config import load

TIMEOUT_S = 40.0
"""Longer than a test of an account takes at most."""
KEY_VARIABLE = "DRAGOMAN_ADMIN_KEY"


class AdminError(Exception):
    """What went wrong, in one line that says what to do."""


class Where(NamedTuple):
    """Where the admin API is, and the key to it."""

    url: str
    key: str


def find(config: str | None, url: str | None, key: str | None) -> Where:
    """The admin API of the flags, else of the environment and the configuration.

    Raises AdminError, ConfigError.
    """
    key = key or os.environ.get(KEY_VARIABLE)
    if not url or not key:
        admin = load(config, os.environ).admin
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(admin.host, admin.host)
        url = url or f"http://{f'[{host}]' if ':' in host else host}:{admin.port}"
        key = key or admin.key.reveal()
    if not key:
        raise AdminError(
            f"no admin key: set {KEY_VARIABLE} or admin.key, or give --key; "
            "the one that dragoman serve made was printed at its first start"
        )
    return Where(url, key)


def ask(where: Where, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the admin API answers. Raises AdminError for anything but a success."""
    connection = _connection(where.url)
    headers = {"authorization": f"Bearer {where.key}", "content-type": "application/json"}
    content = None if body is None else jsonio.encode(body)
    try:
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        raise AdminError(
            f"cannot reach the admin API at {where.url}: {reason}; "
            "is dragoman serve running there? (--url, admin.port)"
        ) from None
    except (ValueError, UnicodeError):
        raise AdminError("the admin key holds a character that no header may hold") from None
    finally:
        connection.close()
    return _read(answer.status, data, where.url)


def account_path(name: str) -> str:
    """The path of one account."""
    return f"/admin/v1/accounts/{quote(name, safe='/@:')}"


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AdminError(f"{url} is not a URL like http://127.0.0.1:8081")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        return kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
    except ValueError:
        raise AdminError(f"{url} is not a URL like http://127.0.0.1:8081") from None


def _read(status: int, data: bytes, url: str) -> Any:
    try:
        value = jsonio.decode(data)
    except jsonio.Malformed:
        value = None
    if 200 <= status < 300 and value is not None:
        return value
    if status == 401:
        raise AdminError(f"{url} refused the admin key: see --key and {KEY_VARIABLE}")
    told = value.get("error") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    message = told.get("message") if isinstance(told, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    raise AdminError(f"{message}" if message else f"{url} answered {status}: no admin API is there")

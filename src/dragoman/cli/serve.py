"""``dragoman serve``: load, listen, say how to use it, run until told to stop."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvloop

from dragoman import __version__
from dragoman.app import App
from dragoman.auth import keyfile
from dragoman.config import Config, ConfigError, load, pending
from dragoman.observe.log import Log


def serve_command(
    config: str | None, host: str | None, port: int | None, workers: int | None
) -> None:
    """Run the gateway. Exits with 1 when it cannot start."""
    read = partial(load, config, dict(os.environ), host=host, port=port, workers=workers)
    uvloop.run(_serve(read))


async def _serve(read: Callable[[], Config]) -> None:
    try:
        app = App(read, Log(sys.stdout.fileno()))
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    try:
        bound, port = await app.start()
    except OSError as error:
        server = app.config.server
        where = f"{server.host}:{server.port}"
        raise _cannot_start(app, f"cannot listen on {where}: {error.strerror or error}") from None
    admin = await _open_admin(app)
    print(greeting(app, base_url(app.config, bound, port), admin), flush=True)
    await app.run()


async def _open_admin(app: App) -> str:
    """Where the admin API is, in one line.

    Where its address was chosen by nobody and is taken, the gateway serves without it; an address
    that was configured is meant, so without it the gateway does not start.
    """
    try:
        host, port = await app.open_admin()
    except OSError as error:
        admin = app.config.admin
        reason = f"cannot listen on {admin.host}:{admin.port}: {error.strerror or error}"
        if {"admin.host", "admin.port"} & app.config.given:
            raise _cannot_start(app, f"admin API: {reason}") from None
        return f"admin API: not served, {reason}; set admin.port"
    except ValueError as error:
        raise _cannot_start(app, str(error)) from None
    return f"admin API: {url('http', host, port)}"


def _cannot_start(app: App, reason: str) -> SystemExit:
    """Say why. A key that was made and will not be shown is forgotten: the next start makes one."""
    if app.first_key is not None:
        keyfile.forget(Path(app.config.data_dir))
    print(reason, file=sys.stderr)
    return SystemExit(1)


def base_url(config: Config, host: str, port: int) -> str:
    """Where clients find the gateway."""
    return url("https" if config.server.tls_cert else "http", host, port)


def url(scheme: str, host: str, port: int) -> str:
    """A URL of this machine's own; addresses that stand for all of them become one."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{port}"


def greeting(app: App, base: str, admin: str) -> str:
    """What a person sees at the start; it ends with a command that works when pasted."""
    config = app.config
    lines = [f"Dragoman {__version__} on {base}", config.upstream_note, admin]
    lines += [f"note: {note}" for note in pending(config)]
    if app.first_admin_key is not None:
        made = "Admin key, made now and shown only this once:"
        lines += [made, "", f"    {app.first_admin_key.text}", ""]
    key = "$DRAGOMAN_KEY"
    if app.first_key is not None:
        key = app.first_key.text
        lines += ["API key, made now and shown only this once:", "", f"    {key}", ""]
    else:
        lines.append("Set DRAGOMAN_KEY to one of your API keys, then try:")
    lines += [
        f"curl {base}/v1/chat/completions \\",
        f'  -H "Authorization: Bearer {key}" \\',
        '  -H "Content-Type: application/json" \\',
        '  -d \'{"model": "claude-haiku-4-5-20251001", '
        '"messages": [{"role": "user", "content": "Hello!"}]}\'',
    ]
    return "\n".join(lines)

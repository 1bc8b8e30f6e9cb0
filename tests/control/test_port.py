"""The admin port: who may ask, in which bounds, and that it is a port of its own."""

import asyncio
import json
import socket
import stat
from pathlib import Path

import pytest

from dragoman.auth.keyfile import ADMIN, ADMIN_PREFIX
from tests.control.harness import ACCOUNTS, ADMIN_KEY, EXPLAIN, administered
from tests.gateway.harness import KEY
from tests.gateway_process import gateway

PATHS = [ACCOUNTS, f"{ACCOUNTS}/simulator", EXPLAIN, "/metrics", "/", "/nothing"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": ""},
        {"authorization": ADMIN_KEY},
        {"authorization": f"Basic {ADMIN_KEY}"},
        {"authorization": f"Bearer {ADMIN_KEY}x"},
        {"authorization": f"Bearer {ADMIN_KEY[:-1]}"},
        {"authorization": "Bearer \u00e9".encode("latin-1")},
        {"authorization": f"Bearer {KEY}"},
        {"x-api-key": ADMIN_KEY},
    ],
)
async def test_nothing_is_told_without_the_key(
    given: dict[str, str | bytes], tmp_path: Path
) -> None:
    async with administered(tmp_path) as admin:
        del admin.http.headers["authorization"]
        for path in PATHS:
            answer = await admin.http.get(path, headers=given)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            error = answer.json()["error"]
            assert error["code"] == "invalid_api_key"
            assert "admin.key" in error["message"]


async def test_the_two_ports_have_nothing_in_common(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        for path in PATHS:
            headers = {"authorization": f"Bearer {ADMIN_KEY}"}
            public = await admin.gateway.http.get(path, headers=headers)
            assert public.status_code == 404
        for path in ("/v1/models", "/healthz", "/v1/chat/completions"):
            assert (await admin.http.get(path)).status_code == 404


async def test_what_no_route_takes_is_said_as_json(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        unknown = await admin.http.get("/admin/v1/nothing")
        assert unknown.json()["error"]["code"] == "not_found"
        wrong = await admin.http.put(ACCOUNTS)
        assert wrong.status_code == 405
        assert {"GET", "POST"} <= set(wrong.headers["allow"].split(", "))
        assert wrong.json()["error"]["code"] == "method_not_allowed"


async def test_bodies_are_bounded(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        large = await admin.http.post(ACCOUNTS, content=b" " * 65_537)
        assert (large.status_code, large.json()["error"]["code"]) == (413, "request_too_large")
        for content in (b"{", b"[]", b"\xff", b"[" * 5_000, b'{"a":' * 50):
            answer = await admin.http.post(ACCOUNTS, content=content)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


async def test_the_key_is_changed_by_a_reload(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        path = tmp_path / "dragoman.yaml"
        config = json.loads(path.read_text())
        config["admin"]["key"] = "another"
        path.write_text(json.dumps(config))
        admin.gateway.app.reload()
        assert (await admin.http.get(ACCOUNTS)).status_code == 401
        headers = {"authorization": "Bearer another"}
        assert (await admin.http.get(ACCOUNTS, headers=headers)).status_code == 200


async def test_without_a_key_one_is_made_once(tmp_path: Path) -> None:
    config = {"admin": {"port": 0, "key": ""}}
    async with administered(tmp_path, **config) as admin:
        made = admin.gateway.app.first_admin_key
        assert made is not None
        assert made.text.startswith(ADMIN_PREFIX)
        stored = tmp_path / "data" / ADMIN
        assert stat.S_IMODE(stored.stat().st_mode) == 0o600
        assert made.text not in stored.read_text()
        headers = {"authorization": f"Bearer {made.text}"}
        assert (await admin.http.get(ACCOUNTS, headers=headers)).status_code == 200
        assert (await admin.http.get(ACCOUNTS)).status_code == 401
    async with administered(tmp_path, **config) as again:
        assert again.gateway.app.first_admin_key is None
        assert (await again.http.get(ACCOUNTS, headers=headers)).status_code == 200


async def test_an_admin_request_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with administered(tmp_path) as admin:
        reader, writer = await asyncio.open_connection("127.0.0.1", admin.port)
        writer.write(
            b"POST /admin/v1/accounts HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n"
            b"authorization: Bearer %b\r\n\r\n{" % ADMIN_KEY.encode()
        )
        assert (await admin.http.get(ACCOUNTS)).status_code == 200
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()


def test_the_default_port_may_be_taken_and_a_configured_one_may_not(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"admin API: cannot listen on 127.0.0.1:{port}"):
            with gateway(tmp_path, environ={"DRAGOMAN_ADMIN_PORT": str(port)}):
                pass
        assert not (tmp_path / "data" / "keys.json").exists(), "nobody was shown that key"
    with socket.socket() as default:
        default.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            default.bind(("127.0.0.1", 8081))
            default.listen()
        except OSError:
            pass  # taken by somebody else serves as well
        with gateway(tmp_path, environ={"DRAGOMAN_ADMIN_PORT": ""}) as process:
            assert "admin API: not served, cannot listen on 127.0.0.1:8081" in process.printed
            assert "sk-admin-" not in process.printed
    with gateway(tmp_path) as process:
        assert "sk-admin-" in process.printed, "a key that was never shown is no key"


async def test_a_port_that_breaks_is_told_and_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("uvicorn.Server.startup", broken)
    async with administered(tmp_path) as admin:
        assert (await admin.gateway.http.get("/healthz")).status_code == 200
    events = [line["event"] for line in admin.gateway.lines.all]
    assert events == ["crash", "draining", "stopped"]


def test_a_damaged_admin_key_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ADMIN).write_text("{")
    with pytest.raises(RuntimeError, match=r"admin-key\.json is damaged"):
        with gateway(tmp_path):
            pass

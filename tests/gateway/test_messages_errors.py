"""Every row of the error table as Anthropic's clients see it, over real connections."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from dragoman import serve
from tests.gateway.harness import (
    INVALID_REQUEST,
    KEY,
    MODEL,
    Harness,
    accounts,
    error,
    response,
    running,
)
from tests.scripted_upstream import RECEIVE, RST, UNTIL_CLOSED, ScriptedUpstream

PATH = "/v1/messages"


def content(**fields: Any) -> dict[str, Any]:
    made = {
        "model": MODEL,
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "hi"}],
        **fields,
    }
    return {name: value for name, value in made.items() if value is not ...}


async def post(gateway: Harness, body: Any = None, **more: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body or content()).encode()
    return await gateway.http.post(PATH, content=data, **more)


def check(answer: Any, status: int, kind: str) -> str:
    """The shape that interface.md §4 promises; gives back the message."""
    assert answer.status_code == status
    told = answer.json()
    assert told == {
        "type": "error",
        "error": {"type": kind, "message": told["error"]["message"]},
        "request_id": answer.headers["x-request-id"],
    }
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    return str(told["error"]["message"])


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"model": ...}, "model: Field required"),
        ({"model": 5}, "model"),
        ({"messages": ...}, "messages: Field required"),
        ({"messages": "hi"}, "messages"),
        ({"messages": []}, "messages: at least one"),
        ({"messages": [5]}, "messages.0"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"role": 1, "content": "x"}]}, "messages.0.role"),
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"tools": {}}, "tools"),
        ({"system": 5}, "system"),
        ({"metadata": []}, "metadata"),
    ],
)
async def test_a_request_that_is_wrong(fields: dict[str, Any], place: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await post(gateway, content(**fields))
        assert check(answer, 400, INVALID_REQUEST).startswith(place)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"nothing", b'{"model":"\xff"}', b'{"model":"a","model":"b"}', b"[" * 9999],
)
async def test_a_body_that_is_no_request(body: bytes, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        check(await post(gateway, body), 400, INVALID_REQUEST)


async def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    body = json.dumps(content(system='{"model":1}' * 1000)).encode()
    twice = body.replace(b'{"model"', b'{"model":"claude-opus-5-5","model"', 1)
    async with running(tmp_path) as gateway:
        assert "twice" in check(await post(gateway, twice), 400, INVALID_REQUEST)
        assert (await post(gateway, body)).status_code == 200
        for name in (b"mod\\u0065l", b"\\u006dodel"):
            # The one that is checked here may not be the one that is used upstream.
            twice = body.replace(b'{"model"', b'{"%b":"claude-opus-5-5","model"' % name, 1)
            assert "twice" in check(await post(gateway, twice), 400, INVALID_REQUEST)
        once = json.dumps(content(system="\u0065 caf\u00e9 \u007f")).replace("e", "\\u0065", 1)
        assert (await post(gateway, once.encode())).status_code == 200


async def test_keys(tmp_path: Path) -> None:
    keys = [
        {"name": "tests", "key": KEY, "models": ["claude-opus-*"]},
        {"name": "far", "key": "sk-" + "far" * 16, "allowed_ips": ["192.0.2.0/24"]},
        {"name": "spent", "key": "sk-" + "bad" * 16, "token_quota": 1},
        {"name": "once", "key": "sk-" + "one" * 16, "rpm": 1},
    ]
    async with running(tmp_path, keys=keys) as gateway:

        async def asked(key: str) -> Any:
            return await post(gateway, headers={"x-api-key": key})

        answer = await asked("sk-nobody")
        check(answer, 401, "authentication_error")
        assert answer.headers["x-should-retry"] == "false"
        answer = await asked("sk-" + "bad" * 16)
        check(answer, 402, "billing_error")
        assert answer.headers["x-should-retry"] == "false"
        check(await asked(KEY), 403, "permission_error")
        check(await asked("sk-" + "far" * 16), 403, "permission_error")
        assert (await asked("sk-" + "one" * 16)).status_code == 200
        answer = await asked("sk-" + "one" * 16)
        check(answer, 429, "rate_limit_error")
        assert int(answer.headers["retry-after"]) > 0
        assert "x-should-retry" not in answer.headers


async def test_what_does_not_exist(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        check(await post(gateway, content(model="gpt-9")), 404, "not_found_error")
        check(await gateway.http.post("/anthropic/v1/nothing"), 404, "not_found_error")
        check(await gateway.http.post("/v1/messages/batches"), 404, "not_found_error")
        check(await gateway.http.get(PATH), 405, INVALID_REQUEST)
        answer = await gateway.http.get("/v1/models/none", headers={"anthropic-version": "x"})
        check(answer, 404, "not_found_error")


async def test_a_body_that_is_too_large(tmp_path: Path) -> None:
    async with running(tmp_path, server={"max_body_bytes": 1024}) as gateway:
        answer = await post(gateway, content(system="x" * 2000))
        check(answer, 413, "request_too_large")


async def test_what_is_refused_before_any_route(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx: %b\r\n\r\n" % (b"x" * 200_000))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b" 431 " in head
        assert json.loads(body)["type"] == "error"
        assert json.loads(body)["request_id"].encode() in head
        writer.close()


async def test_a_fault_of_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(serve, "estimate", broken)
    keys = [{"name": "tests", "key": KEY, "tpm": 1000}]
    async with running(tmp_path, keys=keys) as gateway:
        assert "secret" not in check(await post(gateway), 500, "api_error")


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        (error(400, INVALID_REQUEST, "prompt is too long: 9 tokens > 5 maximum"), 400,
         INVALID_REQUEST),
        (error(401, "authentication_error", "no"), 502, "api_error"),
        (error(402, "billing_error", "no"), 502, "api_error"),
        (error(403, "permission_error", "no"), 502, "api_error"),
        (error(404, "not_found_error", "model: x"), 404, "not_found_error"),
        (error(404, "not_found_error", "file: x"), 404, "not_found_error"),
        (error(413, "request_too_large", "no"), 413, "request_too_large"),
        (error(429, "rate_limit_error", "no", "retry-after: 7"), 429, "rate_limit_error"),
        (error(500, "api_error", "no"), 502, "api_error"),
        (error(529, "overloaded_error", "no"), 529, "overloaded_error"),
        (response(200, b"<html>"), 502, "api_error"),
    ],
)  # fmt: skip
async def test_what_an_upstream_says(said: bytes, status: int, kind: str, tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, said, RECEIVE, said]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await post(gateway)
            message = check(answer, status, kind)
            if b"prompt is too long" in said:
                assert message == "prompt is too long: 9 tokens > 5 maximum"
            if status == 429:
                assert answer.headers["retry-after"] == "7"


async def test_upstreams_that_are_away_or_slow(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, RST]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            check(await post(gateway), 502, "api_error")
    async with ScriptedUpstream([RECEIVE, UNTIL_CLOSED]) as upstream:
        config = {"server": {"first_byte_timeout_s": 0.2}, "accounts": accounts(upstream.url)}
        async with running(tmp_path, **config) as gateway:
            check(await post(gateway), 504, "timeout_error")
    async with running(
        tmp_path, accounts=accounts("http://127.0.0.1:9", models=["x-*"])
    ) as gateway:
        check(await post(gateway), 503, "overloaded_error")

"""Every row of the error table, asked for over a real connection."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from dragoman import serve
from tests.gateway.harness import (
    CHAT,
    KEY,
    MODEL,
    PROMPT,
    accounts,
    body,
    error,
    reply,
    response,
    running,
    stream,
)
from tests.scripted_upstream import RECEIVE, RST, ScriptedUpstream

INVALID = "invalid_request_error"
USER = {"role": "user", "content": "hi"}
NOT_AN_IMAGE = "data:image/png;base64,aGVsbG8gd29ybGQ="


def part(url: str) -> list[dict[str, Any]]:
    content = [{"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": content}]


def called(depth: int) -> dict[str, Any]:
    """A conversation with arguments that are nested."""
    function = {"name": "f", "arguments": '{"a":' * depth + "[]" + "}" * depth}
    call = {"id": "c", "type": "function", "function": function}
    result = {"role": "tool", "tool_call_id": "c", "content": "x"}
    return {"messages": [USER, {"role": "assistant", "tool_calls": [call]}, result]}


REFUSED: list[tuple[dict[str, Any], str | None, str | None]] = [
    # what is changed, the param that names it, the code
    ({"model": ...}, "model", "missing_required_parameter"),
    ({"messages": ...}, "messages", "missing_required_parameter"),
    ({"model": 5}, "model", "invalid_type"),
    ({"messages": "hi"}, "messages", "invalid_type"),
    ({"messages": []}, "messages", "empty_array"),
    ({"messages": [5]}, "messages[0]", "invalid_type"),
    ({"messages": [USER, {"role": "robot", "content": "x"}]}, "messages[1].role", "invalid_value"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
    ({"messages": part("data:image/png;base64,!!!")}, "messages[0].content[0].image_url.url", None),
    ({"messages": part(NOT_AN_IMAGE)}, "messages[0].content[0].image_url.url", None),
    ({"messages": part("ftp://example.com/x.png")}, "messages[0].content[0].image_url.url", None),
    (
        {"messages": [USER, {"role": "tool", "tool_call_id": "c9", "content": "x"}]},
        "messages[1].tool_call_id",
        None,
    ),
    ({"temperature": 2.5}, "temperature", "decimal_above_max_value"),
    ({"temperature": -1}, "temperature", "decimal_below_min_value"),
    ({"temperature": "1"}, "temperature", "invalid_type"),
    ({"top_p": 1.5}, "top_p", "decimal_above_max_value"),
    ({"n": 0}, "n", "integer_below_min_value"),
    ({"n": 100}, "n", "integer_above_max_value"),
    ({"n": 1.5}, "n", "invalid_type"),
    ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
    ({"max_tokens": -1}, "max_tokens", "integer_below_min_value"),
    ({"max_completion_tokens": "many"}, "max_completion_tokens", "invalid_type"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "array_above_max_length"),
    ({"stop": 5}, "stop", "invalid_type"),
    ({"stream": "yes"}, "stream", "invalid_type"),
    ({"presence_penalty": 3}, "presence_penalty", "decimal_above_max_value"),
    ({"frequency_penalty": -3}, "frequency_penalty", "decimal_below_min_value"),
    ({"reasoning_effort": "ultra"}, "reasoning_effort", "invalid_value"),
    ({"thinking": {"type": "sometimes"}}, "thinking.type", "invalid_value"),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 5}},
        "thinking.budget_tokens",
        "integer_below_min_value",
    ),
    ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
    (
        {"tools": [{"type": "function", "function": {}}]},
        "tools[0].function.name",
        "missing_required_parameter",
    ),
    ({"tool_choice": "required"}, "tool_choice", None),
    (
        {
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "tool_choice": {"type": "function", "function": {"name": "g"}},
        },
        None,
        None,
    ),
    ({"logprobs": True}, "logprobs", None),
    (called(64), "messages[1].tool_calls[0].function.arguments", "invalid_value"),
    (called(5000), "messages[1].tool_calls[0].function.arguments", "invalid_value"),
    ({"function_call": 5}, "function_call", "invalid_type"),
    ({"function_call": "sometimes"}, "function_call", "invalid_value"),
    ({"function_call": {"name": "f"}}, "function_call.name", "invalid_value"),
    ({"modalities": ["text", "image"]}, "modalities", "unsupported_value"),
]


@pytest.mark.parametrize(
    ("change", "param", "code"), REFUSED, ids=[json.dumps(c[0], default=str)[:60] for c in REFUSED]
)
async def test_a_request_that_is_wrong_names_its_field(
    change: dict[str, Any], param: str | None, code: str | None, tmp_path: Path
) -> None:
    async with running(tmp_path) as gateway:
        answer = await gateway.chat(**change)
        told = answer.json()["error"]
        assert (answer.status_code, told["type"]) == (400, INVALID)
        assert set(told) == {"message", "type", "param", "code"}
        if param is not None:
            assert told["param"] == param
        if code is not None:
            assert told["code"] == code
        assert told["message"]
        assert answer.headers["x-request-id"].startswith("req_")


async def test_null_asks_for_nothing_even_under_a_name_nobody_knows(tmp_path: Path) -> None:
    async with running(tmp_path, strict=True) as gateway:
        answer = await gateway.chat(suffix=None, provider=None, stop=None, tools=None)
    assert answer.status_code == 200
    assert "x-dragoman-warnings" not in answer.headers


async def test_functions_beside_tools_are_not_dropped_in_silence(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    async with running(tmp_path) as gateway:
        answer = await gateway.chat(
            tools=[tool], functions=[{"name": "g"}], function_call={"name": "f"}
        )
    assert answer.status_code == 200
    assert answer.headers["x-dragoman-warnings"] == (
        "functions=there are tools, function_call=there are no functions"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"not json",
        b'{"model": "\xff"}',
        b"[" * 100_000,
        b"\xef\xbb\xbf{}",
        b'{"model": NaN}',
        b'{"model":"m","model":"n","messages":[]}',
        b'{"mod\\u0065l":"m","model":"%b","messages":[{"role":"user","content":"hi"}]}'
        % MODEL.encode(),
    ],
    ids=["empty", "cut", "text", "utf8", "deep", "bom", "nan", "twice", "twice-escaped"],
)
async def test_a_body_that_is_not_json(content: bytes, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await gateway.http.post(CHAT, content=content)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == INVALID


@pytest.mark.parametrize("content", [b"null", b"[]", b"5", b'"x"'])
async def test_a_body_that_is_not_an_object(content: bytes, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await gateway.http.post(CHAT, content=content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_type")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Bearer sk-short"},
        {"authorization": "Basic eDp5"},
        {"authorization": "Bearer sk-" + "z" * 48},
        {"x-api-key": "sk-" + "z" * 48},
    ],
    ids=["none", "malformed", "basic", "unknown", "x-api-key"],
)
async def test_a_key_that_is_not_known(headers: dict[str, str], tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await gateway.chat(headers)
        told = answer.json()["error"]
        assert (answer.status_code, told["type"], told["code"]) == (401, INVALID, "invalid_api_key")
        assert "Incorrect API key provided" in told["message"]
        (line,) = await gateway.ended()
        assert (line["status"], line["error"]) == (401, "unauthenticated")


def key(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "tests", "key": KEY, **fields}]


async def test_an_expired_key(tmp_path: Path) -> None:
    async with running(tmp_path, keys=key(expires_at="2020-01-01T00:00:00Z")) as gateway:
        answer = await gateway.chat()
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_a_quota_used_up(tmp_path: Path) -> None:
    async with running(tmp_path, keys=key(token_quota=50)) as gateway:
        assert (await gateway.chat()).status_code == 200
        answer = await gateway.chat()
        told = answer.json()["error"]
        assert answer.status_code == 402
        assert (told["type"], told["code"]) == ("insufficient_quota", "insufficient_quota")


async def test_a_model_the_key_may_not_use(tmp_path: Path) -> None:
    async with running(tmp_path, keys=key(models=["claude-opus-*"])) as gateway:
        answer = await gateway.chat()
        told = answer.json()["error"]
        assert (answer.status_code, told["type"]) == (403, "permission_error")
        assert (told["code"], told["param"]) == ("model_not_allowed", "model")
        assert (await gateway.chat(model="claude-opus-5-5")).status_code == 200


async def test_an_address_the_key_may_not_be_used_from(tmp_path: Path) -> None:
    async with running(tmp_path, keys=key(allowed_ips=["10.0.0.0/8"])) as gateway:
        answer = await gateway.chat({"x-forwarded-for": "10.1.1.1"})
        told = answer.json()["error"]
        assert (answer.status_code, told["type"]) == (403, "permission_error")
        assert told["code"] == "ip_not_allowed"


async def test_the_address_told_by_a_trusted_proxy(tmp_path: Path) -> None:
    server = {"trusted_proxies": ["127.0.0.0/8"]}
    async with running(tmp_path, server=server, keys=key(allowed_ips=["10.0.0.0/8"])) as gateway:
        assert (await gateway.chat({"x-forwarded-for": "10.1.1.1"})).status_code == 200
        assert (await gateway.chat({"x-forwarded-for": "10.1.1.1, 11.1.1.1"})).status_code == 403


async def test_a_model_that_does_not_exist(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await gateway.chat(model="gpt-4o")
        told = answer.json()["error"]
        assert (answer.status_code, told["type"]) == (404, INVALID)
        assert (told["code"], told["param"]) == ("model_not_found", "model")


async def test_a_body_that_is_too_large(tmp_path: Path) -> None:
    async with running(tmp_path, server={"max_body_bytes": 1024}) as gateway:
        for content, headers in (
            (json.dumps(body(user="x" * 2000)).encode(), {}),
            (
                gzip.compress(json.dumps(body(user="x" * 2000)).encode()),
                {"content-encoding": "gzip"},
            ),
        ):
            answer = await gateway.http.post(CHAT, content=content, headers=headers)
            assert answer.status_code == 413
            assert answer.json()["error"]["code"] == "request_too_large"


async def test_a_compressed_body_is_read(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        content = gzip.compress(json.dumps(body()).encode())
        for coding, status in (("gzip", 200), ("br", 415)):
            answer = await gateway.http.post(
                CHAT, content=content, headers={"content-encoding": coding}
            )
            assert answer.status_code == status


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=" + "x" * 8000,
        "application/x-www-form-urlencoded",
        "text/plain;charset=UTF-8",
        "application/xml",
        "application/json, text/plain",
    ],
    ids=["multipart", "form", "text", "xml", "two"],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/messages/count_tokens"])
async def test_a_body_of_another_type(kind: str, path: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await gateway.http.post(path, json=body(), headers={"content-type": kind})
        assert answer.status_code == 415
        assert "Content-Type" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "", "x/y+json"]
)
async def test_types_that_are_json(kind: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await gateway.http.post(CHAT, json=body(), headers={"content-type": kind})
        assert answer.status_code == 200


async def test_requests_per_minute(tmp_path: Path) -> None:
    async with running(tmp_path, keys=key(rpm=1)) as gateway:
        first = await gateway.chat()
        assert first.headers["x-ratelimit-limit-requests"] == "1"
        assert first.headers["x-ratelimit-remaining-requests"] == "0"
        answer = await gateway.chat()
        told = answer.json()["error"]
        assert answer.status_code == 429
        assert (told["type"], told["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.headers["x-ratelimit-remaining-requests"] == "0"


async def test_tokens_per_minute(tmp_path: Path) -> None:
    async with running(tmp_path, keys=key(tpm=60)) as gateway:
        first = await gateway.chat()
        assert first.headers["x-ratelimit-limit-tokens"] == "60"
        answer = await gateway.chat()
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)


async def test_requests_at_a_time(tmp_path: Path) -> None:
    async with running(tmp_path, keys=key(concurrency=1)) as gateway:
        raw = await gateway.open()
        await raw.until(b"data: ")
        answer = await gateway.chat()
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        raw.reset()
        await gateway.ended(2)
        assert (await gateway.chat()).status_code == 200


async def test_a_fault_of_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError(PROMPT)

    monkeypatch.setattr(serve.routing, "start", broken)
    async with running(tmp_path) as gateway:
        answer = await gateway.chat()
        told = answer.json()["error"]
        assert answer.status_code == 500
        assert (told["type"], told["code"]) == ("server_error", "internal_error")
        assert PROMPT not in answer.text
        (line,) = await gateway.ended()
        assert "ZeroDivisionError" in line["detail"]


NONSENSE = [
    response(200, b"<html>hello</html>"),
    response(200, b'{"type": "message"}'),
    response(204, b""),
    b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
]


@pytest.mark.parametrize("said", NONSENSE, ids=["html", "shape", "204", "302", "ssh"])
async def test_an_upstream_that_talks_nonsense(said: bytes, tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, said]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat()
            told = answer.json()["error"]
            assert (answer.status_code, told["type"]) == (502, "upstream_error")
            (line,) = await gateway.ended()
            assert line["outcome"] == "upstream_failed"


@pytest.mark.parametrize("status", [401, 403])
async def test_an_upstream_that_refuses_our_credential(status: int, tmp_path: Path) -> None:
    told_us = error(status, "authentication_error", "invalid x-api-key sk-ant-secret-0")
    async with ScriptedUpstream([RECEIVE, told_us]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat()
            assert (answer.status_code, answer.json()["error"]["type"]) == (502, "upstream_error")
            assert "secret" not in answer.text


async def test_nobody_serves_the_model(tmp_path: Path) -> None:
    only = accounts("http://127.0.0.1:9", models=["claude-opus-*"])
    async with running(tmp_path, accounts=only) as gateway:
        answer = await gateway.chat()
        told = answer.json()["error"]
        assert (answer.status_code, told["type"]) == (503, "upstream_error")
        assert told["code"] == "no_account_available"
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_upstream_that_is_too_slow(streamed: bool, tmp_path: Path) -> None:
    server = {"first_byte_timeout_s": 0.3}
    async with ScriptedUpstream([RECEIVE]) as upstream:
        async with running(tmp_path, server=server, accounts=accounts(upstream.url)) as gateway:
            answer = await gateway.chat(stream=streamed)
            told = answer.json()["error"]
            assert (answer.status_code, told["type"]) == (504, "timeout_error")
            assert told["code"] == "upstream_timeout"
            (line,) = await gateway.ended()
            assert (line["outcome"], line["status"]) == ("deadline", 504)


async def test_what_the_client_caused_upstream_keeps_its_status_and_message(tmp_path: Path) -> None:
    said = error(400, INVALID, "messages.0.content: something about this prompt")
    async with ScriptedUpstream([RECEIVE, said, RECEIVE, said]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url, upstream.url)) as gateway:
            answer = await gateway.chat()
            assert answer.status_code == 400
            assert "something about this prompt" in answer.json()["error"]["message"]
            assert len(upstream.requests) == 1


async def test_every_account_limited(tmp_path: Path) -> None:
    said = error(429, "rate_limit_error", "slow down", "retry-after: 12")
    async with ScriptedUpstream([RECEIVE, said, RECEIVE, said]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            for _ in range(2):
                answer = await gateway.chat()
                told = answer.json()["error"]
                assert answer.status_code == 429
                assert (told["type"], told["code"]) == ("rate_limit_error", "rate_limit_exceeded")
                assert 11 <= int(answer.headers["retry-after"]) <= 12
            assert len(upstream.requests) == 1, "a throttled account is left alone"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", CHAT, 405),
        ("POST", "/v1/models", 405),
        ("GET", "/", 404),
        ("POST", "/v1/chat", 404),
        ("POST", "//v1/chat/completions", 404),
        ("POST", "/v1/../v1/chat/completions", 404),
        ("POST", "/V1/chat/completions", 404),
        ("POST", "/v1/chat%2fcompletions", 404),
        ("DELETE", "/v1/models", 405),
        ("OPTIONS", CHAT, 204),
    ],
)
async def test_paths_and_methods(method: str, path: str, status: int, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(
            f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n"
            "connection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
        assert int(answer.split()[1]) == status
        assert b"x-request-id: req_" in answer
        if status in (405, 204):
            assert b"allow: " in answer


async def test_an_error_inside_a_stream_is_its_end(tmp_path: Path) -> None:
    from tests.gateway.harness import begin, event, text

    broken = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    for cut in (broken + b"0\r\n\r\n", RST, b"0\r\n\r\n"):
        script = [RECEIVE, begin() + text("Hel") + text("lo"), cut]
        async with ScriptedUpstream(script) as upstream:
            async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
                answer = await gateway.chat(stream=True)
                assert answer.status_code == 200
                last = answer.content.rstrip().split(b"\n\n")[-1]
                assert set(json.loads(last.removeprefix(b"data: "))) == {"error"}
                assert b"[DONE]" not in answer.content
                assert b'"finish_reason":"' not in answer.content
                (line,) = await gateway.ended()
                assert line["outcome"] == "upstream_failed", line


async def test_nothing_secret_is_said(tmp_path: Path) -> None:
    """No prompt, key or credential in any log line or error, whatever goes wrong."""
    leaky = error(400, INVALID, f"your key is sk-ant-secret-0 and you said {PROMPT}")
    scripts = [
        [RECEIVE, reply()], [RECEIVE, stream("hi")], [RECEIVE, leaky], [RECEIVE, RST],
        [RECEIVE, response(500, b"<html>sk-ant-secret-0</html>")],
    ]  # fmt: skip
    for script in scripts:
        async with ScriptedUpstream(script) as upstream:
            async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
                answer = await gateway.chat(
                    stream=script[1][:40].find(b"event") >= 0
                    if isinstance(script[1], bytes)
                    else False
                )
                await gateway.ended()
                written = json.dumps(gateway.lines.all)
                assert PROMPT not in written
                assert KEY not in written
                assert "secret" not in written
                assert "sk-ant-secret-0" not in answer.text

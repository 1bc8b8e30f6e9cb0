"""Several accounts: a conversation stays on one, and one that fails is left for the next."""

import asyncio
import json
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import (
    INVALID_REQUEST,
    STREAM_HEAD,
    accounts,
    begin,
    body,
    error,
    event,
    reply,
    response,
    running,
    said,
    stream,
    text,
)
from tests.scripted_upstream import FIN, RECEIVE, RST, Script, ScriptedUpstream, Sleep


def answering(*, streamed: bool = False) -> Script:
    """An upstream connection that answers any number of requests."""
    return [RECEIVE, stream("Hello.") if streamed else reply()] * 500


OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}
FAILURES: dict[str, list[Any]] = {
    "refused": [error(401, "authentication_error", "invalid x-api-key")],
    "no credit": [error(400, "invalid_request_error", "Your credit balance is too low to access")],
    "forbidden": [error(403, "permission_error", "no")],
    "throttled": [error(429, "rate_limit_error", "slow down", "retry-after: 30")],
    "fault": [error(500, "api_error", "Internal server error")],
    "overloaded": [error(529, "overloaded_error", "Overloaded")],
    "unavailable": [response(503, b"<html>cloudflare</html>")],
    "html": [response(200, b"<html>hello</html>")],
    "reset": [RST],
    "closed": [FIN],
    "nonsense": [b"220 smtp ready\r\n"],
}
IN_STREAM: dict[str, list[Any]] = {
    "error event first": [STREAM_HEAD + event("error", error=OVERLOADED)],
    "error event after message_start": [
        STREAM_HEAD + event("message_start", message={
            "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}}),
        Sleep(0.05), event("error", error=OVERLOADED),
    ],
    "reset after the head": [STREAM_HEAD, Sleep(0.05), RST],
    "empty stream": [STREAM_HEAD + b"0\r\n\r\n"],
    "cut inside the first event": [STREAM_HEAD + b"40\r\nevent: message", Sleep(0.05), FIN],
}  # fmt: skip


def order(harness: Any, count: int) -> list[str]:
    return [account.name for account in harness.app.gateway.pool.snapshot()][:count]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", FAILURES)
async def test_an_account_that_fails_is_left_for_the_next(
    name: str, streamed: bool, tmp_path: Path
) -> None:
    async with ScriptedUpstream([RECEIVE, *FAILURES[name]]) as bad:
        async with ScriptedUpstream(answering(streamed=streamed)) as good:
            pool = accounts(bad.url, good.url)
            pool[0]["priority"] = 1
            async with running(tmp_path, accounts=pool) as gateway:
                answer = await gateway.chat(stream=streamed)
                assert answer.status_code == 200
                got = (
                    said(answer.content)
                    if streamed
                    else (answer.json()["choices"][0]["message"]["content"])
                )
                assert got == "Hello."
                assert answer.headers["x-dragoman-account"] == "b"
                assert answer.headers["x-dragoman-attempts"] == "2"
                assert bad.requests[0].headers["x-api-key"] == "sk-ant-secret-0"
                assert good.requests[0].headers["x-api-key"] == "sk-ant-secret-1"
                assert good.requests[0].body == bad.requests[0].body
                # The account cools: the next request does not try it.
                again = await gateway.chat(stream=streamed)
                assert again.headers["x-dragoman-attempts"] == "1"


@pytest.mark.parametrize("name", IN_STREAM)
async def test_a_stream_that_breaks_before_its_first_piece_is_begun_elsewhere(
    name: str, tmp_path: Path
) -> None:
    async with ScriptedUpstream([RECEIVE, *IN_STREAM[name]]) as bad:
        async with ScriptedUpstream(answering(streamed=True)) as good:
            pool = accounts(bad.url, good.url)
            pool[0]["priority"] = 1
            async with running(tmp_path, accounts=pool) as gateway:
                answer = await gateway.chat(stream=True)
                assert said(answer.content) == "Hello."
                assert answer.content.endswith(b"data: [DONE]\n\n")
                assert answer.headers["x-dragoman-attempts"] == "2"


async def test_an_account_that_cannot_be_reached(tmp_path: Path) -> None:
    async with ScriptedUpstream(answering()) as good:
        pool = accounts("http://127.0.0.1:1", good.url)
        pool[0]["priority"] = 1
        async with running(tmp_path, accounts=pool) as gateway:
            answer = await gateway.chat()
            assert (answer.status_code, answer.headers["x-dragoman-account"]) == (200, "b")


async def test_what_the_client_caused_is_not_tried_twice(tmp_path: Path) -> None:
    said_no = error(400, INVALID_REQUEST, "messages.0: no")
    async with ScriptedUpstream([RECEIVE, said_no, RECEIVE, said_no]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url, upstream.url)) as gateway:
            answer = await gateway.chat()
            assert answer.status_code == 400
            assert answer.json()["error"]["param"] == "messages[0]"
            assert len(upstream.requests) == 1


async def test_no_more_accounts_than_max_attempts(tmp_path: Path) -> None:
    failing = [RECEIVE, error(500, "api_error", "x")] * 9
    async with ScriptedUpstream(failing) as upstream:
        pool = accounts(*[upstream.url] * 5)
        async with running(tmp_path, accounts=pool, routing={"max_attempts": 2}) as gateway:
            answer = await gateway.chat()
            assert (answer.status_code, answer.json()["error"]["type"]) == (502, "upstream_error")
            assert answer.headers["x-dragoman-attempts"] == "2"
            assert len(upstream.requests) == 2


async def test_nothing_is_tried_again_after_the_first_piece(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, begin() + text("Hel"), Sleep(0.05), RST]) as bad:
        async with ScriptedUpstream(answering(streamed=True)) as good:
            pool = accounts(bad.url, good.url)
            pool[0]["priority"] = 1
            async with running(tmp_path, accounts=pool) as gateway:
                answer = await gateway.chat(stream=True)
                assert said(answer.content) == "Hel"
                assert b'"error"' in answer.content
                assert good.requests == []


async def test_a_conversation_stays_on_its_account(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        urls = []
        for _ in range(4):
            upstream = await stack.enter_async_context(ScriptedUpstream(answering()))
            urls.append(upstream.url)
        async with running(tmp_path, accounts=accounts(*urls)) as gateway:
            homes: dict[str, set[str]] = {}
            for turn in range(3):
                for number in range(24):
                    name = f"conversation-{number}"
                    messages = [{"role": "user", "content": f"turn {turn}"}]
                    answer = await gateway.chat({"X-Conversation-Id": name}, messages=messages)
                    assert answer.headers["x-conversation-id"] == name
                    homes.setdefault(name, set()).add(answer.headers["x-dragoman-account"])
            assert all(len(accounts) == 1 for accounts in homes.values())
            assert len({one for accounts in homes.values() for one in accounts}) == 4


async def test_without_an_id_the_opening_keeps_a_conversation_together(tmp_path: Path) -> None:
    async with ScriptedUpstream(answering()) as one, ScriptedUpstream(answering()) as two:
        async with running(tmp_path, accounts=accounts(one.url, two.url)) as gateway:
            for opening in ("a", "b", "c", "d"):
                messages: list[dict[str, str]] = []
                homes = set()
                for turn in range(3):
                    messages.append({"role": "user", "content": f"{opening} {turn}"})
                    answer = await gateway.chat(messages=messages)
                    homes.add(answer.headers["x-dragoman-account"])
                    messages.append({"role": "assistant", "content": "Hello."})
                assert len(homes) == 1


async def test_without_affinity_requests_spread(tmp_path: Path) -> None:
    async with ScriptedUpstream(answering()) as one, ScriptedUpstream(answering()) as two:
        pool = accounts(one.url, two.url)
        async with running(tmp_path, accounts=pool, routing={"affinity": False}) as gateway:
            homes = Counter(
                [(await gateway.chat()).headers["x-dragoman-account"] for _ in range(40)]
            )
            assert set(homes) == {"a", "b"}


async def test_an_account_is_not_given_more_than_it_may_hold(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def hold(_: object) -> None:
        await gate.wait()

    async with ScriptedUpstream([RECEIVE, hold, reply()]) as upstream:
        pool = accounts(upstream.url, max_concurrency=2)
        at_once = {"queue_timeout_s": 0}
        async with running(tmp_path, accounts=pool, routing=at_once) as gateway:
            first = [asyncio.create_task(gateway.chat()) for _ in range(2)]
            while len(upstream.requests) < 2:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.005)
            third = await gateway.chat()
            assert (third.status_code, third.headers["retry-after"]) == (429, "1")
            gate.set()
            assert [(await one).status_code for one in first] == [200, 200]


async def test_routing_is_not_shown_when_it_shall_not_be(tmp_path: Path) -> None:
    async with running(tmp_path, server={"expose_routing": False}) as gateway:
        answer = await gateway.chat()
        assert not [name for name in answer.headers if name.startswith("x-dragoman")]


async def test_killing_an_account_under_traffic_loses_nothing_that_had_not_begun(
    tmp_path: Path,
) -> None:
    """Half of the traffic's home dies; whatever had not begun to stream succeeds."""

    def slow(_: int) -> Script:
        async def one(connection: Any) -> None:
            request = await connection.receive()
            await asyncio.sleep(0.02)
            wants_stream = json.loads(request.body).get("stream")
            await connection.send(stream("Hello.") if wants_stream else reply())

        return [one] * 500

    async with ScriptedUpstream(slow) as survivor:
        doomed = ScriptedUpstream(slow)
        await doomed.__aenter__()
        async with running(tmp_path, accounts=accounts(doomed.url, survivor.url)) as gateway:

            async def traffic(client: int) -> list[bool]:
                results = []
                for turn in range(20):
                    streamed = (client + turn) % 2 == 0
                    answer = await gateway.chat({"x-conversation-id": f"{client}"}, stream=streamed)
                    whole = (
                        answer.content.endswith(b"data: [DONE]\n\n")
                        if streamed
                        else answer.status_code == 200
                    )
                    results.append(whole)
                return results

            async def kill() -> None:
                while len(doomed.requests) <= 20:  # noqa: ASYNC110 - the list is a plain one
                    await asyncio.sleep(0.005)
                for connection in doomed.connections:
                    if not connection.is_over:
                        connection.reset()
                doomed._server.close()

            clients = [asyncio.create_task(traffic(number)) for number in range(16)]
            await kill()
            results = [ok for client in clients for ok in await client]
            assert len(results) == 320
            # A stream that had begun when its account died may end with an error; nothing else may.
            begun = [
                line
                for line in gateway.requests
                if line["outcome"] != "complete" and line["status"] == 200
            ]
            assert results.count(False) == len(begun)
            assert len(doomed.requests) > 20
            assert {line["outcome"] for line in gateway.requests} <= {"complete", "upstream_failed"}
            assert all(line["status"] == 200 for line in gateway.requests)
        await doomed.__aexit__()


async def test_accounts_of_later_versions_are_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys.modules["dragoman.config.pending"], "PROVIDERS_NOT_YET", frozenset({"openai"})
    )
    async with ScriptedUpstream(answering()) as upstream:
        pool = accounts(upstream.url)
        pool.append({"name": "cloud", "provider": "openai", "api_key": "x"})
        async with running(tmp_path, accounts=pool) as gateway:
            assert [one.name for one in gateway.app.gateway.pool.snapshot()] == ["a"]
            assert (await gateway.chat()).status_code == 200


async def test_what_goes_upstream(tmp_path: Path) -> None:
    async with ScriptedUpstream(answering()) as upstream:
        pool = accounts(f"{upstream.url}/anthropic", headers={"x-team": "blue"})
        async with running(tmp_path, accounts=pool) as gateway:
            await gateway.chat({"x-simulate": "529", "cookie": "c", "x-forwarded-for": "1.1.1.1"})
            (sent,) = upstream.requests
            assert (sent.method, sent.target) == ("POST", "/anthropic/v1/messages")
            assert sent.headers["anthropic-version"] == "2023-06-01"
            assert sent.headers["x-team"] == "blue"
            assert sent.headers["accept-encoding"] == "identity"
            assert {"authorization", "cookie", "x-simulate", "x-forwarded-for"}.isdisjoint(
                sent.headers
            )
            content = json.loads(sent.body)
            assert content["model"] == body()["model"]
            assert content["messages"] == [
                {"role": "user", "content": [
                    {"type": "text", "text": body()["messages"][0]["content"]}]}
            ]  # fmt: skip


async def test_an_account_whose_limit_is_spent_is_left_before_it_refuses(tmp_path: Path) -> None:
    message = reply("spent").partition(b"\r\n\r\n")[2]
    spent = response(
        200,
        message,
        "date: Fri, 20 Nov 2026 10:00:00 GMT",
        "anthropic-ratelimit-requests-remaining: 0",
        "anthropic-ratelimit-requests-reset: 2026-11-20T10:00:40Z",
    )
    async with ScriptedUpstream([RECEIVE, spent]) as first:
        async with ScriptedUpstream([RECEIVE, reply("other")] * 3) as second:
            pool = accounts(first.url, second.url)
            pool[0]["priority"] = 1
            async with running(tmp_path, accounts=pool) as gateway:
                texts = [
                    (await gateway.chat()).json()["choices"][0]["message"]["content"]
                    for _ in range(3)
                ]
    assert texts == ["spent", "other", "other"]


async def test_a_drained_account_takes_nothing_new(tmp_path: Path) -> None:
    async with ScriptedUpstream(answering()) as first, ScriptedUpstream(answering()) as second:
        pool = accounts(first.url, second.url)
        pool[0]["drain"] = True
        async with running(tmp_path, accounts=pool) as gateway:
            for number in range(8):
                answer = await gateway.chat(user=f"user {number}")
                assert answer.headers["x-dragoman-account"] == "b"
            assert (await gateway.http.get("/readyz")).status_code == 200
            assert [one.name for one in gateway.app.gateway.pool.snapshot()] == ["a", "b"]
            assert not first.connections


async def test_with_every_account_drained_nothing_is_ready(tmp_path: Path) -> None:
    async with running(tmp_path, accounts=accounts("http://127.0.0.1:9", drain=True)) as gateway:
        assert (await gateway.http.get("/readyz")).status_code == 503
        answer = await gateway.chat()
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "no_account_available"

"""What passes as it came is not fetched: only who sends a picture himself needs to have it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import accounts, error, reply, running, stream
from tests.gateway.test_openai_accounts import OURS, THEIRS, account, completion
from tests.media.pictures import saved, two_halves
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

pytestmark = pytest.mark.usefixtures("no_leaks")
ANYWHERE = {"allow_private_hosts": ["127.0.0.1"]}


class Place:
    """A server of one picture, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.base = ""
        self._data = saved(two_halves(), "PNG")

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n")
        writer.write(b"content-length: %d\r\n\r\n" % len(self._data) + self._data)
        writer.close()
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def place() -> AsyncIterator[Place]:
    made = Place()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    async with server:
        made.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made


def asking(url: str, **fields: Any) -> dict[str, Any]:
    part = {"type": "image_url", "image_url": {"url": url}}
    return {"model": OURS, "messages": [{"role": "user", "content": [part]}], **fields}


def both(first: str, second: str) -> list[dict[str, Any]]:
    """An OpenAI-compatible account, and one of Anthropic's behind it that has the model, too."""
    other = accounts(second, priority=0)[0]
    return [account(first, priority=1), {**other, "models": [OURS], "model_ids": {OURS: "claude"}}]


@pytest.mark.parametrize("name", ["a.png", "a.heic"])
async def test_a_chat_that_passes_is_not_fetched_for(name: str, tmp_path: Path) -> None:
    async with (
        place() as pictures,
        ScriptedUpstream([RECEIVE, completion()]) as upstream,
        running(tmp_path, accounts=[account(upstream.url)], images=ANYWHERE) as gateway,
    ):
        asked = asking(f"{pictures.base}/{name}")
        answer = await gateway.chat(**asked)
        assert answer.status_code == 200, answer.text
        assert json.loads(upstream.requests[0].body) == {**asked, "model": THEIRS}
        assert pictures.asked == 0


async def test_several_choices_are_translated_and_fetched_for_once(tmp_path: Path) -> None:
    script = [RECEIVE, completion(), RECEIVE, completion()]
    async with (
        place() as pictures,
        ScriptedUpstream(script) as upstream,
        running(tmp_path, accounts=[account(upstream.url)], images=ANYWHERE) as gateway,
    ):
        answer = await gateway.chat(**asking(f"{pictures.base}/a.png", n=2))
        assert answer.status_code == 200, answer.text
        for request in upstream.requests:
            (part,) = json.loads(request.body)["messages"][0]["content"]
            assert part["image_url"]["url"].startswith("data:image/png;base64,")
        assert pictures.asked == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_it_is_fetched_when_another_account_has_to_send_it(
    streamed: bool, tmp_path: Path
) -> None:
    async with (
        place() as pictures,
        ScriptedUpstream([RECEIVE, error(503, "server_error", "away")]) as first,
        ScriptedUpstream([RECEIVE, stream("Hi.") if streamed else reply()]) as second,
        running(tmp_path, accounts=both(first.url, second.url), images=ANYWHERE) as gateway,
    ):
        asked = asking(f"{pictures.base}/a.png", stream=streamed, max_tokens=9)
        answer = await gateway.chat(**asked)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-dragoman-attempts"] == "2"
        assert json.loads(first.requests[0].body)["messages"] == asked["messages"]
        (block,) = json.loads(second.requests[0].body)["messages"][0]["content"]
        assert block["source"]["media_type"] == "image/png"
        assert pictures.asked == 1


async def test_messages_that_pass_are_not_fetched_for(tmp_path: Path) -> None:
    async with (
        place() as pictures,
        ScriptedUpstream([RECEIVE, reply()]) as upstream,
        running(tmp_path, accounts=accounts(upstream.url), images=ANYWHERE) as gateway,
    ):
        source = {"type": "url", "url": f"{pictures.base}/a.heic"}
        body = {
            "model": "claude-haiku-4-5-20251001",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": [{"type": "image", "source": source}]}],
        }
        answer = await gateway.http.post("/v1/messages", json=body)
        assert answer.status_code == 200, answer.text
        assert json.loads(upstream.requests[0].body) == body
        assert pictures.asked == 0

"""What Anthropic keeps for a conversation (containers, credits) is asked for where it is, or not at
all."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.harness import Harness, accounts, error, reply, running
from tests.gateway.test_clouds import again
from tests.gateway.test_messages_passing import content
from tests.scripted_upstream import Request, ScriptedUpstream

OVERLOADED = error(529, "overloaded_error", "Overloaded")
KEPT = [{"container": "container_01"}, {"fallback_credit_token": "fct_01"}]


class Upstreams:
    """Three accounts; those in ``broken`` are overloaded."""

    def __init__(self, gateway: Harness, seen: list[str]) -> None:
        self.gateway = gateway
        self.seen = seen
        """Who was asked, in order."""
        self.broken: set[str] = set()

    async def ask(self, **fields: Any) -> Any:
        headers = {"x-conversation-id": "one", "anthropic-version": "2023-06-01"}
        body = json.dumps(content(**fields)).encode()
        return await self.gateway.http.post("/v1/messages", content=body, headers=headers)


@asynccontextmanager
async def three(folder: Path, **organizations: str) -> AsyncIterator[Upstreams]:
    seen: list[str] = []
    broken: set[str] = set()

    def answer(request: Request) -> bytes:
        name = "abc"[int(request.headers["x-api-key"][-1])]
        seen.append(name)
        return OVERLOADED if name in broken else reply()

    async with ScriptedUpstream([again(answer)]) as upstream:
        pool = accounts(upstream.url, upstream.url, upstream.url)
        for one in pool:
            one["organization"] = organizations.get(one["name"], "")
        async with running(folder, accounts=pool) as gateway:
            found = Upstreams(gateway, seen)
            found.broken = broken
            yield found


@pytest.mark.parametrize("kept", KEPT)
async def test_nobody_else_is_asked_for_it(tmp_path: Path, kept: dict[str, str]) -> None:
    async with three(tmp_path) as pool:
        assert (await pool.ask()).status_code == 200
        [home] = pool.seen
        pool.broken.add(home)
        # The first time it is asked, then it is cooling down.
        for status in (529, 503):
            answer = await pool.ask(**kept)
            assert answer.status_code == status
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["error"]["type"] == "overloaded_error"
        assert set(pool.seen) == {home}
        # Without it any account will do.
        assert (await pool.ask()).status_code == 200


async def test_others_of_its_organisation_have_it_too(tmp_path: Path) -> None:
    async with three(tmp_path, a="one", b="one", c="one") as pool:
        assert (await pool.ask()).status_code == 200
        [home] = pool.seen
        pool.broken.add(home)
        assert (await pool.ask(container="container_01")).status_code == 200
        assert pool.seen[-1] != home


async def test_it_is_where_the_conversation_was_last(tmp_path: Path) -> None:
    async with three(tmp_path) as pool:
        assert (await pool.ask()).status_code == 200
        [home] = pool.seen
        pool.broken.add(home)
        assert (await pool.ask()).status_code == 200
        instead = pool.seen[-1]
        assert instead != home
        pool.broken.clear()
        assert (await pool.ask(container="container_01")).status_code == 200
        assert pool.seen[-1] == instead


async def test_null_asks_for_nothing(tmp_path: Path) -> None:
    async with three(tmp_path) as pool:
        assert (await pool.ask(container=None)).status_code == 200
        [home] = pool.seen
        pool.broken.add(home)
        assert (await pool.ask(container=None)).status_code == 200


async def test_an_account_that_is_alone_is_asked_all_the_same(tmp_path: Path) -> None:
    """As requests that use nothing it keeps are, where nobody else is left."""
    answers = iter([OVERLOADED, reply()])
    async with ScriptedUpstream([again(lambda _: next(answers))]) as upstream:
        async with running(tmp_path, accounts=accounts(upstream.url)) as gateway:
            pool = Upstreams(gateway, [])
            statuses = [(await pool.ask(container="container_01")).status_code for _ in range(2)]
    assert statuses == [529, 200]

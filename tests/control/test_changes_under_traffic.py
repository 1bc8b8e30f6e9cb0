"""Accounts are added, edited, rotated, drained and removed while 200 streams run: none breaks."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.control.harness import ACCOUNTS, Admin, administered
from tests.gateway.harness import CHAT, Harness, begin, body, finish, said, text
from tests.scripted_upstream import RECEIVE, Script, ScriptedUpstream, Wait

STREAMS = 200


class Streams:
    """Streams that upstream has begun and goes on with when the gate opens."""

    def __init__(self, gateway: Harness, gate: asyncio.Event, count: int) -> None:
        self._gateway = gateway
        self._gate = gate
        self._count = count
        self._begun = 0
        self.accounts: list[str] = []

    async def __aenter__(self) -> "Streams":
        self._tasks = [
            asyncio.get_running_loop().create_task(self._stream(number))
            for number in range(self._count)
        ]
        async with asyncio.timeout(20):
            while self._begun < self._count:  # noqa: ASYNC110 - a plain count
                await asyncio.sleep(0.005)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def finish(self) -> list[str]:
        """What all of them said, to the end."""
        self._gate.set()
        return await asyncio.gather(*self._tasks)

    async def _stream(self, number: int) -> str:
        request = body(stream=True, user=f"user {number}")
        async with self._gateway.http.stream("POST", CHAT, json=request) as answer:
            assert answer.status_code == 200
            self.accounts.append(answer.headers["x-dragoman-account"])
            content = b""
            async for piece in answer.aiter_raw():
                if b'"first half' in piece:
                    self._begun += 1
                content += piece
        assert content.endswith(b"data: [DONE]\n\n"), content[-500:]
        return said(content)


def halves(gate: asyncio.Event) -> Script:
    """Answers in two halves, the second one when the gate is open."""
    return [RECEIVE, begin() + text("first half, "), Wait(gate), text("second half"), finish()] * 9


def declared(name: str, url: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "base_url": url, "api_key": f"k-{name}", "max_concurrency": 0, **fields}


async def changed(admin: Admin, url: str) -> None:
    """Every kind of change, all of them while streams run."""
    for name in ("c", "d"):
        added = await admin.add(**declared(name, url))
        assert added.status_code == 201, added.text
    for name, fields in (
        ("c", {"weight": 5, "headers": {"x-a": "b"}}),
        ("c", {"api_key": "rotated"}),
        ("c", {"priority": 3}),
        ("d", {"drain": True}),
        ("b", {"drain": True}),
        ("b", {"drain": False}),
    ):
        answer = await admin.edit(name, **fields)
        assert answer.status_code == 200, answer.text
    for name in ("c", "d"):
        assert (await admin.http.delete(f"{ACCOUNTS}/{name}")).status_code == 200


async def test_changes_break_no_stream(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with ScriptedUpstream(halves(gate)) as upstream:
        async with administered(tmp_path, accounts=[declared("b", upstream.url)]) as admin:
            for name in ("x", "y", "z"):
                added = await admin.add(**declared(name, upstream.url))
                assert added.status_code == 201, added.text
            async with Streams(admin.gateway, gate, STREAMS) as streams:
                rows = (await admin.http.get(ACCOUNTS)).json()["data"]
                assert {row["name"] for row in rows if row["in_flight"]} == {"b", "x", "y", "z"}
                await changed(admin, upstream.url)
                # Those that streams run on, too.
                assert (await admin.edit("x", api_key="rotated")).status_code == 200
                assert (await admin.edit("y", drain=True)).json()["in_flight"] > 0
                assert (await admin.http.delete(f"{ACCOUNTS}/z")).status_code == 200
                admin.gateway.app.reload()
                assert await streams.finish() == ["first half, second half"] * STREAMS
            lines = await admin.gateway.ended(STREAMS)
            assert {line["outcome"] for line in lines} == {"complete"}
            assert {line["attempts"] for line in lines} == {1}
            assert {line["account"] for line in lines} == set(streams.accounts)
            # Nothing is left in flight, and who was drained stays so.
            rows = (await admin.http.get(ACCOUNTS)).json()["data"]
            assert [(row["name"], row["in_flight"]) for row in rows] == [
                ("b", 0),
                ("x", 0),
                ("y", 0),
            ]
            assert (await admin.account("y"))["state"] == "draining"
            stored = json.loads((tmp_path / "data" / "accounts.json").read_bytes())
            assert [one["name"] for one in stored["accounts"]] == ["x", "y"]


async def test_new_requests_follow_the_changes_at_once(tmp_path: Path) -> None:
    gate = asyncio.Event()
    gate.set()
    async with ScriptedUpstream(halves(gate)) as upstream:
        async with administered(tmp_path, accounts=[declared("a", upstream.url)]) as admin:

            async def served_by() -> str:
                async with Streams(admin.gateway, gate, 1) as streams:
                    await streams.finish()
                return streams.accounts[0]

            assert await served_by() == "a"
            await admin.add(**declared("b", upstream.url, priority=1))
            assert await served_by() == "b"
            await admin.edit("b", drain=True)
            assert await served_by() == "a"
            await admin.edit("b", drain=False)
            assert await served_by() == "b"
            await admin.http.delete(f"{ACCOUNTS}/b")
            assert await served_by() == "a"
            assert (await admin.gateway.ended(5))[-1]["account"] == "a"

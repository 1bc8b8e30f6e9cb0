"""Conversations that share their instructions, seen from outside."""

from pathlib import Path

from tests.gateway.harness import Harness, accounts, reply, running
from tests.scripted_upstream import RECEIVE, ScriptedUpstream

LONG = "You answer in few words. " * 700


async def ask(gateway: Harness, number: int, instructions: str = LONG) -> str:
    """The account that serves a conversation."""
    messages = [
        {"role": "system", "content": instructions},
        {"role": "user", "content": f"Question {number}"},
    ]
    return (await gateway.chat(messages=messages)).headers["x-dragoman-account"]


async def test_who_shares_instructions_shares_an_account_while_it_has_room(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, reply()] * 20) as upstream:
        async with running(tmp_path, accounts=accounts(*[upstream.url] * 8)) as gateway:
            (place,) = {await ask(gateway, number) for number in range(4)}
            (account,) = [one for one in gateway.app.pool.snapshot() if one.name == place]
            account.recent = 100.0
            others = {await ask(gateway, number) for number in range(4, 6)}
            assert place not in others, "new conversations go where there is room"
            assert {await ask(gateway, number) for number in range(4)} == {place}
            assert len(gateway.app.pool.detours) == 6


async def test_what_is_not_worth_caching_is_not_remembered(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, reply()] * 20) as upstream:
        async with running(tmp_path, accounts=accounts(*[upstream.url] * 8)) as gateway:
            assert len({await ask(gateway, number, "Be brief.") for number in range(12)}) > 1
            assert not gateway.app.pool.detours


async def test_without_affinity_instructions_bind_nobody(tmp_path: Path) -> None:
    async with ScriptedUpstream([RECEIVE, reply()] * 20) as upstream:
        pool = accounts(*[upstream.url] * 8)
        async with running(tmp_path, accounts=pool, routing={"affinity": False}) as gateway:
            assert len({await ask(gateway, 1) for _ in range(12)}) > 1
            assert not gateway.app.pool.detours

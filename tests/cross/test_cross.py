"""The cross table: every dialect on every carrier, whole and streamed, row by row.

A cell is a conversation by the official SDK of its dialect, through a running gateway, with a
scripted upstream that speaks its carrier's wire. What the user reads out and what upstream
understands is the same in all cells of a row, but for ``differences.py``; and so are the figures in
the gateway's log.
"""

import json
from typing import Any

import pytest

from tests.cross import differences
from tests.cross.clients import CLIENTS
from tests.cross.meaning import Answer, Asked, Broken, Meaning, Usage
from tests.cross.scenarios import ROWS, meaning, renamed, seen
from tests.cross.upstreams import UPSTREAMS
from tests.cross.world import World


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("carrier", UPSTREAMS)
@pytest.mark.parametrize("dialect", CLIENTS)
async def test_cell(world: World, dialect: str, carrier: str, row: str, stream: bool) -> None:
    told, gateway = ROWS[row], await world.at(carrier)
    stage, client = gateway.stages[carrier], gateway.clients[dialect]
    here = differences.of(dialect, carrier, row)
    stage.says(*[here.said(said) for said in told.said])
    past: list[Any] = []
    async with gateway.logging() as lines:
        for at, said in enumerate(told.said):
            found = await client.ask(told.asked, past, stream=stream)
            assert read(found.meaning, told.asked) == here.meaning(meaning(said, stream=stream))
            sent = seen(told, at, stage.upstream.ids[told.asked.model], stream=stream)
            assert stage.seen[at:] == here.seen(sent)
            assert found.warnings == ("" if stream else here.warns)
            past += [*found.echo, *(client.turn(told.after[at]) if at < len(told.after) else ())]
    for said, line in zip(told.said, lines, strict=True):
        if isinstance(said, Answer) and not here.refused:
            assert (figures(line), line["outcome"]) == (
                said.usage._replace(reasoning=0),
                "complete",
            )
        elif isinstance(said, Broken):
            assert line["outcome"] == "upstream_failed"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("carrier", differences.CLAUDE)
async def test_plain_chat_clients_go_on_thinking(world: World, carrier: str, stream: bool) -> None:
    """They send back texts and calls only. What was signed goes upstream all the same."""
    told = renamed(ROWS["thinking between tools"], f"{stream}")
    gateway = await world.at(carrier)
    stage, client = gateway.stages[carrier], gateway.clients["chat"]
    stage.says(*told.said)
    async with gateway.logging():
        first = await client.ask(told.asked, [], stream=stream)
        (said,) = first.echo
        plain = {name: said[name] for name in ("role", "content", "tool_calls")}
        past = [plain, *client.turn(told.after[0])]
        await client.ask(told.asked, past, stream=stream)
    assert stage.seen[1] == seen(told, 1, stage.upstream.ids[told.asked.model], stream=stream)


def read(found: Meaning, asked: Asked) -> Meaning:
    """A text that was to be JSON is read as JSON: white space in it means nothing."""
    if asked.schema is None or found.problem is not None:
        return found
    return found._replace(text=json.dumps(json.loads(found.text)))


def figures(line: dict[str, Any]) -> Usage:
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    return Usage(*[line.get(name, 0) for name in names])


@pytest.mark.parametrize("at", range(len(differences.DIFFERENCES)))
def test_a_difference_is_one(at: int) -> None:
    """It concerns some cell, names a reason, and changes what is expected there."""
    difference = differences.DIFFERENCES[at]
    assert difference.row in ROWS and len(difference.reason) > 20
    assert difference.dialects <= set(CLIENTS) and difference.carriers <= set(UPSTREAMS)
    told = ROWS[difference.row]
    assert any(
        difference.said(said) != said
        or difference.meaning(understood := meaning(said, stream=False)) != understood
        or difference.seen(sent := seen(told, at, "x", stream=False)) != sent
        for at, said in enumerate(told.said)
    )

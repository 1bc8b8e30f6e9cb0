"""A tool loop that moves: its first turn on one carrier, its second on another.

One turn is streamed, the other one is not. The first account is overloaded when the results come,
so the second one is asked, whatever it speaks: the conversation it sees is the one that the first
would have seen, signatures included where it can take them.
"""

from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.cross.differences import thoughts_first, unsigned
from tests.cross.meaning import Redacted, Refusal, Seen, Thought
from tests.cross.scenarios import ROWS, meaning, seen
from tests.cross.upstreams import UPSTREAMS
from tests.cross.world import Gateway, gateway
from tests.leak_watch import leak_watch

SERVERS = {"openai", "openrouter"}
"""Those that speak Chat Completions."""
PAIRS = [
    (one, other)
    for one in UPSTREAMS
    for other in UPSTREAMS
    if one != other and {one, other} & {"anthropic", "openai"} and not SERVERS >= {one, other}
]
ROW = ROWS["thinking between tools"]


def moved(pair: tuple[str, str], dialect: str, *, stream: bool) -> Seen:
    """What the second account sees of the second turn."""
    first, second = pair
    sent = seen(ROW, 1, UPSTREAMS[second].ids[ROW.asked.model], stream=stream)
    if "openrouter" in pair and dialect == "chat":
        # A chat client itself sends the signed list back, whoever made it.
        return thoughts_first(sent)
    if second in SERVERS:
        return unsigned(sent)
    if first in SERVERS:
        # Claude did not sign what was thought there, and takes nothing else back.
        turns = [
            (role, tuple(part for part in parts if not isinstance(part, Thought | Redacted)))
            for role, parts in sent.turns
        ]
        return sent._replace(turns=tuple(turns))
    return sent


async def loop(running: Gateway, pair: tuple[str, str], dialect: str, stream: bool) -> Any:
    """What was understood of both turns, and what the second account saw."""
    one, other = (running.stages[name] for name in pair)
    client = running.clients[dialect]
    begun, ended = ROW.said[:2]
    one.says(begun, Refusal("overloaded"))
    other.says(ended)
    async with running.logging() as lines:
        first = await client.ask(ROW.asked, [], stream=stream)
        past = [*first.echo, *client.turn(ROW.after[0])]
        second = await client.ask(ROW.asked, past, stream=not stream)
    assert len(one.seen) == 2
    assert [line["account"] for line in lines] == list(pair)
    return first.meaning, second.meaning, other.seen


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
async def test_a_loop_moves_to_another_carrier(tmp_path: Path, pair: tuple[str, str]) -> None:
    async with leak_watch(), gateway(tmp_path, *pair) as running:
        for dialect, stream in zip(running.clients, cycle((False, True))):
            found = await loop(running, pair, dialect, stream)
            begun, ended = (meaning(said, stream=stream) for said in ROW.said[:2])
            assert found == (begun, ended, [moved(pair, dialect, stream=not stream)]), dialect

"""The rows of the table: what is asked, what upstream says, and so what is understood."""

import json
from dataclasses import dataclass, replace
from typing import Any

from tests.cross.meaning import (
    Answer,
    Asked,
    Broken,
    Call,
    Image,
    Meaning,
    Problem,
    Redacted,
    Refusal,
    Result,
    Said,
    Seen,
    Thought,
    Tool,
    Usage,
    png,
)
from tests.cross.upstreams import HAIKU, OPUS

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
JSON = {"city": "Paris", "days": 3}
WEATHER = Tool("get_weather", "The weather of a city.", SCHEMA)
CLOCK = Tool("get_time", "What time it is.", {"type": "object", "properties": {}})
PARIS = Call("toolu_01Par", "get_weather", {"city": "Paris – „là“", "days": 3})
ROME = Call("toolu_01Rom", "get_weather", {"city": "Rome", "days": 1})
# Of their own, because signed thinking is remembered by calls.
PHOTO, ROMAN = PARIS._replace(id="toolu_01Pho"), ROME._replace(id="toolu_01Rmn")
NOW = Call("toolu_01Now", "get_time", {})
# Bytes that a careless translation changes: escapes, a slash, half of an emoji's pair in a row.
SIGNATURE = "EqQBCgIYAhIkQ+/==" * 7
THOUGHT = Thought('First Paris:\n"\\" and \t 巴黎 \U0001f5fc, then Rome.', SIGNATURE)
AGAIN = Thought("And Rome?", SIGNATURE[::-1])
HIDDEN = Redacted("EmwKAhgBEgy3va3pzix/LafPsn4a")
IMAGE = Image("image/png", png())
WORDS = "What is the weather?\n\U0001f327 你好 “quoted” \\ /"


@dataclass(frozen=True)
class Row:
    """A conversation of one or more requests."""

    asked: Asked
    said: tuple[Said, ...]
    """What upstream says, request by request."""
    results: tuple[Result, ...] = ()
    """What the tools gave after the first answer."""


_LOOP = Asked(OPUS, (WORDS,), tools=(WEATHER,), effort="high")
_PLAIN = Asked(OPUS, (WORDS,))

ROWS: dict[str, Row] = {
    "text": Row(_PLAIN, (Answer(("Sunny – ☀️ „fein“.\n",)),)),
    "tools": Row(
        Asked(OPUS, (WORDS,), tools=(WEATHER, CLOCK), choice="get_weather"),
        (Answer(("I look.", PARIS), "calls"), Answer(("Sunny.",), usage=Usage(1, 240, 9, 3, 0))),
        (Result(PARIS.id, '{"sky": "blue"}'),),
    ),
    "parallel tools": Row(
        Asked(OPUS, (WORDS,), tools=(WEATHER, CLOCK), choice="any"),
        (Answer((PARIS, ROME, NOW), "calls"), Answer(("Sunny, rain, noon.",))),
        (Result(PARIS.id, "sun"), Result(ROME.id, "rain"), Result(NOW.id, "noon")),
    ),
    "thinking and tools": Row(
        _LOOP,
        (
            Answer((THOUGHT, "I look.", PARIS, ROME), "calls", usage=Usage(11, 200, 30, 70, 60)),
            Answer(("Sunny and rain.",), usage=Usage(4, 230, 90, 9, 2)),
        ),
        (Result(PARIS.id, "sun"), Result(ROME.id, "rain")),
    ),
    "thinking between tools": Row(
        _LOOP,
        (
            Answer((HIDDEN, THOUGHT, "I look.", PARIS, AGAIN, ROME), "calls"),
            Answer((AGAIN, "Sunny and rain.")),
        ),
        (Result(PARIS.id, "sun"), Result(ROME.id, "rain")),
    ),
    "image in a result": Row(
        Asked(OPUS, (WORDS,), tools=(WEATHER,)),
        (Answer((PHOTO, ROMAN), "calls"), Answer(("Blue.",))),
        (Result(PHOTO.id, "A photo:", IMAGE), Result(ROMAN.id, "rain")),
    ),
    "image": Row(Asked(OPUS, ("Look:", IMAGE, "What is it?")), (Answer(("A picture.",)),)),
    "structured output": Row(Asked(HAIKU, (WORDS,), schema=SCHEMA), (Answer((json.dumps(JSON),)),)),
    "structured output of a newer model": Row(
        Asked(OPUS, (WORDS,), schema=SCHEMA), (Answer((json.dumps(JSON),)),)
    ),
    "stop sequence": Row(
        Asked(OPUS, (WORDS,), stops=("###", "END")), (Answer(("Until here",), stopped_by="END"),)
    ),
    "limit": Row(Asked(OPUS, (WORDS,), limit=5), (Answer(("Until h",), "limit"),)),
    "refused": Row(_PLAIN, (Answer(("I can",), "refused"),)),
    "throttled": Row(_PLAIN, (Refusal("throttled"),)),
    "overloaded": Row(_PLAIN, (Refusal("overloaded"),)),
    "rejected": Row(_PLAIN, (Refusal("rejected"),)),
    "error inside": Row(_PLAIN, (Broken("Hello, wor"),)),
    "cut off": Row(_PLAIN, (Broken("Hello, wor", cut=True),)),
}


def renamed(row: Row, ending: str) -> Row:
    """The same conversation with other ids of calls, so that nobody remembers it."""

    def other(part: Any) -> Any:
        return part._replace(id=part.id + ending) if isinstance(part, Call) else part

    said = [
        replace(one, parts=tuple(map(other, one.parts))) if isinstance(one, Answer) else one
        for one in row.said
    ]
    results = [one._replace(call_id=one.call_id + ending) for one in row.results]
    return replace(row, said=tuple(said), results=tuple(results))


_STATUSES = {"throttled": 429, "overloaded": 503, "rejected": 400}


def meaning(said: Said, *, stream: bool) -> Meaning:
    """What a user reads out of what upstream said."""
    if isinstance(said, Refusal):
        return Meaning(problem=Problem(_STATUSES[said.kind], said.kind))
    if isinstance(said, Broken):
        if stream:
            kind = "broken" if said.cut else "overloaded"
            return Meaning(text=said.text, problem=Problem(None, kind))
        return Meaning(problem=Problem(502, "broken"))
    return Meaning(said.thinking, said.text, said.calls, said.finish, said.stopped_by, said.usage)


def seen(row: Row, at: int, model: str, *, stream: bool) -> Seen:
    """What upstream sees of the row's request number ``at``."""
    asked = row.asked
    turns: list[Any] = [("user", asked.words)]
    if at:
        first = row.said[0]
        assert isinstance(first, Answer)
        turns.append(("assistant", first.parts))
        turns.append(("user", row.results))
    return Seen(
        model, asked.system, tuple(turns), asked.tools, asked.choice, asked.limit, asked.stops,
        asked.schema, asked.effort, stream,
    )  # fmt: skip

"""The rows of the table: what is asked, what upstream says, and so what is understood."""

import json
from dataclasses import dataclass, replace
from typing import Any

from tests.cross.meaning import (
    Answer,
    Asked,
    Broken,
    Call,
    Document,
    Image,
    Meaning,
    Part,
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
PAPER = Document("page.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<<>>\n%%EOF\n")
IMAGE = Image("image/png", png())
WORDS = "What is the weather?\n\U0001f327 你好 “quoted” \\ /"


@dataclass(frozen=True)
class Row:
    """A conversation of one or more requests."""

    asked: Asked
    said: tuple[Said, ...]
    """What upstream says, request by request."""
    after: tuple[tuple[Part, ...], ...] = ()
    """What the user's turn is after each answer but the last."""


_LOOP = Asked(OPUS, (WORDS,), tools=(WEATHER,), effort="high")
_PLAIN = Asked(OPUS, (WORDS,))
_SUN, _RAIN = Result(PARIS.id, "sun"), Result(ROME.id, "rain")

ROWS: dict[str, Row] = {
    "text": Row(
        Asked(HAIKU, (WORDS,), temperature=0.25, user="user-17"),
        (Answer(("Sunny – ☀️ „fein“.\n",)),),
    ),
    "nothing": Row(_PLAIN, (Answer(()),)),
    "tools": Row(
        Asked(OPUS, (WORDS,), tools=(WEATHER, CLOCK), choice="get_weather", parallel=False),
        (Answer(("I look.", PARIS), "calls"), Answer(("Sunny.",), usage=Usage(1, 240, 9, 3, 0))),
        ((Result(PARIS.id, '{"sky": "blue"}'),),),
    ),
    "parallel tools": Row(
        Asked(OPUS, (WORDS,), tools=(WEATHER, CLOCK), choice="any"),
        (Answer((PARIS, ROME, NOW), "calls"), Answer(("Sunny, rain, noon.",))),
        ((_SUN, _RAIN, Result(NOW.id, "noon")),),
    ),
    "thinking and tools": Row(
        _LOOP,
        (
            Answer((THOUGHT, "I look.", PARIS, ROME), "calls", usage=Usage(11, 200, 30, 70, 60)),
            Answer(("Sunny and rain.",), usage=Usage(4, 230, 90, 9, 2)),
        ),
        ((_SUN, _RAIN),),
    ),
    "thinking between tools": Row(
        _LOOP,
        (
            Answer((HIDDEN, THOUGHT, "I look.", PARIS, AGAIN, ROME), "calls"),
            Answer((AGAIN, NOW), "calls"),
            Answer((AGAIN, "Sunny and rain.")),
            Answer(("As I said.",)),
        ),
        ((_SUN, _RAIN), (Result(NOW.id, "noon"),), ("Are you sure?",)),
    ),
    "image in a result": Row(
        Asked(OPUS, (WORDS,), tools=(WEATHER,)),
        (Answer((PHOTO, ROMAN), "calls"), Answer(("Blue.",))),
        ((Result(PHOTO.id, "A photo:", IMAGE), Result(ROMAN.id, "rain")),),
    ),
    "document": Row(Asked(OPUS, ("Read:", PAPER)), (Answer(("An empty page.",)),)),
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
    "too long": Row(_PLAIN, (Refusal("too long"),)),
    "bad key": Row(_PLAIN, (Refusal("bad key"),)),
    "no model": Row(_PLAIN, (Refusal("no model"),)),
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
    after = [
        tuple(one._replace(call_id=one.call_id + ending) if isinstance(one, Result) else one
              for one in turn)
        for turn in row.after
    ]  # fmt: skip
    return replace(row, said=tuple(said), after=tuple(after))


_STATUSES = {
    "throttled": 429, "overloaded": 503, "rejected": 400, "too long": 400, "bad key": 502,
    "no model": 404,
}  # fmt: skip
"""By which a client knows what is its own doing; a bad key of an account's is not."""


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
    for said, after in zip(row.said[:at], row.after[:at], strict=True):
        assert isinstance(said, Answer)
        turns += [("assistant", said.parts), ("user", after)]
    return Seen(
        model, asked.system, tuple(turns), asked.tools, asked.choice, asked.limit, asked.stops,
        asked.schema, asked.effort, stream, asked.parallel, asked.temperature, asked.user,
    )  # fmt: skip

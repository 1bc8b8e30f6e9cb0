"""Where cells of the table differ, and why. What is not here is the same everywhere."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from tests.cross.clients import CLIENTS
from tests.cross.meaning import (
    Answer,
    Call,
    Meaning,
    Problem,
    Redacted,
    Result,
    Said,
    Seen,
    Thought,
    Tool,
    Turn,
)
from tests.cross.scenarios import JSON, SCHEMA
from tests.cross.upstreams import UPSTREAMS

ALL_CARRIERS = frozenset(UPSTREAMS)
CLAUDE = [name for name in UPSTREAMS if name not in ("openai", "openrouter")]
"""Carriers that speak as Claude's own API does."""
ALL_DIALECTS = frozenset(CLIENTS)


def _same_meaning(meaning: Meaning) -> Meaning:
    return meaning


def _same_seen(seen: Seen) -> Seen:
    return seen


def _same_said(said: Said) -> Said:
    return said


class Difference(NamedTuple):
    """What some cells of a row cannot say."""

    reason: str
    row: str
    dialects: frozenset[str] = ALL_DIALECTS
    carriers: frozenset[str] = ALL_CARRIERS
    meaning: Callable[[Meaning], Meaning] = _same_meaning
    seen: Callable[[Seen], Seen] = _same_seen
    said: Callable[[Said], Said] = _same_said
    """What upstream says to what it sees."""
    warns: str = ""
    """What ``x-dragoman-warnings`` names."""
    refused: bool = False
    """The gateway sends nothing to such an account."""

    def concerns(self, dialect: str, carrier: str, row: str) -> bool:
        return row == self.row and dialect in self.dialects and carrier in self.carriers


def _not_said_by_which(meaning: Meaning) -> Meaning:
    return meaning._replace(stopped_by=None)


def _status_529(meaning: Meaning) -> Meaning:
    assert meaning.problem is not None
    return meaning._replace(problem=meaning.problem._replace(status=529))


def _one_type(meaning: Meaning) -> Meaning:
    assert meaning.problem is not None
    return meaning._replace(problem=meaning.problem._replace(kind="broken"))


def unsigned(seen: Seen) -> Seen:
    """The request as a server sees it that has one field for all thinking, and no signatures."""

    def bare(turn: Turn) -> Turn:
        role, parts = turn
        thought = "".join(part.text for part in parts if isinstance(part, Thought))
        others = tuple(part for part in parts if not isinstance(part, Thought | Redacted))
        return role, (Thought(thought, ""), *others) if thought else others

    return seen._replace(turns=tuple(bare(turn) for turn in seen.turns))


def thoughts_first(seen: Seen) -> Seen:
    """The request with what was thought in each turn before what was said in it."""

    def sorted_(turn: Turn) -> Turn:
        role, parts = turn
        return role, tuple(sorted(parts, key=lambda one: not isinstance(one, Thought | Redacted)))

    return seen._replace(turns=tuple(sorted_(turn) for turn in seen.turns))


def _images_later(seen: Seen) -> Seen:
    """The request with a note where a result had a picture, and the picture behind all results."""

    def parted(turn: Turn) -> Turn:
        role, parts = turn
        images = [part.image for part in parts if isinstance(part, Result) and part.image]
        noted = [
            Result(part.call_id, f"{part.text}\n(image, see the next message)")
            if isinstance(part, Result) and part.image
            else part
            for part in parts
        ]
        return role, (*noted, *images)

    return seen._replace(turns=tuple(parted(turn) for turn in seen.turns))


_JSON_TOOL = Tool("json_reply", "Give your answer by calling this tool, and only so.", SCHEMA)


def _asked_by_tool(seen: Seen) -> Seen:
    return seen._replace(schema=None, tools=(_JSON_TOOL,), choice=_JSON_TOOL.name, parallel=False)


def _told_by_tool(said: Said) -> Said:
    assert isinstance(said, Answer)
    return replace(said, parts=(Call("toolu_01Jso", _JSON_TOOL.name, JSON),), finish="calls")


def _rejected(meaning: Meaning) -> Meaning:
    del meaning
    return Meaning(problem=Problem(400, "rejected"))


_CHAT, _MESSAGES = frozenset({"chat"}), frozenset({"messages"})
_RESPONSES, _OPENAI = frozenset({"responses"}), frozenset({"openai"})
_BEDROCK, _ROUTER = frozenset({"bedrock"}), frozenset({"openrouter"})

DIFFERENCES = (
    Difference(
        "InvokeModel keeps newer models to no schema: they are made to call a tool of that shape",
        "structured output of a newer model",
        dialects=_CHAT | _RESPONSES,
        carriers=_BEDROCK,
        seen=_asked_by_tool,
        said=_told_by_tool,
    ),
    Difference(
        "InvokeModel keeps newer models to no schema, and requests of Messages are not rewritten",
        "structured output of a newer model",
        dialects=_MESSAGES,
        carriers=_BEDROCK,
        meaning=_rejected,
        refused=True,
    ),
    Difference(
        "finish_reason of Chat Completions and status of Responses have no word for the sequence",
        "stop sequence",
        dialects=_CHAT | _RESPONSES,
        meaning=_not_said_by_which,
    ),
    Difference(
        "Chat Completions upstream does not say by which sequence it was stopped",
        "stop sequence",
        carriers=_OPENAI | _ROUTER,
        meaning=_not_said_by_which,
    ),
    Difference(
        "Responses have no stop sequences",
        "stop sequence",
        dialects=_RESPONSES,
        seen=lambda seen: seen._replace(stops=()),
        warns="stop=unknown parameter",
    ),
    Difference(
        "Anthropic's API has a status of its own for overload, by which its clients know it",
        "overloaded",
        dialects=_MESSAGES,
        meaning=_status_529,
    ),
    Difference(
        "a tool message holds texts only: a picture comes with what the user says after it",
        "image in a result",
        dialects=_MESSAGES | _RESPONSES,
        carriers=_OPENAI | _ROUTER,
        seen=_images_later,
    ),
    Difference(
        "Anthropic's API has one type of error for all that is not the client's doing",
        "bad key",
        dialects=_MESSAGES,
        meaning=_one_type,
    ),
    Difference(
        "not every server that speaks Chat Completions reads PDF, and this one is not known to",
        "document",
        dialects=_MESSAGES | _RESPONSES,
        carriers=_OPENAI,
        meaning=_rejected,
        refused=True,
    ),
    Difference(
        "Chat Completions upstream signs nothing",
        "thinking and tools",
        carriers=_OPENAI,
        seen=unsigned,
    ),
    Difference(
        "Chat Completions upstream signs nothing, hides nothing and thinks before it calls",
        "thinking between tools",
        carriers=_OPENAI,
        seen=unsigned,
    ),
    Difference(
        "OpenRouter has one list for all thinking of an answer, signed, before text and calls",
        "thinking between tools",
        carriers=_ROUTER,
        seen=thoughts_first,
    ),
)


class Here(NamedTuple):
    """All that differs in a cell."""

    found: list[Difference]

    def said(self, said: Said) -> Said:
        for one in self.found:
            said = one.said(said)
        return said

    def meaning(self, meaning: Meaning) -> Meaning:
        for one in self.found:
            meaning = one.meaning(meaning)
        return meaning

    def seen(self, seen: Seen) -> list[Seen]:
        """What arrives upstream: nothing, where the gateway itself refuses."""
        for one in self.found:
            seen = one.seen(seen)
        return [] if self.refused else [seen]

    @property
    def refused(self) -> bool:
        return any(one.refused for one in self.found)

    @property
    def warns(self) -> str:
        return ", ".join(one.warns for one in self.found if one.warns)


def of(dialect: str, carrier: str, row: str) -> Here:
    """What differs in a cell."""
    return Here([one for one in DIFFERENCES if one.concerns(dialect, carrier, row)])

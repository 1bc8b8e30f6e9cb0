"""Which tools an answer calls, and with what.

A forced tool is called. Otherwise a tool is called when the question and the tool's name,
description or parameters share words that mean something; the tool that shares most wins. A
question that names several places gets one call for each, unless parallel calls are switched off.
"""

import hashlib
import re
from typing import NamedTuple

from dragoman.codec import jsonio
from dragoman.simulator.hints import Hints, mentions
from dragoman.simulator.prompt import Prompt
from dragoman.simulator.schema import Maker
from dragoman.simulator.shape import Json, child, text_of
from dragoman.simulator.vocabulary import STOP_WORDS, english
from dragoman.simulator.wording import PLACE_WORDS, words_of

MAX_PARALLEL = 8
_ENOUGH = 3
"""Points from which a tool is called: its name shares a word, or its description three."""
_NAME_POINTS = 3
_PARAMETER_POINTS = 1
_DESCRIPTION_POINTS = 1
_WORD = re.compile(r"[a-z]{2,}|\d+|[\u00c0-\u024f\u0400-\u04ff\u0600-\u06ff\uac00-\ud7af]{2,}")
_CHINESE = re.compile("[\u3041-\u30ff\u3400-\u9fff]{2,}")
_SEARCHING = (
    *"search google latest news recent today current currently busca cherche suche".split(),
    *("look up", "right now", "this week", "this year"),
    *"搜索 搜一下 查一下 最新 新闻 今天 検索 검색 최신 найди новости ابحث".split(),
)


class Call(NamedTuple):
    """One tool call."""

    name: str
    input: Json


def calls_for(prompt: Prompt) -> list[Call]:
    """The calls an answer makes; none when it answers in words."""
    custom = [tool for tool in prompt.tools if "input_schema" in tool]
    kind = prompt.tool_choice.get("type", "auto")
    if kind == "none" or not custom:
        return []
    if kind == "tool":
        wanted = [tool for tool in custom if tool["name"] == prompt.tool_choice["name"]]
        return _calls(prompt, wanted[0]) if wanted else []
    best = max(custom, key=lambda tool: _points(prompt.wish, tool))
    if kind == "any":
        return _calls(prompt, best)
    if prompt.results or not prompt.asked_now or _points(prompt.wish, best) < _ENOUGH:
        return []
    return _calls(prompt, best)


def searches(prompt: Prompt) -> str:
    """The query of a web search, when such a tool is declared and the question calls for one."""
    declared = any(text_of(tool, "type").startswith("web_search_") for tool in prompt.tools)
    if not declared or prompt.results or prompt.tool_choice.get("type") == "none":
        return ""
    forced = prompt.tool_choice.get("type") in ("any", "tool")
    if not forced and not (prompt.asked_now and mentions(prompt.wish, _SEARCHING)):
        return ""
    return Hints(prompt.question).question[:200]


def call_id(prompt: Prompt, number: int) -> str:
    """The id of a call: by content and position, so that equal requests agree, other turns
    differ."""
    seed = prompt.digest + b"%d:%d" % (len(prompt.messages), number)
    digest = hashlib.blake2b(seed, digest_size=18, person=b"dragoman-call").digest()
    letters = "".join(_BASE58[byte % 58] for byte in digest)
    return "toolu_01" + letters + letters[:4]


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def from_schema(schema: Json, question: str) -> str:
    """JSON text that satisfies a schema, for structured answers."""
    made = Maker(schema, Hints(question), generous=True).make()
    return jsonio.encode(made).decode()


def _calls(prompt: Prompt, tool: Json) -> list[Call]:
    hints = Hints(prompt.question)
    places = hints.places[:MAX_PARALLEL] if _takes_one_place(tool) else []
    if prompt.tool_choice.get("disable_parallel_tool_use") is True:
        places = places[:1]
    name: str = tool["name"]
    return [
        Call(name, Maker(tool["input_schema"], hints, place=place).make())
        for place in places or [""]
    ]


def _takes_one_place(tool: Json) -> bool:
    """Whether exactly one string parameter is a place, so that two places need two calls."""
    properties = child(child(tool, "input_schema"), "properties")
    found = [
        name
        for name, schema in properties.items()
        if not PLACE_WORDS.isdisjoint(words_of(name))
        and isinstance(schema, dict)
        and schema.get("type", "string") == "string"  # pyright: ignore[reportUnknownMemberType]
    ]
    return len(found) == 1


def _points(question: str, tool: Json) -> int:
    """How much a question and a tool have in common."""
    asked = _stems(question) | {_stem(word) for word in english(question)}
    name = {_stem(word) for word in words_of(tool["name"])} - _STOP_STEMS
    described = _stems(text_of(tool, "description")[:2000])
    parameters = child(child(tool, "input_schema"), "properties")
    named = {_stem(word) for key in parameters for word in words_of(key)} - _STOP_STEMS
    return (
        _NAME_POINTS * len(asked & name)
        + _DESCRIPTION_POINTS * len(asked & described)
        + _PARAMETER_POINTS * len(asked & named)
        + _shared_chinese(question, tool)
    )


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(text.lower())} - _STOP_STEMS


def _stem(word: str) -> str:
    """A word without its English ending, roughly."""
    for ending in ("ations", "ation", "ating", "ates", "ated", "ator", "ing", "ies", "ers", "es"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    for ending in ("ate", "er", "ed", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


_STOP_STEMS = frozenset(_stem(word) for word in STOP_WORDS) | STOP_WORDS


def _shared_chinese(question: str, tool: Json) -> int:
    """Two-character words that question and description share; two points each."""
    described = _bigrams(text_of(tool, "description")[:1000] + " " + text_of(tool, "name"))
    if not described:
        return 0
    return 2 * len(_bigrams(question[:2000]) & described)


def _bigrams(text: str) -> set[str]:
    return {
        run[at : at + 2] for run in _CHINESE.findall(text) for at in range(len(run) - 1)
    } - _COMMON_BIGRAMS


_COMMON_BIGRAMS = frozenset(
    ("一个", "一下", "什么", "怎么", "可以", "这个", "用户", "获取", "今天", "返回")
)

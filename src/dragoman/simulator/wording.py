"""Strings for a tool's arguments: by pattern, by format, by the name of the parameter, from the
question."""

import re

from dragoman.simulator.hints import Hints
from dragoman.simulator.pattern import example
from dragoman.simulator.shape import Json, is_number, text_of

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\x00-\x7f]+")
_GIVEN_EXAMPLE = re.compile(
    r"(?:e\.g\.|for example|such as|例如|比如|like)[,:]?\s*[\"'`]?([^\"'`;()\n]{2,60})"
)
_MAX_LENGTH = 4096

_FORMATS = {
    "date-time": "2026-01-15T12:00:00Z",
    "date": "2026-01-15",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "user@example.com",
    "idn-email": "user@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "https://example.com/",
    "iri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "json-pointer": "/item",
    "regex": "^a$",
    "binary": "simulated",
    "byte": "c2ltdWxhdGVk",
}
_FOUND_BY_FORMAT = {
    "email": "email",
    "idn-email": "email",
    "uri": "url",
    "iri": "url",
    "url": "url",
    "uri-reference": "url",
    "date": "date",
}

PLACE_WORDS = frozenset(
    "location city cities place places address destination origin town region country state area"
    " where venue 城市 地点 位置 地址 国家 目的地 出发地 場所 都市 도시 위치 장소".split()
)
_SECOND_PLACE = frozenset(("destination", "arrival", "target", "目的地"))
_FIRST_PLACE = frozenset(("origin", "departure", "source", "出发地"))
_TEXT_WORDS = frozenset(
    "query q search keyword keywords question prompt text input message content topic subject term"
    " terms description body note task instruction instructions request reason thought summary"
    " 查询 关键词 问题 内容 文本 消息".split()
)
_KINDS = {
    "expression": "expression",
    "formula": "expression",
    "equation": "expression",
    "calculation": "expression",
    "email": "email",
    "recipient": "email",
    "to": "email",
    "url": "url",
    "uri": "url",
    "link": "url",
    "website": "url",
    "date": "date",
    "day": "date",
    "time": "time",
    "path": "file",
    "file": "file",
    "filename": "file",
    "symbol": "ticker",
    "ticker": "ticker",
    "currency": "currency",
}
_FALLBACKS = {
    "expression": "1 + 1",
    "email": "user@example.com",
    "url": "https://example.com/",
    "date": "2026-01-15",
    "time": "12:00",
    "file": "example.txt",
    "ticker": "ACME",
    "currency": "USD",
}
_QUOTED_WORDS = frozenset(
    "name title code command cmd sql statement id identifier key value".split()
)
_COUNT_WORDS = frozenset(
    "a b x y n count number num amount limit max min quantity value size top k days hours minutes"
    " seconds page width height age year price left right first second base exponent".split()
)


def words_of(name: str) -> list[str]:
    """The words of an identifier, lower case: ``getWeather_forCity`` → get, weather, for, city."""
    return [word.lower() for word in _WORDS.findall(name)]


class Wording:
    """Strings for one call. ``place`` is the place this call is about, when there are several."""

    def __init__(self, hints: Hints, place: str) -> None:
        self._hints = hints
        self._place = place

    def text(self, node: Json, name: str) -> str:
        """A string for a string schema."""
        least, most = _lengths(node)
        pattern = text_of(node, "pattern")
        if pattern:
            return example(pattern, least)
        form = text_of(node, "format")
        if form in _FORMATS:
            return self._formed(form)
        return _fitted(self._by_name(node, name), least, most)

    def counts(self, name: str) -> bool:
        """Whether a parameter of this name is likely to be a number of the question."""
        words = words_of(name)
        return not words or not _COUNT_WORDS.isdisjoint(words)

    def _formed(self, form: str) -> str:
        found = self._hints.first(_FOUND_BY_FORMAT[form]) if form in _FOUND_BY_FORMAT else ""
        return found or _FORMATS[form]

    def _by_name(self, node: Json, name: str) -> str:
        words = words_of(name)
        if not PLACE_WORDS.isdisjoint(words):
            return self._place_for(words) or _given(node) or "here"
        for word in words:
            kind = _KINDS.get(word)
            if kind is not None:
                return self._hints.first(kind) or _given(node) or _FALLBACKS[kind]
        if not _TEXT_WORDS.isdisjoint(words):
            quoted = self._hints.quoted
            return quoted[0] if quoted else self._hints.question or "simulated"
        if not _QUOTED_WORDS.isdisjoint(words) and self._hints.names:
            return self._hints.names[0]
        if self._hints.numbers and not _COUNT_WORDS.isdisjoint(words):
            return f"{self._hints.numbers[0]:g}"
        return _given(node) or self._hints.question or "simulated"

    def _place_for(self, words: list[str]) -> str:
        places = self._hints.places
        if not _SECOND_PLACE.isdisjoint(words) and len(places) > 1:
            return places[1]
        if not _FIRST_PLACE.isdisjoint(words) and places:
            return places[0]
        return self._place or (places[0] if places else "")


def _given(node: Json) -> str:
    """The example that a description gives, "e.g. San Francisco, CA"."""
    found = _GIVEN_EXAMPLE.search(text_of(node, "description")[:500])
    return found.group(1).strip(" .,。，") if found else ""


def _lengths(node: Json) -> tuple[int, int]:
    least, most = node.get("minLength", 0), node.get("maxLength", _MAX_LENGTH)
    least = int(least) if is_number(least) else 0
    most = int(most) if is_number(most) else _MAX_LENGTH
    return max(0, min(least, _MAX_LENGTH)), max(0, most)


def _fitted(text: str, least: int, most: int) -> str:
    if len(text) > most:
        return text[:most]
    if len(text) < least:
        return (text or "a") + "." * (least - len(text or "a"))
    return text

"""Facts that a question holds for a tool's arguments: places, numbers, addresses, quoted words.

No understanding, only shapes: what follows "in" with a capital letter is taken for a place, what
stands in quotation marks for a name. Good enough that a tool call has arguments that look as if
someone had read the question.
"""

import re
from collections.abc import Iterable
from functools import cached_property

_CAPITAL = r"[A-ZÀ-Þ][\w'’.-]*"
_NAME = rf"{_CAPITAL}(?:[ ](?:(?:de|del|la|do|da|of)[ ])?{_CAPITAL})*(?:,\s?[A-Z]{{2}}\b)?"
_LIST = (
    rf"{_NAME}(?:(?:,\s+|,?\s+(?:and|or|vs\.?|versus|y|et|und|oder)\s+)(?![A-Z]{{2}}\b){_NAME})*"
)
_PLACES = re.compile(rf"\b(?:in|at|to|near|from|around|between|en|à|nach|bei)\s+({_LIST})")
_WEAK_PLACES = re.compile(rf"\b(?:for|für|pour|para)\s+({_LIST})")
_JOINTS = re.compile(r",\s+(?![A-Z]{2}\b)|,?\s+(?:and|or|vs\.?|versus|y|et|und|oder)\s+")
_LOWER_PLACE = re.compile(r"\b(?:in|at|for|near|from)\s+(?:the\s+)?([a-z]{3,}(?:\s[a-z]{3,})?)\b")
_RUSSIAN_PLACE = re.compile(r"\b(?:в|во|из|для|и)\s+([А-ЯЁ][а-яё-]{2,})")
_CHINESE_PLACE = re.compile(
    "([\u4e00-\u9fff]{2,8}?)(?:市)?"
    "(?:今天|明天|后天|今日|明日|现在|当前|目前|这周|本周|的|和|与|、|，)*"
    "(?:天气|天氣|气温|氣溫|温度|溫度|时间|時間|几点)"
)
_CHINESE_LEAD = re.compile(
    "^(?:请问|请|帮我|帮忙|麻烦|给我|告诉我|我想知道|想知道|查询|查一下|查|看看|看一下|一下"
    "|今天|明天|现在|在)+"
)
_KOREAN_PLACE = re.compile(
    r"([가-힣]{2,6}?)(?:의|은|는|에서|에)?\s*(?:오늘|내일|지금)?\s*(?:날씨|기온)"
)
_JAPANESE_PLACE = re.compile(r"([\u4e00-\u9fff\u30a1-\u30fc]{2,10})(?:の|は|で)")
_CITIES = re.compile(
    "北京|上海|广州|深圳|杭州|南京|成都|重庆|武汉|西安|天津|苏州|长沙|青岛|厦门|大连|昆明"
    "|哈尔滨|香港|澳门|台北|波士顿|纽约|旧金山|洛杉矶|芝加哥|西雅图|华盛顿|伦敦|巴黎|柏林"
    "|东京|大阪|首尔|新加坡|悉尼|莫斯科|曼谷|迪拜"
    "|東京|大阪|京都|札幌|福岡|名古屋|横浜|서울|부산|인천|대구|제주"
)
_NOT_PLACES = frozenset(
    "i what what's how who when where why which the a an today tomorrow yesterday tonight now"
    " please celsius fahrenheit json english chinese monday tuesday wednesday thursday friday"
    " saturday sunday january february march april may june july august september october"
    " november december".split()
)
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,10})?(?![\w])")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_URL = re.compile(r"https?://[^\s\"'<>，。）)]{1,500}")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?\b")
_QUOTED = re.compile(
    r"`([^`]{1,500})`|\"([^\"]{1,500})\"|“([^”]{1,500})”|「([^」]{1,500})」|《([^》]{1,500})》"
)
_EXPRESSION = re.compile(r"[-+(]?\d[\d\s.,()]*(?:[-+*/^%×÷xX][-+\s\d.,()]*\d[\s)]*)+")
_FILE = re.compile(r"(?<![\w/])(?:[\w.-]{0,80}/){0,8}[\w-]{1,80}\.[A-Za-z]\w{0,7}\b")
_TICKER = re.compile(r"\b[A-Z]{2,5}\b")
_PROPER = re.compile(rf"(?<=[\w,;] )({_NAME})")
_HALF = 600
"""Characters of a question that are looked at, at its start and again at its end."""


class Hints:
    """What can be picked out of one question."""

    def __init__(self, question: str) -> None:
        if len(question) > 2 * _HALF:
            question = f"{question[:_HALF]} {question[-_HALF:]}"
        self.question = " ".join(question.split())

    @cached_property
    def places(self) -> list[str]:
        """Names that look like places, in order, without repeats."""
        text = self.question
        found = [match.group(0) for match in _CITIES.finditer(text)]
        if not found:
            found = _listed(_PLACES, text) or _listed(_WEAK_PLACES, text)
            found += _RUSSIAN_PLACE.findall(text) + _KOREAN_PLACE.findall(text)
            found += [_CHINESE_LEAD.sub("", name) for name in _CHINESE_PLACE.findall(text)]
            found += _JAPANESE_PLACE.findall(text) if re.search("[\u3041-\u3096]", text) else []
            found = [name.strip(" .,'’-") for name in found]
            found = [name for name in found if name and not _common(name)]
        if not found:
            lowered = [_bare(match.group(1)) for match in _LOWER_PLACE.finditer(text)]
            found = [name.title() for name in lowered if name][-1:]
        if not found:
            found = [name for name in _PROPER.findall(text) if not _common(name)]
        return list(dict.fromkeys(found))

    @cached_property
    def numbers(self) -> list[float]:
        return [float(text) for text in _NUMBER.findall(self.question)]

    @cached_property
    def quoted(self) -> list[str]:
        """Text in quotation marks or backticks."""
        return ["".join(groups) for groups in _QUOTED.findall(self.question)]

    @cached_property
    def names(self) -> list[str]:
        """Quoted text, then words with a capital letter inside a sentence."""
        proper = [name for name in _PROPER.findall(self.question) if not _common(name)]
        return self.quoted + proper

    def first(self, kind: str) -> str:
        """The first email, url, date, time, expression, file or ticker; empty if there is none."""
        found = _SHAPES[kind].search(self.question)
        return found.group(0).strip(" .,") if found else ""

    def mentions(self, word: str) -> bool:
        """Whether a value of an enumeration stands in the question, as a word of its own."""
        if not word:
            return False
        text, wanted = self.question.lower(), word.lower()
        if not wanted.isascii():
            return wanted in text
        variants = {wanted, wanted.replace("_", " "), wanted.replace("-", " ")}
        return any(_as_word(variant, text) for variant in variants)


_SHAPES = {
    "email": _EMAIL,
    "url": _URL,
    "date": _DATE,
    "time": _TIME,
    "expression": _EXPRESSION,
    "file": _FILE,
    "ticker": _TICKER,
    "currency": _TICKER,
}


def _listed(places: re.Pattern[str], text: str) -> list[str]:
    """The single names of lists such as "Paris, Rome and Oslo"."""
    return [name for found in places.findall(text) for name in _JOINTS.split(found)]


def _common(name: str) -> bool:
    return all(word in _NOT_PLACES for word in name.lower().split())


def _bare(name: str) -> str:
    """A name without the words around it that are no names."""
    return " ".join(word for word in name.split() if word not in _NOT_PLACES)


def mentions(text: str, words: Iterable[str]) -> bool:
    """Whether one of the words (lower case) stands in a text; ASCII ones as words of their own."""
    lowered = text.lower()
    return any(_as_word(word, lowered) for word in words)


def _as_word(word: str, text: str) -> bool:
    at = text.find(word)
    while at >= 0:
        before = text[at - 1 : at]
        after = text[at + len(word) : at + len(word) + 1]
        if not (before.isalnum() and before.isascii()) and not (
            after.isalnum() and after.isascii()
        ):
            return True
        at = text.find(word, at + 1)
    return False

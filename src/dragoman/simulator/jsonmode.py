"""Answers that are JSON: asked for by a schema, or by the words of the prompt.

Without a schema parameter there are two ways to guess what is wanted: a schema written into the
prompt, which is then satisfied, or keys named in it ("with the keys name and age"), which are then
filled.
"""

import re
from typing import Any

from dragoman.codec import jsonio
from dragoman.simulator.hints import Hints
from dragoman.simulator.phrases import PHRASES
from dragoman.simulator.prompt import Prompt, quoted
from dragoman.simulator.schema import Maker
from dragoman.simulator.shape import Json, as_object, child

_WANTED = re.compile(
    r"\bjson\s+(?:object|array|document|value)?\s*only\b"
    r"|\bonly\s+(?:with\s+|in\s+|a\s+|an\s+|one\s+|valid\s+|a\s+single\s+)*(?:valid\s+)?json\b"
    r"|\b(?:reply|respond|answer|output|return|produce|generate)\b[^.\n]{0,60}\bjson\b"
    r"|(?:返回|输出|回复|回答|生成)[^。\n]{0,20}json"
    r"|json[^。\n]{0,8}(?:格式|形式)",
    re.I,
)
_KEYS = re.compile(
    r"\b(?:keys?|fields?|properties)\b:?\s+((?:[`\"']?\w{1,40}[`\"']?(?:\s*,\s*|\s+and\s+|,\s*and\s+)?){1,12})",
    re.I,
)
_KEY = re.compile(r"\w{1,40}")
_MOST_TRIES = 20


def wants_json(prompt: Prompt) -> bool:
    """Whether the system text or the question asks for JSON and nothing else."""
    texts = (prompt.manner, prompt.wish)
    return any("json" in text.lower() and bool(_WANTED.search(text)) for text in texts)


def json_text(prompt: Prompt) -> str:
    """The answer as one JSON value."""
    schema = schema_of(prompt)
    if schema is not None:
        made = Maker(schema, Hints(prompt.question), generous=True).make()
        return jsonio.encode(made).decode()
    return jsonio.encode(_by_words(prompt)).decode()


def schema_of(prompt: Prompt) -> Json | None:
    """The schema of ``output_config.format``, of its older spelling, or one written in the
    prompt."""
    for holder in (
        child(prompt.body, "output_config").get("format"),
        prompt.body.get("output_format"),
    ):
        found = as_object((as_object(holder) or {}).get("schema"))
        if found is not None:
            return found
    if not wants_json(prompt):
        return None
    return _written(prompt.system) or _written(prompt.question)


def _written(text: str) -> Json | None:
    """A JSON Schema for an object that stands in a text."""
    at = -1
    for _ in range(_MOST_TRIES):
        at = text.find("{", at + 1)
        if at < 0:
            return None
        end = _closing(text, at)
        if end < 0:
            return None
        try:
            value = as_object(jsonio.decode(text[at:end].encode("utf-8", "surrogatepass")))
        except jsonio.Malformed:
            continue
        if value is not None and as_object(value.get("properties")) is not None:
            return value
    return None


def _closing(text: str, start: int) -> int:
    """The index after the brace that closes the one at ``start``; -1: none."""
    depth = 0
    inside = False
    skip = False
    for index in range(start, len(text)):
        character = text[index]
        if skip:
            skip = False
        elif inside:
            skip = character == "\\"
            inside = character != '"'
        elif character == '"':
            inside = True
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return index + 1
    return -1


def _by_words(prompt: Prompt) -> Json:
    phrases = PHRASES[prompt.language]
    keys = _named_keys(prompt.wish) or _named_keys(prompt.manner)
    if keys:
        hints = Hints(prompt.question)
        schema: Json = {
            "type": "object",
            "properties": {key: {"type": "string"} for key in keys},
            "required": keys,
        }
        made: Any = Maker(schema, hints).make()
        return made
    return {
        "simulated": True,
        "question": quoted(prompt.question, 200),
        "answer": prompt.pick(phrases.intro, 0),
    }


def _named_keys(text: str) -> list[str]:
    found = _KEYS.search(text)
    if found is None:
        return []
    names = [name for name in _KEY.findall(found.group(1)) if name.lower() not in ("and", "or")]
    return list(dict.fromkeys(names))

"""The usual request, texts that alternate and a limit or two, read the short way.

Most requests of a chat hold nothing else, and asking each of a dozen modules whether its parameter
is there costs more than all that such a request needs. :func:`usual` takes what needs no decision
and leaves everything else, mistakes included, to ``request.py``; a property test proves that both
read the same.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects.chat import caching, duplicates
from dragoman.dialects.chat.parsed import Caching, Parsed
from dragoman.dialects.chat.sampling import default_limit
from dragoman.dialects.chat.shapes import Count, Shape, StreamOptions
from dragoman.dialects.chat.texts import is_plain
from dragoman.hub.request import Message, Request, Role, Text


class Said(Shape):
    role: Literal["user", "assistant", "system", "developer"]
    content: Raw


class _Asked(Shape, kw_only=True):
    model: str
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class Short(_Asked, kw_only=True):
    """A short body, read in one pass: its names are easily counted."""

    messages: list[Said]


class Long(_Asked, kw_only=True):
    """A long one: the names are looked for beside the messages, so those are read apart."""

    messages: Raw


_shorts = jsonio.Decoder(Short)
_longs = jsonio.Decoder(Long)
_messages = jsonio.Decoder(list[Said])
_MOST_MESSAGES = 100_000


_Talk = tuple[list[Text], list[Message], list[int]]
"""System, turns, and for each turn the index of its message."""


def usual(body: bytes, catalogue: Catalogue, marks: Caching = "auto") -> Parsed | None:
    """The request, or ``None`` where there is anything to decide or to complain about.

    ``body`` is UTF-8. Raises :class:`Failure` for what only shows at the end: a name that stands
    twice, a model that does not exist.
    """
    if len(body) < duplicates.SHORT:
        asked = _shorts.attempt(body)
        if asked is None or not duplicates.excluded(body):
            return None
        return _parsed(asked, asked.messages, len(body), catalogue, marks)
    asked = _longs.attempt(body)
    messages = None if asked is None else _messages.attempt(asked.messages)
    if asked is None or messages is None or len(messages) > _MOST_MESSAGES:
        return None
    duplicates.refuse(body, asked.messages)
    return _parsed(asked, messages, len(body), catalogue, marks)


def _parsed(
    asked: _Asked, messages: list[Said], size: int, catalogue: Catalogue, marks: Caching
) -> Parsed | None:
    """``size``: of the body, in bytes."""
    system: list[Text] = []
    turns: list[Message] = []
    origins: list[int] = []
    if not _alternating(messages, (system, turns, origins)):
        return None
    model, wire_id, warning = catalogue.resolve(asked.model)
    stream = asked.stream is True
    limit = asked.max_completion_tokens or asked.max_tokens or default_limit(model, stream=stream)
    temperature = asked.temperature
    if warning or limit > model.max_output_tokens:
        return None
    if temperature is not None and model.sampling not in ("free", "one_of"):
        return None
    out = Request(wire_id, limit, messages=turns, stream=stream)
    if system:
        out.system = system
    if temperature is not None:
        out.temperature = temperature
    marked = marks == "auto" and caching.worth_it(model, size)
    if marked:
        caching.automatic(out)
    options = asked.stream_options
    with_usage = options is not None and options.include_usage is True
    parsed = Parsed(out, model, asked.model, stream, 1, with_usage, [], "", "", "")
    parsed.origins = origins
    parsed.prompt_bytes = size
    if marked:
        parsed.marked = True
    if asked.max_completion_tokens is not None:
        parsed.limit_name = "max_completion_tokens"
    return parsed


def _alternating(messages: list[Said], talk: _Talk) -> bool:
    """Whether it is system texts, then texts of user and assistant in turn, the user's the last.

    Fills ``talk``.
    """
    system, turns, origins = talk
    due: Role = "user"
    for at, said in enumerate(messages):
        content = said.content
        if not is_plain(content):
            return False
        if said.role == due:
            turns.append(Message(due, [Text(content)]))
            origins.append(at)
            due = "assistant" if due == "user" else "user"
        elif not turns and said.role in ("system", "developer"):
            system.append(Text(content))
        else:
            return False
    return due == "assistant"

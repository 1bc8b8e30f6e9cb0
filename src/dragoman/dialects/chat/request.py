"""A Chat Completions body → a Messages request: :func:`parse`.

The order is the one things depend on: bytes to shapes, model, tools (names), messages, limits,
thinking, sampling, output format. Each step is a module; what they decide is in protocol.md §5a and
§5b.
"""

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from msgspec import UNSET

from dragoman.catalogue.catalogue import Catalogue, Resolved
from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.dialects.chat import (
    caching,
    duplicates,
    foreign,
    images,
    reasoning,
    sampling,
    structured,
    thinking,
    unsupported,
)
from dragoman.dialects.chat.conversation import Conversation
from dragoman.dialects.chat.decode import Reader, invalid_json
from dragoman.dialects.chat.forcing import settle_forced_tool, settle_thinking
from dragoman.dialects.chat.parsed import Caching, Notes, Parsed
from dragoman.dialects.chat.shapes import ChatRequest, Message, Messages
from dragoman.dialects.chat.tools import Toolbox
from dragoman.dialects.chat.usual import usual
from dragoman.dialects.chat.vendors import follow_switch
from dragoman.errors import Failure
from dragoman.hub.recall import Recall
from dragoman.hub.request import Metadata, Request, ToolChoice

_requests = Reader(ChatRequest)
_messages = Reader(Messages)
_WRAPPED = re.compile(rb";base64,[A-Za-z0-9+/=\r\n]+")
_LINE_ENDS = re.compile(rb"[\r\n]+")
_PERSONAL = re.compile(r"@|^\+?[\d\s().-]{7,}$")
_LONGEST_USER = 256
_SERVICE_TIERS = {"default": "standard_only"}


def parse(
    body: bytes,
    catalogue: Catalogue,
    *,
    strict: bool,
    caching: Caching = "auto",
    recall: Recall | None = None,
) -> Parsed:
    """Read a request. ``strict`` refuses what would otherwise be a warning. ``recall`` knows the
    signed thinking of turns that come back without it.

    Raises :class:`Failure` and nothing else, ``param`` being a path in the client's own request.
    """
    readable = jsonio.is_utf8(body)
    if readable:
        parsed = usual(body, catalogue, caching)
        if parsed is not None:
            return parsed
    while True:
        notes = Notes(strict, caching)
        take = partial(full, catalogue=catalogue, notes=notes, recall=recall)
        try:
            return careful(body, take, readable=readable)
        except Failure as failure:
            smaller = foreign.without(body, failure, catalogue)
            if smaller is None:
                raise
            body = smaller


def careful(body: bytes, take: Callable[[bytes], Parsed], *, readable: bool) -> Parsed:
    """What ``take`` makes of a body, also of one whose base64 is wrapped.

    ``readable``: it is UTF-8. Raises :class:`Failure`, also for what is not JSON.
    """
    try:
        if not readable:
            raise invalid_json("it is not UTF-8")
        return take(body)
    except jsonio.Malformed as error:
        if b";base64," not in body:
            raise invalid_json(str(error)) from None
    try:
        return take(_unwrapped(body))
    except jsonio.Malformed as error:
        raise invalid_json(str(error)) from None


def _unwrapped(body: bytes) -> bytes:
    """GNU base64 wraps its lines, and the vendors' shell samples put them into a JSON string as
    they are."""
    return _WRAPPED.sub(lambda found: _LINE_ENDS.sub(b"", found[0]), body)


class Way(NamedTuple):
    """What a request is translated with, beside what it says."""

    resolved: Resolved
    """The model it names."""
    size: int
    """Bytes of its body."""
    recall: Recall | None = None
    """Knows the signed thinking of turns that come back without it."""


def full(body: bytes, catalogue: Catalogue, notes: Notes, recall: Recall | None = None) -> Parsed:
    """Read a request of any kind; ``body`` is UTF-8. Raises :class:`Failure`, ``Malformed``."""
    asked: ChatRequest = _requests.read(body, "", notes)
    messages: list[Message] = _messages.read(asked.messages, "messages", notes)
    duplicates.refuse(body, asked.messages)
    return translate(asked, messages, Way(catalogue.resolve(asked.model), len(body), recall), notes)


def translate(asked: ChatRequest, messages: list[Message], way: Way, notes: Notes) -> Parsed:
    """What a request says → what goes upstream. OpenAI's other dialects are read into the same
    shapes and go on here.

    Raises :class:`Failure`, its path one in a chat request.
    """
    model = way.resolved.model
    if way.resolved.warning:
        notes.warnings.append(("model", way.resolved.warning))
    unsupported.note(asked, notes)
    caching.begin(asked, notes)
    box = Toolbox(asked, model, notes)
    want = _wanted(asked, model)
    thoughts = reasoning.complete(messages, way.recall if thinking.thinks(want, model) else None)
    talk = Conversation(model, box.names, notes)
    prefill = _take_all(messages, talk)
    last = talk.last_said()
    room = thinking.budget_room(want, model)
    out = Request(
        model=way.resolved.wire_id,
        max_tokens=sampling.max_tokens(asked, model, room, notes),
        messages=talk.messages,
        stream=bool(asked.stream),
    )
    if talk.system:
        out.system = talk.system
    _tools(out, box)
    thinking.apply(out, want, model, notes)
    if asked.output_config is not None:
        thinking.set_effort(out, asked.output_config.effort, model, notes)
    settle_forced_tool(out, model, notes)
    json_mode = structured.apply(asked.response_format, out, model, box.allowance, notes)
    settle_thinking(out, want.path, prefill=prefill, notes=notes)
    sampling.sample(asked, out, model, notes)
    thinking.bind(out, model, thoughts=thoughts)
    sampling.stop(asked, out, notes)
    _tier(asked, out, notes)
    caching.settle(out, asked.cache_control, notes)
    parsed = _parsed(asked, out, model, notes)
    parsed.marked = caching.fill(out, last, notes, worth=caching.worth_it(model, way.size))
    parsed.json_mode = json_mode
    parsed.origins, parsed.joins, parsed.parts = talk.origins, talk.joins, notes.parts
    parsed.effort_name = want.path
    if box.names:
        _names(parsed, box)
    return parsed


def _take_all(messages: list[Message], talk: Conversation) -> bool:
    """The whole conversation; returns whether it ends with a prefill."""
    for at, message in enumerate(messages):
        talk.take(at, message)
    return talk.finish()


def _names(parsed: Parsed, box: Toolbox) -> None:
    """What the answer needs to know to bring the client's names back."""
    parsed.names = box.names.reverse()
    parsed.customs = frozenset(box.customs)
    parsed.legacy = box.legacy
    parsed.tool_places = box.places


def _wanted(asked: ChatRequest, model: Model) -> thinking.Wanted:
    switch = follow_switch(asked)
    want = thinking.wanted(asked, model)
    return want._replace(path=switch) if switch else want


def _parsed(asked: ChatRequest, out: Request, model: Model, notes: Notes) -> Parsed:
    """What the answer and the rest of the gateway need to know of the request."""
    options = asked.stream_options
    user, metadata_user = _user(asked, out)
    parsed = Parsed(
        request=out,
        model=model,
        client_model=asked.model,
        stream=out.stream,
        n=asked.n or 1,
        include_usage=bool(options and options.include_usage),
        warnings=notes.warnings,
        user=user,
        cache_key=asked.prompt_cache_key or "",
        metadata_user_id=metadata_user,
    )
    if notes.seen:
        parsed.media = images.pending(notes.seen, model)
    if asked.reasoning is not None and asked.reasoning.exclude:
        parsed.show_reasoning = False
    if out.tools is not UNSET and asked.functions is None:
        parsed.remembers = thinking.may_think(out, model)
    parsed.searches = asked.web_search_options is not None
    if asked.max_completion_tokens is not None:
        parsed.limit_name = "max_completion_tokens"
    return parsed


def _tools(out: Request, box: Toolbox) -> None:
    choice = box.choice()
    if not box.tools and box.names and box.search is None:  # only the history knows them
        box.stubs()
        choice = ToolChoice("none")
    if box.search is not None:
        # After the client's own tools, so that their cache marks stay what they are.
        out.tools = [*box.tools, box.search]
    elif box.tools:
        out.tools = box.tools
    if choice is not UNSET:
        out.tool_choice = choice


def _tier(asked: ChatRequest, out: Request, notes: Notes) -> None:
    tier = asked.service_tier
    if tier in _SERVICE_TIERS:
        out.service_tier = _SERVICE_TIERS[tier]
    elif tier == "flex":
        notes.warn("service_tier", "there is no flex tier")


def _user(asked: ChatRequest, out: Request) -> tuple[str, str]:
    """(user, metadata.user_id) as the client gave them; upstream gets an opaque one."""
    metadata_user = ""
    given = (asked.metadata or {}).get("user_id")
    if given is not None and bytes(given)[:1] == b'"':
        metadata_user = jsonio.text_of(given)
    user = asked.safety_identifier or asked.user or ""
    end_user = user or metadata_user
    if end_user:
        out.metadata = Metadata(_opaque(end_user))
    return user, metadata_user


def _opaque(user: str) -> str:
    """Anthropic refuses e-mail addresses and telephone numbers, and long ids (protocol.md §2b
    rule 37)."""
    if len(user) <= _LONGEST_USER and not _PERSONAL.search(user):
        return user
    return hashlib.sha256(user.encode()).hexdigest()

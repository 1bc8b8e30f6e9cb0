"""A Responses body → a Messages request: :func:`parse`.

The body is read into its own strict shapes and told as a chat request; from there on it is
translated like one (:func:`dragoman.dialects.chat.request.translate`). :class:`Places` leads back
whatever is found wrong on the way.
"""

from msgspec import Raw

from dragoman.catalogue.model import Model
from dragoman.dialects.chat import duplicates, request
from dragoman.dialects.chat import shapes as chat
from dragoman.dialects.chat.decode import Reader
from dragoman.dialects.chat.mapped import Given, MappedNotes, mapped, parser
from dragoman.dialects.chat.parsed import Parsed
from dragoman.dialects.chat.shapes import ABSENT, given
from dragoman.dialects.responses import items, tools, unsupported
from dragoman.dialects.responses.echo import echo
from dragoman.dialects.responses.places import Places
from dragoman.dialects.responses.shapes import Reasoning, ResponsesRequest, TextConfig

_requests = Reader(ResponsesRequest)


def _full(body: bytes, way: Given) -> Parsed:
    places = Places()
    notes = MappedNotes(way.strict, way.caching)
    asked: ResponsesRequest = _requests.read(body, "", notes)
    duplicates.refuse(body, asked.input, b'"input"')
    unsupported.note(asked, notes)
    resolved = way.catalogue.resolve(asked.model)
    messages = items.messages(asked, places, notes)
    found = tools.read(asked, places, notes)
    told = _told(asked, found, resolved.model)
    told.tool_choice = tools.choice(asked, found, notes)
    parsed = mapped(told, messages, request.Way(resolved, len(body), way.recall), (notes, places))
    parsed.namespaces = found.namespaces
    parsed.echo = echo(asked, found.echo)
    parsed.includes = frozenset(asked.include or ())
    parsed.show_reasoning = _summarized(asked.reasoning)
    return parsed


parse = parser(_full)
"""Reads a Responses body."""


def _told(asked: ResponsesRequest, found: tools.Tools, model: Model) -> chat.ChatRequest:
    """The request as a chat client would make it, without its messages."""
    reasoning = asked.reasoning
    effort = None if reasoning is None else reasoning.effort
    return chat.ChatRequest(
        model=asked.model,
        messages=ABSENT,
        stream=asked.stream,
        max_completion_tokens=asked.max_output_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        tools=found.tools or None,
        parallel_tool_calls=asked.parallel_tool_calls,
        web_search_options=found.search,
        response_format=_format(asked.text),
        verbosity=None if asked.text is None else asked.text.verbosity,
        reasoning_effort=effort,
        thinking=_thinking(reasoning, model),
        user=asked.user,
        safety_identifier=asked.safety_identifier,
        prompt_cache_key=asked.prompt_cache_key,
        prompt_cache_options=_cache_options(asked),
        prompt_cache_retention=asked.prompt_cache_retention,
        metadata=_user_id(asked.metadata),
        service_tier=asked.service_tier,
        moderation=asked.moderation,
    )


def _summarized(reasoning: Reasoning | None) -> bool:
    """Whether the client wants to read what was thought."""
    if reasoning is None:
        return False
    return (reasoning.summary or reasoning.generate_summary or "none") != "none"


def _thinking(reasoning: Reasoning | None, model: Model) -> chat.ThinkingParam | None:
    """What is to be shown of thinking that takes place: with an effort, or by the model's habit."""
    if reasoning is None or reasoning.effort == "none":
        return None
    if reasoning.effort is None and (model.thinking_default == "off" or not _summarized(reasoning)):
        return None
    return chat.ThinkingParam(
        "adaptive", display="summarized" if _summarized(reasoning) else "omitted"
    )


def _format(text: TextConfig | None) -> chat.ResponseFormat | None:
    form = None if text is None else text.format
    if form is None:
        return None
    if form.type != "json_schema":
        return chat.ResponseFormat(form.type)
    schema = chat.JsonSchema(form.name, form.description, form.schema, form.strict)
    return chat.ResponseFormat("json_schema", schema)


def _cache_options(asked: ResponsesRequest) -> chat.CacheOptions | None:
    options = asked.prompt_cache_options
    return None if options is None else chat.CacheOptions(options.mode, options.ttl)


def _user_id(metadata: dict[str, Raw] | None) -> dict[str, Raw] | None:
    """The one entry that says something to the gateway; all others are the client's notes, which
    its answer repeats."""
    found = (metadata or {}).get("user_id", ABSENT)
    return {"user_id": found} if given(found) else None

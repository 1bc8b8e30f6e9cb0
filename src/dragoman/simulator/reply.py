"""One reply, put together: thinking, then words, JSON, tool calls or a web search, cut to the
request's limits, with its usage.
"""

from typing import NamedTuple

from dragoman.simulator import answer, tools, websearch
from dragoman.simulator.cache import CacheUse
from dragoman.simulator.events import Message
from dragoman.simulator.jsonmode import json_text, schema_of, wants_json
from dragoman.simulator.phrases import PHRASES
from dragoman.simulator.prompt import Prompt
from dragoman.simulator.rules.thinking import Guard
from dragoman.simulator.shape import Json, text_of
from dragoman.simulator.thinking import think, thinks
from dragoman.simulator.tokens import json_tokens, pieces
from dragoman.simulator.validate import Checked

_REFUSAL = "Simulated: the request holds the test string for refusals."


class Ask(NamedTuple):
    """A request that has been checked and counted."""

    checked: Checked
    input_tokens: int
    cache: CacheUse
    guard: Guard


class Spent:
    """Output tokens so far, and how many are left."""

    __slots__ = ("left", "output", "searches", "thought")

    def __init__(self, most: int) -> None:
        self.left = most
        self.output = 0
        self.thought = 0
        self.searches = 0

    def take(self, tokens: int) -> bool:
        """Spend tokens; whether there were enough."""
        fits = tokens <= self.left
        self.output += min(tokens, self.left)
        self.left -= min(tokens, self.left)
        return fits


def fill(message: Message, ask: Ask) -> None:
    """Write the answer into an empty message."""
    prompt = ask.checked.prompt
    room = ask.checked.context_tokens - ask.input_tokens
    spent = Spent(min(prompt.max_tokens, room))
    if spent.left > 1 and thinks(prompt):
        block, tokens = think(prompt, ask.guard.signer, ask.guard.organization, spent.left // 2)
        message.blocks.append(block)
        spent.take(tokens)
        spent.thought = tokens
    _say(message, ask, spent)
    if message.stop_reason == "max_tokens" and room < prompt.max_tokens:
        message.stop_reason = "model_context_window_exceeded"
    message.usage = _usage(ask, spent)
    message.transformations = ask.checked.transformations


def _say(message: Message, ask: Ask, spent: Spent) -> None:
    prompt = ask.checked.prompt
    if prompt.refused:
        message.stop_reason = "refusal"
        message.stop_details = {"type": "refusal", "category": None, "explanation": _REFUSAL}
        return
    calls = tools.calls_for(prompt)
    if calls:
        _call(message, prompt, calls, spent)
        return
    query = "" if schema_of(prompt) is not None else tools.searches(prompt)
    if query:
        spent.searches = 1
        for block in websearch.search_blocks(prompt, query):
            message.blocks.append(block)
        spent.take(round(json_tokens({"query": query})) + 20)
        for block in websearch.cited_text(prompt, query):
            if not _text(message, prompt, block, spent):
                return
    if schema_of(prompt) is not None or wants_json(prompt):
        said = _continued(json_text(prompt), prompt.prefill)
    else:
        said = answer.compose(prompt, ask.checked.gallery, ask.input_tokens)
    _text(message, prompt, {"type": "text", "text": said}, spent)


def _continued(json: str, prefill: str) -> str:
    """The rest of a JSON text that the client has begun, as in ``{`` or a fenced ``{``."""
    begun = prefill.rstrip()
    return json[1:] if begun.endswith("{") and json.startswith("{") else json


def _text(message: Message, prompt: Prompt, block: Json, spent: Spent) -> bool:
    """Add a text block, cut to what is left; whether it was said whole."""
    said, reason, sequence = answer.cut(block["text"], spent.left, prompt.stop_sequences)
    spent.take(len(pieces(said)))
    if said:
        message.blocks.append({**block, "text": said})
    message.stop_reason, message.stop_sequence = reason, sequence
    return reason == "end_turn"


def _call(message: Message, prompt: Prompt, calls: list[tools.Call], spent: Spent) -> None:
    """Tool calls, after a sentence that says so unless the call was forced."""
    if prompt.tool_choice.get("type", "auto") == "auto":
        said = PHRASES[prompt.language].calling.format(tool=calls[0].name)
        if not _text(message, prompt, {"type": "text", "text": said}, spent):
            return
    for number, call in enumerate(calls):
        if not spent.take(round(json_tokens(call.input)) + 24):
            message.stop_reason = "max_tokens"
            return
        identity = tools.call_id(prompt, number)
        message.blocks.append(
            {"type": "tool_use", "id": identity, "name": call.name, "input": call.input}
        )
    message.stop_reason = "tool_use"


def _usage(ask: Ask, spent: Spent) -> Json:
    use = ask.cache
    cached = use.read + use.written_5m + use.written_1h
    usage: Json = {
        "input_tokens": max(0, ask.input_tokens - cached),
        "cache_creation_input_tokens": use.written_5m + use.written_1h,
        "cache_read_input_tokens": use.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": use.written_5m,
            "ephemeral_1h_input_tokens": use.written_1h,
        },
        "output_tokens": spent.output,
        "service_tier": "standard",
        "inference_geo": text_of(ask.checked.prompt.body, "inference_geo") or "not_available",
    }
    if ask.checked.prompt.model.thinking:
        usage["output_tokens_details"] = {"thinking_tokens": spent.thought}
    if spent.searches:
        usage["server_tool_use"] = {"web_search_requests": spent.searches, "web_fetch_requests": 0}
    return usage

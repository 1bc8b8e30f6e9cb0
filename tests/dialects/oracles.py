"""The vendors' own SDKs as judges, made as strict as their types are written.

``anthropic`` describes a request's body with typed dictionaries. Read as they stand they pass over
fields they do not know, in every object of the body; :data:`PARAMS` is built from the same types
with unknown fields forbidden, so that a misplaced or misspelt field is found.
"""

import sys
from typing import Any

import anthropic.types
from anthropic.types.beta import BetaThinkingBlockBindingParam
from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from openai.lib.streaming.chat._completions import ChatCompletionStreamState
from openai.lib.streaming.chat._types import ParsedChatCompletionSnapshot
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict

from dragoman.codec import jsonio

SAMPLING = {"temperature", "top_p", "top_k"}
"""Of the API version 2023-06-01, which we pin; the SDK's types are those of 2026-10-21."""


def _closed_params() -> dict[bool, TypeAdapter[Any]]:
    within = anthropic.types.__name__
    for name in [name for name in sys.modules if name.startswith(within)]:
        for shape in vars(sys.modules[name]).values():
            if is_typeddict(shape):
                # Files are not JSON and nobody sends them; pydantic has to be told all the same.
                shape.__pydantic_config__ = {"extra": "forbid", "arbitrary_types_allowed": True}
    return {
        False: TypeAdapter(MessageCreateParamsNonStreaming),
        True: TypeAdapter(MessageCreateParamsStreaming),
    }


PARAMS = _closed_params()


BINDING: TypeAdapter[Any] = TypeAdapter(BetaThinkingBlockBindingParam)
"""Of a beta, so not among the types of the plain API (protocol.md §0.6)."""


def exhaust(value: Any) -> None:
    """pydantic validates an ``Iterable`` only as it is walked through.

    The SDK takes its own replies' blocks as parameters too; their types are open, so what only
    they accept is a block with a field too many.
    """
    assert not isinstance(value, BaseModel), f"not a parameter: {value!r}"
    if isinstance(value, dict):
        for inner in value.values():
            exhaust(inner)
    elif not isinstance(value, (str, bytes, int, float, type(None))):
        for inner in value:
            exhaust(inner)


def check_parameters(body: dict[str, Any]) -> None:
    """Raises ``ValidationError`` or ``AssertionError`` if a body is not what ``anthropic`` calls
    request parameters.
    """
    known = {name: value for name, value in body.items() if name not in SAMPLING}
    if "block_binding" in known.get("thinking", ()):
        thinking = known["thinking"] = dict(known["thinking"])
        BINDING.validate_python(thinking.pop("block_binding"))
    exhaust(PARAMS[body.get("stream", False)].validate_python(known))


def chunks(data: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream of ours."""
    return [
        jsonio.decode(line.removeprefix(b"data: "))
        for line in data.split(b"\n")
        if line.startswith(b"data: {")
    ]


def fold(data: bytes) -> ParsedChatCompletionSnapshot:
    """What ``openai``'s accumulator makes of a stream, every chunk being a chunk to the letter."""
    state = ChatCompletionStreamState()
    for chunk in chunks(data):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
    return state.current_completion_snapshot

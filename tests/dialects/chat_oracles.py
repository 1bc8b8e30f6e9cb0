"""``openai`` as the judge of what goes to OpenAI-compatible servers and of what comes from them.

:func:`check_chat_parameters` reads a request's body with the SDK's own typed dictionaries, unknown
fields forbidden in every object. What servers of a style take beyond OpenAI's API is named in
:data:`BEYOND`, and nothing else is let through.
"""

import sys
from typing import Any

import openai.types
from openai.types import chat
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter
from typing_extensions import is_typeddict

from tests.dialects.oracles import exhaust


def _closed_params() -> dict[bool, TypeAdapter[Any]]:
    within = openai.types.__name__
    for name in [name for name in sys.modules if name.startswith(within)]:
        for shape in vars(sys.modules[name]).values():
            if is_typeddict(shape):
                shape.__pydantic_config__ = {"extra": "forbid", "arbitrary_types_allowed": True}
    return {
        False: TypeAdapter(CompletionCreateParamsNonStreaming),
        True: TypeAdapter(CompletionCreateParamsStreaming),
    }


PARAMS = _closed_params()
BEYOND: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "openai": (frozenset(), frozenset()),
    "openrouter": (
        frozenset({"reasoning", "top_k"}),
        frozenset({"reasoning", "reasoning_details"}),
    ),
    "plain": (frozenset(), frozenset({"reasoning_content"})),
}
"""By style: fields of the body, and of an assistant's message, that are not OpenAI's."""


def check_chat_parameters(body: dict[str, Any], style: str) -> None:
    """Raises ``ValidationError`` or ``AssertionError`` for what ``openai`` does not call request
    parameters."""
    own, said = BEYOND[style]
    known = {name: value for name, value in body.items() if name not in own}
    known["messages"] = [
        {name: value for name, value in message.items() if name not in said}
        if message["role"] == "assistant"
        else message
        for message in body["messages"]
    ]
    exhaust(PARAMS[body.get("stream", False)].validate_python(known, strict=True))
    called = [call["id"] for one in body["messages"] for call in one.get("tool_calls", ())]
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] in called
            called.remove(message["tool_call_id"])


def completion(reply: dict[str, Any]) -> dict[str, Any]:
    """A completion, which must be one to the letter, as a dictionary."""
    return chat.ChatCompletion.model_validate(reply, strict=True).to_dict()

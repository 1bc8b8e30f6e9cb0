"""LangChain, with the packages ``langchain-openai`` (both of its APIs) and ``langchain-anthropic``.

A case is named ``case:model``.
"""

import sys
from functools import partial
from typing import Any

from case import (
    HAIKU,
    HEADERS,
    LOOK,
    MEETING,
    PICTURE,
    QUESTION,
    THINKS,
    WEATHER,
    main,
    sky,
)
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from pydantic import BaseModel


class Meeting(BaseModel):
    """When and where people meet"""

    city: str
    date: str


CALLS: list[str] = []


def get_weather(city: str) -> str:
    """The weather in a city"""
    CALLS.append(city)
    return sky(city)


def model(kind: str, name: str = HAIKU, **options: Any) -> Any:
    """LangChain loads the package of the provider that is asked for, and only that."""
    if kind == "anthropic":
        options["max_tokens"] = 4000
        return init_chat_model(name, model_provider="anthropic", default_headers=HEADERS, **options)
    if name == THINKS:
        options["reasoning_effort"] = "high"
    options["use_responses_api"] = kind == "responses"
    return init_chat_model(name, model_provider="openai", default_headers=HEADERS, **options)


def told(message: Any) -> dict[str, Any]:
    meta = message.response_metadata
    end = meta.get("finish_reason") or meta.get("stop_reason") or meta.get("status")
    usage = message.usage_metadata
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    return {"text": message.text, "input": usage["input_tokens"],
            "output": usage["output_tokens"], "end": end}  # fmt: skip


def chat(kind: str) -> object:
    return told(model(kind).invoke(QUESTION))


def stream(kind: str) -> object:
    chunks = list(model(kind, stream_usage=True).stream(QUESTION))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return {**told(whole), "pieces": len([chunk for chunk in chunks if chunk.text])}


def tools(kind: str) -> object:
    """An agent: LangChain's own loop."""
    agent = create_agent(model(kind, THINKS), tools=[get_weather])
    messages = agent.invoke({"messages": [{"role": "user", "content": WEATHER}]})["messages"]
    return {"text": messages[-1].text, "calls": CALLS}


def tools_streamed(kind: str) -> object:
    """The same; what the model says is put together from its pieces before it goes back."""
    agent = create_agent(model(kind, THINKS), tools=[get_weather])
    asked: Any = {"messages": [{"role": "user", "content": WEATHER}]}
    text = ""
    for piece, _ in agent.stream(asked, stream_mode="messages"):
        text = "" if piece.type == "tool" else text + piece.text
    return {"text": text, "calls": CALLS}


def picture(kind: str) -> object:
    parts: Any = [
        {"type": "text", "text": LOOK},
        {"type": "image", "base64": PICTURE, "mime_type": "image/png"},
    ]
    return told(model(kind).invoke([{"role": "user", "content": parts}]))


def ends(kind: str) -> object:
    found = []
    for _ in range(2):
        meta = model(kind).invoke(QUESTION).response_metadata
        why = (meta.get("incomplete_details") or {}).get("reason")
        found.append(why or meta.get("finish_reason") or meta.get("stop_reason"))
    return found


def structured(kind: str) -> object:
    made: Any = model(kind).with_structured_output(Meeting).invoke(MEETING)
    assert isinstance(made, Meeting)
    return made.model_dump()


if __name__ == "__main__":
    name, _, kind = sys.argv[1].partition(":")
    main({sys.argv[1]: partial(globals()[name], kind)})

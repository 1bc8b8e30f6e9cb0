"""The official ``anthropic`` package."""

from typing import Any

import anthropic
from case import HAIKU, HEADERS, MEETING, QUESTION, THINKS, WEATHER, main, sky
from pydantic import BaseModel

ASKED: Any = {
    "model": HAIKU,
    "max_tokens": 500,
    "messages": [{"role": "user", "content": QUESTION}],
}


class Meeting(BaseModel):
    city: str
    date: str


@anthropic.beta_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    CALLS.append(city)
    return sky(city)


CALLS: list[str] = []


def client(**options: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(default_headers=HEADERS, **options)


def told(made: Any) -> dict[str, Any]:
    text = "".join(block.text for block in made.content if block.type == "text")
    return {"text": text, "input": made.usage.input_tokens, "output": made.usage.output_tokens,
            "end": made.stop_reason}  # fmt: skip


def chat() -> object:
    return told(client().messages.create(**ASKED))


def stream() -> object:
    with client().messages.stream(**ASKED) as events:
        pieces = list(events.text_stream)
        made = events.get_final_message()
    assert told(made)["text"] == "".join(pieces)
    return {**told(made), "pieces": len(pieces)}


def tools() -> object:
    """The package's own loop."""
    runner = client().beta.messages.tool_runner(
        model=THINKS,
        max_tokens=4000,
        messages=[{"role": "user", "content": WEATHER}],
        tools=[get_weather],
    )
    return {"text": told(runner.until_done())["text"], "calls": CALLS}


def ends() -> object:
    return [client().messages.create(**ASKED).stop_reason for _ in range(2)]


def structured() -> object:
    made = client().messages.parse(
        model=HAIKU,
        max_tokens=500,
        messages=[{"role": "user", "content": MEETING}],
        output_format=Meeting,
    )
    assert isinstance(made.parsed_output, Meeting)
    return made.parsed_output.model_dump()


def count() -> object:
    made = client().messages.create(**ASKED)
    counted = client().messages.count_tokens(model=HAIKU, messages=ASKED["messages"])
    return [counted.input_tokens, made.usage.input_tokens]


def models() -> object:
    return [model.id for model in client().models.list(limit=1000)]


def errors() -> object:
    """What each refusal is to the program: its class, status and type."""
    attempts: dict[str, Any] = {
        "key": lambda: client(api_key="sk-wrong").messages.create(**ASKED),
        "model": lambda: client().messages.create(**{**ASKED, "model": "gpt-9"}),
        "parameter": lambda: client().messages.create(**{**ASKED, "max_tokens": -1}),
    }
    found = {}
    for name, attempt in attempts.items():
        try:
            attempt()
        except anthropic.APIStatusError as error:
            found[name] = [type(error).__name__, error.status_code, error.type]
    return found


def broken_stream() -> object:
    pieces: list[str] = []
    try:
        with client().messages.stream(**ASKED) as events:
            pieces += events.text_stream
    except anthropic.APIStatusError as error:
        return {"error": error.type, "text": "".join(pieces)}
    return {"text": "".join(pieces)}


if __name__ == "__main__":
    main({name: made for name, made in globals().items() if callable(made)})

"""The official ``openai`` package."""

import asyncio
import json
from typing import Any

import openai
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
from pydantic import BaseModel

MESSAGES: Any = [{"role": "user", "content": QUESTION}]


class Meeting(BaseModel):
    city: str
    date: str


class GetWeather(BaseModel):
    """The weather in a city"""

    city: str


def client(**options: Any) -> openai.OpenAI:
    return openai.OpenAI(default_headers=HEADERS, **options)


def told(text: str | None, usage: Any, end: str | None) -> dict[str, Any]:
    return {"text": text, "input": usage.prompt_tokens, "output": usage.completion_tokens,
            "end": end}  # fmt: skip


def chat() -> object:
    made = client().chat.completions.create(model=HAIKU, messages=MESSAGES)
    [choice] = made.choices
    return told(choice.message.content, made.usage, choice.finish_reason)


def chat_async() -> object:
    async def ask() -> object:
        async with openai.AsyncOpenAI(default_headers=HEADERS) as api:
            made = await api.chat.completions.create(model=HAIKU, messages=MESSAGES)
        [choice] = made.choices
        return told(choice.message.content, made.usage, choice.finish_reason)

    return asyncio.run(ask())


def stream() -> object:
    chunks = list(
        client().chat.completions.create(
            model=HAIKU, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )
    choices = [choice for chunk in chunks for choice in chunk.choices]
    pieces = [choice.delta.content for choice in choices if choice.delta.content]
    found = told("".join(pieces), chunks[-1].usage, choices[-1].finish_reason)
    return {**found, "pieces": len(pieces)}


def stream_final() -> object:
    with client().chat.completions.stream(
        model=HAIKU, messages=MESSAGES, stream_options={"include_usage": True}
    ) as events:
        deltas = [event.delta for event in events if event.type == "content.delta"]
        pieces = [delta for delta in deltas if delta]
        made = events.get_final_completion()
    found = told(made.choices[0].message.content, made.usage, made.choices[0].finish_reason)
    assert found["text"] == "".join(pieces)
    return {**found, "pieces": len(pieces)}


def tools() -> object:
    """The messages go back as the package makes them, with every field that it keeps."""
    messages: list[Any] = [{"role": "user", "content": WEATHER}]
    calls: list[str] = []
    while True:
        made = client().chat.completions.parse(
            model=THINKS,
            messages=messages,
            tools=[openai.pydantic_function_tool(GetWeather, name="get_weather")],
            reasoning_effort="high",
        )
        message = made.choices[0].message
        if not message.tool_calls:
            return {"text": message.content, "calls": calls}
        messages.append(message)
        for call in message.tool_calls:
            city = call.function.parsed_arguments.city  # type: ignore[union-attr]
            calls.append(city)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": sky(city)})


def tools_plain() -> object:
    """The same, streamed, and only the fields that OpenAI documents go back."""
    messages: list[Any] = [{"role": "user", "content": WEATHER}]
    calls: list[str] = []
    while True:
        with client().chat.completions.stream(
            model=THINKS,
            messages=messages,
            tools=[openai.pydantic_function_tool(GetWeather, name="get_weather")],
            reasoning_effort="high",
        ) as events:
            message = events.get_final_completion().choices[0].message
        if not message.tool_calls:
            return {"text": message.content, "calls": calls}
        again = [
            {"id": call.id, "type": "function",
             "function": {"name": call.function.name, "arguments": call.function.arguments}}
            for call in message.tool_calls
        ]  # fmt: skip
        messages.append({"role": "assistant", "content": message.content, "tool_calls": again})
        for call in message.tool_calls:
            city = json.loads(call.function.arguments)["city"]
            calls.append(city)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": sky(city)})


def structured() -> object:
    made = client().chat.completions.parse(
        model=HAIKU,
        messages=[{"role": "user", "content": MEETING}],
        response_format=Meeting,
    )
    parsed = made.choices[0].message.parsed
    assert isinstance(parsed, Meeting)
    return parsed.model_dump()


def ends() -> object:
    """What a program that wants an object is told where there is none."""
    found = []
    for _ in range(2):
        try:
            structured()
        except openai.OpenAIError as error:
            found.append(type(error).__name__)
    return found


def said(made: Any) -> dict[str, Any]:
    return {"text": made.output_text, "input": made.usage.input_tokens,
            "output": made.usage.output_tokens, "end": made.status}  # fmt: skip


def responses() -> object:
    return said(client().responses.create(model=HAIKU, input=QUESTION, store=False))


def responses_stream() -> object:
    with client().responses.stream(model=HAIKU, input=QUESTION, store=False) as events:
        pieces = [one.delta for one in events if one.type == "response.output_text.delta"]
        made = events.get_final_response()
    assert made.output_text == "".join(pieces)
    return {**said(made), "pieces": len(pieces)}


def responses_structured() -> object:
    made = client().responses.parse(model=HAIKU, input=MEETING, text_format=Meeting, store=False)
    assert isinstance(made.output_parsed, Meeting)
    return made.output_parsed.model_dump()


def responses_tools() -> object:
    items: list[Any] = [{"role": "user", "content": WEATHER}]
    calls: list[str] = []
    tool: Any = {
        "type": "function",
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {**GetWeather.model_json_schema(), "additionalProperties": False},
        "strict": True,
    }
    while True:
        made = client().responses.create(
            model=THINKS,
            input=items,
            tools=[tool],
            reasoning={"effort": "high", "summary": "auto"},
            include=["reasoning.encrypted_content"],
            store=False,
        )
        asked = [item for item in made.output if item.type == "function_call"]
        if not asked:
            return {"text": made.output_text, "calls": calls}
        items += made.output
        for item in asked:
            city = json.loads(item.arguments)["city"]
            calls.append(city)
            items.append(
                {"type": "function_call_output", "call_id": item.call_id, "output": sky(city)}
            )


def picture() -> object:
    parts: Any = [
        {"type": "text", "text": LOOK},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
    ]
    made = client().chat.completions.create(
        model=HAIKU, messages=[{"role": "user", "content": parts}]
    )
    return told(made.choices[0].message.content, made.usage, made.choices[0].finish_reason)


def responses_picture() -> object:
    parts: Any = [
        {"type": "input_text", "text": LOOK},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
    ]
    items: Any = [{"role": "user", "content": parts}]
    return said(client().responses.create(model=HAIKU, input=items, store=False))


def completions() -> object:
    made = client().completions.create(model=HAIKU, prompt=QUESTION, max_tokens=500)
    return told(made.choices[0].text, made.usage, made.choices[0].finish_reason)


def models() -> object:
    return [model.id for model in client().models.list()]


def errors() -> object:
    """What each refusal is to the program: its class, status, code and parameter."""
    attempts: dict[str, Any] = {
        "key": client(api_key="sk-wrong").models.list,
        "model": lambda: client().chat.completions.create(model="gpt-9", messages=MESSAGES),
        "parameter": lambda: client().chat.completions.create(
            model=HAIKU, messages=MESSAGES, temperature=7
        ),
    }
    found = {}
    for name, attempt in attempts.items():
        try:
            attempt()
        except openai.APIStatusError as error:
            kind = type(error).__name__
            found[name] = [kind, error.status_code, error.code or "", error.param or ""]
    return found


def broken_stream() -> object:
    pieces: list[str] = []
    try:
        for chunk in client().chat.completions.create(model=HAIKU, messages=MESSAGES, stream=True):
            pieces += [choice.delta.content or "" for choice in chunk.choices]
    except openai.APIError as error:
        return {"error": str(error), "text": "".join(pieces)}
    return {"text": "".join(pieces)}


if __name__ == "__main__":
    main({name: made for name, made in globals().items() if callable(made)})

"""The official SDKs as clients of the three dialects: what they are told, and what they read."""

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import anthropic
import openai

from tests.cross.meaning import (
    Asked,
    Call,
    Document,
    Meaning,
    Part,
    Problem,
    Result,
    Usage,
    Word,
)
from tests.gateway.harness import KEY, Harness


class Told(NamedTuple):
    """What came of a request."""

    meaning: Meaning
    echo: list[Any]
    """The answer as the dialect's clients send it back."""
    warnings: str = ""
    """The header ``x-dragoman-warnings``, where the answer was read whole."""


_KINDS = {
    "context_length_exceeded": "too long",
    "model_not_found": "no model",
    "not_found_error": "no model",
    "upstream_refused": "bad key",
    "rate_limit_exceeded": "throttled",
    "rate_limit_error": "throttled",
    "overloaded": "overloaded",
    "overloaded_error": "overloaded",
    "invalid_request_error": "rejected",
    "upstream_reset": "broken",
    "stream_truncated": "broken",
    "upstream_fault": "broken",
    "api_error": "broken",
}


class Chat:
    """``openai``'s chat completions."""

    def __init__(self, gateway: Harness) -> None:
        self.asked = 0
        self._api = _openai(gateway).chat.completions

    def turn(self, parts: Sequence[Part]) -> list[Any]:
        """What a user's turn is in this dialect: results of tools, or words."""
        found = [one for one in parts if isinstance(one, Result)]
        if not found:
            return [{"role": "user", "content": _words(parts, _chat_part)}]
        return [
            {"role": "tool", "tool_call_id": one.call_id, "content": _said(one, _chat_part)}
            for one in found
        ]

    async def ask(self, asked: Asked, past: list[Any], *, stream: bool) -> Told:
        self.asked += 1
        fields = self._fields(asked, past)
        if not stream:
            try:
                raw = await self._api.with_raw_response.create(**fields)
            except openai.APIError as error:
                return Told(Meaning(problem=_openai_problem(error)), [])
            return self._read(raw.parse(), raw.headers.get("x-dragoman-warnings", ""))
        fields["stream_options"] = {"include_usage": True}
        text = ""
        try:
            async with self._api.stream(**fields) as events:
                async for event in events:
                    text += event.delta if event.type == "content.delta" else ""
                made = await events.get_final_completion()
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):
            # The SDK's habit: an answer that was not finished is an exception.
            made = events.current_completion_snapshot
        except openai.APIError as error:
            return Told(Meaning(text=text, problem=_openai_problem(error)), [])
        assert text == (made.choices[0].message.content or "")
        return self._read(made)

    def _fields(self, asked: Asked, past: list[Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "model": asked.model,
            "max_completion_tokens": asked.limit,
            "messages": [
                {"role": "system", "content": asked.system},
                *self.turn(asked.words),
                *past,
            ],
        }
        if asked.tools:
            fields["tools"] = [
                {"type": "function", "function": {"name": one.name, "parameters": one.schema,
                                                  "description": one.description}}
                for one in asked.tools
            ]  # fmt: skip
        if asked.choice:
            named = {"type": "function", "function": {"name": asked.choice}}
            fields["tool_choice"] = _CHOICES.get(asked.choice, named)
        if asked.stops:
            fields["stop"] = list(asked.stops)
        if asked.schema is not None:
            schema = {"name": "it", "schema": asked.schema, "strict": True}
            fields["response_format"] = {"type": "json_schema", "json_schema": schema}
        if asked.effort:
            fields["reasoning_effort"] = asked.effort
        return {**fields, **_plain(asked)}

    def _read(self, made: Any, warnings: str = "") -> Told:
        choice = made.choices[0]
        said = choice.message
        calls = tuple(
            Call(one.id, one.function.name, json.loads(one.function.arguments))
            for one in said.tool_calls or ()
        )
        finish = {"stop": "end", "tool_calls": "calls", "length": "limit",
                  "content_filter": "refused"}[choice.finish_reason]  # fmt: skip
        used = made.usage
        cached = used.prompt_tokens_details
        read, written = cached.cached_tokens, cached.cache_write_tokens
        usage = Usage(
            used.prompt_tokens - read - written,
            read,
            written,
            used.completion_tokens,
            used.completion_tokens_details.reasoning_tokens,
        )
        assert used.total_tokens == used.prompt_tokens + used.completion_tokens
        fields = said.model_dump()
        thought = fields.get("reasoning_content") or fields.get("reasoning") or ""
        meaning = Meaning(thought, said.content or "", calls, finish, None, usage)
        return Told(meaning, [said.model_dump(exclude_none=True, exclude={"parsed"})], warnings)


def _chat_part(word: Word) -> dict[str, Any]:
    if isinstance(word, str):
        return {"type": "text", "text": word}
    if isinstance(word, Document):
        data = f"data:application/pdf;base64,{word.base64}"
        return {"type": "file", "file": {"filename": word.name, "file_data": data}}
    return {"type": "image_url", "image_url": {"url": word.url}}


class Responses:
    """``openai``'s responses."""

    def __init__(self, gateway: Harness) -> None:
        self.asked = 0
        self._api = _openai(gateway).responses

    def turn(self, parts: Sequence[Part]) -> list[Any]:
        """As :meth:`Chat.turn`."""
        found = [one for one in parts if isinstance(one, Result)]
        if not found:
            return [{"role": "user", "content": _words(parts, _responses_part)}]
        return [
            {"type": "function_call_output", "call_id": one.call_id,
             "output": _said(one, _responses_part)}
            for one in found
        ]  # fmt: skip

    async def ask(self, asked: Asked, past: list[Any], *, stream: bool) -> Told:
        self.asked += 1
        fields = self._fields(asked, past)
        if not stream:
            try:
                raw = await self._api.with_raw_response.create(**fields)
            except openai.APIError as error:
                return Told(Meaning(problem=_openai_problem(error)), [])
            return self._read(raw.parse(), raw.headers.get("x-dragoman-warnings", ""))
        text, code, kind, made = "", "", "", None
        try:
            async with self._api.stream(**fields) as events:
                async for event in events:
                    kind = event.type
                    text += event.delta if kind == "response.output_text.delta" else ""
                    code = event.code if kind == "error" else code
                    made = getattr(event, "response", made)
                if kind == "response.failed":
                    return Told(
                        Meaning(text=text, problem=Problem(None, _KINDS.get(code, code))), []
                    )
                if kind != "response.incomplete":  # which the SDK takes for no end
                    made = await events.get_final_response()
        except openai.APIError as error:
            return Told(Meaning(text=text, problem=_openai_problem(error)), [])
        assert made is not None
        assert text == made.output_text
        return self._read(made)

    def _fields(self, asked: Asked, past: list[Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "model": asked.model,
            "max_output_tokens": asked.limit,
            "instructions": asked.system,
            "input": [*self.turn(asked.words), *past],
            "store": False,
        }
        if asked.tools:
            fields["tools"] = [
                {"type": "function", "name": one.name, "description": one.description,
                 "parameters": one.schema, "strict": False}
                for one in asked.tools
            ]  # fmt: skip
        if asked.choice:
            named = {"type": "function", "name": asked.choice}
            fields["tool_choice"] = _CHOICES.get(asked.choice, named)
        if asked.stops:
            fields["extra_body"] = {"stop": list(asked.stops)}
        if asked.schema is not None:
            schema = {"type": "json_schema", "name": "it", "schema": asked.schema, "strict": True}
            fields["text"] = {"format": schema}
        if asked.effort:
            fields["reasoning"] = {"effort": asked.effort, "summary": "auto"}
            fields["include"] = ["reasoning.encrypted_content"]
        return {**fields, **_plain(asked)}

    def _read(self, made: Any, warnings: str = "") -> Told:
        calls = tuple(
            Call(one.call_id, one.name, json.loads(one.arguments))
            for one in made.output
            if one.type == "function_call"
        )
        thought = "".join(
            part.text for one in made.output if one.type == "reasoning" for part in one.summary
        )
        finish = "calls" if calls else "end"
        if made.status == "incomplete":
            reasons = {"max_output_tokens": "limit", "content_filter": "refused"}
            finish = reasons[made.incomplete_details.reason]
        used = made.usage
        read = used.input_tokens_details.cached_tokens
        written = used.input_tokens_details.cache_write_tokens
        usage = Usage(
            used.input_tokens - read - written,
            read,
            written,
            used.output_tokens,
            used.output_tokens_details.reasoning_tokens,
        )
        assert used.total_tokens == used.input_tokens + used.output_tokens
        meaning = Meaning(thought, made.output_text, calls, finish, None, usage)
        return Told(meaning, [one.to_dict() for one in made.output], warnings)


def _responses_part(word: Word) -> dict[str, Any]:
    if isinstance(word, str):
        return {"type": "input_text", "text": word}
    if isinstance(word, Document):
        data = f"data:application/pdf;base64,{word.base64}"
        return {"type": "input_file", "filename": word.name, "file_data": data}
    return {"type": "input_image", "image_url": word.url, "detail": "auto"}


class Messages:
    """``anthropic``'s messages."""

    def __init__(self, gateway: Harness) -> None:
        self.asked = 0
        self._api = anthropic.AsyncAnthropic(
            api_key=KEY, base_url=gateway.base, http_client=gateway.http, max_retries=0
        ).messages

    def turn(self, parts: Sequence[Part]) -> list[Any]:
        """As :meth:`Chat.turn`."""
        found = [one for one in parts if isinstance(one, Result)]
        if not found:
            return [{"role": "user", "content": _words(parts, _messages_part)}]
        blocks = [
            {"type": "tool_result", "tool_use_id": one.call_id,
             "content": _said(one, _messages_part)}
            for one in found
        ]  # fmt: skip
        return [{"role": "user", "content": blocks}]

    async def ask(self, asked: Asked, past: list[Any], *, stream: bool) -> Told:
        self.asked += 1
        fields = self._fields(asked, past)
        if not stream:
            try:
                raw = await self._api.with_raw_response.create(**fields)
            except anthropic.APIError as error:
                return Told(Meaning(problem=_anthropic_problem(error, stream=False)), [])
            return self._read(await _parsed(raw), raw.headers.get("x-dragoman-warnings", ""))
        text, begun = "", False
        try:
            async with self._api.stream(**fields) as events:
                async for event in events:
                    begun = True
                    text += event.text if event.type == "text" else ""
                made = await events.get_final_message()
        except anthropic.APIError as error:
            return Told(Meaning(text=text, problem=_anthropic_problem(error, stream=begun)), [])
        assert text == "".join(one.text for one in made.content if one.type == "text")
        return self._read(made)

    def _fields(self, asked: Asked, past: list[Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "model": asked.model,
            "max_tokens": asked.limit,
            "system": asked.system,
            "messages": [*self.turn(asked.words), *past],
        }
        if asked.tools:
            fields["tools"] = [
                {"name": one.name, "description": one.description, "input_schema": one.schema}
                for one in asked.tools
            ]
        if asked.choice:
            plain = asked.choice in _CHOICES
            named = {"type": "tool", "name": asked.choice}
            fields["tool_choice"] = {"type": asked.choice} if plain else named
            if not asked.parallel:
                fields["tool_choice"]["disable_parallel_tool_use"] = True
        if asked.user:
            fields["metadata"] = {"user_id": asked.user}
        if asked.temperature is not None:
            # The API's newer version has none, and so the SDK has no name for it.
            fields["extra_headers"] = {"anthropic-version": "2023-06-01"}
            fields["extra_body"] = {"temperature": asked.temperature}
        if asked.stops:
            fields["stop_sequences"] = list(asked.stops)
        output: dict[str, Any] = {}
        if asked.schema is not None:
            output["format"] = {"type": "json_schema", "schema": asked.schema}
        if asked.effort:
            fields["thinking"] = {"type": "adaptive", "display": "summarized"}
            output["effort"] = asked.effort
        return {**fields, "output_config": output} if output else fields

    def _read(self, made: Any, warnings: str = "") -> Told:
        blocks = made.content
        used = made.usage
        details = used.output_tokens_details
        meaning = Meaning(
            "".join(one.thinking for one in blocks if one.type == "thinking"),
            "".join(one.text for one in blocks if one.type == "text"),
            tuple(Call(one.id, one.name, one.input) for one in blocks if one.type == "tool_use"),
            {"end_turn": "end", "stop_sequence": "end", "tool_use": "calls",
             "max_tokens": "limit", "refusal": "refused"}[made.stop_reason],
            made.stop_sequence,
            Usage(
                used.input_tokens,
                used.cache_read_input_tokens,
                used.cache_creation_input_tokens,
                used.output_tokens,
                details.thinking_tokens if details is not None else 0,
            ),
        )  # fmt: skip
        assert (made.stop_reason == "stop_sequence") is (made.stop_sequence is not None)
        content = [one.to_dict() for one in blocks]
        return Told(meaning, [{"role": "assistant", "content": content}], warnings)


def _messages_part(word: Word) -> dict[str, Any]:
    if isinstance(word, str):
        return {"type": "text", "text": word}
    if isinstance(word, Document):
        held = {"type": "base64", "media_type": "application/pdf", "data": word.base64}
        return {"type": "document", "title": word.name, "source": held}
    source = {"type": "base64", "media_type": word.media_type, "data": word.base64}
    return {"type": "image", "source": source}


_CHOICES = {"any": "required", "auto": "auto"}
"""Of tools, in OpenAI's words."""


def _plain(asked: Asked) -> dict[str, Any]:
    """What is called alike in both of OpenAI's dialects."""
    fields: dict[str, Any] = {}
    if asked.user:
        fields["user"] = asked.user
    if asked.temperature is not None:
        fields["temperature"] = asked.temperature
    if not asked.parallel:
        fields["parallel_tool_calls"] = False
    return fields


def _words(parts: Sequence[Part], part: Callable[[Word], dict[str, Any]]) -> Any:
    """A user's words: a text, or parts of a dialect."""
    words = [one for one in parts if isinstance(one, Word)]
    return words[0] if isinstance(words[0], str) and len(words) == 1 else list(map(part, words))


def _said(result: Result, part: Callable[[Word], dict[str, Any]]) -> Any:
    """What a tool gave: a text, or parts of a dialect."""
    return result.text if result.image is None else [part(result.text), part(result.image)]


async def _parsed(raw: Any) -> Any:
    made = raw.parse()
    return await made if hasattr(made, "__await__") else made


def _openai(gateway: Harness) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=KEY, base_url=gateway.base + "/v1", http_client=gateway.http, max_retries=0
    )


def _openai_problem(error: openai.APIError) -> Problem:
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    told = (error.code or "", error.type or "")
    kinds = [_KINDS[word] for word in told if word in _KINDS]
    return Problem(status, kinds[0] if kinds else f"{told} {error.message}")


def _anthropic_problem(error: anthropic.APIError, *, stream: bool) -> Problem:
    assert isinstance(error, anthropic.APIStatusError)
    body: Any = error.body
    with contextlib.suppress(KeyError):
        # Inside a stream the whole event is the body.
        body = body["error"]
    kind = _KINDS.get(body["type"], str(body))
    if kind == "rejected" and body["message"].startswith("prompt is too long"):
        # Words by which Claude Code knows that it has to shorten the conversation.
        kind = "too long"
    return Problem(None if stream else error.status_code, kind)


CLIENTS = {"chat": Chat, "messages": Messages, "responses": Responses}

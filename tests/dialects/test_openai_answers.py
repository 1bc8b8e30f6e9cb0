"""Answers of OpenAI-compatible upstreams, the vendors' SDKs judging: whole and streamed they come
to the same, and to what the server said, in every dialect."""

from pathlib import Path
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openai._types import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from dragoman.carriers.registry import OPENAI
from dragoman.codec import jsonio
from dragoman.hub.usage import Usage
from tests.dialects.chat_oracles import completion
from tests.dialects.generated import arguments, cases, words
from tests.dialects.oracles import fold
from tests.dialects.test_openai_upstreams import golden, parsed_of
from tests.golden.relaying import relayed

CREATED = 1_700_000_000
ANTHROPIC: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
OPENAI_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.mark.parametrize("path", golden("reply.json", "chat-openai"))
def test_golden_replies_are_completions(path: Path) -> None:
    completion(jsonio.decode(path.read_bytes()))


@pytest.mark.parametrize("path", golden("reply.json", "messages-openai"))
def test_golden_replies_are_messages(path: Path) -> None:
    Message.model_validate(jsonio.decode(path.read_bytes()), strict=True)


@pytest.mark.parametrize("path", golden("reply.json", "responses-openai"))
def test_golden_replies_are_responses(path: Path) -> None:
    Response.model_validate(jsonio.decode(path.read_bytes()))


def frames(data: bytes) -> list[dict[str, Any]]:
    """The payloads of a stream of ours."""
    lines = [line for line in data.split(b"\n") if line.startswith(b"data: {")]
    return [jsonio.decode(line.removeprefix(b"data: ")) for line in lines]


def folded_message(data: bytes) -> dict[str, Any]:
    """What ``anthropic``'s accumulator makes of a stream."""
    snapshot, buffers = None, {}
    for event in frames(data):
        if event["type"] != "ping":
            snapshot = accumulate_event(
                event=ANTHROPIC.validate_python(event),
                current_snapshot=snapshot,
                json_bufs=buffers,
            )
    assert snapshot is not None
    return snapshot.to_dict()


def folded_response(data: bytes) -> dict[str, Any]:
    """The response at a stream's end, every event of which ``openai``'s accumulator has taken."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    events = frames(data)
    for number, event in enumerate(events):
        assert event["sequence_number"] == number
        state.handle_event(OPENAI_EVENT.validate_python(event))
    last: dict[str, Any] = events[-1]["response"]
    Response.model_validate(last)
    return last


@pytest.mark.parametrize("path", golden("events.sse", "messages-openai"))
def test_golden_streams_are_folded_by_anthropics_sdk(path: Path) -> None:
    data = path.read_bytes()
    if b"event: error" not in data:
        Message.model_validate(folded_message(data))


@pytest.mark.parametrize("path", golden("events.sse", "responses-openai"))
def test_golden_streams_are_folded_by_openais_sdk(path: Path) -> None:
    folded_response(path.read_bytes())


class Answer:
    """What a server says, and how it says it."""

    def __init__(
        self, thought: list[str], text: list[str], calls: list[dict[str, Any]], usage: list[int]
    ) -> None:
        self.thought, self.text = "".join(thought), "".join(text)
        self.calls = calls
        prompt, cached, output, reasoning = usage
        self.usage = {
            "prompt_tokens": prompt + cached,
            "completion_tokens": output + reasoning,
            "total_tokens": prompt + cached + output + reasoning,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
        self._pieces = (thought, text)

    @property
    def finish(self) -> str:
        return "tool_calls" if self.calls else "stop"

    def whole(self) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.thought:
            message["reasoning_content"] = self.thought
        if self.calls:
            message["tool_calls"] = [self._call(call) for call in self.calls]
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        return jsonio.encode({**self._head("chat.completion", [choice]), "usage": self.usage})

    def streamed(self) -> bytes:
        thought, text = self._pieces
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in thought]
        deltas += [{"content": piece} for piece in text]
        for at, call in enumerate(self.calls):
            made = self._call(call)
            given = made["function"].pop("arguments")
            deltas.append({"tool_calls": [{"index": at, **made}]})
            for piece in (given[: call["cut"]], given[call["cut"] :]):
                deltas.append({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": self.finish})
        kind = "chat.completion.chunk"
        chunks = [self._head(kind, [choice]) for choice in choices]
        chunks.append({**self._head(kind, []), "usage": self.usage})
        data = b"".join(b"data: %b\n\n" % jsonio.encode(chunk) for chunk in chunks)
        return data + b"data: [DONE]\n\n"

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        written = jsonio.encode(call["input"]).decode()
        function = {"name": call["name"], "arguments": written}
        return {"id": call["id"], "type": "function", "function": function}

    def _head(self, kind: str, choices: list[Any]) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "m", "choices": choices}


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    names = draw(st.lists(st.sampled_from(["f", "g"]), max_size=3))
    calls = [
        {"id": f"call_{at}", "name": name, "input": draw(arguments), "cut": draw(st.integers(0, 9))}
        for at, name in enumerate(names)
    ]
    # A server that tells of no tokens at all is one that tells nothing.
    usage = [draw(st.integers(1, 9)), *[draw(st.integers(0, 999)) for _ in range(3)]]
    pieces = st.lists(words, max_size=4)
    return Answer(draw(pieces), draw(pieces), calls, usage)


def both_ways(name: str, made: Answer) -> tuple[bytes, bytes]:
    """A client's whole answer and its streamed one."""
    carrier = OPENAI["plain"]
    dialect, parsed = parsed_of(name)
    reply = carrier.read_reply(made.whole())
    usage = Usage()
    usage.fold(reply.usage)
    whole = dialect.reply(parsed, [reply], CREATED, usage)
    dialect, parsed = parsed_of(name)
    writer = dialect.writer(parsed, CREATED, 0)
    data = made.streamed()
    streamed = relayed(carrier.reader(), writer, [data[:97], data[97:]], writer.fail)
    return whole, streamed


FULL = Answer(
    ["Hm", ", so."], ["At ", "home."],
    [{"id": "call_0", "name": "f", "input": {"a": 1}, "cut": 3},
     {"id": "call_1", "name": "g", "input": {}, "cut": 0}],
    [5, 6, 7, 8],
)  # fmt: skip


@given(answers())
@example(FULL)
@settings(max_examples=cases(50))
def test_a_message_is_what_the_server_said(made: Answer) -> None:
    whole, streamed = both_ways("messages", made)
    message: dict[str, Any] = Message.model_validate(jsonio.decode(whole)).to_dict()
    blocks = [one for one in message["content"] if isinstance(one, dict)]
    assert "".join([one["thinking"] for one in blocks if "thinking" in one]) == made.thought
    assert "".join([one["text"] for one in blocks if "text" in one]) == made.text
    calls = [(one["id"], one["name"], one["input"]) for one in blocks if one["type"] == "tool_use"]
    assert calls == [(one["id"], one["name"], one["input"]) for one in made.calls]
    assert message["stop_reason"] == ("tool_use" if made.calls else "end_turn")
    usage = message["usage"]
    cached = made.usage["prompt_tokens_details"]["cached_tokens"]
    assert usage["input_tokens"] + cached == made.usage["prompt_tokens"]
    assert usage["cache_read_input_tokens"] == cached
    assert usage["output_tokens"] == made.usage["completion_tokens"]
    folded = folded_message(streamed)
    for field in ("content", "stop_reason", "model"):
        assert folded[field] == message[field]
    for field in ("input_tokens", "cache_read_input_tokens", "output_tokens"):
        assert folded["usage"][field] == usage[field]


@given(answers())
@example(FULL)
@settings(max_examples=cases(50))
def test_a_response_is_what_the_server_said(made: Answer) -> None:
    whole, streamed = both_ways("responses", made)
    response = jsonio.decode(whole)
    Response.model_validate(response)
    assert folded_response(streamed) == response
    output = response["output"]
    thoughts = [one["summary"][0]["text"] for one in output if one["type"] == "reasoning"]
    assert "".join(thoughts) == made.thought
    texts = [one["content"][0]["text"] for one in output if one["type"] == "message"]
    assert "".join(texts) == made.text
    calls = [one for one in output if one["type"] == "function_call"]
    assert [(one["call_id"], one["name"], jsonio.decode(one["arguments"])) for one in calls] == [
        (one["id"], one["name"], one["input"]) for one in made.calls
    ]
    assert response["usage"]["total_tokens"] == made.usage["total_tokens"]


def called(message: dict[str, Any]) -> list[tuple[str, str, str]]:
    """A completion's calls."""
    return [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls") or ()
    ]


@given(answers())
@example(FULL)
@settings(max_examples=cases(50))
def test_a_completion_is_what_the_server_said(made: Answer) -> None:
    whole, streamed = both_ways("chat", made)
    said = completion(jsonio.decode(whole))
    (choice,) = said["choices"]
    message = choice["message"]
    assert (message["content"] or "") == made.text
    assert message.get("reasoning_content", "") == made.thought
    assert choice["finish_reason"] == made.finish
    assert said["usage"]["total_tokens"] == made.usage["total_tokens"]
    folded = fold(streamed).choices[0].message.to_dict()
    for field in ("content", "reasoning_content"):
        assert (folded.get(field) or "") == (message.get(field) or "")
    assert called(folded) == called(message)

"""What a response object repeats of its request, made once for all the times it is sent."""

from msgspec import Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.shapes import given
from dragoman.dialects.responses.shapes import Reasoning, ResponsesRequest

_NULL = Raw(b"null")


class _Reasoning(Struct):
    effort: str | None
    summary: str | None


class _Text(Struct):
    format: Raw
    verbosity: str


class _Echo(Struct):
    instructions: Raw
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, Raw]
    parallel_tool_calls: bool
    prompt_cache_key: str | None
    reasoning: _Reasoning
    safety_identifier: str | None
    temperature: float
    text: _Text
    tool_choice: Raw
    tools: list[Raw]
    top_p: float
    truncation: str
    user: str | None
    store: bool = False
    background: bool = False
    previous_response_id: None = None
    top_logprobs: int = 0


def echo(asked: ResponsesRequest, tools: list[Raw]) -> bytes:
    """The members of the response object, from their comma to the closing brace of the object."""
    reasoning = asked.reasoning or Reasoning()
    parallel = asked.parallel_tool_calls
    made = _Echo(
        instructions=asked.instructions if given(asked.instructions) else _NULL,
        max_output_tokens=asked.max_output_tokens,
        max_tool_calls=asked.max_tool_calls,
        metadata=asked.metadata or {},
        parallel_tool_calls=True if parallel is None else parallel,
        prompt_cache_key=asked.prompt_cache_key,
        reasoning=_Reasoning(reasoning.effort, _summary(reasoning)),
        safety_identifier=asked.safety_identifier,
        temperature=1.0 if asked.temperature is None else asked.temperature,
        text=_text(asked),
        tool_choice=asked.tool_choice if given(asked.tool_choice) else Raw(b'"auto"'),
        tools=tools,
        top_p=1.0 if asked.top_p is None else asked.top_p,
        truncation="disabled",
        user=asked.user,
    )
    return b"," + jsonio.encode(made)[1:]


def _summary(reasoning: Reasoning) -> str | None:
    found = reasoning.summary or reasoning.generate_summary
    return None if found == "none" else found


def _text(asked: ResponsesRequest) -> _Text:
    form, verbosity = b'{"type":"text"}', "medium"
    if asked.text is not None:
        verbosity = asked.text.verbosity or verbosity
        if asked.text.format is not None:
            fields = {
                name: value
                for name in ("type", "name", "description", "schema", "strict")
                if (value := getattr(asked.text.format, name)) is not None
                and not (isinstance(value, Raw) and not given(value))
            }
            form = jsonio.encode(fields)
    return _Text(Raw(form), verbosity)

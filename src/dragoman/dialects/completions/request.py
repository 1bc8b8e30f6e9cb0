"""A Completions body → Messages requests: :func:`parse`.

Each prompt becomes a chat of one message and is translated like one. Several prompts are as many
requests, each with its choices; the choices of all of them are numbered through. Thinking is turned
off where the model allows that: the limit of 16 tokens that old clients rely on leaves no room.
"""

from typing import Annotated

from msgspec import Meta, Raw

from dragoman.codec import jsonio
from dragoman.dialects.chat import duplicates, request
from dragoman.dialects.chat import shapes as chat
from dragoman.dialects.chat.decode import Reader
from dragoman.dialects.chat.mapped import Given, MappedNotes, mapped, parser
from dragoman.dialects.chat.parsed import Parsed
from dragoman.dialects.chat.shapes import ABSENT, Count, Penalty, Shape, StreamOptions
from dragoman.dialects.chat.texts import missing, wrong_type
from dragoman.errors import Failure

DEFAULT_MAX_TOKENS = 16
"""Output tokens where the client names no limit, as OpenAI's API has it."""
MOST_CHOICES = 16
"""Choices of one request; each is a request of its own upstream."""


class CompletionRequest(Shape):
    """The body."""

    model: str
    prompt: Raw = ABSENT
    suffix: str | None = None
    max_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=MOST_CHOICES)] | None = None
    best_of: Annotated[int, Meta(ge=1, le=20)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: int | None = None
    echo: bool | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    seed: int | None = None
    user: str | None = None


_requests = Reader(CompletionRequest)
_lists = jsonio.Decoder(list[Raw])


def _full(body: bytes, way: Given) -> Parsed:
    notes = MappedNotes(way.strict, way.caching)
    asked: CompletionRequest = _requests.read(body, "", notes)
    duplicates.refuse(body, asked.prompt, b'"prompt"')
    _refuse(asked)
    _choose(asked, notes)
    prompts = _prompts(asked.prompt)
    each = asked.n or 1
    if len(prompts) * each > MOST_CHOICES:
        raise Failure(
            "array_too_long",
            f"Invalid 'prompt': prompts and 'n' come to {len(prompts) * each} choices, at most"
            f" {MOST_CHOICES} are served.",
            param="prompt",
        )
    resolved = way.catalogue.resolve(asked.model)
    found: list[Parsed] = []
    for at, prompt in enumerate(prompts):
        places = _Places("prompt" if len(prompts) == 1 else f"prompt[{at}]")
        own = notes if at == 0 else MappedNotes(way.strict, way.caching)
        through = request.Way(resolved, len(body), way.recall)
        told = chat.Message("user", prompt)
        found.append(mapped(_told(asked), [told], through, (own, places)))
    parsed = found[0]
    parsed.n = len(prompts) * each
    if len(prompts) > 1:
        parsed.requests = [one.request for one in found for _ in range(each)]
        parsed.prompt_bytes = max(1, len(body) // len(prompts))
    if asked.echo:
        parsed.prompts = tuple([bytes(prompt) for prompt in prompts for _ in range(each)])
    return parsed


parse = parser(_full)
"""Reads a Completions body."""


class _Places:
    """A path in the chat request → the path in the client's."""

    __slots__ = ("_prompt",)

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt

    def __call__(self, path: str) -> str:
        if path.startswith("messages"):
            return self._prompt
        return "model" if path == "reasoning_effort" else path


def _told(asked: CompletionRequest) -> chat.ChatRequest:
    """The request as a chat client would make it, without its message."""
    return chat.ChatRequest(
        model=asked.model,
        messages=ABSENT,
        max_tokens=DEFAULT_MAX_TOKENS if asked.max_tokens is None else asked.max_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        stop=asked.stop,
        stream=asked.stream,
        stream_options=asked.stream_options,
        presence_penalty=asked.presence_penalty,
        frequency_penalty=asked.frequency_penalty,
        logit_bias=asked.logit_bias,
        seed=asked.seed,
        user=asked.user,
        reasoning_effort="none",
    )


def _choose(asked: CompletionRequest, notes: MappedNotes) -> None:
    """Check ``best_of``, as OpenAI's API does, and say that nothing is chosen."""
    best, each = asked.best_of, asked.n or 1
    if best is None or best == each:
        return
    if best < each or asked.stream:
        why = "results cannot be streamed" if best > each else "it must not be less than 'n'"
        raise Failure("invalid_value", f"Invalid 'best_of': {why}.", param="best_of")
    notes.warn("best_of", "no choice is better than another", "unsupported_parameter")


def _refuse(asked: CompletionRequest) -> None:
    """Raises :class:`Failure` for what would be another answer if it were left out."""
    for name, wanted, why in (
        ("suffix", bool(asked.suffix), "Claude does not fill in between two texts"),
        ("logprobs", asked.logprobs is not None, "log probabilities are not available"),
    ):
        if wanted:
            raise Failure(
                "unsupported_parameter", f"Unsupported parameter: '{name}': {why}.", param=name
            )


def _prompts(raw: Raw) -> list[Raw]:
    """The prompts, as JSON string literals."""
    if not chat.given(raw):
        raise missing("prompt")
    first = bytes(raw)[:1]
    if first == b'"':
        return [raw]
    if first != b"[":
        raise wrong_type(raw, "prompt", "a string or an array of strings")
    found = _lists.decode(raw)
    if not found:
        raise Failure("empty_array", "'prompt' must not be empty.", param="prompt")
    for at, prompt in enumerate(found):
        if bytes(prompt)[:1] != b'"':
            raise Failure(
                "unsupported_value",
                f"Unsupported value: 'prompt[{at}]': prompts of tokens are not supported. Send the"
                " text.",
                param=f"prompt[{at}]",
            )
    return found

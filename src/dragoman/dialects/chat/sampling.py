"""Limits and sampling: ``max_tokens``, ``temperature``, ``top_p``, ``top_k``, ``stop`` (protocol.md
§5a, §2b rules 16, 22-26, 32).

What a model accepts is its catalogue row's word: ``free``, ``one_of``, ``fixed`` or ``none``. A
value that is the default anyway is left out without a warning.
"""

from typing import NamedTuple

from msgspec import UNSET

from dragoman.catalogue.model import Model
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import ChatRequest
from dragoman.hub.request import Request

DEFAULT_MAX_TOKENS = 32_000
"""Most output tokens of a non-streamed answer when the client names no limit: it must end in
minutes."""
_LEAST_TOP_P = 0.95
"""Below this ``top_p`` is refused together with thinking."""


def max_tokens(request: ChatRequest, model: Model, room: int, notes: Notes) -> int:
    """The limit of output tokens. ``room``: a thinking budget that must fit into a default
    limit."""
    asked = request.max_completion_tokens
    name = "max_completion_tokens"
    if asked is None:
        asked, name = request.max_tokens, "max_tokens"
    most = model.max_output_tokens
    if asked is None:
        return default_limit(model, stream=bool(request.stream), room=room)
    if asked > most:
        notes.warn(name, f"the model writes at most {most} tokens")
        return most
    return asked


def default_limit(model: Model, *, stream: bool, room: int = 0) -> int:
    """The limit where the client names none."""
    most = model.max_output_tokens
    return most if stream else min(most, DEFAULT_MAX_TOKENS + room)


def sample(request: ChatRequest, out: Request, model: Model, notes: Notes) -> None:
    """``temperature``, ``top_p`` and ``top_k``, as far as the model and its thinking allow."""
    if request.temperature is None and request.top_p is None and request.top_k is None:
        return
    asked = Sampling(request.temperature, request.top_p, request.top_k)
    if model.sampling in ("none", "fixed"):
        _refuse(asked, model, notes)
        return
    if asked.temperature is not None and asked.temperature > 1:
        notes.warn("temperature", "Claude's range ends at 1")
        asked = asked._replace(temperature=1.0)
    if out.thinking is not UNSET and out.thinking.type in ("enabled", "adaptive"):
        asked = _beside_thinking(asked, notes)
    if model.sampling == "one_of" and asked.temperature is not None and asked.top_p is not None:
        if asked.top_p != 1:
            notes.warn("top_p", "the model takes temperature or top_p, not both")
        asked = asked._replace(top_p=None)
    if asked.temperature is not None:
        out.temperature = asked.temperature
    if asked.top_p is not None:
        out.top_p = asked.top_p
    if asked.top_k is not None:
        out.top_k = asked.top_k


class Sampling(NamedTuple):
    """The three settings, ``None`` where one is not asked for."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def _refuse(asked: Sampling, model: Model, notes: Notes) -> None:
    """The model takes none of it: say so, unless the value is the default anyway."""
    defaults = Sampling(model.fixed_temperature, model.fixed_top_p)
    for name, value, default in zip(Sampling._fields, asked, defaults, strict=True):
        harmless = value == default or (name != "top_k" and value == 1)
        if value is not None and not harmless:
            notes.warn(name, "the model does not take it")


def _beside_thinking(asked: Sampling, notes: Notes) -> Sampling:
    """What may go with thinking: no temperature but 1, a ``top_p`` near 1, no ``top_k``."""
    temperature, top_p, top_k = asked
    if temperature is not None and temperature != 1:
        notes.warn("temperature", "not together with thinking")
        temperature = None
    if top_p is not None and top_p < _LEAST_TOP_P:
        notes.warn("top_p", "not together with thinking")
        top_p = None
    if top_k is not None:
        notes.warn("top_k", "not together with thinking")
    return Sampling(temperature, top_p)


def stop(request: ChatRequest, out: Request, notes: Notes) -> None:
    """Stop sequences upstream accepts: each must hold something that is not white space."""
    asked = request.stop
    if not asked:
        return
    if isinstance(asked, str):
        asked = [asked]
    kept = [sequence for sequence in asked if sequence.strip()]
    if len(kept) != len(asked):
        notes.warn("stop", "sequences of white space only are not supported")
    if kept:
        out.stop_sequences = kept

"""Checks a request by the rules of protocol.md §2b and reads it.

Order is the API's: first the shape of the whole body, then the model, then what the model allows,
then the conversation, then what costs most to look at. The first broken rule is the answer.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.model import Model
from dragoman.simulator.binding import BETA
from dragoman.simulator.listing import find_model
from dragoman.simulator.media import Gallery
from dragoman.simulator.problem import ApiError
from dragoman.simulator.prompt import Prompt
from dragoman.simulator.rules import (
    caching,
    conversation,
    media,
    params,
    request,
    structured,
    thinking,
    tools,
)
from dragoman.simulator.rules.thinking import Guard
from dragoman.simulator.shape import Json, as_object

OLD_VERSION = "2023-06-01"


class Checked(NamedTuple):
    """A request that may be answered."""

    prompt: Prompt
    gallery: Gallery
    context_tokens: int
    """The model's context, betas considered."""
    transformations: list[Json] | None
    """What happened to thinking blocks that came back; ``None``: nobody asked for a report."""


class Checker:
    """Checks requests against one catalogue."""

    def __init__(self, catalogue: Catalogue, serve_retired: bool) -> None:
        self._catalogue = catalogue
        self._serve_retired = serve_retired

    def creation(self, value: Any, headers: Mapping[str, str], guard: Guard) -> Checked:
        """The body of ``POST /v1/messages``. Raises ApiError."""
        body = _object(value)
        betas = _betas(headers)
        version = headers["anthropic-version"]
        request.check_creation(body, bool(betas), version == OLD_VERSION)
        model = self._model(body["model"])
        params.check_creation(body, model, betas)
        return _rest(body, model, guard, _Terms(version, betas))

    def counting(self, value: Any, headers: Mapping[str, str], guard: Guard) -> Checked:
        """The body of ``POST /v1/messages/count_tokens``. Raises ApiError."""
        body = _object(value)
        betas = _betas(headers)
        request.check_counting(body, bool(betas))
        model = self._model(body["model"])
        params.check_shared(body, model)
        return _rest(body, model, guard, _Terms(headers["anthropic-version"], betas))

    def _model(self, name: str) -> Model:
        model = find_model(self._catalogue, name)
        if model.retired is not None and not self._serve_retired:
            raise ApiError(f"model: {name}", status=404)
        return model


class _Terms(NamedTuple):
    """Under which terms a request came."""

    version: str
    betas: frozenset[str]


def _rest(body: Json, model: Model, guard: Guard, terms: _Terms) -> Checked:
    """The rules that both endpoints share, once the shape is known to be right."""
    tools.check(body)
    structured.check(body, model)
    conversation.check(body, model, terms.version)
    caching.check(body)
    transformations = thinking.check(body, model, guard)
    gallery = Gallery()
    media.check(body, model, gallery)
    context = model.context_tokens
    if model.extended_context_tokens and model.extended_context_beta in terms.betas:
        context = model.extended_context_tokens
    report = transformations if BETA in terms.betas else None
    return Checked(Prompt(model, body), gallery, context, report)


def fits(checked: Checked, tokens: int) -> None:
    """Refuse a prompt that is longer than the context (rule 17). Raises ApiError."""
    most = checked.context_tokens
    if tokens > most:
        raise ApiError(f"prompt is too long: {tokens} tokens > {most} maximum")
    asked = checked.prompt.max_tokens
    if checked.prompt.model.overflow == "error" and tokens + asked > most:
        raise ApiError(
            f"input length and `max_tokens` exceed context limit: {tokens} + {asked} > {most},"
            " decrease input length or `max_tokens` and try again"
        )


def _object(value: Any) -> Json:
    body = as_object(value)
    if body is None:
        raise ApiError("Input should be a valid dictionary")
    return body


def _betas(headers: Mapping[str, str]) -> frozenset[str]:
    named = headers.get("anthropic-beta", "")
    return frozenset(name.strip() for name in named.split(",") if name.strip())

"""Checks a request by the rules of protocol.md §2b, with the API's own wording."""

from collections.abc import Mapping
from typing import Any

from dragoman.catalogue.catalogue import Catalogue
from dragoman.simulator.listing import find_model
from dragoman.simulator.media import Gallery
from dragoman.simulator.problem import ApiError
from dragoman.simulator.prompt import Prompt
from dragoman.simulator.shape import as_object, text_of
from dragoman.simulator.thinking import Signer


class Checker:
    """Checks requests against one catalogue and one signing key."""

    def __init__(self, catalogue: Catalogue, signer: Signer, serve_retired: bool) -> None:
        self._catalogue = catalogue
        self._signer = signer
        self._serve_retired = serve_retired

    def message(
        self, value: Any, version: str, headers: Mapping[str, str]
    ) -> tuple[Prompt, Gallery]:
        """Check the body of ``POST /v1/messages``. Raises ApiError."""
        body = as_object(value)
        if body is None:
            raise ApiError("Input should be a valid dictionary")
        name = text_of(body, "model")
        if not name:
            raise ApiError("model: Field required")
        model = find_model(self._catalogue, name)
        if model.retired is not None and not self._serve_retired:
            raise ApiError(f"model: {name}", status=404)
        return Prompt(model, body), Gallery()

    def counted(
        self, value: Any, version: str, headers: Mapping[str, str]
    ) -> tuple[Prompt, Gallery]:
        """Check the body of ``POST /v1/messages/count_tokens``. Raises ApiError."""
        return self.message(value, version, headers)

    def fits(self, prompt: Prompt, tokens: int) -> None:
        """Refuse a prompt that is longer than the model's context. Raises ApiError."""
        most = prompt.model.context_tokens
        if tokens > most:
            raise ApiError(f"prompt is too long: {tokens} tokens > {most} maximum")

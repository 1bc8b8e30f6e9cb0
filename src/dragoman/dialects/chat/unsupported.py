"""Parameters that Claude cannot honour: named in a warning, refused in strict mode (protocol.md
§5a).

A value that asks for nothing (a penalty of 0, an empty ``logit_bias``) is no reason to warn. Two
things are refused always, because an answer without them would be another answer: log probabilities
and what is not text.
"""

from collections.abc import Callable
from operator import attrgetter

from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import ABSENT, ChatRequest, given
from dragoman.errors import Failure

_NO_SEED = "sampling cannot be repeated"
_NO_BIAS = "token likelihoods cannot be changed"
_NOT_HERE = "has no meaning here"
_NOTHING = (b"", b"null", b"[]", b"{}")

IGNORED: dict[str, tuple[Callable[[ChatRequest], bool], str]] = {
    "seed": (lambda r: r.seed is not None, _NO_SEED),
    "seen": (lambda r: r.seen is not None, _NO_SEED),
    "logit_bias": (lambda r: bool(r.logit_bias), _NO_BIAS),
    "presence_penalty": (lambda r: bool(r.presence_penalty), _NO_BIAS),
    "frequency_penalty": (lambda r: bool(r.frequency_penalty), _NO_BIAS),
    "repetition_penalty": (lambda r: r.repetition_penalty not in (None, 0, 1), _NO_BIAS),
    "safety_settings": (lambda r: bytes(r.safety_settings) not in _NOTHING, _NOT_HERE),
    "prediction": (lambda r: given(r.prediction), "predicted outputs do not exist"),
    "store": (lambda r: bool(r.store), "nothing is stored"),
    "metadata": (lambda r: bool(set(r.metadata or ()) - {"user_id"}), "nothing is stored"),
    "moderation": (lambda r: given(r.moderation), _NOT_HERE),
    "verbosity": (lambda r: r.verbosity in ("low", "high"), "ask for it in words"),
}
"""By field: when it asks for something, and why that is not done."""


def note(request: ChatRequest, notes: Notes) -> None:
    """Name what is not honoured. Raises :class:`Failure` for what cannot be left out."""
    if request.logprobs:
        raise _refused("logprobs", "log probabilities are not available")
    if request.top_logprobs:
        raise _refused("top_logprobs", "log probabilities are not available")
    for wanted in request.modalities or ():
        if wanted != "text":
            raise _modality(wanted)
    if given(request.audio):
        raise _refused("audio", "Claude does not speak")
    if not _ignores(request):
        return
    for name, (asked, reason) in IGNORED.items():
        if asked(request):
            notes.warn(name, reason, "unsupported_parameter")


def _modality(wanted: str) -> Failure:
    words = "Claude does not speak."
    if wanted != "audio":
        words = f"'{wanted}'. Supported values are: 'text'."
    return Failure("unsupported_value", f"Unsupported value: {words}", param="modalities")


_ignored_values = attrgetter(*IGNORED)
_USUAL = _ignored_values(ChatRequest("", ABSENT))


def _ignores(request: ChatRequest) -> bool:
    """Whether any of the ignored parameters is there at all: one comparison for nearly every
    request."""
    return _ignored_values(request) != _USUAL


def _refused(name: str, reason: str) -> Failure:
    return Failure(
        "unsupported_parameter", f"Unsupported parameter: '{name}': {reason}.", param=name
    )

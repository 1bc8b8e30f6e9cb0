"""Parameters that cannot be honoured (protocol.md §6e).

There is no store: what would need one is refused by its name, because an answer without what was
said before would be another answer. What merely asks for something extra is named in a warning.
"""

from collections.abc import Callable
from operator import attrgetter

from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import given
from dragoman.dialects.responses.shapes import ResponsesRequest
from dragoman.errors import Failure

Asked = Callable[[ResponsesRequest], bool]

REFUSED: dict[str, tuple[Asked, str]] = {
    "previous_response_id": (
        lambda r: r.previous_response_id is not None,
        "responses are not stored here. Send the whole conversation in 'input'.",
    ),
    "conversation": (
        lambda r: given(r.conversation),
        "conversations are not stored here. Send the whole conversation in 'input'.",
    ),
    "background": (
        lambda r: r.background is True,
        "responses are not stored here, so none can be fetched later.",
    ),
    "prompt": (
        lambda r: given(r.prompt),
        "prompts are not stored here. Send the texts themselves.",
    ),
    "top_logprobs": (lambda r: bool(r.top_logprobs), "log probabilities are not available."),
}
"""By field: when it is refused, and why."""

IGNORED: dict[str, tuple[Asked, str]] = {
    "store": (lambda r: r.store is True, "nothing is stored"),
    "truncation": (lambda r: r.truncation == "auto", "nothing is cut out of a conversation"),
    "max_tool_calls": (lambda r: r.max_tool_calls is not None, "searches are not counted"),
    "context_management": (
        lambda r: bytes(r.context_management) not in _NOTHING,
        "nothing is cut out of a conversation",
    ),
    "image": (lambda r: bytes(r.image) not in _NOTHING, "images go up as they are"),
    "access_programs": (lambda r: bytes(r.access_programs) not in _NOTHING, "has no meaning here"),
    "reasoning.context": (
        lambda r: r.reasoning is not None and r.reasoning.context not in (None, "auto"),
        "all reasoning that is sent back goes up",
    ),
}
"""By field: when it asks for something, and why that is not done."""
_NOTHING = (b"", b"null", b"[]", b"{}")

_INCLUDED = frozenset(
    {"reasoning.encrypted_content", "web_search_call.action.sources", "web_search_call.results"}
)
_LOGPROBS = "message.output_text.logprobs"


def note(asked: ResponsesRequest, notes: Notes) -> None:
    """Name what is not honoured. Raises :class:`Failure` for what cannot be left out."""
    if _asks(asked):
        _note_fields(asked, notes)
    for at, wanted in enumerate(asked.include or ()):
        path = f"include[{at}]"
        if wanted == _LOGPROBS:
            raise Failure(
                "unsupported_value",
                f"Unsupported value: '{path}': log probabilities are not available.",
                param=path,
            )
        if wanted not in _INCLUDED:
            notes.warn(path, f"there is no {wanted}")


_fields = attrgetter(
    *[name for name in (*REFUSED, *IGNORED) if name not in ("store", "reasoning.context")]
)
_LEFT_OUT = _fields(ResponsesRequest(model=""))


def _asks(asked: ResponsesRequest) -> bool:
    """Whether any of the fields above may ask for something. All are looked at together, because
    nearly always none is there; ``store`` and ``reasoning`` often are, and ask for nothing."""
    if _fields(asked) != _LEFT_OUT or asked.store is True:
        return True
    return asked.reasoning is not None and IGNORED["reasoning.context"][0](asked)


def _note_fields(asked: ResponsesRequest, notes: Notes) -> None:
    for name, (wants, why) in REFUSED.items():
        if wants(asked):
            raise Failure(
                "unsupported_parameter", f"Unsupported parameter: '{name}': {why}", param=name
            )
    for name, (wants, why) in IGNORED.items():
        if wants(asked):
            notes.warn(name, why, "unsupported_parameter")

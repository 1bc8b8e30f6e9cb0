"""The shapes of chat chunks and replies, as far as they are needed.

Servers differ, so shapes are wide: what may be absent may be null, and what stands where a text is
expected is looked at by its first byte.
"""

from msgspec import Raw, Struct

from dragoman.codec import jsonio

NULL = Raw(b"null")


class Called(Struct, gc=False):
    name: str | None = None
    arguments: Raw = NULL
    """A JSON string literal; an object from servers that do not write it as text."""


class Call(Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: Called | None = None


class Said(Struct, gc=False):
    """A delta, or a whole message."""

    content: Raw = NULL
    refusal: Raw = NULL
    reasoning_content: Raw = NULL
    reasoning: Raw = NULL
    reasoning_details: Raw = NULL
    tool_calls: list[Call] | None = None
    function_call: Called | None = None


class Choice(Struct, gc=False):
    index: int | None = None
    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None
    usage: Raw = NULL
    """Moonshot says it here."""


class Chunk(Struct, gc=False):
    """A chunk, or a whole reply."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Raw = NULL
    error: Raw = NULL
    object: str | None = None
    message: Raw = NULL
    """Of an error as older servers write it."""


class Detail(Struct, gc=False):
    """An item of OpenRouter's ``reasoning_details``."""

    text: Raw = NULL
    summary: Raw = NULL


class Part(Struct, gc=False):
    """An item of a content that is a list (Mistral)."""

    type: str = ""
    text: Raw = NULL
    thinking: Raw = NULL


decoder = jsonio.Decoder(Chunk)
_details = jsonio.Decoder(list[Detail])
_parts = jsonio.Decoder(list[Part])

REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "model_length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""``finish_reason`` → the hub's stop reason; others end the turn (protocol.md §6c)."""
BROKEN = frozenset({"error", "insufficient_system_resource"})
"""Values of ``finish_reason`` that mean that the answer was given up."""


def there(raw: Raw) -> bool:
    """Whether a member holds something."""
    return bytes(raw) != b"null"


def thought(said: Said) -> bytes | None:
    """The literal of what was thought, in whichever field the server says it."""
    for raw in (said.reasoning_content, said.reasoning):
        literal = bytes(raw)
        if literal[:1] == b'"' and len(literal) > 2:
            return literal
    if bytes(said.reasoning_details)[:1] == b"[":
        found = [
            bytes(one.text if bytes(one.text)[:1] == b'"' else one.summary)
            for one in _details.decode(said.reasoning_details)
        ]
        kept = [literal for literal in found if literal[:1] == b'"' and len(literal) > 2]
        return jsonio.join(kept) if kept else None
    return None


def text(said: Said) -> bytes | None:
    """The literal of what was said, a refusal too. Raises :class:`jsonio.Mismatch`."""
    for raw in (said.content, said.refusal):
        literal = bytes(raw)
        if literal[:1] == b'"':
            if len(literal) > 2:
                return literal
        elif literal[:1] == b"[":
            found = [bytes(one.text) for one in _parts.decode(raw)]
            kept = [one for one in found if one[:1] == b'"' and len(one) > 2]
            if kept:
                return jsonio.join(kept)
        elif literal != b"null":
            raise jsonio.Mismatch("Expected `str`", "content")
    return None


def arguments(called: Called) -> bytes:
    """A call's arguments as a JSON string literal; ``""`` for none."""
    literal = bytes(called.arguments)
    if literal[:1] == b'"':
        return literal
    if literal[:1] == b"{":
        return jsonio.nested(literal)
    if literal == b"null":
        return b'""'
    raise jsonio.Mismatch("Expected `str`", "function.arguments")

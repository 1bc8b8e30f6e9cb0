"""The hub's reply: the events of an Anthropic stream (protocol.md §3), and the whole message.

A carrier's reader turns upstream bytes into these, a dialect's writer turns these into client
bytes. Texts are JSON string literals taken from the upstream's bytes
(:data:`~dragoman.hub.request.JsonText` as plain ``bytes``), so that a text delta is spliced into
the client's chunk without being decoded.
"""

from msgspec import Raw, Struct

from dragoman.hub.request import RedactedThinking, Text, Thinking, ToolUse
from dragoman.hub.usage import WireUsage


class MessageStart(Struct, gc=False):
    id: str
    model: str
    usage: WireUsage


class BlockStart(Struct, gc=False):
    index: int
    kind: str
    """``text``, ``thinking``, ``redacted_thinking``, ``tool_use``, ``server_tool_use``, …"""
    block: Raw
    """The block as it came, a JSON object."""
    id: str = ""
    """``tool_use`` only."""
    name: str = ""
    """``tool_use`` only: the name upstream knows."""


class TextDelta(Struct, gc=False):
    index: int
    text: bytes
    """A JSON string literal."""


class ThinkingDelta(Struct, gc=False):
    index: int
    thinking: bytes
    """A JSON string literal."""


class SignatureDelta(Struct, gc=False):
    index: int
    signature: bytes
    """A JSON string literal."""


class InputDelta(Struct, gc=False):
    """A piece of a tool's arguments. It may belong to a server tool: the block's kind decides."""

    index: int
    partial_json: bytes
    """A JSON string literal holding a piece of JSON text."""


class CitationDelta(Struct, gc=False):
    index: int
    citation: Raw


class BlockStop(Struct, gc=False):
    index: int


class MessageDelta(Struct, gc=False):
    stop_reason: str | None
    stop_sequence: str | None
    explanation: str | None
    """Of a refusal (``stop_details.explanation``)."""
    usage: WireUsage


class MessageStop(Struct, gc=False):
    pass


class Ping(Struct, gc=False):
    pass


class UpstreamError(Struct, gc=False):
    """An ``error`` event inside the stream; terminal."""

    type: str
    message: str


class Unknown(Struct, gc=False):
    """An event of a kind we do not know.

    Data for ``messages`` clients, skipped and counted for others.
    """

    name: str
    data: bytes


Event = (
    MessageStart
    | BlockStart
    | TextDelta
    | ThinkingDelta
    | SignatureDelta
    | InputDelta
    | CitationDelta
    | BlockStop
    | MessageDelta
    | MessageStop
    | Ping
    | UpstreamError
    | Unknown
)


class Reply(Struct, gc=False):
    """A whole, non-streamed message."""

    id: str
    model: str
    content: list[Text | Thinking | RedactedThinking | ToolUse | Raw]
    stop_reason: str | None
    stop_sequence: str | None
    explanation: str | None
    usage: WireUsage
    raws: list[Raw] = []
    """The blocks as they came, of a message that paused: they go back byte for byte."""
    body: bytes = b""
    """All of it as it came, where that is what the client gets."""
    warnings: tuple[tuple[str, str], ...] = ()
    """What did not go up of the client's own bytes: (name, reason)."""

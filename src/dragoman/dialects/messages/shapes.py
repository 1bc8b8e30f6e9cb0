"""The shapes of a Messages request (protocol.md §2a), in two depths.

:class:`Asked` says what the house must know of any request and leaves the rest as bytes. The others
are for requests that have to be put into another protocol. ``None`` means absent.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from dragoman.hub.request import (
    CacheControl,
    Document,
    Image,
    RedactedThinking,
    Text,
    Thinking,
    ToolUse,
)

ABSENT = Raw(b"null")


class Said(Struct, gc=False):
    role: str
    content: Raw


class Metadata(Struct, gc=False):
    user_id: str | None = None


class Asked(Struct, kw_only=True, gc=False):
    """A request as far as it is read in any case."""

    model: str
    messages: list[Said]
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    stream: bool | None = None
    system: Raw = ABSENT
    tools: list[Raw] | None = None
    metadata: Metadata | None = None
    container: Raw = ABSENT
    thread: Raw = ABSENT
    fallback_credit_token: Raw = ABSENT


class StrictText(
    Text, tag_field="type", tag="text", omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    pass


class StrictImage(
    Image, tag_field="type", tag="image", omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    pass


class StrictDocument(
    Document,
    tag_field="type",
    tag="document",
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
):
    pass


class StrictThinking(
    Thinking, tag_field="type", tag="thinking", forbid_unknown_fields=True, gc=False
):
    pass


class StrictRedacted(
    RedactedThinking,
    tag_field="type",
    tag="redacted_thinking",
    forbid_unknown_fields=True,
    gc=False,
):
    pass


class StrictToolUse(
    ToolUse,
    tag_field="type",
    tag="tool_use",
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
):
    pass


class WireToolResult(Struct, tag_field="type", tag="tool_result", forbid_unknown_fields=True):
    tool_use_id: str
    content: Raw = ABSENT
    is_error: bool = False
    cache_control: CacheControl | UnsetType = UNSET


Known = (
    StrictText
    | StrictImage
    | StrictDocument
    | StrictThinking
    | StrictRedacted
    | StrictToolUse
    | WireToolResult
)
"""Blocks that the hub models, without a field that it does not."""


class WireTool(Struct):
    """A tool of the client's own; others have a ``type`` with a date."""

    name: str
    input_schema: Raw
    type: Literal["custom"] | None = None
    description: Raw = ABSENT
    strict: bool | None = None
    cache_control: CacheControl | None = None


class WireOutput(Struct):
    effort: str | None = None
    format: Raw = ABSENT

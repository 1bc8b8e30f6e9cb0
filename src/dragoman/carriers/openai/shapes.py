"""The parts of a Chat Completions request that a hub request becomes. Field order is byte order."""

from msgspec import UNSET, Raw, Struct, UnsetType

NULL = Raw(b"null")


class Function(Struct, omit_defaults=True, gc=False):
    name: str
    description: Raw | UnsetType = UNSET
    parameters: Raw | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class Tool(Struct, gc=False):
    function: Function
    type: str = "function"


class Called(Struct, gc=False):
    name: str
    arguments: Raw
    """A JSON string literal with JSON in it."""


class Call(Struct, gc=False):
    id: str
    function: Called
    type: str = "function"


class TextPart(Struct, tag_field="type", tag="text", gc=False):
    text: Raw


class ImageUrl(Struct, gc=False):
    url: Raw


class ImagePart(Struct, tag_field="type", tag="image_url", gc=False):
    image_url: ImageUrl


class File(Struct, gc=False):
    filename: Raw
    file_data: Raw


class FilePart(Struct, tag_field="type", tag="file", gc=False):
    file: File


Part = TextPart | ImagePart | FilePart


class Message(Struct, omit_defaults=True, gc=False):
    role: str
    content: Raw | list[Part] | UnsetType = UNSET
    reasoning_content: Raw | UnsetType = UNSET
    reasoning: Raw | UnsetType = UNSET
    reasoning_details: Raw | UnsetType = UNSET
    tool_calls: list[Call] | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET


class Named(Struct, gc=False):
    name: str


class Choice(Struct, gc=False):
    function: Named
    type: str = "function"


class Schema(Struct, gc=False):
    name: str
    schema: Raw
    strict: bool = True


class Format(Struct, gc=False):
    json_schema: Schema
    type: str = "json_schema"


class StreamOptions(Struct, gc=False):
    include_usage: bool = True


class Reasoning(Struct, omit_defaults=True, gc=False):
    effort: str | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Body(Struct, omit_defaults=True, gc=False):
    model: str
    messages: list[Message]
    tools: list[Tool] | UnsetType = UNSET
    tool_choice: str | Choice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    response_format: Format | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    max_completion_tokens: int | UnsetType = UNSET
    reasoning_effort: str | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    top_k: int | UnsetType = UNSET
    stop: list[str] | UnsetType = UNSET
    user: str | UnsetType = UNSET
    stream: bool | UnsetType = UNSET
    stream_options: StreamOptions | UnsetType = UNSET

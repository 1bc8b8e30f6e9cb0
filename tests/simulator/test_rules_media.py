"""Images, documents and schemas that become grammars (rules 34 to 36, 40)."""

from typing import Any

from .asking import (
    HI,
    MEDIA_TYPES,
    OBJECT,
    OPUS5,
    RESULT,
    TOOL,
    USE,
    assistant,
    body,
    document,
    formatted,
    image,
    refused,
    schema_tool,
    table,
    text,
    user,
)
from .conftest import Bench
from .pictures import gif, jpeg, pdf, png

MEDIA: list[tuple[str, Any, str]] = [
    (
        "rule 34, type",
        body(messages=[user(image(b"x", "image/bmp"))]),
        f"messages.0.content.0.image.source.base64.media_type: {MEDIA_TYPES}",
    ),
    (
        "rule 34, type inside a tool result",
        body(
            messages=[
                *HI,
                assistant(USE),
                user({**RESULT, "content": [image(b"x", "image/jpg")]}),
            ],
            tools=[TOOL],
        ),
        "messages.2.content.0.tool_result.content.0.image.source.base64.media_type: " + MEDIA_TYPES,
    ),
    (
        "rule 34, not that type",
        body(messages=[user(text("?"), image(jpeg(8, 8), "image/png"))]),
        "messages.0.content.1.image.source.base64: The image was specified using the image/png"
        " media type, but the image appears to be a image/jpeg image",
    ),
    (
        "rule 34, not an image",
        body(messages=[user(image(b"hello there", "image/png"))]),
        "Could not process image",
    ),
    (
        "rule 34, broken base64",
        body(
            messages=[
                user(
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "a\nb"},
                    }
                )
            ]
        ),
        "messages.0.content.0.image.source.base64.data: invalid base64 data",
    ),
    (
        "rule 34, empty",
        body(messages=[user(image(b"", "image/png"))]),
        "messages.0.content.0.image.source.base64.data: image cannot be empty",
    ),
    (
        "rule 34, bytes",
        body(messages=[user(image(png(8, 8) + bytes(7_900_000), "image/png"))]),
        "messages.0.content.0.image.source.base64: image exceeds 10 MB maximum: 10533424 bytes >"
        " 10485760 bytes",
    ),
    (
        "rule 34, pixels",
        body(messages=[user(image(png(9000, 100), "image/png"))]),
        "messages.0.content.0.image.source.base64.data: At least one of the image dimensions exceed"
        " max allowed size: 8000 pixels",
    ),
    (
        "rule 34, many images",
        body(messages=[user(*[image(gif(2001, 9), "image/gif")] * 21)]),
        "messages.0.content.0.image.source.base64.data: At least one of the image dimensions exceed"
        " max allowed size for many-image requests: 2000 pixels",
    ),
    (
        "rule 34, too many",
        body(messages=[user(*[image(gif(9, 9), "image/gif")] * 101)]),
        "messages: Too many images in the request: 101 > 100",
    ),
    (
        "rule 36",
        body(
            messages=[
                user({"type": "image", "source": {"type": "url", "url": "http://x.org/a.png"}})
            ]
        ),
        "messages.0.content.0.image.source.url.url: Only HTTPS URLs are supported.",
    ),
    (
        "rule 35, not a PDF",
        body(messages=[user(document(b"hello"))]),
        "messages.0.content.0.pdf.source.base64.data: The PDF specified was not valid.",
    ),
    (
        "rule 35, empty",
        body(messages=[user(document(b""))]),
        "messages.0.content.0.pdf.source.base64.data: PDF cannot be empty",
    ),
    (
        "rule 35, pages",
        body(messages=[user(document(pdf(101)))]),
        "messages.0.content.0.pdf.source.base64.data: A maximum of 100 PDF pages may be provided.",
    ),
    (
        "rule 35, encrypted",
        body(messages=[user(document(pdf(1) + b"trailer << /Encrypt 5 0 R >>"))]),
        "messages.0.content.0.pdf.source.base64.data: The PDF specified is password protected.",
    ),
]


def grammar(schema: dict[str, Any]) -> dict[str, Any]:
    return body(OPUS5, output_config=formatted(schema))


PLACE = "output_config.format.schema: "
STRUCTURED: list[tuple[str, Any, str]] = [
    (
        "open object",
        grammar({"type": "object", "properties": {}}),
        f"{PLACE}For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (
        "open object deep inside",
        grammar({**OBJECT, "properties": {"a": {"type": "array", "items": {"type": "object"}}}}),
        f"{PLACE}For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (
        "bounds of a number",
        grammar({**OBJECT, "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 9}}}),
        f"{PLACE}For 'integer' type, properties maximum, minimum are not supported",
    ),
    (
        "length of a string",
        grammar({**OBJECT, "properties": {"a": {"type": "string", "minLength": 1}}}),
        f"{PLACE}For 'string' type, property 'minLength' is not supported",
    ),
    (
        "minItems",
        grammar({**OBJECT, "properties": {"a": {"type": "array", "minItems": 2}}}),
        f"{PLACE}For 'array' type, 'minItems' values other than 0 or 1 are not supported",
    ),
    (
        "recursion",
        grammar({**OBJECT, "properties": {"a": {"$ref": "#"}}}),
        f"{PLACE}Recursive schemas are not supported",
    ),
    (
        "recursion through definitions",
        grammar(
            {
                **OBJECT,
                "$defs": {
                    "a": {"anyOf": [{"$ref": "#/$defs/b"}]},
                    "b": {"anyOf": [{"$ref": "#/$defs/a"}]},
                },
            }
        ),
        f"{PLACE}Recursive schemas are not supported",
    ),
    (
        "external reference",
        grammar({**OBJECT, "properties": {"a": {"$ref": "https://x.org/s"}}}),
        f"{PLACE}External $ref is not supported",
    ),
    (
        "oneOf",
        grammar({**OBJECT, "properties": {"a": {"oneOf": [{"type": "string"}]}}}),
        f"{PLACE}'oneOf' is not supported",
    ),
    (
        "enumeration of objects",
        grammar({**OBJECT, "properties": {"a": {"enum": [{}]}}}),
        f"{PLACE}Enum values must be strings, numbers, booleans or null",
    ),
    (
        "too many optional members",
        grammar({**OBJECT, "properties": {f"p{n}": {"type": "string"} for n in range(25)}}),
        "Schemas contains too many optional parameters (25), which would make grammar compilation"
        " inefficient. Reduce the number of optional parameters in your tool schemas (limit: 24).",
    ),
    (
        "too many unions",
        grammar(
            {
                **OBJECT,
                "properties": {f"p{n}": {"type": ["string", "null"]} for n in range(17)},
                "required": [f"p{n}" for n in range(17)],
            }
        ),
        "Schemas contains too many parameters with union types (17 parameters with type arrays or"
        " anyOf), which would make grammar compilation inefficient. Reduce the number of"
        " union-typed parameters (limit: 16).",
    ),
    (
        "too many strict tools",
        body(
            OPUS5,
            tools=[{"name": f"f{n}", "input_schema": OBJECT, "strict": True} for n in range(21)],
        ),
        "Too many strict tools (21). The maximum number of strict tools supported is 20.",
    ),
    (
        "strict tool with an open object",
        body(OPUS5, tools=schema_tool({"type": "object", "properties": {}}, strict=True)),
        "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (
        "citations",
        body(
            OPUS5,
            [user({**document(pdf(1)), "citations": {"enabled": True}}, text("?"))],
            output_config=formatted(OBJECT),
        ),
        "output_config.format: citations cannot be used with structured outputs",
    ),
]


@table(MEDIA + STRUCTURED)
def test_broken_media_and_schemas(bench: Bench, request_body: Any, message: str) -> None:
    refused(bench, request_body, message)

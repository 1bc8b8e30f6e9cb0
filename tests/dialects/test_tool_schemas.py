"""A tool's parameters become an object schema without combinators at its root."""

import pytest
from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.dialects.chat.schema import for_tool

A, B = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"type": "object"}, {"type": "object"}),
        ({"type": "string"}, {"type": "object", "properties": {}}),
        ({"anyOf": [{"properties": {"a": A}}]}, {"type": "object", "properties": {"a": A}}),
        (
            {"anyOf": [{"properties": {"a": A}}, {"properties": {"a": A}}, {"type": "null"}]},
            {"type": "object", "properties": {"a": A}},
        ),
        (
            {
                "oneOf": [
                    {"properties": {"a": A}, "required": ["a"]},
                    {"properties": {"a": B}, "required": ["a"]},
                    {"properties": {"a": B}, "required": ["a"]},
                ]
            },
            {
                "type": "object",
                "properties": {"a": {"anyOf": [A, B]}},
                "required": ["a"],
            },
        ),
        (
            {"properties": {"a": A}, "allOf": [{"properties": {"a": B}, "required": ["a"]}]},
            {"type": "object", "properties": {"a": A}, "required": ["a"]},
        ),
        (
            {
                "anyOf": [{"$ref": "#/$defs/X~1Y"}, {"$ref": "#/no"}, {"$ref": 1}, 5],
                "$defs": {"X/Y": {"properties": {"a": A}}},
            },
            {"type": "object", "$defs": {"X/Y": {"properties": {"a": A}}}, "properties": {"a": A}},
        ),
        ({"anyOf": 5, "properties": 5, "required": 5}, {"type": "object", "properties": {}}),
    ],
)
def test_schemas(given: object, expected: object):
    assert jsonio.decode(for_tool(Raw(jsonio.encode(given)))) == expected


def test_a_sound_schema_stays_byte_for_byte():
    raw = Raw(b'{ "type" : "object", "properties": {"a": {"minimum": 1e400}} }')
    assert for_tool(raw) is raw


def test_thousands_of_branches_are_no_square_of_them():
    """Each compared with each, or each property of each reference, would take minutes."""
    many = [{"properties": {"a": {"const": at}}} for at in range(50_000)]
    found = jsonio.decode(for_tool(Raw(jsonio.encode({"anyOf": many}))))
    assert len(found["properties"]["a"]["anyOf"]) == 50_000
    wide = {"properties": {f"p{at}": A for at in range(20_000)}, "required": ["p7", "p3"]}
    given = {"$defs": {"W": wide}, "oneOf": [{"$ref": "#/$defs/W"}] * 20_000}
    found = jsonio.decode(for_tool(Raw(jsonio.encode(given))))
    assert (len(found["properties"]), found["required"]) == (20_000, ["p7", "p3"])

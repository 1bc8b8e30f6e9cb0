"""Tool declarations: unique names, and schemas that are schemas (protocol.md §2b, rules 13 to
15)."""

import re
from typing import Any

from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.fields import refuse
from dragoman.simulator.shape import Json, as_list, as_object, child, is_number, objects

_TYPES = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))
_KEY = re.compile(r"^[a-zA-Z0-9_.-]{1,64}$")
_NOT_A_SCHEMA = (
    "JSON schema is invalid. It must match JSON Schema draft 2020-12"
    " (https://json-schema.org/draft/2020-12). Learn more about tool use at"
    " https://docs.claude.com/en/docs/tool-use."
)
_SUBSCHEMA = (
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_SUBSCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SUBSCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_COUNTS = ("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties")
_NUMBERS = ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf")
_STRINGS = ("$anchor", "$comment", "$id", "$ref", "$schema", "description", "format", "pattern")


def check(body: Json) -> None:
    """All tools of a request. Raises ApiError."""
    tools = objects(body.get("tools"))
    names = [tool["name"] for tool in tools if "name" in tool]
    if len(set(names)) != len(names):
        raise ApiError("tools: Tool names must be unique.")
    for index, tool in enumerate(tools):
        if "input_schema" in tool:
            _schema(tool["input_schema"], f"tools.{index}.custom.input_schema")


def _schema(schema: Json, path: str) -> None:
    for key in ("oneOf", "allOf", "anyOf"):
        if key in schema:
            raise refuse(
                path, "input_schema does not support oneOf, allOf, or anyOf at the top level"
            )
    for name in child(schema, "properties"):
        if not _KEY.match(name):
            raise refuse(
                f"{path}.properties", f"Property keys should match pattern '{_KEY.pattern}'"
            )
    if not valid_schema(schema):
        raise refuse(path, _NOT_A_SCHEMA)


def valid_schema(schema: Any) -> bool:
    """Whether a value is a JSON Schema of draft 2020-12, by the types of its keywords."""
    stack: list[Any] = [schema]
    while stack:
        value = stack.pop()
        if isinstance(value, bool):
            continue
        node = as_object(value)
        if node is None or not _keywords(node):
            return False
        stack.extend(node[key] for key in _SUBSCHEMA if key in node)
        for key in _SUBSCHEMA_MAPS:
            if key in node:
                members = as_object(node[key])
                if members is None:
                    return False
                stack.extend(members.values())
        for key in _SUBSCHEMA_LISTS:
            if key in node:
                items = as_list(node[key])
                if not items:
                    return False
                stack.extend(items)
    return True


def _keywords(node: Json) -> bool:
    """Whether the keywords of one schema object have the types they must have."""
    return (
        _types(node)
        and _names(node.get("required", []))
        and isinstance(node.get("enum", []), list)
        and all(isinstance(node[key], str) for key in _STRINGS if key in node)
        and all(is_number(node[key]) for key in _NUMBERS if key in node)
        and all(_count(node[key]) for key in _COUNTS if key in node)
    )


def _types(node: Json) -> bool:
    if "type" not in node:
        return True
    declared = as_list(node["type"])
    if declared is None:
        declared = [node["type"]]
    return bool(declared) and all(isinstance(name, str) and name in _TYPES for name in declared)


def _names(value: Any) -> bool:
    names = as_list(value)
    if names is None or not all(isinstance(name, str) for name in names):
        return False
    return len(set(names)) == len(names)


def _count(value: Any) -> bool:
    return is_number(value) and value >= 0 and value == int(value)

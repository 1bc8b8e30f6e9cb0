"""Structured outputs: what a schema may hold when it becomes a grammar (protocol.md §2b, rule
40)."""

from collections.abc import Iterator
from typing import Any

from dragoman.catalogue.model import Model
from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.fields import refuse
from dragoman.simulator.shape import Json, as_list, as_object, blocks_of, child, objects

MAX_STRICT_TOOLS = 20
MAX_OPTIONAL = 24
MAX_UNIONS = 16
_DEPTH = 64

_UNSUPPORTED = {
    "integer": ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
    "number": ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
    "string": ("maxLength", "minLength"),
    "array": ("maxItems", "uniqueItems", "contains"),
    "object": ("maxProperties", "minProperties", "patternProperties", "propertyNames"),
}
_SCHEMA_MAPS = ("properties", "$defs", "definitions")
_SCHEMA_LISTS = ("anyOf", "allOf")


def check(body: Json, model: Model) -> None:
    """``output_config.format`` and strict tools. Raises ApiError."""
    schemas: list[tuple[str, Json]] = []
    asked = as_object(child(body, "output_config").get("format"))
    if asked is None:
        asked = as_object(body.get("output_format"))
    if asked is not None and as_object(asked.get("schema")) is not None:
        if not model.structured_outputs:
            raise ApiError(f"'{model.id}' does not support structured outputs.")
        if _cites(body):
            raise ApiError("output_config.format: citations cannot be used with structured outputs")
        schemas.append(("output_config.format.schema", asked["schema"]))
    strict = [
        (f"tools.{index}.custom", child(tool, "input_schema"))
        for index, tool in enumerate(objects(body.get("tools")))
        if tool.get("strict") is True
    ]
    if strict and not model.structured_outputs:
        raise refuse(strict[0][0] + ".strict", f"'{model.id}' does not support strict tools.")
    if len(strict) > MAX_STRICT_TOOLS:
        raise ApiError(
            f"Too many strict tools ({len(strict)}). The maximum number of strict tools supported"
            f" is {MAX_STRICT_TOOLS}."
        )
    schemas += strict
    for path, schema in schemas:
        _grammar(schema, path)
    _size([schema for _, schema in schemas])


def _cites(body: Json) -> bool:
    return any(
        child(block, "citations").get("enabled") is True
        for message in objects(body.get("messages"))
        for block in blocks_of(message.get("content"))
    )


def _grammar(schema: Json, path: str) -> None:
    for node in walk(schema):
        _node(node, path)
    _references(schema, path)


def walk(schema: Any) -> Iterator[Json]:
    """Every schema object inside a schema, itself first."""
    stack: list[Any] = [schema]
    while stack:
        node = as_object(stack.pop())
        if node is None:
            continue
        yield node
        for key in _SCHEMA_MAPS:
            stack.extend(child(node, key).values())
        for key in _SCHEMA_LISTS:
            stack.extend(as_list(node.get(key)) or [])
        stack.append(node.get("items"))
        stack.extend(as_list(node.get("prefixItems")) or [])


def _types(node: Json) -> list[Any]:
    declared = node.get("type")
    return as_list(declared) or [declared]


def _node(node: Json, path: str) -> None:
    for key in ("oneOf", "not", "if", "then", "else"):
        if key in node:
            raise refuse(path, f"'{key}' is not supported")
    for kind in _types(node):
        if kind == "object" and node.get("additionalProperties") is not False:
            raise refuse(
                path, "For 'object' type, 'additionalProperties' must be explicitly set to false"
            )
        if kind == "array" and node.get("minItems", 0) not in (0, 1):
            raise refuse(
                path, "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
            )
        found = [key for key in _UNSUPPORTED.get(str(kind), ()) if key in node]
        if len(found) == 1:
            raise refuse(path, f"For '{kind}' type, property '{found[0]}' is not supported")
        if found:
            names = ", ".join(found)
            raise refuse(path, f"For '{kind}' type, properties {names} are not supported")
    for value in as_list(node.get("enum")) or []:
        if isinstance(value, dict | list):
            raise refuse(path, "Enum values must be strings, numbers, booleans or null")


def _references(schema: Json, path: str) -> None:
    """No external references, no recursion."""
    uses = {name: _names_used(node, path) for name, node in _definitions(schema)}
    uses[""] = _names_used(schema, path, own=True)
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail or len(trail) > _DEPTH:
            raise refuse(path, "Recursive schemas are not supported")
        if name in done:
            return
        for used in uses.get(name, ()):
            visit(used, (*trail, name))
        done.add(name)

    visit("", ())
    for name in list(uses):
        visit(name, ())


def _definitions(schema: Json) -> Iterator[tuple[str, Any]]:
    for key in ("$defs", "definitions"):
        for name, node in child(schema, key).items():
            yield f"#/{key}/{name}", node


def _names_used(node: Any, path: str, own: bool = False) -> set[str]:
    """References inside a schema; for the root, those outside its definitions."""
    found: set[str] = set()
    start = as_object(node) or {}
    if own:
        start = {key: value for key, value in start.items() if key not in ("$defs", "definitions")}
    for part in walk(start):
        reference = part.get("$ref")
        if not isinstance(reference, str):
            continue
        if not reference.startswith("#"):
            raise refuse(path, "External $ref is not supported")
        found.add("" if reference == "#" else reference)
    return found


def _size(schemas: list[Json]) -> None:
    optional = unions = 0
    for schema in schemas:
        for node in walk(schema):
            properties = child(node, "properties")
            needed = as_list(node.get("required")) or []
            optional += sum(name not in needed for name in properties)
            unions += "anyOf" in node or isinstance(node.get("type"), list)
    if optional > MAX_OPTIONAL:
        raise ApiError(
            f"Schemas contains too many optional parameters ({optional}), which would make grammar"
            " compilation inefficient. Reduce the number of optional parameters in your tool"
            f" schemas (limit: {MAX_OPTIONAL})."
        )
    if unions > MAX_UNIONS:
        raise ApiError(
            f"Schemas contains too many parameters with union types ({unions} parameters with type"
            " arrays or anyOf), which would make grammar compilation inefficient. Reduce the number"
            f" of union-typed parameters (limit: {MAX_UNIONS})."
        )

"""A JSON Schema fitted into the subset of structured outputs and strict tools (protocol.md §2b rule
40).

Every object is closed and local references stay; what the subset lacks (bounds, lengths, patterns)
is told in the ``description``, so the model still knows it; ``oneOf`` becomes ``anyOf``. What
cannot be said at all (recursion, references to other documents) is :class:`Unfit`, and the caller
asks in another way.
"""

from typing import Any, cast

from msgspec import Struct

from dragoman.codec import jsonio

Schema = dict[str, Any]

MOST_OPTIONAL = 24
"""Optional properties of all schemas of a request together."""
MOST_UNIONS = 16
"""Properties with a union type, likewise."""
MOST_STRICT_TOOLS = 20


class Allowance(Struct):
    """What the schemas of a request may still have; each fitted schema takes its part."""

    optional: int = MOST_OPTIONAL
    unions: int = MOST_UNIONS
    strict_tools: int = MOST_STRICT_TOOLS


_KEPT = frozenset(
    {"type", "required", "enum", "const", "$ref", "description", "title", "default"}
    | {"format", "additionalProperties"}
)
_NESTED = frozenset({"$defs", "definitions", "properties", "items", "anyOf", "oneOf", "allOf"})
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_SILENT = frozenset(
    {"$schema", "$id", "$comment", "examples", "deprecated", "readOnly", "writeOnly"}
)


class Unfit(ValueError):
    """The schema says something that the subset cannot. The text says what."""


def fit(schema: Schema, allowance: Allowance) -> Schema:
    """The schema in the subset, its root an object; takes its part of the allowance.

    Raises :class:`Unfit`, and then takes nothing. The schema given is not changed.
    """
    fitter = _Fitter()
    _refuse_recursion(schema)
    fitted = fitter.node(schema)
    if fitted.get("type") != "object":
        raise Unfit("its root is not an object")
    if fitter.optional > allowance.optional:
        raise Unfit(f"more than {MOST_OPTIONAL} optional properties")
    if fitter.unions > allowance.unions:
        raise Unfit(f"more than {MOST_UNIONS} union types")
    allowance.optional -= fitter.optional
    allowance.unions -= fitter.unions
    return fitted


class _Fitter:
    def __init__(self) -> None:
        self.optional = 0
        self.unions = 0

    def node(self, node: Any) -> Schema:
        if not isinstance(node, dict):
            raise Unfit("a schema that is not an object")
        schema = cast("Schema", node)
        result: Schema = {}
        told: list[str] = []
        for name, value in schema.items():
            if name in _NESTED:
                self._nest(name, value, result)
            elif not self._keeps(name, value):
                if name not in _SILENT:
                    told.append(f"{name}: {jsonio.encode(value).decode()}")
            elif name != "additionalProperties":
                result[name] = value
        self._close(schema, result)
        if told:
            before = result.get("description")
            said = [before] if before and isinstance(before, str) else []
            result["description"] = "; ".join([*said, *told])
        return result

    def _nest(self, name: str, value: Any, result: Schema) -> None:
        """A field that holds schemas."""
        if name == "items":
            result[name] = self.node(value)
        elif name in ("$defs", "definitions", "properties"):
            result[name] = {key: self.node(inner) for key, inner in _object(value).items()}
        else:
            self.unions += name != "allOf"
            target = "anyOf" if name == "oneOf" else name
            result[target] = [self.node(inner) for inner in _list(value)]

    def _keeps(self, name: str, value: Any) -> bool:
        if name == "format":
            return isinstance(value, str) and value in _FORMATS
        if name == "additionalProperties":
            if value not in (False, True):
                raise Unfit("additionalProperties with a schema")
            return True
        if name == "minItems":
            return value in (0, 1)
        if name == "enum":
            return all(not isinstance(item, (dict, list)) for item in _list(value))
        return name in _KEPT

    def _close(self, schema: Schema, result: Schema) -> None:
        kind = schema.get("type")
        if isinstance(kind, list):
            self.unions += 1
        if kind == "object" or (kind is None and "properties" in schema):
            result.setdefault("type", "object")
            result.setdefault("properties", {})
            result["additionalProperties"] = False
            required = {name for name in _list(schema.get("required")) if isinstance(name, str)}
            self.optional += sum(name not in required for name in result["properties"])


def _refuse_recursion(schema: Schema) -> None:
    """Follow the references from each definition; a way back to where one came from is
    recursion."""
    _walk(schema, schema, (), set())


def _walk(root: Schema, node: Any, via: tuple[str, ...], done: set[str]) -> None:
    """``done``: references whose targets were walked through; there are 2ⁿ ways to the last of n
    definitions that each refer twice to the next."""
    if isinstance(node, list):
        for inner in cast("list[Any]", node):
            _walk(root, inner, via, done)
    if not isinstance(node, dict):
        return
    for name, value in cast("Schema", node).items():
        if name == "$ref":
            target = _target(root, value, via)
            if value not in done:
                _walk(root, target, (*via, value), done)
                done.add(value)
        elif name not in ("$defs", "definitions", "enum", "const", "default", "examples"):
            _walk(root, value, via, done)


def _target(root: Schema, reference: Any, via: tuple[str, ...]) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise Unfit("a reference to another document")
    if reference == "#" or reference in via:
        raise Unfit("a schema that contains itself")
    node: Any = root
    for step in reference.removeprefix("#/").split("/"):
        node = _object(node).get(step.replace("~1", "/").replace("~0", "~"))
    if not isinstance(node, dict):
        raise Unfit("a reference to nothing")
    return cast("Schema", node)


def _object(value: Any) -> Schema:
    return cast("Schema", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []

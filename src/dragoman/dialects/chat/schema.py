"""JSON Schemas brought into what Anthropic accepts.

:func:`for_tool` makes a tool's ``parameters`` an ``input_schema`` (protocol.md §2b rule 15): an
object at the root, no combinator there. A schema that is one already goes up byte for byte.
:func:`strict` brings a schema into the subset that structured outputs and strict tools take (rule
40): every object closed, constraints outside the subset told in the description instead.
"""

from typing import Any, cast

from msgspec import Raw

from dragoman.codec import jsonio

NO_ARGUMENTS = Raw(b'{"type":"object","properties":{}}')
DEEPEST = jsonio.MAX_DEPTH - 4
"""Levels a schema may have: it stands four levels deep in the body."""

_ROOT_COMBINATORS = ("allOf", "anyOf", "oneOf")
_ODD = frozenset({*_ROOT_COMBINATORS, "$schema"})
_fields = jsonio.Decoder(dict[str, Raw])

Schema = dict[str, Any]


def for_tool(parameters: Raw) -> Raw:
    """An ``input_schema``. Raises :class:`jsonio.Mismatch` if the schema is not an object."""
    fields = _fields.decode(parameters)
    if not fields:
        return NO_ARGUMENTS
    if fields.get("type") == _OBJECT and fields.keys().isdisjoint(_ODD):
        return parameters
    fields.pop("$schema", None)
    if not fields.keys().isdisjoint(_ROOT_COMBINATORS):
        return Raw(jsonio.encode(_merged(jsonio.decode(parameters))))
    fields.pop("type", None)
    return Raw(jsonio.encode({"type": _OBJECT, "properties": Raw(b"{}"), **fields}))


_OBJECT = Raw(b'"object"')


def _merged(schema: Schema) -> Schema:
    """The root's combinators merged into one object: what any branch allows is allowed.

    A property of several branches may be what any of them says; required is what all of them
    (``allOf``: any of them) require.
    """
    result: Schema = {"type": "object"}
    properties: Schema = dict(_object(schema.get("properties")))
    required: list[str] = _names(schema.get("required"))
    wider: dict[str, _Options] = {}
    for combinator in _ROOT_COMBINATORS:
        resolved = [_resolved(schema, branch) for branch in _list(schema.get(combinator))]
        # Thousands of references to one definition are that definition, once.
        branches = list({id(branch): branch for branch in resolved}.values())
        for branch in branches:
            for name, value in _object(branch.get("properties")).items():
                known = properties.setdefault(name, value)
                if combinator != "allOf" and known != value:
                    _widen(wider, name, known, value)
        needed = [_names(branch.get("required")) for branch in branches]
        if combinator == "allOf":
            required += [name for names in needed for name in names]
        elif needed:
            common = set(needed[0]).intersection(*needed[1:])
            required += [name for name in needed[0] if name in common]
    _write_wider(properties, wider)
    for name, value in schema.items():
        if name not in (*_ROOT_COMBINATORS, "$schema", "type", "properties", "required"):
            result[name] = value
    result["properties"] = properties
    if required:
        result["required"] = list(dict.fromkeys(required))
    return result


_Options = dict[bytes, Any]
"""What a property may be, by its JSON: thousands of branches are as many lookups, not their square.
"""


def _widen(wider: dict[str, _Options], name: str, known: Any, value: Any) -> None:
    options = wider.get(name)
    if options is None:
        options = wider[name] = _options(known)
    options.setdefault(jsonio.encode(value), value)


def _write_wider(properties: Schema, wider: dict[str, _Options]) -> None:
    for name, options in wider.items():
        if len(options) > len(_options(properties[name])):
            properties[name] = {"anyOf": list(options.values())}


def _options(known: Any) -> _Options:
    listed = _list(_object(known).get("anyOf")) or [known]
    return {jsonio.encode(one): one for one in listed}


def _resolved(schema: Schema, branch: Any) -> Schema:
    """A branch, or what its local ``$ref`` points to."""
    found = _object(branch)
    target: Any = found.get("$ref")
    if not isinstance(target, str) or not target.startswith("#/"):
        return found
    node: Any = schema
    for step in target[2:].split("/"):
        node = _object(node).get(step.replace("~1", "/").replace("~0", "~"))
    return _object(node)


def _object(value: Any) -> Schema:
    return cast("Schema", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _names(value: Any) -> list[str]:
    return [name for name in _list(value) if isinstance(name, str)]

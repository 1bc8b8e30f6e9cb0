"""Values that satisfy a JSON Schema, filled from the question where that makes sense.

The same schema and question always give the same value. Strings come from ``wording.py``; here is
the structure: references, combinators, objects, arrays, numbers. A schema that nothing can satisfy
gets a best effort, and recursion ends at a fixed depth, so that any schema a client may send is
answered.
"""

import math
from collections.abc import Iterator
from typing import Any

from dragoman.simulator.conformity import resolve, satisfies
from dragoman.simulator.hints import Hints
from dragoman.simulator.shape import Json, as_list, as_object, child, is_number
from dragoman.simulator.wording import Wording

_SHALLOW = 4
"""Depth from which on the shortest way out is taken: no optional members, scalar branches first."""
_DEEPEST = 24
_MOST_NODES = 4000
_MAX_ITEMS = 256


class Maker:
    """Makes values for one schema. ``generous``: optional members are filled in too."""

    def __init__(
        self, root: Json, hints: Hints, *, place: str = "", generous: bool = False
    ) -> None:
        self._root = root
        self._hints = hints
        self._wording = Wording(hints, place)
        self._generous = generous
        self._nodes = 0

    def make(self) -> Any:
        """A value for the whole schema."""
        return self._value(self._root, "", 0)

    def _value(self, schema: Any, name: str, depth: int) -> Any:
        self._nodes += 1
        node = self._flat(schema, depth)
        if node is None or depth > _DEEPEST:
            return self._last_resort(node)
        if "const" in node:
            return node["const"]
        options = as_list(node.get("enum"))
        if options:
            return self._choice(node, options)
        for key in ("default", "examples"):
            ready = as_list(node.get(key)) if key == "examples" else [node.get(key)]
            for value in ready or []:
                if value is not None and satisfies(value, node, self._root):
                    return value
        branches = as_list(node.get("anyOf")) or as_list(node.get("oneOf"))
        if branches:
            return self._branch(node, branches, name, depth)
        return self._typed(node, name, depth)

    def _last_resort(self, node: Json | None) -> Any:
        match _kind(node or {}):
            case "object":
                return {}
            case "array":
                return []
            case "string":
                return ""
            case "integer" | "number":
                return 0
            case _:
                return None

    def _flat(self, schema: Any, depth: int) -> Json | None:
        """The schema with its references followed and its ``allOf`` merged; ``None`` for
        ``false``."""
        if schema is True:
            return {}
        node = as_object(schema)
        for _ in range(_DEEPEST):
            if node is None or "$ref" not in node:
                break
            target = resolve(node["$ref"], self._root)
            rest = {key: value for key, value in node.items() if key != "$ref"}
            node = merged(target, rest) if as_object(target) is not None else rest
        if node is None:
            return None
        parts = as_list(node.get("allOf"))
        if parts and depth <= _DEEPEST:
            node = {key: value for key, value in node.items() if key != "allOf"}
            for part in parts:
                node = merged(node, self._flat(part, depth + 1) or {})
        return node

    def _choice(self, node: Json, options: list[Any]) -> Any:
        """A value of an enumeration: one the question names, else the default, else the first."""
        bare = {key: value for key, value in node.items() if key != "enum"}
        fitting = [value for value in options if satisfies(value, bare, self._root)] or options
        for value in fitting:
            if isinstance(value, str) and self._hints.mentions(value):
                return value
        default = node.get("default")
        return default if default in fitting and default is not None else fitting[0]

    def _branch(self, node: Json, branches: list[Any], name: str, depth: int) -> Any:
        """The first branch whose value satisfies the whole schema."""
        base = {key: value for key, value in node.items() if key not in ("anyOf", "oneOf")}
        ordered = sorted(branches, key=lambda branch: self._effort(branch, depth))
        first: Any = None
        for position, branch in enumerate(ordered):
            flat = self._flat(branch, depth)
            if flat is None:
                continue
            value = self._value(merged(base, flat), name, depth + 1)
            if self._nodes > _MOST_NODES or satisfies(value, node, self._root):
                return value
            if position == 0:
                first = value
        return first

    def _effort(self, branch: Any, depth: int) -> int:
        """Sorts branches: null last as long as there is room, first when it gets deep."""
        node = as_object(branch) or {}
        if _kind(node) == "null":
            return -1 if depth >= _SHALLOW else 2
        reaches_on = "$ref" in node or _kind(node) in ("object", "array")
        return int(reaches_on and depth >= _SHALLOW)

    def _typed(self, node: Json, name: str, depth: int) -> Any:
        match _kind(node):
            case "object":
                return self._object(node, depth)
            case "array":
                return self._array(node, name, depth)
            case "integer":
                return int(self._number(node, name, 1))
            case "number":
                return self._number(node, name, 0)
            case "boolean":
                return not self._hints.mentions(f"no {name}") and not self._hints.mentions(
                    "without"
                )
            case "null":
                return None
            case _:
                return self._wording.text(node, name)

    def _object(self, node: Json, depth: int) -> Json:
        properties = child(node, "properties")
        wanted = [name for name in as_list(node.get("required")) or [] if isinstance(name, str)]
        if depth < _SHALLOW:
            for name, member in properties.items():
                if name not in wanted and (self._generous or self._asked_for(member)):
                    wanted.append(name)
        wanted = _with_dependents(node, wanted)
        made: Json = {}
        for name in (*(n for n in properties if n in wanted), *wanted):
            if name not in made:
                made[name] = self._value(self._member(node, name), name, depth + 1)
        self._fill(node, made, depth)
        return made

    def _asked_for(self, member: Any) -> bool:
        """Whether the question names one of the member's values."""
        options = as_list((as_object(member) or {}).get("enum")) or []
        return any(isinstance(value, str) and self._hints.mentions(value) for value in options)

    def _member(self, node: Json, name: str) -> Any:
        properties = child(node, "properties")
        if name in properties:
            return properties[name]
        for pattern, schema in child(node, "patternProperties").items():
            if pattern.strip("^$") and pattern.strip("^$") in name:
                return schema
        return node.get("additionalProperties", True)

    def _fill(self, node: Json, made: Json, depth: int) -> None:
        """Members until there are ``minProperties``: declared ones first, then made-up names."""
        least = node.get("minProperties", 0)
        if not is_number(least) or len(made) >= least:
            return
        for name, member in child(node, "properties").items():
            if len(made) >= least:
                return
            if name not in made and member is not False:
                made[name] = self._value(member, name, depth + 1)
        number = 0
        while len(made) < min(least, _MAX_ITEMS) and node.get("additionalProperties") is not False:
            number += 1
            name = f"item_{number}"
            if name not in made:
                made[name] = self._value(node.get("additionalProperties", True), name, depth + 1)

    def _array(self, node: Json, name: str, depth: int) -> list[Any]:
        prefix = as_list(node.get("prefixItems")) or []
        least, most = node.get("minItems", 0), node.get("maxItems", _MAX_ITEMS)
        room = depth < _SHALLOW
        count = max(least, len(prefix), 1 if room else 0, 1 if "contains" in node else 0)
        if node.get("items") is False:
            count = min(count, len(prefix))
        count = min(count, most, _MAX_ITEMS)
        made: list[Any] = []
        for index, schema in zip(range(int(count)), _items(node, prefix), strict=False):
            value = self._value(schema, name, depth + 1)
            if node.get("uniqueItems") is True:
                value = self._unlike(value, made, schema, index)
            made.append(value)
        return made

    def _unlike(self, value: Any, others: list[Any], schema: Any, index: int) -> Any:
        """Another value of the same schema that is not among ``others``."""
        node = self._flat(schema, 0) or {}
        candidates = as_list(node.get("enum")) or _varied(value, index)
        for candidate in (value, *candidates):
            if candidate not in others and satisfies(candidate, node, self._root):
                return candidate
        return value

    def _number(self, node: Json, name: str, step: int) -> float:
        """A number from the question if one fits, else one near 1 within the bounds."""
        bare = {key: node[key] for key in _NUMERIC if key in node}
        asked = self._hints.numbers if self._wording.counts(name) else []
        for wish in (*asked, 1, *_inside(bare, step)):
            if math.isfinite(wish) and (not step or wish == int(wish)):
                if satisfies(wish, bare, self._root):
                    return int(wish) if wish == int(wish) else wish
        return 1


_NUMERIC = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def _items(node: Json, prefix: list[Any]) -> Iterator[Any]:
    """Schemas of an array's items, one after the other."""
    yield from prefix
    if "contains" in node and "items" not in node:
        yield node["contains"]
    while True:
        yield node.get("items", True)


def _varied(value: Any, index: int) -> list[Any]:
    """Values next to one: the same with a number."""
    if isinstance(value, str):
        return [f"{value} {index + 1}", f"{value}{index + 1}", chr(97 + index % 26) * len(value)]
    if is_number(value):
        return [value + offset for offset in range(1, _MAX_ITEMS)]
    if isinstance(value, bool):
        return [not value]
    members = as_object(value)
    if members:
        name = next(iter(members))
        return [{**members, name: other} for other in _varied(members[name], index)]
    return []


def _kind(node: Json) -> str:
    """The type to make: the first declared one that is not null, or what the keywords suggest."""
    declared = node.get("type")
    listed = as_list(declared)
    if listed:
        return str(next((kind for kind in listed if kind != "null"), "null"))
    if isinstance(declared, str):
        return declared
    for kind, keys in _TELLING.items():
        if any(key in node for key in keys):
            return kind
    return "string"


_TELLING = {
    "object": ("properties", "required", "additionalProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "contains"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


def _inside(node: Json, step: int) -> Iterator[float]:
    """Numbers that may lie within the bounds of a schema, open or closed, draft 4's included."""
    lows = [node[key] for key in ("minimum", "exclusiveMinimum") if is_number(node.get(key))]
    highs = [node[key] for key in ("maximum", "exclusiveMaximum") if is_number(node.get(key))]
    low = max(lows) if lows else min([0.0, *highs])
    high = min(highs) if highs else low + 1
    multiple = node.get("multipleOf")
    if is_number(multiple) and multiple > 0:
        up, down = math.ceil(low / multiple), math.floor(high / multiple)
        yield from (factor * multiple for factor in (up, up + 1, down, down - 1))
    yield from (low, low + 1, high, high - 1)
    if step:
        yield from (math.ceil(low), math.floor(low) + 1, math.floor(high), math.ceil(high) - 1)
    else:
        yield (low + high) / 2


def _with_dependents(node: Json, wanted: list[str]) -> list[str]:
    """Names that ``dependentRequired`` brings along."""
    dependents = child(node, "dependentRequired")
    found = list(wanted)
    for name in found:
        for other in as_list(dependents.get(name)) or []:
            if isinstance(other, str) and other not in found:
                found.append(other)
    return found


def merged(one: Any, other: Any) -> Json:
    """Two schemas that both have to hold, as one."""
    left, right = as_object(one) or {}, as_object(other) or {}
    made = {**left, **right}
    for key in left.keys() & right.keys():
        made[key] = _both(key, left[key], right[key])
    return made


def _both(key: str, left: Any, right: Any) -> Any:
    if key in ("properties", "patternProperties", "$defs", "definitions"):
        return _merged_maps(as_object(left) or {}, as_object(right) or {})
    if key == "required":
        return list(dict.fromkeys([*(as_list(left) or []), *(as_list(right) or [])]))
    if key in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"):
        return max(left, right) if is_number(left) and is_number(right) else right
    if key in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"):
        return min(left, right) if is_number(left) and is_number(right) else right
    if key == "enum":
        return [value for value in left if value in right] or right
    if key == "type":
        return _common_types(left, right)
    return right


def _merged_maps(left: Json, right: Json) -> Json:
    made = {**left, **right}
    for name in left.keys() & right.keys():
        made[name] = merged(left[name], right[name])
    return made


def _common_types(left: Any, right: Any) -> Any:
    one, other = as_list(left) or [left], as_list(right) or [right]
    common = [kind for kind in one if kind in other or (kind == "integer" and "number" in other)]
    common += [kind for kind in other if kind == "integer" and "number" in one]
    return common[0] if len(set(common)) == 1 else list(dict.fromkeys(common)) or right

"""Whether a value satisfies a JSON Schema (draft 2020-12, the keywords people use).

The simulator checks what it makes with it. Patterns are not run: a client's expression could take
for ever, so ``pattern`` counts as satisfied here and is taken care of where the text is made.
"""

from typing import Any

from dragoman.simulator.shape import Json, as_list, as_object, child, is_number

_DEEPEST = 48


def resolve(reference: Any, root: Json) -> Any:
    """The target of a local ``$ref``; ``None`` for any other and for one that leads nowhere."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = root
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        members, items = as_object(found), as_list(found)
        if members is not None and key in members:
            found = members[key]
        elif items is not None and key.isdigit() and int(key) < len(items):
            found = items[int(key)]
        else:
            return None
    return found


def satisfies(value: Any, schema: Any, root: Json, depth: int = 0) -> bool:
    """Whether ``value`` satisfies ``schema``, whose references are into ``root``."""
    if isinstance(schema, bool):
        return schema
    node = as_object(schema)
    if node is None or depth > _DEEPEST:
        return True
    if "$ref" in node and not satisfies(value, resolve(node["$ref"], root), root, depth + 1):
        return False
    return (
        _of_type(value, node.get("type"))
        and ("const" not in node or same(value, node["const"]))
        and ("enum" not in node or any(same(value, one) for one in as_list(node["enum"]) or []))
        and _combined(value, node, root, depth)
        and _scalar(value, node)
        and _array(value, node, root, depth)
        and _object(value, node, root, depth)
    )


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values: ``true`` is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _of_type(value: Any, declared: Any) -> bool:
    if declared is None:
        return True
    return any(_is(value, kind) for kind in as_list(declared) or [declared])


def _is(value: Any, kind: Any) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return is_number(value) and value == int(value)
        case "number":
            return is_number(value)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case _:
            return value is None


def _combined(value: Any, node: Json, root: Json, depth: int) -> bool:
    def holds(schema: Any) -> bool:
        return satisfies(value, schema, root, depth + 1)

    if not all(holds(part) for part in as_list(node.get("allOf")) or []):
        return False
    if "anyOf" in node and not any(holds(part) for part in as_list(node["anyOf"]) or []):
        return False
    if "oneOf" in node and sum(holds(part) for part in as_list(node["oneOf"]) or []) != 1:
        return False
    if "not" in node and holds(node["not"]):
        return False
    if "if" in node:
        return holds(node.get("then" if holds(node["if"]) else "else", True))
    return True


def _scalar(value: Any, node: Json) -> bool:
    if isinstance(value, str):
        return _least(len(value), node, "minLength") and _most(len(value), node, "maxLength")
    if not is_number(value):
        return True
    over, under = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    multiple = node.get("multipleOf")
    low = node.get("minimum") if over is True else over
    high = node.get("maximum") if under is True else under
    return (
        _least(value, node, "minimum")
        and _most(value, node, "maximum")
        and (isinstance(low, bool) or not is_number(low) or value > low)
        and (isinstance(high, bool) or not is_number(high) or value < high)
        and (not is_number(multiple) or multiple <= 0 or _divides(value, multiple))
    )


def _divides(value: float, multiple: float) -> bool:
    quotient = value / multiple
    return abs(quotient - round(quotient)) < 1e-9


def _least(amount: float, node: Json, key: str) -> bool:
    return not is_number(node.get(key)) or amount >= node[key]


def _most(amount: float, node: Json, key: str) -> bool:
    return not is_number(node.get(key)) or amount <= node[key]


def _array(value: Any, node: Json, root: Json, depth: int) -> bool:
    items = as_list(value)
    if items is None:
        return True
    prefix = as_list(node.get("prefixItems")) or []
    schemas = [*prefix, *[node.get("items", True)] * max(0, len(items) - len(prefix))]
    contained = "contains" not in node or any(
        satisfies(item, node["contains"], root, depth + 1) for item in items
    )
    return (
        _least(len(items), node, "minItems")
        and _most(len(items), node, "maxItems")
        and contained
        and (node.get("uniqueItems") is not True or _distinct(items))
        and all(
            satisfies(item, schema, root, depth + 1)
            for item, schema in zip(items, schemas, strict=False)
        )
    )


def _distinct(items: list[Any]) -> bool:
    return all(not same(one, other) for i, one in enumerate(items) for other in items[:i])


def _object(value: Any, node: Json, root: Json, depth: int) -> bool:
    members = as_object(value)
    if members is None:
        return True
    if not all(name in members for name in as_list(node.get("required")) or []):
        return False
    properties = child(node, "properties")
    patterns = child(node, "patternProperties")
    rest = True if patterns else node.get("additionalProperties", True)
    dependents = child(node, "dependentRequired")
    for name, others in dependents.items():
        if name in members and not all(other in members for other in as_list(others) or []):
            return False
    return (
        _least(len(members), node, "minProperties")
        and _most(len(members), node, "maxProperties")
        and all(
            satisfies(member, properties.get(name, rest), root, depth + 1)
            for name, member in members.items()
        )
    )

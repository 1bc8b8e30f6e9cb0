"""A JSON Schema checker for the tests, written apart from the simulator's own: it collects
complaints instead of stopping, and it does run patterns.
"""

import math
import re
from typing import Any

NAMES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def complaints(value: Any, schema: Any, root: Any = None, where: str = "$") -> list[str]:
    """Everything that is wrong with a value."""
    root = schema if root is None else root
    if schema is True or schema == {}:
        return []
    if schema is False:
        return [f"{where}: nothing is allowed here"]
    found = of_reference(value, schema, root, where) + of_choice(value, schema, where)
    found += of_branches(value, schema, root, where)
    if isinstance(value, str):
        found += of_string(value, schema, where)
    elif isinstance(value, list):
        found += of_array(value, schema, root, where)
    elif isinstance(value, dict):
        found += of_object(value, schema, root, where)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found += of_number(value, schema, where)
    return found


def of_reference(value: Any, schema: dict[str, Any], root: Any, where: str) -> list[str]:
    if "$ref" not in schema:
        return []
    target = root
    for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
        if part:
            target = target[part.replace("~1", "/").replace("~0", "~")]
    return complaints(value, target, root, where)


def of_choice(value: Any, schema: dict[str, Any], where: str) -> list[str]:
    found: list[str] = []
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(is_a(value, kind) for kind in kinds):
            found.append(f"{where}: {value!r} is not {kinds}")
    if "const" in schema and repr(value) != repr(schema["const"]):
        found.append(f"{where}: {value!r} is not the constant {schema['const']!r}")
    if "enum" in schema and repr(value) not in [repr(one) for one in schema["enum"]]:
        found.append(f"{where}: {value!r} is not in {schema['enum']!r}")
    return found


def of_branches(value: Any, schema: dict[str, Any], root: Any, where: str) -> list[str]:
    found: list[str] = []
    for part in schema.get("allOf", []):
        found += complaints(value, part, root, where)
    for key, wanted in (("anyOf", range(1, 99)), ("oneOf", (1,))):
        if key in schema:
            fitting = sum(not complaints(value, part, root, where) for part in schema[key])
            if fitting not in wanted:
                found.append(f"{where}: fits {fitting} branches of {key}")
    return found


def is_a(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return kind == "number" or float(value).is_integer()
    return isinstance(value, NAMES[kind])


def of_string(value: str, schema: dict[str, Any], where: str) -> list[str]:
    found: list[str] = []
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf):
        found.append(f"{where}: length {len(value)}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{where}: {value!r} does not match {schema['pattern']!r}")
    return found


def of_number(value: float, schema: dict[str, Any], where: str) -> list[str]:
    bad = (
        value < schema.get("minimum", -math.inf)
        or value > schema.get("maximum", math.inf)
        or value <= schema.get("exclusiveMinimum", -math.inf)
        or value >= schema.get("exclusiveMaximum", math.inf)
    )
    if "multipleOf" in schema:
        quotient = value / schema["multipleOf"]
        bad = bad or abs(quotient - round(quotient)) > 1e-6
    return [f"{where}: number {value} out of {schema}"] if bad else []


def of_array(value: list[Any], schema: dict[str, Any], root: Any, where: str) -> list[str]:
    found: list[str] = []
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
        found.append(f"{where}: {len(value)} items")
    if schema.get("uniqueItems") and len({repr(item) for item in value}) != len(value):
        found.append(f"{where}: repeated items")
    prefix = schema.get("prefixItems", [])
    for index, item in enumerate(value):
        part = prefix[index] if index < len(prefix) else schema.get("items", True)
        found += complaints(item, part, root, f"{where}[{index}]")
    return found


def of_object(value: dict[str, Any], schema: dict[str, Any], root: Any, where: str) -> list[str]:
    found = [
        f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value
    ]
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", math.inf):
        found.append(f"{where}: {len(value)} members")
    for name, others in schema.get("dependentRequired", {}).items():
        if name in value:
            found += [f"{where}: {name} needs {one}" for one in others if one not in value]
    declared = schema.get("properties", {})
    for name, member in value.items():
        part = declared.get(name, schema.get("additionalProperties", True))
        found += complaints(member, part, root, f"{where}.{name}")
    return found

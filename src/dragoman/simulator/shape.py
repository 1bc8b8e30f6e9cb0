"""Typed access to decoded JSON of any shape.

The simulator takes whatever a client sends, so values arrive as plain Python objects. These few
functions are the only place where their types are narrowed; each gives an empty value where the
shape is another.
"""

from typing import Any, TypeGuard, cast

Json = dict[str, Any]
"""A JSON object."""


def as_object(value: Any) -> Json | None:
    """The value if it is a JSON object."""
    return cast(Json, value) if isinstance(value, dict) else None


def as_list(value: Any) -> list[Any] | None:
    """The value if it is a JSON array."""
    return cast("list[Any]", value) if isinstance(value, list) else None


def objects(value: Any) -> list[Json]:
    """The objects of a JSON array; nothing for any other value."""
    found = as_list(value) or []
    return [cast(Json, item) for item in found if isinstance(item, dict)]


def child(value: Json, key: str) -> Json:
    """A member that is an object, else ``{}``."""
    return as_object(value.get(key)) or {}


def text_of(value: Json, key: str) -> str:
    """A member that is a string, else ``""``."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a JSON number; ``True`` and ``False`` are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether a value is a JSON integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def blocks_of(content: Any) -> list[Json]:
    """A message's or tool result's content as blocks: a string is one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return objects(content)

"""Shapes of JSON, checked as the API checks them: field by field, with its wording and its paths.

A check takes a value and its path (``messages.0.content.1``) and raises :class:`ApiError` if the
value has another shape. Unions are tagged by ``type``, and the tag becomes part of the path, as in
``messages.0.content.1.image.source.base64.media_type``.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dragoman.simulator.problem import ApiError
from dragoman.simulator.shape import as_list, as_object, is_integer, is_number

Check = Callable[[Any, str], None]


class Field(NamedTuple):
    """One member of an object."""

    check: Check
    required: bool = False
    nullable: bool = False


Fields = Mapping[str, Field]


def at(path: str, name: str | int) -> str:
    """The path of a member."""
    return f"{path}.{name}" if path else str(name)


def refuse(path: str, reason: str) -> ApiError:
    """``<path>: <reason>``."""
    return ApiError(f"{path}: {reason}" if path else reason)


def anything(value: Any, path: str) -> None:
    """Every value will do."""


def string(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise refuse(path, "Input should be a valid string")


def boolean(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise refuse(path, "Input should be a valid boolean")


def mapping(value: Any, path: str) -> None:
    if as_object(value) is None:
        raise refuse(path, "Input should be a valid dictionary")


def integer(least: int, most: int | None = None) -> Check:
    """An integer within bounds, both included."""

    def check(value: Any, path: str) -> None:
        if not is_integer(value):
            raise refuse(path, "Input should be a valid integer")
        if value < least:
            raise refuse(path, f"Input should be greater than or equal to {least}")
        if most is not None and value > most:
            raise refuse(path, f"Input should be less than or equal to {most}")

    return check


def number(least: float, most: float) -> Check:
    """A number within bounds, both included."""

    def check(value: Any, path: str) -> None:
        if not is_number(value):
            raise refuse(path, "Input should be a valid number")
        if value < least:
            raise refuse(path, f"Input should be greater than or equal to {least:g}")
        if value > most:
            raise refuse(path, f"Input should be less than or equal to {most:g}")

    return check


def text(least: int = 0, most: int = 0, pattern: str = "") -> Check:
    """A string with a length or of a form; 0 is no bound."""
    compiled = re.compile(pattern)

    def check(value: Any, path: str) -> None:
        string(value, path)
        if len(value) < least:
            unit = "character" if least == 1 else "characters"
            raise refuse(path, f"String should have at least {least} {unit}")
        if most and len(value) > most:
            raise refuse(path, f"String should have at most {most} characters")
        if pattern and not compiled.search(value):
            raise refuse(path, f"String should match pattern '{pattern}'")

    return check


def one_of(*names: str) -> Check:
    """One of a few strings."""
    quoted = [f"'{name}'" for name in names]
    listed = f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str) or value not in names:
            raise refuse(path, f"Input should be {listed}")

    return check


def array(item: Check) -> Check:
    """A list whose items pass a check."""

    def check(value: Any, path: str) -> None:
        items = as_list(value)
        if items is None:
            raise refuse(path, "Input should be a valid list")
        for index, member in enumerate(items):
            item(member, at(path, index))

    return check


def string_or(other: Check) -> Check:
    """A string, or what another check takes."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            other(value, path)

    return check


def record(fields: Fields, *, open: bool = False) -> Check:
    """An object with these members; others are refused unless it is ``open``."""
    required = [name for name, field in fields.items() if field.required]

    def check(value: Any, path: str) -> None:
        members = as_object(value)
        if members is None:
            raise refuse(path, "Input should be an object")
        for name in required:
            if name not in members:
                raise refuse(at(path, name), "Field required")
        for name, member in members.items():
            field = fields.get(name)
            if field is None:
                if not open:
                    raise refuse(at(path, name), "Extra inputs are not permitted")
            elif member is not None or not field.nullable:
                field.check(member, at(path, name))

    return check


def tagged(variants: Mapping[str, Check]) -> Check:
    """An object whose ``type`` says which check it has to pass."""
    listed = ", ".join(f"'{name}'" for name in sorted(variants))

    def check(value: Any, path: str) -> None:
        members = as_object(value)
        if members is None:
            raise refuse(path, "Input should be an object")
        if "type" not in members:
            raise refuse(at(path, "type"), "Field required")
        tag = members["type"]
        variant = variants.get(tag) if isinstance(tag, str) else None
        if variant is None:
            shown = str(tag)[:60]
            raise refuse(
                path,
                f"Input tag '{shown}' found using 'type' does not match any of the expected tags:"
                f" {listed}",
            )
        variant(members, at(path, tag))

    return check


def required(check: Check) -> Field:
    return Field(check, required=True)


def optional(check: Check) -> Field:
    return Field(check)


def nullable(check: Check) -> Field:
    return Field(check, nullable=True)


TYPE = Field(string, required=True)
"""The tag itself, which ``tagged`` has looked at already."""

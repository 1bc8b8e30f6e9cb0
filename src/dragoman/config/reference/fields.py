"""The structs → what there is to say about every field.

The meaning of a field is the text below it in the source; a ``models:`` entry takes the text of
the catalogue's row. Everything else (type, range, default, whether it is used yet) is read from
the struct itself.
"""

import ast
import inspect
from collections.abc import Iterator
from datetime import datetime
from textwrap import dedent
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, cast, get_args, get_origin

from msgspec import NODEFAULT, UNSET, Meta, Struct, UnsetType
from msgspec.structs import FieldInfo, fields

from dragoman.auth.secret import Secret
from dragoman.catalogue.model import Clouds, Model
from dragoman.catalogue.override import Override, TierEntry, UsdPerMTok
from dragoman.config.structs import FileConfig


class Field(NamedTuple):
    """One row of the reference."""

    path: str
    """``accounts[].name``."""
    name: str
    shape: Any
    default: Any
    """``NODEFAULT``: required; ``UNSET``: as the model has it."""
    meaning: str
    """English, Markdown."""


class Section(NamedTuple):
    """One table of the reference."""

    path: str
    """``server``, ``accounts[]``; empty for the fields outside any section."""
    meaning: str
    fields: list[Field]


class Words(NamedTuple):
    """The words of one language for types and defaults."""

    integer: str
    number: str
    text: str
    boolean: str
    secret: str
    time: str
    items: str
    """``{}`` is what the list holds."""
    map: str
    section: str
    """``{}`` is the name of another table."""
    one_of: str
    or_null: str
    required: str
    as_model: str


def sections() -> Iterator[Section]:
    """All tables, in the order of the configuration file."""
    top = Section("", "", [])
    later: list[Section] = []
    for field, documented in zip(fields(FileConfig), _documented(FileConfig, ""), strict=True):
        shape, path = _nested(field.type), field.name
        if shape is None:
            top.fields.append(documented)
        else:
            later += _sections(shape, path + ("[]" if get_origin(field.type) is tuple else ""))
    yield from later
    yield top


def type_text(shape: Any, words: Words) -> str:
    """A type in words: ``integer, 0 to 65535``."""
    members = [member for member in _members(shape) if member is not UnsetType]
    if NoneType in members:
        return words.or_null.format(type_text(_only(members), words))
    shape, bounds = _bounds(_only(members))
    if get_origin(shape) is Literal:
        return words.one_of.join(f"`{choice}`" if choice else '`""`' for choice in get_args(shape))
    if get_origin(shape) is tuple:
        return words.items.format(type_text(get_args(shape)[0], words))
    if get_origin(shape) is dict:
        return words.map
    if issubclass(shape, Struct):
        return words.section.format(f"`{TABLES[shape]}`")
    plain = {
        bool: words.boolean,
        int: words.integer,
        float: words.number,
        str: words.text,
        Secret: words.secret,
        datetime: words.time,
    }
    return plain[shape] + bounds


def default_text(default: Any, words: Words) -> str:
    """A default in Markdown."""
    if default is NODEFAULT:
        return words.required
    if default is UNSET:
        return words.as_model
    value = default.reveal() if isinstance(default, Secret) else default
    if isinstance(value, bool) or value is None:
        return f"`{str(value).lower().replace('none', 'null')}`"
    if isinstance(value, str):
        return f"`{value}`" if value else '`""`'
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return "`[" + ", ".join(f'"{item}"' for item in items) + "]`"
    return "`{}`" if isinstance(value, dict) else f"`{value:g}`".replace("e+", "e")


TABLES: dict[type[Struct], str] = {
    UsdPerMTok: "models[].usd_per_mtok",
    TierEntry: "models[].tiers[]",
    Clouds: "models[].clouds",
}
"""Structs inside a ``models:`` entry, and the tables that describe them."""


def _sections(shape: type[Struct], path: str) -> list[Section]:
    found = [Section(path, inspect.cleandoc(shape.__doc__ or ""), _documented(shape, path))]
    if shape is Override:
        found += [
            Section(name, inspect.cleandoc(inner.__doc__ or ""), _documented(inner, name))
            for inner, name in TABLES.items()
        ]
    return found


def _documented(shape: type[Struct], path: str) -> list[Field]:
    texts = attribute_texts(shape)
    if shape is Override:
        texts = attribute_texts(Model) | texts
    return [
        Field(
            path=f"{path}.{field.name}" if path else field.name,
            name=field.name,
            shape=field.type,
            default=_default(field),
            meaning=texts[field.name].replace("``", "`"),
        )
        for field in fields(shape)
    ]


def attribute_texts(shape: type) -> dict[str, str]:
    """The strings that stand below the attributes of a class in its source."""
    (body,) = ast.parse(dedent(inspect.getsource(shape))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - the source of a class
    found: dict[str, str] = {}
    for attribute, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(attribute, ast.AnnAssign)
            and isinstance(attribute.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[attribute.target.id] = " ".join(str(text.value.value).split())
    return found


def _default(field: FieldInfo) -> Any:
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return field.default


def _nested(shape: Any) -> type[Struct] | None:
    """The struct of a section, or of the items of a list of sections."""
    inner = get_args(shape)[0] if get_origin(shape) is tuple else shape
    return inner if isinstance(inner, type) and issubclass(inner, Struct) else None


def _members(shape: Any) -> tuple[Any, ...]:
    return get_args(shape) if get_origin(shape) in (Union, UnionType) else (shape,)


def _only(members: list[Any]) -> Any:
    (member,) = [member for member in members if member is not NoneType]
    return member


def _bounds(shape: Any) -> tuple[Any, str]:
    meta = next(
        (item for item in getattr(shape, "__metadata__", ()) if isinstance(item, Meta)), None
    )
    if meta is None:
        return shape, ""
    parts = [
        f"{sign} {bound:g}".replace("e+", "e") if bound >= 1e15 else f"{sign} {bound:,}"
        for sign, bound in (("≥", meta.ge), (">", meta.gt), ("≤", meta.le))
        if bound is not None
    ]
    return shape.__origin__, "".join(f", {part}" for part in parts)

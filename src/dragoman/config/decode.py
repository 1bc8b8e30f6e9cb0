"""A tree of nodes → structs, with every mistake on the way.

msgspec converts each single value and words what is wrong with it; this walk adds what msgspec
would stop short of: all mistakes of a file at once, their paths and lines, and the name that was
probably meant.
"""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct, UnsetType
from msgspec.structs import FieldInfo, fields

from dragoman.auth.secret import Secret
from dragoman.catalogue.override import UsdPerMTok
from dragoman.config.document import Mistake, Node, Place

S = TypeVar("S", bound=Struct)

_FAILED: Final = object()
_NOT_A_CHOICE = "Invalid enum value "
"""How msgspec begins when a text is none of a ``Literal``'s."""
_STAND_INS: dict[Any, Callable[[], Any]] = {
    str: str,
    int: int,
    Secret: lambda: Secret(""),
    UsdPerMTok: UsdPerMTok,
}
"""What a required field holds while it is missing, by type without its range."""


class Decoding:
    """One walk: collects ``mistakes``, the ``places`` of all fields, and which were ``given``."""

    def __init__(self, mistakes: Sequence[Mistake] = ()) -> None:
        self.mistakes = list(mistakes)
        self.places: dict[str, Place] = {}
        self.given: set[str] = set()

    def mistake(self, path: str, message: str) -> None:
        """Note a mistake at a field, or at the nearest thing around it that is in the file."""
        self.mistakes.append(Mistake(*self.place(path), path, message))

    def place(self, path: str) -> Place:
        while path and path not in self.places:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path, Place("", 0))

    def struct(self, node: Node, shape: type[S], path: str = "") -> S:
        """One struct. Where there is a mistake it holds a default, or a stand-in of the right
        type."""
        self.places[path] = node.place
        if node.value is not None and not isinstance(node.value, dict):
            self.mistake(path, f"expected fields, got {_shown(node)}")
        known = {field.name: field for field in fields(shape)}
        values = self._fields(node.value, known, path) if isinstance(node.value, dict) else {}
        for field in known.values():
            if field.name not in values and _is_required(field):
                values[field.name] = self._missing(field, f"{path}.{field.name}")
        return shape(**values)

    def _fields(
        self, children: dict[str, Node], known: dict[str, FieldInfo], path: str
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, child in children.items():
            place = f"{path}.{name}" if path else name
            self.places[place] = child.place
            if name not in known:
                self.mistake(place, _unknown(name, known))
                continue
            value = self._value(child, known[name], place)
            if value is not _FAILED:
                values[name] = value
        return values

    def _missing(self, field: FieldInfo, path: str) -> Any:
        if not self.faulty(path):
            self.mistake(path, "is missing")
        return _STAND_INS[getattr(field.type, "__origin__", field.type)]()

    def faulty(self, path: str) -> bool:
        """Whether there is a mistake already at a field or around it."""
        return any(
            path == mistake.path or path.startswith((f"{mistake.path}.", f"{mistake.path}["))
            for mistake in self.mistakes
        )

    def _value(self, node: Node, field: FieldInfo, path: str) -> Any:
        shape = _without(field.type, UnsetType)
        if node.bad or (node.value is None and NoneType not in get_args(shape)):
            return _FAILED
        if isinstance(shape, type) and issubclass(shape, Struct):
            return self.struct(node, shape, path)
        item = _struct_item(shape)
        if item is not None:
            return self._structs(node, item, path)
        self.given.add(path)
        return self._leaf(node, shape, path)

    def _structs(self, node: Node, shape: type[S], path: str) -> tuple[S, ...]:
        items = node.value
        if not isinstance(items, list):
            self.mistake(path, f"expected a list, got {_shown(node)}")
            return ()
        return tuple(
            self.struct(item, shape, f"{path}[{index}]") for index, item in enumerate(items)
        )

    def _leaf(self, node: Node, shape: Any, path: str) -> Any:
        try:
            return msgspec.convert(
                _raw(node), shape, strict=not _from_environment(node), dec_hook=_secret
            )
        except msgspec.ValidationError as error:
            reason, _, inner = str(error).partition(" - at `$")
            inner = self._named(inner.rstrip("`"), node, path)
            self.mistake(path + inner, _worded(reason, node, shape))
            return _FAILED

    def _named(self, inner: str, node: Node, path: str) -> str:
        """A path within a leaf. msgspec does not say which member of a mapping it is; ours all
        hold text."""
        if not inner.startswith("[...]") or not isinstance(node.value, dict):
            return inner
        name, child = next(one for one in node.value.items() if not isinstance(one[1].value, str))
        self.places[f"{path}.{name}"] = child.place
        return f".{name}"


def _is_required(field: FieldInfo) -> bool:
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def _without(shape: Any, unwanted: type) -> Any:
    """A union without one of its members."""
    if get_origin(shape) not in (Union, UnionType):
        return shape
    members = tuple(member for member in get_args(shape) if member is not unwanted)
    return Union[members]  # noqa: UP007 - built at run time


def _struct_item(shape: Any) -> type[Struct] | None:
    """The struct in ``tuple[struct, ...]``."""
    arguments = get_args(shape)
    if get_origin(shape) is not tuple or not isinstance(arguments[0], type):
        return None
    return arguments[0] if issubclass(arguments[0], Struct) else None


def _raw(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {name: _raw(child) for name, child in node.value.items()}
    if isinstance(node.value, list):
        return [_raw(child) for child in node.value]
    return node.value


def _from_environment(node: Node) -> bool:
    if isinstance(node.value, dict):
        return any(_from_environment(child) for child in node.value.values())
    if isinstance(node.value, list):
        return any(_from_environment(child) for child in node.value)
    return node.variable


def _secret(shape: type, value: Any) -> Secret:
    if shape is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError(f"Expected `str`, got `{type(value).__name__}`")


def _unknown(name: str, known: dict[str, Any]) -> str:
    return f"unknown field{_meant(name, known)}"


def _meant(text: str, known: Iterable[str]) -> str:
    near = get_close_matches(text, list(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


def _worded(reason: str, node: Node, shape: Any) -> str:
    """msgspec's reason in our words; a value is shown unless it may be secret."""
    choices = _choices(shape)
    if choices and reason.startswith(_NOT_A_CHOICE):
        value = reason.removeprefix(_NOT_A_CHOICE)
        meant = _meant(value.strip("'"), choices)
        return f"must be one of {', '.join(choices)}, got {value[:60]}{meant}"
    text = reason.replace("`", "")
    for word, plain in (("array", "a list"), ("object", "fields"), ("bool", "true or false")):
        text = text.replace(word, plain)
    text = text[:1].lower() + text[1:]
    expected, _, got = text.partition(", got ")
    if isinstance(node.value, dict | list) or _holds_secret(shape):
        text = f"{expected}, got {got}" if got else expected
    else:
        text = f"{expected}, got {_shown(node)}"
    return f"{text}; write it in quotes" if "expected str, got" in text else text


def _choices(shape: Any) -> list[str]:
    """The texts of a ``Literal``, also of one in a list."""
    if get_origin(shape) is Literal:
        return [str(choice) or "''" for choice in get_args(shape)]
    return [choice for argument in get_args(shape) for choice in _choices(argument)]


def _holds_secret(shape: Any) -> bool:
    return shape is Secret or any(_holds_secret(argument) for argument in get_args(shape))


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "fields"
    if isinstance(node.value, list):
        return "a list"
    return repr(cast("object", node.value))[:60]

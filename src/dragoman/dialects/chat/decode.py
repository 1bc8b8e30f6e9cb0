"""Client bytes → shapes, and every way in which they can fail to be one.

The strict shapes are tried first: a request whose every field is known costs one pass. A field that
is not known sends the value down the slow path once: :func:`prune` takes the unknown fields out,
reports them, and leaves all other bytes exactly as they were; then the strict shapes are tried
again. Whatever else is wrong becomes a :class:`Failure` with the path and the code OpenAI's clients
know.
"""

import re
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Raw

from dragoman.codec import jsonio
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import Shape, given
from dragoman.errors import Failure

T = TypeVar("T")


class Reader:
    """Reads values of one shape. ``nested`` says that the shape stands in a list."""

    __slots__ = ("_decode", "_tree")

    def __init__(self, shape: Any) -> None:
        self._decode: jsonio.Decoder[Any] = jsonio.Decoder(shape)
        self._tree = _tree(shape)

    def read(self, raw: bytes | Raw, path: str, notes: Notes) -> Any:
        """The value. ``path`` is where it stands in the request, ``""`` for the body.

        Raises :class:`Failure`: ``invalid_json``, or what is wrong with the value.
        """
        try:
            return self._decode.decode(raw)
        except jsonio.Mismatch as error:
            if not error.reason.startswith(_UNKNOWN):
                raise mismatch(error, path, self._tree) from None
        if jsonio.too_deep(raw):
            raise invalid_json("it is nested too deeply")
        pruned = _prune(raw, self._tree, path, notes)
        try:
            return self._decode.decode(pruned)
        except jsonio.Mismatch as error:
            raise mismatch(error, path, self._tree) from None


_UNKNOWN = "Object contains unknown field"

Tree = dict[str, Any] | tuple[str, ...] | None
"""What is known of a value: the fields of an object (or of the objects of a list) and their trees,
the words that are allowed, or ``None`` where it is not ours to judge.
"""


def _tree(shape: Any) -> Tree:
    """The tree of a shape, also through lists and unions."""
    if isinstance(shape, type) and issubclass(shape, Shape):
        return {name: _tree(hint) for name, hint in get_type_hints(shape).items()}
    if get_origin(shape) is dict:
        return None
    if get_origin(shape) is Literal:
        return get_args(shape)
    for argument in get_args(shape):
        found = _tree(argument)
        if found is not None:
            return found
    return None


def _allowed(tree: Tree, path: str) -> str:
    """The words allowed at a path, as a sentence's end."""
    for step in _STEPS.findall(path):
        tree = tree.get(step) if isinstance(tree, dict) else None
    words = tree if isinstance(tree, tuple) else ()
    return f" Supported values are: {', '.join(map(repr, words))}."


_STEPS = re.compile(r"[^.\[\]]+(?![^\[]*\])")


def _prune(raw: bytes | Raw, tree: Tree, path: str, notes: Notes) -> bytes | Raw:
    """The value without the fields that no shape knows; every byte that stays is the client's."""
    data = bytes(raw)
    first = data.lstrip()[:1]
    if not isinstance(tree, dict) or first not in (b"{", b"["):
        return raw
    if first == b"[":
        items = _lists.decode(data)
        return jsonio.encode(
            [_as_raw(_prune(item, tree, f"{path}[{at}]", notes)) for at, item in enumerate(items)]
        )
    kept: dict[str, Raw] = {}
    for name, value in _objects.decode(data).items():
        inner = f"{path}.{name}" if path else name
        if name in tree:
            kept[name] = _as_raw(_prune(value, tree[name], inner, notes))
        elif given(value):  # null asks for nothing, whatever it is called
            notes.warn(inner, "unknown parameter", "unknown_parameter")
    return jsonio.encode(kept)


_objects = jsonio.Decoder(dict[str, Raw])
_lists = jsonio.Decoder(list[Raw])


def _as_raw(value: bytes | Raw) -> Raw:
    return value if isinstance(value, Raw) else Raw(value)


def invalid_json(reason: str) -> Failure:
    return Failure("invalid_json", f"The request body is not valid JSON: {reason}.")


_FIELD = re.compile(r"`([^`]*)`")
_BOUND = re.compile(r"Expected `(\w+)`(?: of length)? (>=|<=|<|>) (-?[\d.]+)")


def mismatch(error: jsonio.Mismatch, base: str, tree: Tree = None) -> Failure:
    """A wrong shape in the words and with the code that OpenAI's API uses for it."""
    reason = error.reason
    # msgspec does not say which key of an open object it is: the object then.
    path = _join(base, error.path.partition("[...]")[0])
    if reason.startswith("Object missing required field"):
        found = _FIELD.search(reason)
        path = _join(path, found[1] if found else "")
        return Failure("missing_parameter", f"Missing required parameter: '{path}'.", param=path)
    if reason.startswith("Invalid enum value"):
        got = reason.removeprefix("Invalid enum value ")
        text = f"Invalid value for '{path}': {got}.{_allowed(tree, error.path)}"
        return Failure("invalid_value", text, param=path)
    bound = _BOUND.match(reason)
    if bound is not None:
        return _out_of_bounds(bound, path)
    if not path:
        return Failure("invalid_type", f"The request body must be a JSON object: {reason}.")
    return Failure("invalid_type", f"Invalid type for '{path}': {reason}.", param=path)


_BOUNDS = {
    ("int", ">="): "below_minimum",
    ("int", "<="): "above_maximum",
    ("float", ">="): "decimal_below_minimum",
    ("float", "<="): "decimal_above_maximum",
    ("str", "<="): "string_too_long",
    ("array", "<="): "array_too_long",
    ("array", ">="): "empty_array",
}


def _out_of_bounds(bound: re.Match[str], path: str) -> Failure:
    kind = _BOUNDS.get((bound[1], bound[2]), "invalid_value")
    limit = bound[3].removesuffix(".0")
    if bound[1] in ("str", "array"):
        what = "character" if bound[1] == "str" else "item"
        what += "" if limit == "1" else "s"
        most = "at most" if bound[2] == "<=" else "at least"
        text = f"Invalid '{path}': it must have {most} {limit} {what}."
    else:
        text = f"Invalid '{path}': it must be {bound[2]} {limit}."
    return Failure(kind, text, param=path)


def _join(base: str, path: str) -> str:
    if not base or not path or path.startswith("["):
        return base + path
    return f"{base}.{path}"

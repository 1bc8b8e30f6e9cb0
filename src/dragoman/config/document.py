"""YAML text → a tree that remembers its lines.

The parser is PyYAML's; what a plain scalar means is decided here, as in YAML 1.2: ``true`` and
``false`` are booleans and ``on``, ``yes`` or ``2026-01-01`` are texts. Repeated keys and tags are
mistakes. Variables are replaced in values, never in keys, after parsing: a value from the
environment cannot change the structure.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, cast

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, ScalarNode, SequenceNode
from yaml.nodes import Node as YamlNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from dragoman.config.interpolate import expand

MAX_DEPTH = 8
"""Levels of nesting; no field lies deeper than six."""

_STR = "tag:yaml.org,2002:str"
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9][0-9_]{0,29}")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9]*|\.[0-9]+|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?"
)


class Place(NamedTuple):
    """Where a value stands: a file and a line from 1, or an environment variable and line 0."""

    source: str
    line: int


class Mistake(NamedTuple):
    """One thing wrong with the configuration."""

    file: str
    """The file, or ``$NAME`` for a value from the environment; empty where there is neither."""
    line: int
    """From 1; 0 where there is none."""
    path: str
    """``accounts[1].base_url``; empty for the file as a whole."""
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.path, self.message) if part)


class Node(NamedTuple):
    """A value and where it stands."""

    value: "str | int | float | bool | list[Node] | dict[str, Node] | None"
    place: Place
    variable: bool = False
    """The text came out of the environment: ``"8080"`` may stand for a number."""
    bad: bool = False
    """There is a mistake about it already."""


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML up to the tree of nodes, without any implicit type."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)


class Document:
    """One configuration file, read.

    ``mistakes`` lists what is wrong with it as YAML; ``broken``: it could not be parsed at all.
    """

    def __init__(self, text: str, source: str, environ: Mapping[str, str]) -> None:
        self.source = source
        self.mistakes: list[Mistake] = []
        self._environ = environ
        self.broken = True
        self.root = Node({}, Place(source, 1))
        try:
            tree = _Loader(text).get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            self._mistake(Place(source, line), "", f"not valid YAML: {error.problem}")
            return
        except yaml.YAMLError as error:
            self._mistake(Place(source, 1), "", f"not valid YAML: {str(error).splitlines()[0]}")
            return
        self.broken = False
        if tree is None:
            return
        root = self._node(tree, "", 0)
        if isinstance(root.value, dict):
            self.root = root
        elif root.value is not None:
            self._mistake(root.place, "", "expected fields like `server:`, got something else")

    def _mistake(self, place: Place, path: str, message: str) -> None:
        self.mistakes.append(Mistake(place.source, place.line, path, message))

    def _node(self, node: YamlNode, path: str, depth: int) -> Node:
        place = Place(self.source, node.start_mark.line + 1)
        if depth > MAX_DEPTH:
            self._mistake(place, path, "nested too deeply")
            return Node(None, place, bad=True)
        if isinstance(node, MappingNode):
            return Node(self._mapping(node, path, depth), place)
        if isinstance(node, SequenceNode):
            items = [
                self._node(item, f"{path}[{index}]", depth + 1)
                for index, item in enumerate(node.value)
            ]
            return Node(items, place)
        return self._scalar(cast("ScalarNode", node), place, path)

    def _mapping(self, node: MappingNode, path: str, depth: int) -> dict[str, Node]:
        fields: dict[str, Node] = {}
        for key_node, value_node in node.value:
            place = Place(self.source, key_node.start_mark.line + 1)
            if not isinstance(key_node, ScalarNode):
                self._mistake(place, path, "a key must be a plain name")
                continue
            key = key_node.value
            child = f"{path}.{key}" if path else key
            if key in fields:
                self._mistake(place, child, f"given twice, first on line {fields[key].place.line}")
                continue
            fields[key] = self._node(value_node, child, depth + 1)._replace(place=place)
        return fields

    def _scalar(self, node: ScalarNode, place: Place, path: str) -> Node:
        if node.tag != _STR:
            self._mistake(place, path, f"the tag {node.tag} is not supported")
            return Node(None, place, bad=True)
        text: str = node.value
        if "$" in text:
            expanded = expand(text, self._environ)
            for problem in expanded.problems:
                self._mistake(place, path, problem)
            if expanded.problems:
                return Node(None, place, bad=True)
            if expanded.replaced:
                return Node(expanded.text, place, variable=True)
            return Node(expanded.text, place)
        return Node(text if node.style else plain(text), place)


def plain(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text

"""Values made for schemas satisfy them: drawn schemas, and the ones people write."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.simulator.conformity import satisfies
from dragoman.simulator.hints import Hints
from dragoman.simulator.pattern import example as pattern_example
from dragoman.simulator.schema import Maker

from .referee import complaints

KEYS = st.sampled_from(
    ["city", "query", "count", "unit", "date", "email", "items", "next", "a_b", "fooBar", "ünï"]
)
QUESTIONS = st.sampled_from(
    [
        "",
        "What is the weather in Boston in celsius?",
        "Add 3 and 4.5 for bob@example.com",
        "北京今天天气怎么样？",
        'Read "notes.txt" at https://example.com/x on 2026-03-04',
    ]
)
SAFE_PATTERNS = [
    r"^[A-Z]{3}-\d{4}$",
    r"^(foo|bar)+[a-z_]*\.txt$",
    r"^\+?[1-9]\d{1,14}$",
    r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
    r"^#(?:[0-9a-fA-F]{3}){1,2}$",
    r"^[\w.-]+$",
    r"^\d{4}-(0[1-9]|1[0-2])-\d{2}$",
    r"^(?P<year>\d{4})(?:\s|_)x?$",
    r"^[\]\-a]{2}$",
    r"^\S+$",
    r"^v\d+\.\d+(\.\d+)?(-\w+)?$",
    r"^[^\d]{2,5}$",
    r"a{2,}b",
    r"^\u0041\x42$",
    r"^$",
    r"",
]


@st.composite
def strings(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return {"type": "string", "pattern": draw(st.sampled_from(SAFE_PATTERNS))}
    if kind == 1:
        options = draw(st.lists(st.text(max_size=6), min_size=1, max_size=4))
        return {"type": "string", "enum": options}
    if kind == 2:
        form = draw(st.sampled_from(["date", "email", "uuid", "uri", "date-time", "nonsense"]))
        return {"type": "string", "format": form}
    least = draw(st.integers(0, 30))
    return {"type": "string", "minLength": least, "maxLength": least + draw(st.integers(0, 30))}


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["integer", "number"]))
    schema: dict[str, Any] = {"type": kind}
    low = draw(st.integers(-1000, 1000))
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
    if draw(st.booleans()):
        high = low + draw(st.integers(20, 400))
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = high
    if draw(st.booleans()):
        # Narrower than the narrowest range above, so that a multiple always fits.
        schema["multipleOf"] = draw(st.sampled_from([1, 2, 5, 9]))
    return schema


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def make(draw: st.DrawFn) -> dict[str, Any]:
        properties = draw(st.dictionaries(KEYS, inner, max_size=4))
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if properties:
            schema["required"] = draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
        if draw(st.booleans()):
            schema["additionalProperties"] = draw(st.just(False) | inner)
        if draw(st.booleans()):
            schema["minProperties"] = draw(st.integers(0, len(properties)))
        if schema.get("additionalProperties") is not False and draw(st.booleans()):
            schema["required"] = [*schema.get("required", []), "undeclared"]
        return schema

    return make()


def arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def make(draw: st.DrawFn) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array"}
        least = draw(st.integers(0, 4))
        if draw(st.booleans()):
            schema["items"] = draw(inner)
        if draw(st.booleans()):
            schema["prefixItems"] = draw(st.lists(inner, min_size=1, max_size=3))
        schema["minItems"] = least
        if draw(st.booleans()):
            schema["maxItems"] = least + draw(st.integers(0, 3))
        return schema

    return make()


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts})
        | inner.map(lambda part: {"anyOf": [{"type": "null"}, part]})
        | inner.map(lambda part: {"allOf": [part, {"description": "x"}]})
        | inner.map(lambda part: {"oneOf": [part]})
    )


PLAIN = (
    strings()
    | numbers()
    | st.just({"type": "boolean"})
    | st.just({"type": "null"})
    | st.just({})
    | st.just(True)
    | st.lists(st.sampled_from(["string", "null", "integer"]), min_size=1, unique=True).map(
        lambda kinds: {"type": kinds}
    )
    | st.integers().map(lambda value: {"const": value})
)
SCHEMAS = st.recursive(
    PLAIN, lambda inner: objects(inner) | arrays(inner) | combined(inner), max_leaves=12
)


@settings(max_examples=400, deadline=None)
@given(schema=SCHEMAS, question=QUESTIONS, generous=st.booleans())
def test_drawn_schemas_are_satisfied(schema: Any, question: str, generous: bool) -> None:
    root = schema if isinstance(schema, dict) else {"anyOf": [schema]}
    made = Maker(root, Hints(question), generous=generous).make()
    assert not complaints(made, root)
    assert satisfies(made, root, root)


@settings(max_examples=60, deadline=None)
@given(schema=SCHEMAS, question=QUESTIONS)
def test_the_same_again_is_the_same(schema: Any, question: str) -> None:
    root = {"type": "object", "properties": {"x": schema}, "required": ["x"]}
    assert Maker(root, Hints(question)).make() == Maker(root, Hints(question)).make()


TREE = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "next": {"$ref": "#"}},
    "required": ["value"],
}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("recursive by root", TREE),
    (
        "recursive by definition",
        {
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                    },
                    "required": ["name", "children"],
                }
            },
            "type": "object",
            "properties": {"root": {"$ref": "#/$defs/node"}},
            "required": ["root"],
        },
    ),
    (
        "recursive, ended by null",
        {
            "$defs": {
                "list": {
                    "type": "object",
                    "properties": {
                        "head": {"type": "integer"},
                        "tail": {"anyOf": [{"$ref": "#/$defs/list"}, {"type": "null"}]},
                    },
                    "required": ["head", "tail"],
                }
            },
            "$ref": "#/$defs/list",
        },
    ),
    (
        "as pydantic writes an optional enumeration",
        {
            "type": "object",
            "$defs": {"Unit": {"enum": ["celsius", "fahrenheit"], "type": "string"}},
            "properties": {
                "unit": {"anyOf": [{"$ref": "#/$defs/Unit"}, {"type": "null"}], "default": None},
                "city": {"type": "string", "minLength": 2},
            },
            "required": ["city", "unit"],
        },
    ),
    (
        "merged from parts",
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}},
                {"properties": {"a": {"maximum": 4}, "b": {"type": "string"}}, "required": ["b"]},
            ],
            "required": ["a"],
        },
    ),
    (
        "exactly one branch",
        {
            "oneOf": [
                {"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]},
                {
                    "type": "object",
                    "properties": {"k": {"const": "b"}, "v": {"type": "number"}},
                    "required": ["k", "v"],
                },
            ]
        },
    ),
    (
        "one brings the other",
        {
            "type": "object",
            "properties": {"card": {"type": "string"}, "address": {"type": "string"}},
            "required": ["card"],
            "dependentRequired": {"card": ["address"]},
        },
    ),
    (
        "different items",
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"n": {"type": "integer"}},
                "required": ["n"],
            },
            "minItems": 3,
            "uniqueItems": True,
        },
    ),
    (
        "different words",
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
    ),
    ("fractions", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
    ("steps", {"type": "number", "minimum": 0.1, "multipleOf": 0.25}),
    ("many", {"type": "object", "minProperties": 5, "additionalProperties": {"type": "integer"}}),
    ("untyped", {"properties": {"a": {"items": {"minimum": 5}}}, "required": ["a"]}),
    ("escaped pointer", {"$defs": {"a/b": {"const": 7}}, "$ref": "#/$defs/a~1b"}),
]


@pytest.mark.parametrize(("name", "schema"), CASES, ids=[name for name, _ in CASES])
@pytest.mark.parametrize("generous", [False, True])
def test_written_schemas_are_satisfied(name: str, schema: dict[str, Any], generous: bool) -> None:
    made = Maker(schema, Hints("Hello"), generous=generous).make()
    assert not complaints(made, schema), name
    assert satisfies(made, schema, schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]},
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema"},
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"type": "array", "minItems": 10**9, "items": {"type": "integer"}},
        {"type": "string", "minLength": 10**9},
        {"type": "integer", "minimum": 5, "maximum": 1},
        {"type": "number", "multipleOf": 0},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"enum": []},
        {"type": "nonsense"},
        {"type": "string", "pattern": "((((a{4096}){4096}){4096}){4096}){4096}"},
    ],
)
def test_what_cannot_be_satisfied_still_ends(schema: dict[str, Any]) -> None:
    Maker(schema, Hints("Hello"), generous=True).make()


@pytest.mark.parametrize("pattern", SAFE_PATTERNS)
@pytest.mark.parametrize("least", [0, 3, 12])
def test_text_for_patterns(pattern: str, least: int) -> None:
    assert re.search(pattern, pattern_example(pattern, least))


@given(pattern=st.text(alphabet="ab[](){}|*+?.^$\\d,-0123:=!<>P", max_size=24))
def test_no_pattern_hangs_or_raises(pattern: str) -> None:
    assert len(pattern_example(pattern, 20)) < 10**6


def arguments(question: str, **properties: Any) -> Any:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return Maker(schema, Hints(question)).make()


@pytest.mark.parametrize(
    ("question", "name", "schema", "expected"),
    [
        ("What's the weather like in Boston today?", "location", {"type": "string"}, "Boston"),
        ("Weather in Rio de Janeiro?", "city", {"type": "string"}, "Rio de Janeiro"),
        (
            "San Francisco, CA is in the west; weather in San Francisco, CA?",
            "place",
            {},
            "San Francisco, CA",
        ),
        ("weather in boston today", "city", {"type": "string"}, "Boston"),
        ("波士顿今天天气怎么样？", "location", {"type": "string"}, "波士顿"),
        ("请问苏黎世明天的天气", "城市", {"type": "string"}, "苏黎世"),
        ("Какая погода в Казани?", "city", {"type": "string"}, "Казани"),
        ("東京の天気は？", "city", {"type": "string"}, "東京"),
        ("서울의 오늘 날씨는?", "city", {"type": "string"}, "서울"),
        ("Fly from Berlin to Rome", "destination", {"type": "string"}, "Rome"),
        ("Fly from Berlin to Rome", "origin", {"type": "string"}, "Berlin"),
        ("How warm, in Fahrenheit?", "unit", {"enum": ["celsius", "fahrenheit"]}, "fahrenheit"),
        ("How warm?", "unit", {"enum": ["celsius", "fahrenheit"]}, "celsius"),
        ("How warm?", "unit", {"enum": ["c", "f"], "default": "f"}, "f"),
        ("Compute 12 * (3+4)", "expression", {"type": "string"}, "12 * (3+4)"),
        ("Add 17 and 4", "a", {"type": "integer"}, 17),
        ("The top 5 of them", "limit", {"type": "integer", "maximum": 10}, 5),
        ("Mail bob@example.org now", "recipient", {"type": "string"}, "bob@example.org"),
        ("Open https://example.org/a?b=1.", "url", {"type": "string"}, "https://example.org/a?b=1"),
        ("On 2026-03-04 please", "date", {"type": "string", "format": "date"}, "2026-03-04"),
        ("Read src/app.py", "path", {"type": "string"}, "src/app.py"),
        ("Price of AAPL", "symbol", {"type": "string"}, "AAPL"),
        ('Search for "blue whales"', "query", {"type": "string"}, "blue whales"),
        ("Find bees", "query", {"type": "string"}, "Find bees"),
        ("Hi", "city", {"type": "string", "description": "A city, e.g. Oslo"}, "Oslo"),
    ],
)
def test_arguments_come_from_the_question(
    question: str, name: str, schema: dict[str, Any], expected: Any
) -> None:
    assert arguments(question, **{name: schema})[name] == expected

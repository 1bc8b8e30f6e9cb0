"""Schemas in the subset of structured outputs: closed, without recursion, nothing said lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.codec import jsonio
from dragoman.dialects.chat.subset import Allowance, Unfit, fit
from tests.dialects.generated import small_values

TEXT = {"type": "string"}


def closed(properties: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False, **fields}


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


FITS = {
    "plain": (schema(a=TEXT), closed({"a": TEXT})),
    "no type": ({"properties": {"a": TEXT}}, closed({"a": TEXT})),
    "open": ({**schema(a=TEXT), "additionalProperties": True}, closed({"a": TEXT})),
    "required stays": ({**schema(a=TEXT), "required": ["a"]}, closed({"a": TEXT}, required=["a"])),
    "a description that is no text": (
        schema(a={"description": 5, "minLength": 1}),
        closed({"a": {"description": "minLength: 1"}}),
    ),
    "a format that is no text": (
        schema(a={"format": {}}),
        closed({"a": {"description": "format: {}"}}),
    ),
    "empty object inside": (schema(a={"type": "object"}), closed({"a": closed({})})),
    "items": (
        schema(a={"type": "array", "items": schema(b=TEXT)}),
        closed({"a": {"type": "array", "items": closed({"b": TEXT})}}),
    ),
    "bounds are told": (
        schema(a={"type": "integer", "minimum": 1, "maximum": 9, "description": "How many."}),
        closed({"a": {"type": "integer", "description": "How many.; minimum: 1; maximum: 9"}}),
    ),
    "known format stays": (
        schema(a={"type": "string", "format": "date"}),
        closed({"a": {"type": "string", "format": "date"}}),
    ),
    "other format is told": (
        schema(a={"type": "string", "format": "iri"}),
        closed({"a": {"type": "string", "description": 'format: "iri"'}}),
    ),
    "least items": (
        schema(a={"type": "array", "items": TEXT, "minItems": 1}),
        closed({"a": {"type": "array", "items": TEXT, "minItems": 1}}),
    ),
    "more items are told": (
        schema(a={"type": "array", "items": TEXT, "minItems": 2}),
        closed({"a": {"type": "array", "items": TEXT, "description": "minItems: 2"}}),
    ),
    "enum": (
        schema(a={"enum": ["x", 1, None]}),
        closed({"a": {"enum": ["x", 1, None]}}),
    ),
    "enum of objects is told": (
        schema(a={"enum": [{}]}),
        closed({"a": {"description": "enum: [{}]"}}),
    ),
    "one of becomes any of": (
        schema(a={"oneOf": [TEXT, {"type": "null"}]}),
        closed({"a": {"anyOf": [TEXT, {"type": "null"}]}}),
    ),
    "definitions": (
        {**schema(a={"$ref": "#/$defs/A"}), "$defs": {"A": schema(b=TEXT)}},
        closed({"a": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": closed({"b": TEXT})}}),
    ),
    "a definition used twice": (
        {**schema(a={"$ref": "#/$defs/A"}, b={"$ref": "#/$defs/A"}), "$defs": {"A": TEXT}},
        closed({"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": TEXT}}),
    ),
    "silent fields": ({**schema(), "$schema": "x", "$id": "y", "examples": [1]}, closed({})),
    "a property called like a field": (
        schema(minimum=TEXT, properties=schema(enum=TEXT)),
        closed({"minimum": TEXT, "properties": closed({"enum": TEXT})}),
    ),
}

UNFIT = {
    "root is no object": ({"type": "array"}, "its root is not an object"),
    "root is a union": ({"anyOf": [schema()]}, "its root is not an object"),
    "recursion at the root": (schema(a={"$ref": "#"}), "a schema that contains itself"),
    "recursion below": (
        {**schema(a={"$ref": "#/$defs/A"}), "$defs": {"A": schema(b={"$ref": "#/$defs/A"})}},
        "a schema that contains itself",
    ),
    "recursion through two": (
        {
            **schema(a={"$ref": "#/$defs/A"}),
            "$defs": {"A": schema(b={"$ref": "#/$defs/B"}), "B": {"items": {"$ref": "#/$defs/A"}}},
        },
        "a schema that contains itself",
    ),
    "recursion in a union": (
        schema(a={"anyOf": [TEXT, {"$ref": "#"}]}),
        "a schema that contains itself",
    ),
    "another document": (schema(a={"$ref": "https://x/y"}), "a reference to another document"),
    "a reference that is no text": (schema(a={"$ref": 1}), "a reference to another document"),
    "a reference to nothing": (schema(a={"$ref": "#/$defs/A"}), "a reference to nothing"),
    "a map": (
        {**schema(), "additionalProperties": TEXT},
        "additionalProperties with a schema",
    ),
    "a schema that is none": (schema(a=True), "a schema that is not an object"),
    "optional": (
        schema(**{f"p{at}": TEXT for at in range(25)}),
        "more than 24 optional properties",
    ),
    "unions": (
        {
            **schema(**{f"p{at}": {"type": ["string", "null"]} for at in range(17)}),
            "required": [f"p{at}" for at in range(17)],
        },
        "more than 16 union types",
    ),
}


@pytest.mark.parametrize(("given", "expected"), FITS.values(), ids=FITS)
def test_fits(given: dict[str, Any], expected: dict[str, Any]):
    before = jsonio.encode(given)
    assert fit(given, Allowance()) == expected
    assert jsonio.encode(given) == before


@pytest.mark.parametrize(("given", "reason"), UNFIT.values(), ids=UNFIT)
def test_does_not_fit(given: dict[str, Any], reason: str):
    allowance = Allowance()
    with pytest.raises(Unfit, match=reason):
        fit(given, allowance)
    assert allowance == Allowance()


def test_schemas_share_an_allowance():
    allowance = Allowance()
    fit(schema(a=TEXT, b={"anyOf": [TEXT]}), allowance)
    assert (allowance.optional, allowance.unions) == (22, 15)


any_schema = st.recursive(
    st.sampled_from([TEXT, {"type": "null"}, {"$ref": "#/$defs/A"}, {"enum": [1]}, {"minimum": 2}]),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(
            lambda found: schema(**found)
        ),
        st.lists(inner, max_size=2).map(lambda found: {"anyOf": found}),
        inner.map(lambda found: {"type": "array", "items": found, "maxItems": 3}),
    ),
    max_leaves=8,
)


def objects(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for inner in node for found in objects(inner)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") == "object" else []
    return own + [found for inner in node.values() for found in objects(inner)]


@given(st.dictionaries(st.sampled_from("abc"), any_schema), any_schema)
def test_whatever_fits_is_closed_everywhere(properties: dict[str, Any], definition: Any):
    given = {**schema(**properties), "$defs": {"A": definition}}
    try:
        fitted = fit(given, Allowance())
    except Unfit:
        return
    assert all(found["additionalProperties"] is False for found in objects(fitted))
    assert "minimum" not in {key for found in objects(fitted) for key in found}
    assert fit(fitted, Allowance()) == fitted


def test_definitions_that_refer_twice_to_the_next_are_walked_once():
    """Each way to the last of them by itself would be 2⁴⁰ ways."""
    twice = [
        schema(a={"$ref": f"#/$defs/{at + 1}"}, b={"$ref": f"#/$defs/{at + 1}"}) for at in range(40)
    ]
    definitions = {str(at): {**one, "required": ["a", "b"]} for at, one in enumerate(twice)}
    given = {**schema(x={"$ref": "#/$defs/0"}), "$defs": {**definitions, "40": TEXT}}
    assert fit(given, Allowance())["$defs"]["40"] == TEXT
    given["$defs"]["40"] = {"$ref": "#/$defs/20"}
    with pytest.raises(Unfit, match="contains itself"):
        fit(given, Allowance())


WORDS = [
    *("type", "required", "enum", "$ref", "description", "format", "additionalProperties"),
    *("minItems", "properties", "items", "anyOf", "oneOf", "allOf", "$defs", "pattern"),
]


@given(st.recursive(small_values, lambda inner: st.dictionaries(st.sampled_from(WORDS), inner)))
def test_any_value_fits_or_is_unfit(given: Any):
    """A schema is a client's: what is not one at all must not end in an error of ours."""
    try:
        jsonio.encode(fit({**schema(a=given), "items": given}, Allowance()))
    except Unfit:
        pass

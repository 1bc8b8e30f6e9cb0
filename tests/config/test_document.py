"""YAML with lines: what a scalar means, and what is refused."""

import pytest

from dragoman.config.document import Document, Mistake, Node, plain
from tests.config.conftest import Mistakes, Read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("on", "on"),
        ("8080", 8080),
        ("-1", -1),
        ("32_000", 32000),
        ("010", 10),
        ("1:30", "1:30"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("1.5e-3", 0.0015),
        (".", "."),
        (".inf", ".inf"),
        ("9" * 5000, "9" * 5000),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("sk-1", "sk-1"),
        ("=", "="),
    ],
)
def test_what_a_plain_scalar_means(text: str, value: object) -> None:
    found = plain(text)
    assert (found, type(found)) == (value, type(value))


def test_quotes_make_a_text() -> None:
    document = Document("a: '8080'\nb: \"true\"\nc: |\n  1\n", "f", {})
    fields = document.root.value
    assert isinstance(fields, dict)
    assert [node.value for node in fields.values()] == ["8080", "true", "1\n"]
    assert [node.place for node in fields.values()] == [("f", 1), ("f", 2), ("f", 3)]


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "null\n", "{}"])
def test_an_empty_file_is_a_configuration(text: str) -> None:
    document = Document(text, "f", {})
    assert (document.root.value, document.mistakes, document.broken) == ({}, [], False)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("- a\n", "1: expected fields like `server:`, got something else"),
        ("server", "1: expected fields like `server:`, got something else"),
        ("a: b: c\n", "1: not valid YAML: mapping values are not allowed here"),
        ("server:\n\tport: 1\n", "2: not valid YAML: found character '\\t' that cannot start"),
        ("server: {\n", "2: not valid YAML: expected the node content"),
        ("a: 1\n---\nb: 2\n", "2: not valid YAML: but found another document"),
        ("a: \x01\n", "1: not valid YAML: unacceptable character"),
        ("a: *x\n", "1: not valid YAML: found undefined alias"),
        (
            "server: {port: 1}\nstrict: true\nserver: {}\n",
            "3: server: given twice, first on line 1",
        ),
        ("server:\n  port: 1\n  port: 2\n", "3: server.port: given twice, first on line 2"),
        ("? [a]\n: 1\n", "1: a key must be a plain name"),
        ("strict: !!bool true\n", "1: strict: the tag tag:yaml.org,2002:bool is not supported"),
        ("strict: !x true\n", "1: strict: the tag !x is not supported"),
        ("<<: {strict: true}\n", "1: <<: unknown field"),
        ("a: &a [*a]\n", "1: a[0][0][0][0][0][0][0][0]: nested too deeply"),
    ],
)
def test_what_is_not_a_configuration_is_refused_with_its_line(
    mistakes: Mistakes, text: str, mistake: str
) -> None:
    assert any(found.startswith(mistake) for found in mistakes(text)), mistakes(text)


def test_anchors_may_be_used(read: Read) -> None:
    config = read(
        """
        accounts:
          - {name: a, api_key: k, models: &globs ["claude-*"]}
          - {name: b, api_key: k, models: *globs}
        """
    )
    assert [account.models for account in config.accounts] == [("claude-*",), ("claude-*",)]


def test_variables_are_replaced_in_values_only() -> None:
    document = Document("${A}: ${A}\nb: [$$, '${A}', x]\n", "f", {"A": "1: {x"})
    fields = document.root.value
    assert isinstance(fields, dict)
    assert list(fields) == ["${A}", "b"]
    assert fields["${A}"][0::2] == ("1: {x", True)
    items = fields["b"].value
    assert isinstance(items, list)
    assert [(item.value, item.variable) for item in items] == [
        ("$", False),
        ("1: {x", True),
        ("x", False),
    ]


def test_a_missing_variable_is_a_mistake_at_its_line() -> None:
    document = Document("a:\n  - ${X}${Y}\n", "f", {})
    assert [(m.line, m.path) for m in document.mistakes] == [(2, "a[0]"), (2, "a[0]")]
    fields = document.root.value
    assert isinstance(fields, dict)
    assert isinstance(fields["a"].value, list)
    assert fields["a"].value[0] == Node(None, fields["a"].value[0].place, bad=True)


def test_a_mistake_names_file_line_and_path() -> None:
    assert str(Mistake("f.yaml", 3, "a.b", "is wrong")) == "f.yaml:3: a.b: is wrong"
    assert str(Mistake("$NAME", 0, "a.b", "is wrong")) == "$NAME: a.b: is wrong"
    assert str(Mistake("f.yaml", 0, "", "no such file")) == "f.yaml: no such file"
    assert str(Mistake("", 0, "--port", "is wrong")) == "--port: is wrong"

"""Laws of the Messages dialect, over anything that may stand in a request."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio, splice
from dragoman.dialects import messages
from dragoman.errors import Failure

CATALOGUE = Catalogue()
TEXTS = st.text(st.characters(), max_size=8) | st.sampled_from(["\ud800", "text", "ephemeral", ""])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
KINDS = ("text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result")
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | TEXTS},
    optional={
        name: VALUES
        for name in ("text", "source", "thinking", "signature", "data", "id", "name", "input",
                     "tool_use_id", "content", "cache_control", "caller")
    },
)  # fmt: skip
MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system"]) | TEXTS,
        "content": st.lists(BLOCKS | VALUES, max_size=3) | VALUES,
    }
)
BODIES = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["claude-opus-5-5", "claude-haiku-4-5"]),
        "max_tokens": st.just(5) | VALUES,
        "messages": st.lists(MESSAGES, max_size=3) | VALUES,
    },
    optional={
        name: VALUES
        for name in ("system", "tools", "tool_choice", "thinking", "output_config", "metadata",
                     "stop_sequences", "temperature", "container", "stream", "cache_control")
    },
)  # fmt: skip


@given(BODIES, st.booleans())
def test_only_failures_are_raised(body: dict[str, Any], strict: bool) -> None:
    data = json.dumps(body).encode()
    try:
        parsed = messages.parse(data, CATALOGUE, strict=strict)
        later = parsed.later
        assert later is not None
        later.fill()
        later.translate()
        jsonio.encode(parsed.request)
    except Failure as failure:
        assert json.loads(messages.error_body(failure))["type"] == "error"


@given(st.binary(max_size=200))
def test_bytes_that_are_no_request(data: bytes) -> None:
    try:
        messages.parse(data, CATALOGUE, strict=False)
    except Failure as failure:
        assert failure.status == 400


PLAIN = st.dictionaries(
    st.sampled_from(["model", "a", "mod\u00e9l", "\\", '"model"']),
    st.recursive(TEXTS.filter(lambda text: text.isprintable()), lambda inner: st.lists(inner)
                 | st.dictionaries(st.sampled_from(["model", "b"]), inner), max_leaves=6),
)  # fmt: skip


@given(PLAIN, st.sampled_from(["x", 'a"b', "claude-opus-5-5"]), st.booleans())
def test_a_name_is_spliced_and_nothing_else(rest: Any, name: str, escaped: bool) -> None:
    body = {**rest, "model": "claude-haiku-4-5"}
    data = json.dumps(body, ensure_ascii=escaped).encode()
    made = splice.with_model(data, name)
    assert json.loads(made) == {**body, "model": name}
    assert splice.with_model(data, "") == data

"""A message that is only glanced at: the same usage, and the same refusals where it is none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.carriers.anthropic import read_reply
from dragoman.carriers.anthropic.glance import glance
from dragoman.errors import Failure

GOOD: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "model": "claude",
    "content": [{"type": "text", "text": "Hi [there]"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": 7},
}
ODD = st.sampled_from(
    [None, "message", "error", 3, [], {}, {"type": "overloaded_error", "message": "m"}]
)


@given(st.dictionaries(st.sampled_from([*GOOD, "error", "other"]), ODD, max_size=3))
def test_the_same_usage_or_the_same_refusal(changed: dict[str, Any]) -> None:
    body = json.dumps(GOOD | changed).encode()
    try:
        whole = read_reply(body)
    except Failure as failure:
        with pytest.raises(Failure) as refused:
            glance(body)
        assert refused.value.kind == failure.kind
        return
    seen = glance(body)
    assert (seen.id, seen.model, seen.stop_reason) == (whole.id, whole.model, whole.stop_reason)
    assert seen.usage == whole.usage


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"type":"message","content":["\xff"]}'])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(Failure) as refused:
        glance(body)
    assert refused.value.kind == "upstream_nonsense"


def test_blocks_are_not_looked_into() -> None:
    body = json.dumps(GOOD | {"content": [{"type": "text", "text": 3, "new": None}]}).encode()
    assert glance(body).content == []
    assert glance(body).usage.output_tokens == 5

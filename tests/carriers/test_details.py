"""OpenRouter's ``reasoning_details`` in the signature of a thinking block, and out of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.carriers.openai import details
from dragoman.codec import jsonio

TEXT = {"type": "reasoning.text", "index": 0, "format": "f", "text": "I think.", "signature": None}
SECRET = {"type": "reasoning.encrypted", "index": 1, "id": "call_1", "data": "AAAA"}


def sealed(*lists: Any) -> bytes:
    found = details.Details()
    for one in lists:
        found.add(Raw(jsonio.encode(one)))
    return found.sealed()


def opened(*lists: Any) -> list[dict[str, Any]]:
    found = details.opened(Raw(sealed(*lists)))
    assert found is not None
    items: list[dict[str, Any]] = jsonio.decode(found)
    return items


def test_a_whole_list_comes_back_as_it_was() -> None:
    twice = [{"type": "reasoning.text", "text": "a", "signature": "s"}] * 2
    for items in ([TEXT, SECRET], twice):
        assert opened(items) == items


def test_pieces_are_put_together() -> None:
    pieces = [[{**TEXT, "text": text}] for text in ("I ", "th\u00efnk", ".")]
    pieces.append([{**TEXT, "text": "", "signature": "S"}])
    pieces += [[{**SECRET, "data": "AA"}], [{**SECRET, "data": "AA"}]]
    assert opened(*pieces) == [{**TEXT, "text": "I th\u00efnk.", "signature": "S"}, SECRET]


def test_texts_alone_need_no_seal() -> None:
    assert sealed([TEXT], [{"type": "reasoning.summary", "summary": "s"}], None, "x", [1]) == b""
    assert sealed() == b""


def test_what_is_too_much_is_not_sent_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details, "MOST_BYTES", 200)
    assert sealed([SECRET])
    assert sealed([SECRET], [{**SECRET, "data": "A" * 200}]) == b""


@given(st.text() | st.binary().map(lambda data: "openrouter:" + data.hex()))
def test_what_is_no_seal_is_nothing(text: str) -> None:
    found = details.opened(jsonio.quote(text))
    assert found is None or isinstance(jsonio.decode(found), list)


def test_a_seal_of_something_else_is_nothing() -> None:
    for text in ("openrouter:!", "openrouter:e30=", "openrouter:/w==", "", "EqQB"):
        assert details.opened(jsonio.quote(text)) is None

"""The short way of writing an answer writes what the long way does."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.dialects.chat.plain import plain
from dragoman.dialects.chat.reply import full
from dragoman.hub.events import Reply
from dragoman.hub.request import Text
from dragoman.hub.usage import Usage, WireUsage

CATALOGUE = Catalogue()
COUNTS = st.integers(0, 10**12)


def parsed(**fields: object) -> chat.Parsed:
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "x"}], **fields}
    return chat.parse(jsonio.encode(body), CATALOGUE, strict=False)


def message(text: str, stop: str | None, name: str = "msg_01") -> Reply:
    block = Text(jsonio.quote(text))
    return Reply(name, "m", [block], stop, None, None, WireUsage())


@given(
    st.text(),
    st.text(alphabet='msg_01"\\\né', max_size=12),
    st.sampled_from(["end_turn", "stop_sequence", "max_tokens"]),
    st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
    st.sampled_from([None, "standard", "priority", "batch"]),
)
def test_both_ways_write_the_same(
    text: str, name: str, stop: str, counts: tuple[int, ...], tier: str | None
) -> None:
    fresh, read, written, output, thinking = counts
    usage = Usage(fresh, read, written, 0, output, thinking, tier, True)
    asked, said = parsed(), message(text, stop, name)
    short = plain(asked, said, 7, usage)
    assert short == full(asked, [said], 7, usage)


def test_the_short_way_is_for_one_text_only() -> None:
    asked = parsed()
    one = message("a", "end_turn")
    assert plain(asked, one, 7, Usage()) is not None
    two = message("a", "end_turn")
    two.content = [*two.content, *two.content]
    assert plain(asked, two, 7, Usage()) is None
    unknown = message("a", "end_turn")
    unknown.content = [Raw(b'{"type":"new"}')]
    assert plain(asked, unknown, 7, Usage()) is None
    for stop in ("refusal", "tool_use", "pause_turn", None):
        assert plain(asked, message("a", stop), 7, Usage()) is None
    json_mode = parsed(response_format={"type": "json_object"})
    assert plain(json_mode, one, 7, Usage()) is None

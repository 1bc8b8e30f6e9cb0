"""Usage: figures replace, never add, and nonsense cannot make a figure that is none."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.carriers.anthropic.usage import read_usage
from dragoman.codec import jsonio
from dragoman.hub.usage import MOST, CacheCreation, OutputDetails, ServerToolUse, Usage, WireUsage

figures = (
    st.none() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
)


def test_figures_are_cumulative():
    usage = Usage()
    usage.fold(WireUsage(input_tokens=10, output_tokens=1, cache_read_input_tokens=100))
    usage.fold(WireUsage(output_tokens=7, output_tokens_details=OutputDetails(4)))
    usage.fold(WireUsage(cache_creation_input_tokens=50, cache_creation=CacheCreation(20, 30)))
    usage.fold(WireUsage(service_tier="standard"))
    assert (usage.input, usage.output, usage.thinking) == (10, 7, 4)
    assert (usage.cache_read, usage.cache_write, usage.cache_write_1h) == (100, 50, 30)
    assert (usage.prompt, usage.total, usage.service_tier) == (160, 167, "standard")


def test_nothing_said_is_not_nothing_used():
    usage = Usage()
    assert not usage.seen
    usage.fold(WireUsage())
    assert usage.seen
    assert usage.total == 0


def test_choices_add_up():
    usage = Usage(service_tier="standard")
    usage.add(Usage(input=1, cache_read=2, cache_write=3, cache_write_1h=4, output=5, thinking=6))
    usage.add(Usage(input=10, output=50, service_tier="priority", seen=True))
    assert (usage.input, usage.output, usage.total, usage.seen) == (11, 55, 71, True)
    assert usage.service_tier == "standard"


def test_what_was_said_in_parts_can_be_said_as_one():
    parts = Usage()
    for tokens in (1, 10):
        said = WireUsage(tokens, 5 * tokens, 2 * tokens, 3 * tokens, CacheCreation(tokens, tokens))
        said.output_tokens_details = OutputDetails(tokens)
        said.server_tool_use = ServerToolUse(tokens)
        said.service_tier = "standard"
        part = Usage()
        part.fold(said)
        parts.add(part)
    assert (parts.input, parts.cache_write, parts.cache_write_1h) == (11, 55, 11)
    assert (parts.cache_read, parts.output, parts.thinking, parts.searches) == (22, 33, 11, 11)
    again = Usage()
    again.fold(parts.wire())
    assert again == parts


@given(st.tuples(*[figures] * 5))
def test_any_figure_is_a_count(said: tuple[int | float | None, ...]):
    told = dict(zip(WireUsage.__struct_fields__, said[:4], strict=False))
    details = {"output_tokens_details": {"thinking_tokens": said[4]}}
    usage = Usage()
    usage.fold(read_usage(Raw(jsonio.encode(told | details))))
    counts = (usage.input, usage.cache_write, usage.cache_read, usage.output, usage.thinking)
    for figure in counts:
        assert 0 <= figure <= MOST

"""What is remembered of an account, its prompt cache and rate limits; how tokens are counted."""

from typing import Any

import pytest

from dragoman.codec import jsonio
from dragoman.simulator.account import MAX_ACCOUNTS, Accounts
from dragoman.simulator.cache import MAX_ENTRIES, CacheUse, PromptCache, Segment
from dragoman.simulator.limits import Limits
from dragoman.simulator.service import Settings
from dragoman.simulator.tokens import estimate, image_tokens

from .asking import CACHE, HOUR, OPUS5, OPUS46, TOOL, body, image, text, user
from .conftest import HAIKU, Bench
from .pictures import png

LONG = "All bees are busy. " * 1200
"""Some 6,500 tokens, more than any model's least."""


def usage(bench: Bench, account: str = "a", **more: Any) -> dict[str, Any]:
    answer = bench.post(body(**more), account=account)
    assert answer.status == 200, answer.body
    return jsonio.decode(answer.body)["usage"]


def split(figures: dict[str, Any]) -> tuple[int, int, int, int]:
    """(plain, read, written for 5 minutes, written for an hour)"""
    made = figures["cache_creation"]
    five, hour = made["ephemeral_5m_input_tokens"], made["ephemeral_1h_input_tokens"]
    assert figures["cache_creation_input_tokens"] == five + hour
    return figures["input_tokens"], figures["cache_read_input_tokens"], five, hour


def test_a_prefix_is_written_then_read(bench: Bench) -> None:
    system = [text(LONG, cache_control=CACHE)]
    plain, read, five, hour = split(usage(bench, system=system))
    assert (read, hour) == (0, 0)
    assert five > 6000
    assert 0 < plain < 50
    again = split(usage(bench, system=system, messages=[user(text("Something else"))]))
    assert again[1:] == (five, 0, 0)


def test_the_cache_belongs_to_one_account(bench: Bench) -> None:
    system = [text(LONG, cache_control=CACHE)]
    assert usage(bench, system=system)["cache_creation_input_tokens"] > 0
    assert usage(bench, "b", system=system)["cache_read_input_tokens"] == 0
    assert usage(bench, "b", system=system)["cache_read_input_tokens"] > 0


def test_without_a_breakpoint_nothing_is_kept(bench: Bench) -> None:
    for _ in range(2):
        assert split(usage(bench, system=LONG))[1:] == (0, 0, 0)


def test_short_prompts_are_not_kept(bench: Bench) -> None:
    for _ in range(2):
        assert split(usage(bench, system=[text("Short", cache_control=CACHE)]))[1:] == (0, 0, 0)
    least = [text("All bees are busy. " * 200, cache_control=CACHE)]
    assert split(usage(bench, system=least))[2] == 0
    assert split(usage(bench, model=OPUS5, system=least))[2] > 512, "the model's own least"


@pytest.mark.parametrize(("control", "life_s"), [(CACHE, 300), (HOUR, 3600)])
def test_prefixes_live_as_long_as_asked_and_longer_when_used(
    bench: Bench, control: dict[str, Any], life_s: int
) -> None:
    system = [text(LONG, cache_control=control)]
    usage(bench, system=system)
    for _ in range(3):
        bench.hands.now += life_s - 1
        assert usage(bench, system=system)["cache_read_input_tokens"] > 0
    bench.hands.now += life_s + 1
    assert usage(bench, system=system)["cache_read_input_tokens"] == 0


def test_a_growing_conversation_reads_what_it_wrote(bench: Bench) -> None:
    messages = [user(text(LONG))]
    known = 0
    for turn in range(4):
        messages[-1]["content"][-1]["cache_control"] = CACHE
        plain, read, five, _ = split(usage(bench, messages=messages))
        assert read == known
        assert plain == 0
        known = read + five
        del messages[-1]["content"][-1]["cache_control"]
        messages += [{"role": "assistant", "content": f"Answer {turn}"}, user(text("And then?"))]


def test_the_automatic_breakpoint_stands_at_the_end(bench: Bench) -> None:
    messages = [user(text(LONG))]
    assert split(usage(bench, messages=messages, cache_control=CACHE))[2] > 6000
    messages += [{"role": "assistant", "content": "Yes"}, user(text("And then?"))]
    plain, read, five, _ = split(usage(bench, messages=messages, cache_control=CACHE))
    assert read > 6000 > five > 0 == plain


def test_an_hour_before_five_minutes(bench: Bench) -> None:
    more: dict[str, Any] = {
        "system": [text(LONG, cache_control=HOUR)],
        "messages": [user(text(LONG, cache_control=CACHE), text("Hi"))],
    }
    plain, read, five, hour = split(usage(bench, **more))
    assert 0 < plain < 10
    assert read == 0
    assert five > 6000 and hour > 6000
    bench.hands.now += 400
    assert split(usage(bench, **more)) == (plain, hour, five, 0), "five minutes have passed"


@pytest.mark.parametrize(
    ("changed", "reads_tools", "reads_messages"),
    [
        ({}, True, True),
        ({"tool_choice": {"type": "any"}}, True, False),
        ({"thinking": {"type": "adaptive"}}, True, False),
        ({"tools": [{**TOOL, "name": "g", "cache_control": CACHE}]}, False, False),
        ({"system": "Other"}, True, False),
        ({"model": "claude-opus-4-8"}, False, False),
    ],
)
def test_what_invalidates_the_cache(
    bench: Bench, changed: dict[str, Any], reads_tools: bool, reads_messages: bool
) -> None:
    tool = {**TOOL, "description": LONG, "cache_control": CACHE}
    asked: dict[str, Any] = {
        "model": OPUS46,
        "tools": [tool],
        "system": "Be brief",
        "messages": [user(text(LONG, cache_control=CACHE))],
    }
    _, _, five, _ = split(usage(bench, **asked))
    if "tools" in changed:
        changed = {"tools": [{**changed["tools"][0], "description": LONG}]}
    _, read, _, _ = split(usage(bench, **{**asked, **changed}))
    assert (read > 6000) == reads_tools
    assert (read == five) == reads_messages


def test_refused_requests_leave_no_trace_in_the_cache() -> None:
    bench = Bench(Settings(pace=0, limits=Limits(requests=1)))
    system = [text(LONG, cache_control=CACHE)]
    assert bench.post(body(), account="a").status == 200
    assert bench.post(body(system=system), account="a").status == 429
    bench.hands.now += 61
    assert usage(bench, system=system)["cache_read_input_tokens"] == 0


def test_the_cache_looks_back_twenty_segments_and_no_further() -> None:
    segments = [Segment(b"%d" % n, (n + 1) * 100, "") for n in range(40)]
    cache = PromptCache()
    cache.use([*segments[:5], segments[5]._replace(ttl="5m")], 1, 0)
    near = [*segments[:25], segments[25]._replace(ttl="5m")]
    far = [*segments[:26], segments[26]._replace(ttl="5m")]
    assert cache.look(near, 1, 1) == CacheUse(0, 2600, 0)
    assert cache.look(far[:25] + far[26:], 1, 1) == CacheUse(0, 2700, 0)
    assert cache.look([*segments[:24], segments[24]._replace(ttl="5m")], 1, 1).read == 600


def test_the_cache_is_bounded() -> None:
    cache = PromptCache()
    for number in range(MAX_ENTRIES + 10):
        cache.use([Segment(b"%d" % number, 5, "5m")], 1, 0)
    assert cache.look([Segment(b"0", 5, "5m")], 1, 0).read == 0
    assert cache.look([Segment(b"10", 5, "5m")], 1, 0).read == 5


def test_accounts_are_bounded() -> None:
    accounts = Accounts(Limits(), "seed")
    first = accounts.get("0", 0)
    for number in range(1, MAX_ACCOUNTS):
        accounts.get(str(number), 0)
    assert accounts.get("0", 0) is first
    accounts.get("one more", 0)
    assert accounts.get("0", 0) is first
    kept = accounts.get("2", 0)
    assert accounts.get("2", 0) is kept


# Limits.


def headers(bench: Bench, account: str = "a", **more: Any) -> dict[str, str]:
    answer = bench.post(body(**more), account=account)
    return {**dict(answer.headers), "status": str(answer.status), "said": answer.body.decode()}


def test_rate_limit_headers_count_down() -> None:
    bench = Bench(Settings(pace=0, limits=Limits(60, 10_000, 20_000)))
    bench.hands.now = 1_800_000_000.0
    first, second = headers(bench), headers(bench)
    names = ("requests", "input-tokens", "output-tokens", "tokens")
    limits = [first[f"anthropic-ratelimit-{name}-limit"] for name in names]
    assert limits == ["60", "10000", "20000", "30000"]
    for name in names:
        left = f"anthropic-ratelimit-{name}-remaining"
        assert int(first[left]) > int(second[left]) > 0
    assert first["anthropic-ratelimit-requests-remaining"] == "59"
    assert first["anthropic-ratelimit-requests-reset"] == "2027-01-15T08:00:01Z"


def test_too_many_requests() -> None:
    bench = Bench(Settings(pace=0, limits=Limits(requests=2)))
    assert [headers(bench)["status"] for _ in range(3)] == ["200", "200", "429"]
    refused = headers(bench)
    assert refused["retry-after"] == "30"
    assert refused["anthropic-ratelimit-requests-remaining"] == "0"
    error = jsonio.decode(refused["said"].encode())["error"]
    assert error["type"] == "rate_limit_error"
    assert error["message"].startswith(
        "This request would exceed your organization's rate limit of 2 requests per minute."
    )
    assert headers(bench, "b")["status"] == "200", "limits belong to an account"
    bench.hands.now += 30
    assert headers(bench)["status"] == "200"


def test_too_many_tokens() -> None:
    bench = Bench(Settings(pace=0, limits=Limits(input_tokens=5000, output_tokens=50)))
    big = {"messages": [user(text("word " * 3000))]}
    assert headers(bench, **big)["status"] == "200"
    refused = headers(bench, **big)
    assert refused["status"] == "429"
    assert "5,000 input tokens per minute" in refused["said"]
    bench.hands.now += 60
    assert headers(bench)["status"] == "200"
    assert "50 output tokens per minute" in headers(bench)["said"], "overdrawn by the answers"


def test_a_request_above_the_whole_limit_waits_for_a_full_bucket() -> None:
    bench = Bench(Settings(pace=0, limits=Limits(input_tokens=100)))
    assert headers(bench, messages=[user(text("word " * 3000))])["status"] == "200"


def test_what_is_read_from_the_cache_is_not_charged() -> None:
    bench = Bench(Settings(pace=0, limits=Limits(input_tokens=8000)))
    system = [text(LONG, cache_control=CACHE)]
    statuses = [headers(bench, system=system)["status"] for _ in range(4)]
    assert statuses == ["200"] * 4
    bench = Bench(Settings(pace=0, limits=Limits(input_tokens=8000)))
    statuses = [headers(bench, system=LONG)["status"] for _ in range(2)]
    assert statuses == ["200", "429"]


def test_no_limit_no_headers() -> None:
    bench = Bench(Settings(pace=0, limits=Limits(0, 0, 0)))
    assert not [name for name in headers(bench) if name.startswith("anthropic-ratelimit")]


# Tokens.


def count(bench: Bench, **more: Any) -> int:
    asked = body(max_tokens=..., **more)
    answer = bench.post(asked, path="/v1/messages/count_tokens")
    assert answer.status == 200, answer.body
    return jsonio.decode(answer.body)["input_tokens"]


def test_counts_are_plausible(bench: Bench) -> None:
    assert 4 <= count(bench) <= 12
    assert estimate("The quick brown fox jumps over the lazy dog.") == pytest.approx(12.6, abs=1)
    assert estimate("量子力学是研究微观世界的物理学分支") == 17
    assert estimate("Привет, мир") == pytest.approx(5, abs=1)
    assert count(bench, messages=[user(text("Hi" * 7000))]) == pytest.approx(4000, rel=0.01)


def test_everything_is_counted(bench: Bench) -> None:
    plain = count(bench)
    with_system = count(bench, system="Be brief and kind")
    with_tools = count(bench, tools=[TOOL])
    with_image = count(bench, messages=[user(text("Hi"), image(png(280, 560), "image/png"))])
    assert plain < with_system < with_tools
    assert with_image - plain == 10 * 20
    assert count(bench, model=OPUS5) >= plain


def test_counting_agrees_with_the_answer(bench: Bench) -> None:
    more: dict[str, Any] = {"system": "Be kind", "tools": [TOOL]}
    assert usage(bench, **more)["input_tokens"] == count(bench, **more)


def test_newer_tokenizers_count_more(bench: Bench) -> None:
    messages = [user(text("word " * 1000))]
    older, newer = (count(bench, model=model, messages=messages) for model in (HAIKU, OPUS5))
    assert newer == pytest.approx(older * 1.3, rel=0.01)


def test_old_thinking_is_stripped_where_the_model_does_so(bench: Bench) -> None:
    def turns(model: str) -> int:
        thinking: Any = (
            {"type": "enabled", "budget_tokens": 1024} if model == HAIKU else {"type": "adaptive"}
        )
        first = bench.ask("Why?", model=model, max_tokens=2000, thinking=thinking)
        messages = [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": first["content"]},
            {"role": "user", "content": "Go on"},
        ]
        bare = [*messages]
        bare[1] = {"role": "assistant", "content": first["content"][1:]}
        return count(bench, model=model, messages=messages) - count(
            bench, model=model, messages=bare
        )

    assert turns(HAIKU) == 0
    assert turns(OPUS46) > 10


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((28, 28), 1),
        ((29, 28), 2),
        ((1092, 1092), 39 * 39),
        ((8000, 28), 56),
        ((8000, 8000), 1568),
        ((0, 0), 1568),
    ],
)
def test_image_tokens(size: tuple[int, int], expected: int) -> None:
    assert image_tokens(*size, 1568, 1568) <= 1568
    if size == (8000, 8000):
        assert 1400 < image_tokens(*size, 1568, 1568)
    else:
        assert image_tokens(*size, 1568, 1568) == expected

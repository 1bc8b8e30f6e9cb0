"""The mirror of upstream's prompt caches, with a clock of the test's own and, as upstream, the
simulator's cache, which knows nothing of the mirror."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from dragoman.caches import Caches, Seen, Verdict, fingerprint
from dragoman.caches.counts import MAX_NAMES, OTHER, Counts, Label
from dragoman.caches.fingerprint import WIDTH, Fingerprint
from dragoman.caches.memory import Place
from dragoman.caches.mirror import Left
from dragoman.codec import jsonio
from dragoman.hub.request import (
    CacheControl,
    Message,
    OutputConfig,
    OutputFormat,
    Request,
    Text,
    ThinkingConfig,
    Tool,
    ToolChoice,
)
from dragoman.simulator.cache import PromptCache, Segment

LEAST = 10
"""The model's minimum, in tokens; a text's tokens are its bytes here."""


def tool(name: str) -> Tool:
    return Tool(name, Raw(b"{}"), Raw(b'"does what it does"'))


def say(*texts: str, ttl: str = "5m", **fields: Any) -> Request:
    """Texts of user and assistant in turn under a system prompt, marked as the gateway does it."""
    control = CacheControl("ephemeral", ttl if ttl == "1h" else UNSET)
    made = Request("big", 100, messages=[], cache_control=control)
    made.tools = [tool("look"), tool("find")]
    made.system = [Text(Raw(jsonio.encode("Rules, and many of them.")), control)]
    for at, text in enumerate(texts):
        role = "assistant" if at % 2 else "user"
        made.messages.append(Message(role, [Text(Raw(jsonio.encode(text)))]))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def _gaps(new: Fingerprint) -> set[int]:
    """Places of the output format, of ``tool_choice`` and of ``thinking``, which are no blocks."""
    return {new.tools, new.head, new.head + 1}


class Upstream:
    """Accounts with caches, and a gateway's memory beside them."""

    def __init__(self, **bounds: int) -> None:
        self.now = 1000.0
        self.caches = Caches(**bounds)
        self.kept: dict[tuple[str, str], PromptCache] = {}
        self.sizes: dict[bytes, int] = {}
        """Tokens up to what was marked once: only that can be read."""

    def ask(self, request: Request, account: str = "a", conversation: int = 1) -> Verdict:
        new = fingerprint(request)
        marks = {mark.place: mark for mark in new.marks}
        blocks = [at for at in range(len(new.row) // WIDTH) if at not in _gaps(new)]
        names = {at: new.beginning(at).to_bytes(8, signed=True) for at in blocks}
        self.sizes.update({names[mark.place]: mark.size for mark in new.marks})
        segments = [
            Segment(
                names[at],
                self.sizes.get(names[at], 0),
                "" if at not in marks else "1h" if marks[at].life_s > 300 else "5m",
            )
            for at in blocks
        ]
        cache = self.kept.setdefault((account, request.model), PromptCache())
        use = cache.use(segments, LEAST, self.now)
        left = Left(use.read, use.written_5m + use.written_1h, self.now, self.now, LEAST)
        place = Place(account, request.model)
        return self.caches.conclude(Seen(conversation, place, new, left))


HEAD = fingerprint(say("one")).marks[0].size
HISTORY = ["one", "two", "three", "four", "five"]


def size(*texts: str) -> int:
    return fingerprint(say(*texts)).marks[-1].size


def why(verdict: Verdict) -> tuple[str, str]:
    return verdict.outcome, "" if verdict.reason is None else str(verdict.reason)


def test_a_conversation_that_grows_is_hit_every_time() -> None:
    upstream = Upstream()
    assert why(upstream.ask(say("one"))) == ("written", "first_request")
    left = size("one")
    for length in (3, 5):
        upstream.now += 60
        verdict = upstream.ask(say(*HISTORY[:length]))
        assert why(verdict) == ("hit", "")
        assert verdict.read == verdict.expected == left
        left = verdict.read + verdict.written
        assert verdict.expires == upstream.now + 300
    again = upstream.ask(say(*HISTORY))
    assert why(again) == ("hit", "")
    assert (again.read, again.written) == (left, 0)


@given(st.integers(2, 30), st.data())
def test_the_message_that_changed_is_named(turns: int, data: st.DataObject) -> None:
    changed = data.draw(st.integers(0, 2 * turns - 2))
    texts = [f"text {number}" for number in range(2 * turns - 1)]
    upstream = Upstream()
    upstream.ask(say(*texts))
    texts[changed] += "!"
    verdict = upstream.ask(say(*texts, "and", "so"))
    assert why(verdict) == ("partial", f"message_changed:{changed}")
    assert verdict.read == HEAD, "tools and system prompt are still read"
    # The same with one left out, unless what follows happens to be all there was.
    upstream.ask(say(*texts))
    verdict = upstream.ask(say(*texts[:changed], "another", "end"))
    assert verdict.reason is not None
    assert verdict.reason.detail == str(changed)


def test_the_clients_own_numbers_are_named() -> None:
    """Results of calls stand in one upstream message, and the system prompt is in none."""
    upstream = Upstream()

    def ask(*texts: str) -> Verdict:
        request = say("question", "calls")
        blocks = [Text(Raw(jsonio.encode(text))) for text in texts]
        request.messages.append(Message("user", list(blocks)))
        new = fingerprint(request, [1, 2, 3], [(2, 0, 3), (2, 1, 4), (2, 2, 5)])
        left = Left(100, 0, upstream.now, upstream.now)
        return upstream.caches.conclude(Seen(1, Place("a", "m"), new, left))

    ask("r1", "r2", "r3")
    assert why(ask("r1", "r2!", "r3"))[1] == "message_changed:4"
    assert why(ask("r1", "r2!", "r3?"))[1] == "message_changed:5"
    assert why(ask("r0", "r2!", "r3?"))[1] == "message_changed:3"


@pytest.mark.parametrize(("ttl", "life_s"), [("5m", 300), ("1h", 3600)])
def test_it_expires_when_upstream_forgets_it(ttl: str, life_s: int) -> None:
    upstream = Upstream()
    upstream.ask(say("one", ttl=ttl))
    upstream.now += life_s - 1
    assert why(upstream.ask(say("one", "two", "three", ttl=ttl)))[0] == "hit"
    upstream.now += life_s - 1
    verdict = upstream.ask(say("one", "two", "three", ttl=ttl))
    assert why(verdict)[0] == "hit", "a hit renews"
    upstream.now += life_s + 7
    verdict = upstream.ask(say("one", "two", "three", ttl=ttl))
    assert why(verdict) == ("miss", "expired:7s")
    assert verdict.expected == 0
    assert why(upstream.ask(say(*HISTORY, ttl=ttl)))[0] == "hit"


def test_another_account_has_another_cache() -> None:
    upstream = Upstream()
    upstream.ask(say("one"))
    assert why(upstream.ask(say("one", "two", "three"), "b")) == ("miss", "account_changed:a")
    upstream.now += 10
    assert why(upstream.ask(say(*HISTORY), "b"))[0] == "hit"
    # Back home: what was said meanwhile is known elsewhere only.
    verdict = upstream.ask(say(*HISTORY), "a")
    assert why(verdict) == ("partial", "account_changed:b")
    assert verdict.read == verdict.expected == size("one")
    # Where nothing was lost by it, the change is not the reason.
    upstream.now += 400
    assert why(upstream.ask(say(*HISTORY, "x", "y"), "c"))[1].startswith("expired")


def test_another_model_has_another_cache() -> None:
    upstream = Upstream()
    upstream.ask(say("one"))
    verdict = upstream.ask(say("one", "two", "three", model="small"))
    assert why(verdict) == ("miss", "model_changed:big")
    assert why(upstream.ask(say("one", "two", "three", "x", "y")))[1] == "model_changed:small"


SCHEMA = OutputConfig(format=OutputFormat("json_schema", Raw(b'{"type":"object"}')))


@pytest.mark.parametrize(
    ("fields", "reason", "partial"),
    [
        ({"tools": [tool("look")]}, "tools_changed", False),
        ({"tools": [tool("look"), tool("find"), tool("more")]}, "tools_changed", False),
        ({"tools": [tool("find"), tool("look")]}, "tools_changed", False),
        ({"tools": UNSET}, "tools_changed", False),
        ({"system": [Text(Raw(b'"Other rules."'))]}, "system_changed", False),
        ({"system": UNSET}, "system_changed", False),
        ({"output_config": SCHEMA}, "format_changed", False),
        ({"tool_choice": ToolChoice("any")}, "tool_choice_changed", True),
        ({"thinking": ThinkingConfig("enabled", 2000)}, "thinking_changed", True),
    ],
)
def test_what_upstream_takes_for_part_of_the_beginning(
    fields: dict[str, Any], reason: str, partial: bool
) -> None:
    upstream = Upstream()
    upstream.ask(say("one"))
    verdict = upstream.ask(say("one", "two", "three", **fields))
    assert why(verdict) == ("partial" if partial else "miss", reason)
    assert verdict.read == verdict.expected == (HEAD if partial else 0)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"output_config": OutputConfig(effort="low")}, "effort_changed"),
        ({"thinking": ThinkingConfig("adaptive", display="omitted")}, "thinking_changed"),
        ({}, "unexplained"),
    ],
)
def test_what_is_only_suspected(fields: dict[str, Any], reason: str) -> None:
    """Upstream says nothing of these; they are named where it read less than it should have."""
    upstream = Upstream()
    before: dict[str, Any] = {"thinking": ThinkingConfig("adaptive")}
    upstream.ask(say("one", **before))
    assert why(upstream.ask(say("one", "two", "three", **before | fields)))[0] == "hit"
    upstream.kept.clear()
    verdict = upstream.ask(say(*HISTORY, **before))
    assert why(verdict) == ("miss", reason)
    assert verdict.expected == size(*HISTORY[:3])


def test_a_mark_too_far_from_what_was_kept() -> None:
    upstream = Upstream()
    upstream.ask(say("one"))
    many = [f"text {number}" for number in range(24)]
    verdict = upstream.ask(say("one", *many))
    assert why(verdict) == ("partial", "out_of_reach")
    assert verdict.read == verdict.expected == HEAD


def test_requests_side_by_side() -> None:
    """The second was sent before the first was kept, and could not read it."""
    caches = Caches()
    new = fingerprint(say("one"))
    place = Place("a", "m")
    caches.conclude(Seen(1, place, new, Left(0, 40, 10.0, 14.0)))
    verdict = caches.conclude(Seen(1, place, new, Left(0, 40, 12.0, 15.0)))
    assert why(verdict) == ("miss", "in_parallel")
    assert verdict.expected == 0


def test_going_back_to_what_was_left() -> None:
    upstream = Upstream()
    upstream.ask(say("one"))
    upstream.ask(say(*HISTORY))
    edited = ["one", "two", "another three"]
    verdict = upstream.ask(say(*edited))
    assert why(verdict) == ("partial", "message_changed:2")
    assert verdict.read == verdict.expected == size("one")
    assert why(upstream.ask(say(*HISTORY)))[0] == "hit"
    assert why(upstream.ask(say(*edited, "x", "y")))[0] == "hit"
    verdict = upstream.ask(say("one", "two", "three"))
    assert why(verdict) == ("partial", "shortened")


def test_lines_of_an_agent_and_its_helpers_do_not_disturb_each_other() -> None:
    upstream = Upstream()
    helper = [Text(Raw(b'"You help."'))]
    upstream.ask(say("one"))
    assert why(upstream.ask(say("help", system=helper)))[1] == "system_changed"
    for length in (3, 5):
        assert why(upstream.ask(say(*HISTORY[:length])))[0] == "hit"
        again = ["help", *HISTORY[1:length]]
        assert why(upstream.ask(say(*again, system=helper)))[0] == "hit"


def test_other_conversations_are_others() -> None:
    upstream = Upstream()
    upstream.ask(say("one"))
    verdict = upstream.ask(say("another"), conversation=2)
    assert why(verdict) == ("partial", "first_request")
    assert verdict.read == HEAD, "upstream itself shares what they have in common"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_expected_is_what_upstream_reads(seed: int) -> None:
    """Any conversation on its own accounts, with edits, branches, pauses and changes of account:
    the forecast is exact, a hit means that nothing was lost, and anything else has a reason."""
    chance = random.Random(seed)
    upstream = Upstream()
    texts = ["one"]
    for _ in range(25):
        step = chance.random()
        if step < 0.55:
            texts = [*texts, f"t{chance.random()}", "on"]
        elif step < 0.7:
            texts = texts[: chance.randrange(len(texts)) | 1]
        elif step < 0.8:
            texts = [*texts[:-1], f"edited {chance.random()}"]
        upstream.now += chance.choice([1, 1, 100, 290, 500])
        account = chance.choice("aaaaab")
        new = fingerprint(say(*texts))
        expected = upstream.caches.expect(1, Place(account, "big"), new, upstream.now)
        verdict = upstream.ask(say(*texts), account)
        assert verdict.expected in (expected, 0)
        assert verdict.reason is None or verdict.reason.kind != "unexplained"
        # What is kept longest is forgotten first here: only sixteen beginnings are remembered.
        assert verdict.expected <= verdict.read
        assert (verdict.outcome == "hit") == (verdict.reason is None)
        assert (verdict.outcome == "miss") <= (verdict.read == 0)


def test_it_is_bounded() -> None:
    upstream = Upstream(max_entries=10)
    for number in range(30):
        upstream.ask(say(f"text {number}"), conversation=number)
    assert len(upstream.caches) == 10
    full = upstream.caches.bytes
    assert why(upstream.ask(say("text 29", "x", "y"), conversation=29))[0] == "hit"
    assert why(upstream.ask(say("text 0"), conversation=0))[1] == "first_request"
    assert len(upstream.caches) == 10
    small = Upstream(max_bytes=full // 2)
    for number in range(30):
        small.ask(say(*HISTORY * number, "end"), conversation=number)
        assert small.caches.bytes <= full // 2
    assert 0 < len(small.caches) < 10
    # One conversation is bounded, too.
    one = Upstream()
    for number in range(50):
        one.now += 1
        one.ask(say("one", str(number)), "abcdefghijklmnopqrst"[number % 20])
    after_fifty = one.caches.bytes
    for number in range(50, 200):
        one.now += 1
        one.ask(say("one", str(number)), "abcdefghijklmnopqrst"[number % 20])
    assert one.caches.bytes <= 2 * after_fifty
    huge = Upstream(max_bytes=1000)
    huge.ask(say(*HISTORY * 100, "end"))
    assert (len(huge.caches), huge.caches.bytes) == (0, 0)


def test_counts() -> None:
    counts = Counts()
    upstream = Upstream()
    for texts in (["one"], ["one", "two", "three"], ["1"]):
        counts.add("a", "key", "model", upstream.ask(say(*texts)))
    expected = {
        Label("written", "first_request"): 1,
        Label("hit", ""): 1,
        Label("partial", "message_changed"): 1,
    }
    said = {"account": {"a": expected}, "key": {"key": expected}, "model": {"model": expected}}
    assert counts.read() == said
    for number in range(MAX_NAMES + 50):
        counts.add("a", f"key {number}", "model", Verdict("hit"))
    assert len(counts.keys) == MAX_NAMES + 1
    assert sum(counts.keys[OTHER].values()) == 51

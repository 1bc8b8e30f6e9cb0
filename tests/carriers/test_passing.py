"""A Messages client's own bytes at other clouds: what of them changes, and that nothing else
does."""

import json
from base64 import b64decode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.carriers.bedrock import Framing, Reader
from dragoman.carriers.passing import KEPT_BY_ANTHROPIC, UNKNOWN_ELSEWHERE
from dragoman.carriers.registry import BEDROCK, BEDROCK_MESSAGES, FOUNDRY, VERTEX, Carrier
from dragoman.catalogue.catalogue import Catalogue
from dragoman.catalogue.model import Model
from dragoman.codec import splice
from dragoman.errors import Failure
from dragoman.hub.wire import Wire
from tests import aws_frames

ROWS = Catalogue()
NEW = ROWS.resolve("claude-opus-5-5").model
OLD = ROWS.resolve("claude-haiku-4-5").model
VERSION = "2023-06-01"
MOVED = {
    "bedrock": {"model", "stream", "anthropic_version", "anthropic_beta"},
    "vertex": {"model", "anthropic_version"},
    "foundry": {"model"},
    "bedrock-messages": {"model"},
}
"""Members that stand elsewhere than with Anthropic, or have another value."""
CLOUDS = {one.name: one for one in (BEDROCK, VERTEX, FOUNDRY, BEDROCK_MESSAGES)}
MARK = {"type": "ephemeral"}


def sent_by(
    carrier: Carrier, body: bytes, betas: tuple[str, ...] = (), row: Model = NEW, version: str = ""
) -> Wire:
    assert carrier.verbatim is not None
    return carrier.verbatim.prepare(body, "the.id@1", betas, version or VERSION, row)


def asked(**fields: Any) -> bytes:
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": "m", "max_tokens": 5, "messages": messages, **fields}).encode()


texts = st.text(max_size=12)
marks = st.none() | st.sampled_from([MARK, {"type": "ephemeral", "ttl": "1h"}])


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    """A block: one that is known, one of tomorrow, and any may have fields of tomorrow."""
    made: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"type": "text", "text": 'a\u2028\\"'},
                {"type": "image", "source": {"type": "base64", "data": "QQ==", "x": 1}},
                {"type": "tool_use", "id": "t|1", "name": "f", "input": {"model": "m", "n": 1.0}},
                {"type": "tool_result", "tool_use_id": "t|1", "content": [{"type": "of_later"}]},
                {"type": "search_result", "source": "https://x", "title": "url"},
                {"type": "thinking", "thinking": "", "signature": "c2ln"},
            ]
        )
    )
    mark = draw(marks)
    return {**made, **({} if mark is None else {"cache_control": mark})}


messages = st.builds(
    lambda role, content, more: {"role": role, "content": content, **more},
    st.sampled_from(["user", "assistant", "system"]),
    texts | st.lists(blocks(), min_size=1, max_size=3),
    st.sampled_from([{}, {"note": [1, None]}]),
)
fields = st.fixed_dictionaries(
    {
        "model": st.just("claude-opus-5-5"),
        "max_tokens": st.integers(0, 10**6),
        "messages": st.lists(messages, min_size=1, max_size=4),
    },
    optional={
        "system": texts | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts})),
        "stream": st.booleans(),
        "tools": st.lists(st.fixed_dictionaries({"name": texts, "defer_loading": st.booleans()})),
        "thinking": st.just({"type": "adaptive", "display": "omitted"}),
        "output_config": st.just({"effort": "low", "of_later": True}),
        "metadata": st.just({"user_id": '{"session_id":"1"}'}),
        "service_tier": st.sampled_from(["auto", None]),
        "inference_geo": st.just("us"),
        "container": st.none(),
        "of_tomorrow": st.just({"a": [1e3, 0.10, -0]}),
        "stop_sequences": st.just(["\n\nHuman:"]),
        "temperature": st.just(1.0),
    },
)  # fmt: skip
spaces = st.text(" \t\r\n", max_size=2)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A valid body, its members in any order and with any white space."""
    found = draw(fields)
    names = draw(st.permutations(sorted(found)))
    plain = draw(st.booleans())
    members = [
        f"{draw(spaces)}{json.dumps(name)}{draw(spaces)}:{draw(spaces)}"
        f"{json.dumps(found[name], ensure_ascii=plain)}{draw(spaces)}"
        for name in names
    ]
    return f"{draw(spaces)}{{{','.join(members)}}}{draw(spaces)}".encode()


betas = st.lists(
    st.sampled_from(
        [
            "claude-code-20250219",
            "advanced-tool-use-2025-11-20",
            "tool-search-tool-2025-10-19",
            "interleaved-thinking-2099-01-01",
            "context-management-2025-06-27",
        ]
    ),
    unique=True,
).map(tuple)


@pytest.mark.parametrize("cloud", CLOUDS)
@given(bodies(), betas, st.sampled_from([NEW, OLD]))
def test_nothing_but_these_members_changes(
    cloud: str, body: bytes, named: tuple[str, ...], row: Model
) -> None:
    wire = sent_by(CLOUDS[cloud], body, named, row)
    before, after = splice.members(body), splice.members(wire.body)
    lost = {name for name, value in before.items() if name not in after or value != after[name]}
    moved = MOVED[cloud]
    assert lost <= moved | UNKNOWN_ELSEWHERE | KEPT_BY_ANTHROPIC
    assert after.keys() <= (before.keys() | moved)
    # What stays keeps its bytes and its order.
    stays = [(name, bytes(value)) for name, value in before.items() if name not in lost]
    assert [(n, bytes(v)) for n, v in after.items() if n in before.keys() - lost] == stays
    # What is left out and is not said elsewhere is told.
    told = {name for name, _ in wire.warnings} - {"anthropic-beta"}
    assert told == {name for name in lost - moved if bytes(before[name]) != b"null"}


@given(bodies(), betas)
def test_what_stands_elsewhere(body: bytes, named: tuple[str, ...]) -> None:
    streams = json.loads(body).get("stream") is True
    taken = [one for one in named if "claude-code" not in one]
    renamed = [one.replace("advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19")
               for one in taken]  # fmt: skip
    wanted = list(dict.fromkeys(renamed))

    wire = sent_by(BEDROCK, body, named)
    made = json.loads(wire.body)
    assert wire.path.endswith("/invoke-with-response-stream" if streams else "/invoke")
    assert made["anthropic_version"] == "bedrock-2023-05-31"
    assert made.get("anthropic_beta", []) == wanted
    assert not {"model", "stream"} & made.keys()
    assert not wire.headers

    wire = sent_by(VERTEX, body, named)
    made = json.loads(wire.body)
    assert wire.path == f"/the.id@1:{'streamRawPredict' if streams else 'rawPredict'}"
    assert made["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in made
    line = f"anthropic-beta: {','.join(wanted)}\r\n".encode() if wanted else b""
    assert wire.headers == line

    told = {name for name, _ in wire.warnings}
    assert ("anthropic-beta" in told) is (len(taken) < len(named))


@pytest.mark.parametrize("cloud", ["bedrock", "vertex"])
def test_a_name_that_stands_twice_has_its_last_value(cloud: str) -> None:
    body = b'{"model":"m","metadata":{"a":1},"messages":[],"metadata":{"a":2}}'
    made = json.loads(sent_by(CLOUDS[cloud], body).body)
    assert made.pop("anthropic_version")
    assert made == {"metadata": {"a": 2}, "messages": []}


@pytest.mark.parametrize("cloud", ["bedrock", "vertex"])
def test_the_automatic_mark_goes_to_the_last_block(cloud: str) -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": "c2ln"}
    said = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "ho"}, thinking]},
    ]
    marked = {"type": "text", "text": "ho", "cache_control": MARK}
    wanted = [said[0], {"role": "assistant", "content": [marked, thinking]}]
    wire = sent_by(CLOUDS[cloud], asked(messages=said, cache_control=MARK), row=OLD)
    made = json.loads(wire.body)
    assert made["messages"] == wanted
    assert "cache_control" not in made
    assert not wire.warnings
    one = json.loads(sent_by(CLOUDS[cloud], asked(cache_control=MARK), row=OLD).body)
    text = {"type": "text", "text": "hi", "cache_control": MARK}
    assert one["messages"] == [{"role": "user", "content": [text]}]


def test_newer_models_take_the_automatic_mark_on_bedrock() -> None:
    assert json.loads(sent_by(BEDROCK, asked(cache_control=MARK)).body)["cache_control"] == MARK


@pytest.mark.parametrize("cloud", CLOUDS)
def test_claude_codes_billing_line_is_for_anthropic(cloud: str) -> None:
    line = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=1;"}
    text = {"type": "text", "text": "x-anthropic-billing-header: is what it begins with"}
    made = json.loads(sent_by(CLOUDS[cloud], asked(system=[line, text])).body)
    assert made["system"] == ([text] if cloud in ("bedrock", "vertex") else [line, text])
    alone = json.loads(sent_by(CLOUDS[cloud], asked(system=[line])).body)
    assert ("system" in alone) is (cloud not in ("bedrock", "vertex"))


def test_efforts_of_single_messages_go_with_their_beta() -> None:
    turn = {"role": "system", "content": "x", "output_config": {"effort": "low"}}
    body = asked(messages=[{"role": "user", "content": "hi"}, turn], output_config={})
    for cloud, beta, stays in (
        (BEDROCK, "per-turn-control-2026-07-01", False),
        (BEDROCK, "mid-conversation-output-config-2026-07-01", True),
        (VERTEX, "per-turn-control-2026-07-01", True),
    ):
        wire = sent_by(cloud, body, (beta,))
        made = json.loads(wire.body)
        assert ("output_config" in made["messages"][1]) is stays
        assert ("messages.output_config" in dict(wire.warnings)) is not stays
        assert made["output_config"] == {}


def test_thinking_that_nobody_signed_is_left_out() -> None:
    said = [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "a"}]
    body = asked(messages=[{"role": "assistant", "content": said}])
    for carrier in CLOUDS.values():
        made = json.loads(sent_by(carrier, body).body)
        assert made["messages"][0]["content"] == said[1:]


CONTENT = {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]}
NESTED = [{"type": "document", "source": {"type": "file", "file_id": "f"}}]
RESULT = {"role": "user", "content": [
    {"type": "tool_result", "tool_use_id": "t", "content": NESTED}]}  # fmt: skip
FORMAT = {"format": {"type": "json_schema", "schema": {}}}


@pytest.mark.parametrize(
    ("cloud", "changed", "param"),
    [
        ("bedrock", {"container": "c"}, "container"),
        ("vertex", {"mcp_servers": []}, "mcp_servers"),
        ("bedrock-messages", {"fallbacks": ["m"]}, "fallbacks"),
        ("foundry", {"compaction": {}}, "compaction"),
        ("bedrock", {"messages": [CONTENT]}, "messages.0.content.0"),
        ("vertex", {"messages": [RESULT]}, "messages.0.content.0"),
        ("bedrock", {"output_config": FORMAT}, "output_config.format"),
        ("bedrock", {"output_format": FORMAT}, "output_format"),
        ("bedrock", {"tools": [{"name": "f", "strict": True}]}, "tools.0.strict"),
        ("bedrock", {"tools": [{"name": "f"}, {"type": "web_search_20250305"}]}, "tools.1"),
        ("bedrock-messages", {"tools": [{"type": "code_execution_20250825"}]}, "tools.0"),
        ("vertex", {"tools": [{"type": "web_fetch_20250910"}]}, "tools.0"),
    ],
)
def test_what_only_another_account_can_do(cloud: str, changed: dict[str, Any], param: str) -> None:
    with pytest.raises(Failure) as raised:
        sent_by(CLOUDS[cloud], asked(**changed))
    assert (raised.value.kind, raised.value.param) == ("unsupported_here", param)


@pytest.mark.parametrize(
    ("changed", "version"),
    [
        ({"temperature": 1}, "2026-10-21"),
        ({"anthropic_beta": ["x"]}, VERSION),
        ({"anthropic_version": "x"}, VERSION),
    ],
)
def test_what_anthropic_would_refuse(changed: dict[str, Any], version: str) -> None:
    for carrier in (BEDROCK, VERTEX):
        with pytest.raises(Failure, match="Extra inputs are not permitted") as raised:
            sent_by(carrier, asked(**changed), version=version)
        assert raised.value.kind == "unknown_parameter"


def test_uploaded_files_and_urls_are_foundrys_own_business() -> None:
    body = asked(messages=[CONTENT, RESULT], container="c", mcp_servers=[{"url": "u"}])
    assert json.loads(sent_by(FOUNDRY, body).body) == {**json.loads(body), "model": "the.id@1"}


def test_compaction_is_what_bedrock_takes_of_context_management() -> None:
    compact = {"edits": [{"type": "compact_20260112"}]}
    clear = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    kept = sent_by(BEDROCK, asked(context_management=compact))
    left = sent_by(BEDROCK, asked(context_management=clear))
    assert json.loads(kept.body)["context_management"] == compact
    assert "context_management" not in json.loads(left.body)
    assert "context_management" in dict(left.warnings)
    assert json.loads(sent_by(VERTEX, asked(context_management=clear)).body)["context_management"]


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"max_tokens": 7}, 7),
        ({"max_tokens": None}, 1),
        ({"max_tokens": None, "thinking": {"type": "enabled", "budget_tokens": 2000}}, 2001),
    ],
)
def test_counting_on_bedrock(fields: dict[str, Any], limit: int) -> None:
    """The shape is that of botocore's model of the service; ids of profiles are not counted for."""
    count = BEDROCK.verbatim.count if BEDROCK.verbatim is not None else None
    assert count is not None
    wire = count.prepare(asked(**fields), "eu.anthropic.x", (), VERSION, OLD)
    assert wire.path == "/model/anthropic.claude-haiku-4-5-20251001-v1:0/count-tokens"
    inner = json.loads(b64decode(json.loads(wire.body)["input"]["invokeModel"]["body"]))
    assert inner["anthropic_version"] == "bedrock-2023-05-31"
    assert inner["max_tokens"] == limit
    assert count.read(b'{"inputTokens":12}') == b'{"input_tokens":12}'
    assert count.read(b'{"message":"x"}') is None


def test_counting_on_vertex() -> None:
    count = VERTEX.verbatim.count if VERTEX.verbatim is not None else None
    assert count is not None
    wire = count.prepare(asked(), "claude@1", (), VERSION, NEW)
    assert wire.path == "/count-tokens:rawPredict"
    made = json.loads(wire.body)
    assert (made["model"], made["anthropic_version"]) == ("claude@1", "vertex-2023-10-16")


@given(bodies())
def test_only_failures(body: bytes) -> None:
    """Whatever a body holds where a list or an object is expected."""
    values = (b"1", b'"x"', b"[1]", b'{"a":1}', b'[{"content":[1,{"type":2}]}]')
    turns = [b'[{"role":"user","output_config":1,"content":%b}]' % value for value in values]
    odds = [("messages", value) for value in turns] + [
        (name, value)
        for name in ("system", "tools", "output_config", "context_management", "thinking")
        for value in values
    ]
    for name, value in odds:
        odd = splice.with_member(body, name, value)
        odd = splice.with_member(odd, "cache_control", b'{"url":"file_id"}')
        for carrier in CLOUDS.values():
            try:
                wire = sent_by(carrier, odd, ("per-turn-control",), OLD)
            except Failure:
                continue
            msgspec.json.decode(wire.body)


EVENTS = [
    b'{"type":"message_start","message":{"id":"m","usage":{"input_tokens":3}}}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\xe4\xbd\xa0"}}',
    b'{ "type" : "of_tomorrow" }',
    b'{"type":"content_block_stop","index":0}',
    b'{"usage":{"output_tokens":1},"delta":{"stop_reason":"end_turn"},"type":"message_delta"}',
    b'{"type":"message_stop","amazon-bedrock-invocationMetrics":{}}',
]
NAMES = [json.loads(one)["type"].encode() for one in EVENTS]


@given(st.integers(0, len(EVENTS)), st.booleans(), st.lists(st.integers(1, 300), max_size=40))
def test_frames_are_opened_wherever_they_are_cut(count: int, fails: bool, cuts: list[int]) -> None:
    """The same events and the same bytes; an error is an event and never among the bytes."""
    whole = b"".join(aws_frames.chunk(one) for one in EVENTS[:count])
    if fails:
        whole += aws_frames.exception("throttlingException", b'{"message":"x"}')
    data, framing, reader = whole, Framing(), Reader()
    shown, found = b"", []
    for size in [*cuts, len(data)]:
        found += framing.feed(data[:size])
        shown += framing.take()
        data = data[size:]
    assert found == reader.feed(whole)
    assert shown == b"".join(
        b"event: %b\ndata: %b\n\n" % pair
        for pair in zip(NAMES[:count], EVENTS[:count], strict=True)
    )

"""What an answer cites: the same in streams as in whole replies, at the right places, and nothing
of a server tool anywhere else."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from openai.lib.streaming.chat._completions import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from dragoman.carriers import anthropic
from dragoman.catalogue.catalogue import Catalogue
from dragoman.codec import jsonio
from dragoman.dialects import chat
from dragoman.dialects.chat.annotations import Annotations
from dragoman.dialects.chat.plain import plain
from dragoman.hub.events import Reply
from dragoman.hub.request import Text
from dragoman.hub.usage import Usage, WireUsage
from tests.dialects.generated import Events, small_values, wire, words

GOLDEN = Path(__file__).parents[1] / "golden" / "chat-anthropic"
CATALOGUE = Catalogue()


def parsed(**fields: Any) -> chat.Parsed:
    body = {
        "model": "claude-haiku-4-5",
        "messages": [{"role": "user", "content": "x"}],
        "web_search_options": {},
        **fields,
    }
    return chat.parse(jsonio.encode(body), CATALOGUE, strict=True)


def folded(data: bytes) -> Any:
    """The message that OpenAI's SDK makes of a stream."""
    state = ChatCompletionStreamState()
    for line in data.split(b"\n"):
        if line.startswith(b"data: {"):
            chunk = jsonio.decode(line.removeprefix(b"data: "))
            state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
    return state.current_completion_snapshot.choices[0].message


CITING = sorted(
    path.parent for path in GOLDEN.glob("*/reply.json") if b'"annotations"' in path.read_bytes()
)


@pytest.mark.parametrize("case", CITING, ids=[path.name for path in CITING])
def test_the_sdk_finds_the_same_annotations_in_a_stream(case: Path) -> None:
    whole = ChatCompletion.model_validate_json((case / "reply.json").read_bytes(), strict=True)
    message = whole.choices[0].message
    streamed = folded((case / "chunks.sse").read_bytes())
    assert message.annotations
    assert [one.to_dict() for one in message.annotations] == [
        one.to_dict() for one in streamed.annotations
    ]


def test_there_are_cases_to_compare() -> None:
    assert len(CITING) >= 6


def citation(url: str, title: str | None) -> dict[str, Any]:
    return {
        "type": "web_search_result_location",
        "cited_text": "c",
        "url": url,
        "title": title,
        "encrypted_index": "Eo8",
    }


citations = st.one_of(
    st.builds(citation, words.filter(bool), st.none() | words),
    st.just({"type": "char_location", "cited_text": "c", "document_index": 0}),
    small_values.map(lambda value: {"type": "new", "url": value}),
)


@st.composite
def answers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The blocks of an answer: text as its pieces, server tools around it."""
    made: list[dict[str, Any]] = []
    for at in range(draw(st.integers(0, 5))):
        if draw(st.booleans()):
            pieces = draw(st.lists(words, min_size=1, max_size=3))
            made.append({"pieces": pieces, "citations": draw(st.lists(citations, max_size=3))})
        else:
            made.append({"query": draw(words), "id": f"srvtoolu_{at}"})
    return made


def whole(blocks: list[dict[str, Any]]) -> bytes:
    content: list[dict[str, Any]] = []
    for block in blocks:
        if "pieces" in block:
            text = {"type": "text", "text": "".join(block["pieces"])}
            content.append({**text, "citations": block["citations"] or None})
        else:
            content += [_call(block["id"], block["query"]), _result(block["id"])]
    message = {"type": "message", "id": "msg_1", "content": content, "stop_reason": "end_turn"}
    return jsonio.encode({**message, "usage": {"input_tokens": 1, "output_tokens": 2}})


def _call(identity: str, query: str) -> dict[str, Any]:
    block = {"type": "server_tool_use", "id": identity, "name": "web_search"}
    return {**block, "input": {"query": query}}


def _result(identity: str) -> dict[str, Any]:
    return {"type": "web_search_tool_result", "tool_use_id": identity, "content": []}


def events(blocks: list[dict[str, Any]]) -> Events:
    usage = {"input_tokens": 1, "output_tokens": 1}
    made: Events = [{"type": "message_start", "message": {"id": "msg_1", "usage": usage}}]

    def add(block: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
        index = sum(event["type"] == "content_block_start" for event in made)
        made.append({"type": "content_block_start", "index": index, "content_block": block})
        made.extend(
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        )
        made.append({"type": "content_block_stop", "index": index})

    for block in blocks:
        if "pieces" in block:
            texts = [{"type": "text_delta", "text": piece} for piece in block["pieces"]]
            cites = [{"type": "citations_delta", "citation": one} for one in block["citations"]]
            add({"type": "text", "text": ""}, [*cites[:1], *texts, *cites[1:]])
        else:
            call = _call(block["id"], block["query"])
            given = jsonio.encode(call["input"]).decode()
            pieces = [{"type": "input_json_delta", "partial_json": one} for one in given]
            add({**call, "input": {}}, pieces)
            add(_result(block["id"]), [])
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    made.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 2}})
    made.append({"type": "message_stop"})
    return made


@given(answers(), st.integers(1, 400), st.booleans())
def test_streams_and_whole_replies_cite_alike(
    blocks: list[dict[str, Any]], step: int, fast: bool
) -> None:
    body = chat.reply(parsed(), anthropic.read_reply(whole(blocks)), 1)
    one = ChatCompletion.model_validate_json(body, strict=True).choices[0].message
    reader, writer = anthropic.Reader(fast=fast), chat.StreamWriter(parsed(stream=True), 1)
    data = wire(events(blocks))
    sent = [writer.feed(reader.feed(data[at : at + step])) for at in range(0, len(data), step)]
    sent.append(writer.close(Usage()))
    other = folded(b"".join(sent))
    assert (other.content, other.tool_calls) == (one.content, None)
    assert one.tool_calls is None
    assert [made.to_dict() for made in one.annotations or ()] == [
        made.to_dict() for made in other.annotations or ()
    ]
    _check_places(blocks, one)


def _check_places(blocks: list[dict[str, Any]], message: Any) -> None:
    """Every annotation spans a block that cites its page, and every page that is cited is there."""
    found = iter(message.annotations or ())
    at = 0
    for block in blocks:
        text = "".join(block.get("pieces", ()))
        pages: list[tuple[str, str]] = []
        for cited in block.get("citations", ()):
            page = (cited.get("url"), cited.get("title") or "")
            if cited["type"] == "web_search_result_location" and page not in pages:
                pages.append(page)
        for url, title in pages:
            made = next(found).url_citation
            assert (made.url, made.title) == (url, title)
            assert (made.start_index, made.end_index) == (at, at + len(text))
            assert message.content[made.start_index : made.end_index] == text
        at += len(text)
    assert next(found, None) is None


def test_the_short_way_leaves_out_no_citation() -> None:
    cited = Text(jsonio.quote("a"), citations=Raw(jsonio.encode([citation("https://e.x", "t")])))
    message = Reply("msg_1", "m", [cited], "end_turn", None, None, WireUsage())
    assert plain(parsed(), message, 1, Usage()) is None
    assert b'"url":"https://e.x"' in chat.reply(parsed(), message, 1)


def test_a_character_cut_in_two_counts_once() -> None:
    made = Annotations()
    for piece in (rb'"a\ud83d"', rb'"\ude00b"'):
        made.text(piece)
    made.cite(Raw(jsonio.encode(citation("u", "t"))))
    (annotation,) = made.finish()
    assert annotation.url_citation.end_index == 3


@pytest.mark.parametrize("nonsense", [b"5", b"null", b'"x"', b"{}", b'{"type":5}', b"[1]"])
def test_a_citation_that_is_none_is_passed_over(nonsense: bytes) -> None:
    made = Annotations()
    made.text(b'"a"')
    made.cite(Raw(nonsense))
    made.cite(Raw(b'{"type":"web_search_result_location","url":null}'))
    assert made.finish() == []


def test_names_of_the_clients_tools_keep_clear_of_the_server_tool() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("web_search", "f")]
    request = parsed(tools=tools)
    sent = jsonio.decode(anthropic.prepare(request.request))["tools"]
    assert len({tool["name"] for tool in sent}) == 3
    assert request.names == {sent[0]["name"]: "web_search"}
    assert sent[2]["type"] == "web_search_20250305"

"""Answers: :class:`StreamWriter` turns upstream events into a response's events (protocol.md §6e).

Each block of upstream's becomes an item: thinking a reasoning item, a call a call, a search a
search; texts that follow each other are one message. An item begins when there is something in it
to tell and is done when the next one begins, or at the end: only then is it known whether the
answer was cut off inside it.

A whole answer is told by the same events to nobody (:func:`reply`), so both cannot differ.
"""

from msgspec import Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.answer import finish_reason
from dragoman.dialects.chat.extract import Extractor, left
from dragoman.dialects.chat.parsed import IN_WORDS, JSON_TOOL, JsonMode, Parsed
from dragoman.dialects.chat.started import started_blocks
from dragoman.dialects.responses.frames import Frames
from dragoman.dialects.responses.response import Frozen, said
from dragoman.dialects.responses.written import (
    COMPLETED,
    INCOMPLETE,
    Called,
    CallItem,
    Item,
    MessageItem,
    ReasoningItem,
    RedactedItem,
    SearchItem,
)
from dragoman.errors import Failure
from dragoman.hub.events import (
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.hub.usage import Usage

KEEPALIVE = b": keep-alive\n\n"
_EMPTY = b'""'
_WRITTEN = Raw(b"")
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


class _ServerBlock(Struct):
    """A block of upstream's own search."""

    name: str = ""
    id: str = ""
    tool_use_id: str = ""
    input: Raw = Raw(b"{}")
    content: Raw = Raw(b"null")


_server_blocks = jsonio.Decoder(_ServerBlock)


class StreamWriter:
    """Events in, a response's events out. ``created`` is seconds since 1970."""

    plain = None

    def __init__(self, parsed: Parsed, created: int, index: int = 0, *, heard: bool = True) -> None:
        self._parsed = parsed
        self._created = created
        self._frames = Frames(heard=heard)
        self._frozen: Frozen | None = None
        """None until ``response.created`` went out."""
        self._written: dict[int, bytes] = {}
        """Items that are done, by their place in the output."""
        self._open: dict[int, CallItem | ReasoningItem] = {}
        """Items whose block goes on, by upstream's block index."""
        self._stopped: list[Item] = []
        """Items whose block is over, and which are not done yet."""
        self._message: MessageItem | None = None
        """The message that is being written."""
        self._searches: dict[str, SearchItem] = {}
        """Searches that have not come to anything yet, by upstream's id."""
        self._queries: dict[int, SearchItem] = {}
        """Those whose query goes on, by upstream's block index."""
        self._json_blocks: dict[int, Raw] = {}
        """Blocks of the tool that stands for a JSON answer, and the input in their start; empty
        once input went out."""
        self._extractor = Extractor() if parsed.json_mode in IN_WORDS else None
        self._items = 0
        self._calls = 0
        self._stop_reason: str | None = None
        self._explanation: str | None = None

    # What serve.py calls.

    def feed(self, events: list[Event]) -> bytes:
        """What the events of one read make."""
        for event in events:
            message = self._message
            if type(event) is TextDelta and message is not None and self._extractor is None:
                if event.text != _EMPTY:
                    message.text(event.text)
            else:
                self._rare(event)
        return self._frames.take()

    def finish(self) -> bytes:
        """The end of all items."""
        self._end()
        return self._frames.take()

    def close(self, usage: Usage) -> bytes:
        """The end of the stream. ``usage`` is what all its events said together."""
        self._end()
        reason = self._reason()
        kind = b"response.incomplete" if reason else b"response.completed"
        whole = self._begin().ended(self._output(), usage, reason)
        self._frames.say(kind, b'"response":' + whole)
        return self._frames.take()

    def fail(self, failure: Failure) -> bytes:
        """The end of a stream that breaks off: ``error``, and ``response.failed`` with the items
        that are done."""
        frozen = self._begin()
        told = jsonio.encode(
            {"code": failure.row.openai_code, "message": said(failure), "param": failure.param}
        )
        self._frames.say(b"error", told[1:-1])
        whole = frozen.failed(self._output(), failure)
        self._frames.say(b"response.failed", b'"response":' + whole)
        return self._frames.take()

    def response(self, usage: Usage) -> bytes:
        """The response object itself, at the end."""
        self._end()
        return self._begin().ended(self._output(), usage, self._reason())

    # The beginning and the end.

    def _begin(self, upstream_id: str = "") -> Frozen:
        if self._frozen is None:
            suffix = upstream_id.removeprefix("msg_") or f"{self._created:x}"
            self._parsed.reply_id = f"resp_{suffix}"
            self._frozen = Frozen(self._parsed, self._parsed.reply_id, self._created)
            begun = b'"response":' + self._frozen.begun()
            self._frames.say(b"response.created", begun)
            self._frames.say(b"response.in_progress", begun)
        return self._frozen

    def _finish_reason(self) -> str:
        return finish_reason(self._stop_reason, calls=self._calls > 0, legacy=False)

    def _reason(self) -> str:
        return _REASONS.get(self._finish_reason(), "")

    def _end(self) -> None:
        self._begin()
        for index in list(self._json_blocks):
            self._json_stop(index)
        if self._extractor is not None:
            held = left(self._extractor, self._parsed.json_mode, self._finish_reason())
            self._extractor = None
            if held:
                self._say(bytes(jsonio.quote(held)))
        refused = self._stop_reason == "refusal" and self._explanation
        if refused:
            self._the_message().refuse(bytes(jsonio.quote(self._explanation or "")))
        elif not self._items and not self._reason():
            self._the_message().text(_EMPTY)
        self._stopped += [*self._open.values(), *self._searches.values()]
        self._open, self._queries, self._searches = {}, {}, {}
        self._close(INCOMPLETE if self._reason() else COMPLETED)

    def _output(self) -> list[bytes]:
        return [item for _, item in sorted(self._written.items())]

    # Items.

    def _next_id(self, prefix: str) -> tuple[str, int]:
        """Id and place of a new item. Those whose block is over are done."""
        self._close(COMPLETED)
        index = self._items
        self._items += 1
        suffix = self._begin().id.removeprefix("resp_")
        return f"{prefix}_{suffix}_{index}", index

    def _close(self, status: bytes) -> None:
        """``status`` is that of the last item; an answer is not cut off inside another."""
        found, self._stopped = self._stopped, []
        if self._message is not None:
            found.append(self._message)
            self._message = None
        for item in sorted(found, key=_index):
            last = item.index == self._items - 1
            self._written[item.index] = item.close(status if last else COMPLETED)

    def _the_message(self) -> MessageItem:
        message = self._message
        if message is None:
            item_id, index = self._next_id("msg")
            message = MessageItem(item_id, index, self._frames, cites=self._parsed.searches)
            self._message = message
        return message

    def _say(self, literal: bytes) -> None:
        if literal != _EMPTY:
            self._the_message().text(literal)

    def _text(self, literal: bytes) -> None:
        if self._extractor is None:
            self._say(literal)
        else:
            self._say(bytes(jsonio.quote(self._extractor.feed(jsonio.text_of(literal)))))

    def _thought(self, index: int) -> ReasoningItem:
        item = self._open.get(index)
        if not isinstance(item, ReasoningItem):
            item_id, place = self._next_id("rs")
            shown = self._parsed.show_reasoning
            item = ReasoningItem(item_id, place, self._frames, shown=shown)
            self._open[index] = item
        return item

    # Upstream's events.

    def _rare(self, event: Event) -> None:
        """All but a plain text delta. What means nothing to a client is passed over."""
        if isinstance(event, MessageStart):
            self._begin(event.id)
        elif isinstance(event, MessageDelta):
            self._stop_reason = event.stop_reason or self._stop_reason
            self._explanation = event.explanation or self._explanation
        elif isinstance(event, Ping):
            if self._frames.heard:
                self._frames.parts.append(KEEPALIVE)
        else:
            self._block_event(event)

    def _block_event(self, event: Event) -> None:
        if isinstance(event, InputDelta):
            self._input(event)
        elif isinstance(event, ThinkingDelta):
            if event.thinking != _EMPTY:
                self._thought(event.index).text(event.thinking)
        elif isinstance(event, SignatureDelta):
            if event.signature != _EMPTY:
                self._thought(event.index).sign(event.signature)
        elif isinstance(event, BlockStart):
            self._block_start(event)
        elif isinstance(event, BlockStop):
            self._block_stop(event.index)
        elif isinstance(event, TextDelta):
            self._text(event.text)
        elif isinstance(event, CitationDelta) and self._message is not None:
            self._message.cite(event.citation)

    def _block_start(self, event: BlockStart) -> None:
        kind = event.kind
        if kind == "text":
            text = bytes(started_blocks.decode(event.block).text)
            if text[:1] == b'"':
                self._text(text)
        elif kind == "tool_use":
            self._call(event)
        elif kind == "thinking":
            thinking = bytes(started_blocks.decode(event.block).thinking)
            if thinking[:1] == b'"' and thinking != _EMPTY:
                self._thought(event.index).text(thinking)
        elif kind == "redacted_thinking":
            data = started_blocks.decode(event.block).data
            if bytes(data)[:1] == b'"':
                item_id, index = self._next_id("rs")
                self._stopped.append(RedactedItem(item_id, index, self._frames, data))
        elif self._parsed.searches:
            self._search(event)

    def _call(self, event: BlockStart) -> None:
        parsed = self._parsed
        given = started_blocks.decode(event.block).input
        if parsed.json_mode is JsonMode.TOOL and event.name == JSON_TOOL:
            self._json_blocks[event.index] = given
            return
        flat = parsed.names.get(event.name, event.name)
        namespace, name = parsed.namespaces.get(flat, ("", flat))
        custom = event.name in parsed.customs
        item_id, index = self._next_id("ctc" if custom else "fc")
        called = Called(event.id, name, namespace, custom, given)
        self._open[event.index] = CallItem(item_id, index, self._frames, called)
        self._calls += 1

    def _search(self, event: BlockStart) -> None:
        block = _server_blocks.attempt(event.block)
        if block is None:
            return
        if event.kind == "server_tool_use" and block.name == "web_search":
            item_id, index = self._next_id("ws")
            sources = "web_search_call.action.sources" in self._parsed.includes
            item = SearchItem(item_id, index, self._frames, block.input, with_sources=sources)
            self._queries[event.index] = self._searches[block.id] = item
        elif event.kind == "web_search_tool_result":
            found = self._searches.pop(block.tool_use_id, None)
            if found is not None:
                found.found(block.content)
                self._stopped.append(found)

    def _input(self, event: InputDelta) -> None:
        literal = event.partial_json
        if literal == _EMPTY:
            return
        item = self._queries.get(event.index) or self._open.get(event.index)
        if isinstance(item, CallItem | SearchItem):
            item.input(literal)
        elif event.index in self._json_blocks:
            self._json_blocks[event.index] = _WRITTEN
            self._say(literal)

    def _block_stop(self, index: int) -> None:
        item = self._open.pop(index, None)
        if item is not None:
            self._stopped.append(item)
        elif index in self._json_blocks:
            self._json_stop(index)
        elif self._queries.pop(index, None) is None and self._message is not None:
            self._message.end_block()

    def _json_stop(self, index: int) -> None:
        given = self._json_blocks.pop(index)
        if given != _WRITTEN:
            self._say(jsonio.nested(given))


def end_stream(parsed: Parsed, created: int, usage: Usage) -> bytes:
    """What follows the last of several choices: Responses knows one."""
    return b""


def _index(item: Item) -> int:
    return item.index

"""Streamed answers: :class:`StreamWriter` turns upstream events into chunks (protocol.md §4d, §5d).

A text delta costs one look at its class and three pieces of a ``b"".join``: what stands before the
text in a chunk, the text's JSON string as upstream wrote it, and what stands behind. Everything
else is rare and goes through a table of methods. All chunks of one read are one ``bytes``.

Several choices (``n``) are several writers over one stream: each ends with
:meth:`StreamWriter.finish`, and :func:`end_stream` ends the stream. A single choice ends with
:meth:`StreamWriter.close`, which is both.
"""

from msgspec import UNSET, Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.answer import Thoughts, finish_reason, reply_id, wire_usage
from dragoman.dialects.chat.extract import Extractor
from dragoman.dialects.chat.parsed import JSON_TOOL, JsonMode, Parsed
from dragoman.dialects.chat.reply import Message, custom_input
from dragoman.hub.events import (
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.hub.request import RedactedThinking, Thinking
from dragoman.hub.usage import Usage

KEEPALIVE = b": keep-alive\n\n"
"""A comment: every SSE client skips it, and every proxy sees that the stream lives."""
DONE = b"data: [DONE]\n\n"

_EMPTY = b'""'


class _Call(Struct):
    """One tool call on its way out."""

    number: int
    """Its place among the calls of this choice, from 0."""
    id: str
    name: str
    custom: bool
    given: Raw
    """The input that stood in the block's start; an object, empty as a rule."""
    pieces: list[bytes] = []
    """Literals kept back: a custom tool's input comes out of the whole object."""
    written: bool = False
    """Whether any of its arguments went out."""


class _Thought(Struct):
    texts: list[bytes] = []
    signature: bytes = _EMPTY


class _StartedBlock(Struct):
    """What a block's start may already hold."""

    text: Raw = Raw(b"")
    thinking: Raw = Raw(b"")
    data: Raw = Raw(b"")
    input: Raw = Raw(b"{}")


_started_blocks = jsonio.Decoder(_StartedBlock)


class StreamWriter:
    """Events in, chunks out, for choice number ``index``. ``created`` is seconds since 1970."""

    def __init__(self, parsed: Parsed, created: int, index: int = 0) -> None:
        self._parsed = parsed
        self._created = created
        self._index = index
        self._plain = False
        """Whether a text delta is spliced as it is: the stream has begun and no JSON is to be
        cut out."""
        self._begun = False
        self._before = b""
        self._head = b""
        self._tail = _tail(parsed)
        self._calls: dict[int, _Call] = {}
        """By upstream's block index; a block of a server tool is in none of these tables."""
        self._json_blocks: set[int] = set()
        self._thoughts: dict[int, _Thought] = {}
        self._signed = Thoughts()
        self._count = 0
        self._extractor = Extractor() if parsed.json_mode is JsonMode.EXTRACT else None
        self._stop_reason: str | None = None
        self._explanation: str | None = None

    def feed(self, events: list[Event]) -> bytes:
        """The chunks that the events of one read make."""
        parts: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta) and self._plain:
                if event.text != _EMPTY:
                    parts += (self._head, event.text, self._tail)
            else:
                self._rare(event, parts)
        return b"".join(parts)

    def _rare(self, event: Event, parts: list[bytes]) -> None:
        """Everything but a plain text delta. Kinds that mean nothing to a chat client are passed
        over."""
        if isinstance(event, InputDelta):
            self._input(event, parts)
        elif isinstance(event, ThinkingDelta):
            self._thinking(event, parts)
        elif isinstance(event, BlockStart):
            self._block_start(event, parts)
        elif isinstance(event, BlockStop):
            self._block_stop(event, parts)
        elif isinstance(event, SignatureDelta):
            self._thoughts.setdefault(event.index, _Thought()).signature = event.signature
        elif isinstance(event, MessageStart):
            self._message_start(event, parts)
        elif isinstance(event, MessageDelta):
            self._stop_reason = event.stop_reason or self._stop_reason
            self._explanation = event.explanation or self._explanation
        elif isinstance(event, TextDelta):
            self._text(event, parts)
        elif isinstance(event, Ping):
            parts.append(KEEPALIVE)

    def finish(self) -> bytes:
        """The end of this choice: what was held back, and the chunk with ``finish_reason``."""
        parts: list[bytes] = []
        self._begin(parts)
        for call in self._calls.values():
            self._complete(call, parts)
        for index in list(self._thoughts):
            self._thought_end(index, parts)
        if self._extractor is not None:
            left = self._extractor.close()
            if left:
                self._content(bytes(jsonio.quote(left)), parts)
        if self._stop_reason == "refusal" and self._explanation:
            self._delta(Message(UNSET, UNSET, jsonio.quote(self._explanation)), parts)
        reason = finish_reason(self._stop_reason, calls=self._count > 0, legacy=self._parsed.legacy)
        parts.append(
            b'%b{},"logprobs":null,"finish_reason":"%b"}]%b'
            % (self._before, reason.encode(), _usage_slot(self._parsed))
        )
        return b"".join(parts)

    def close(self, usage: Usage) -> bytes:
        """The end of a stream of one choice. ``usage`` is what all its events said together."""
        return self.finish() + end_stream(self._parsed, self._created, usage)

    def _begin(self, parts: list[bytes]) -> None:
        """The role chunk, once, and before anything else."""
        if self._begun:
            return
        self._begun = True
        self._plain = self._extractor is None
        self._before = b'%b,"choices":[{"index":%d,"delta":' % (
            _opening(self._parsed, self._created),
            self._index,
        )
        self._head = self._before + b'{"content":'
        parts += (self._before, b'{"role":"assistant","content":"","refusal":null', self._tail)

    def _delta(self, message: Message, parts: list[bytes]) -> None:
        parts += (self._before, jsonio.encode(message)[:-1], self._tail)

    def _content(self, literal: bytes, parts: list[bytes]) -> None:
        if literal != _EMPTY:
            parts += (self._head, literal, self._tail)

    def _message_start(self, event: MessageStart, parts: list[bytes]) -> None:
        if not self._parsed.reply_id:
            self._parsed.reply_id = reply_id(event.id)
        self._begin(parts)

    def _block_start(self, event: BlockStart, parts: list[bytes]) -> None:
        self._begin(parts)
        kind = event.kind
        if kind not in ("text", "thinking", "redacted_thinking", "tool_use"):
            return
        block = _read_start(event.block)
        if kind == "tool_use":
            self._call_start(event, block, parts)
        elif kind == "redacted_thinking":
            self._thought_out(event.index, RedactedThinking(block.data), parts)
        elif kind == "thinking":
            self._thoughts[event.index] = _Thought()
            if bytes(block.thinking)[:1] == b'"':
                self._thinking(ThinkingDelta(event.index, bytes(block.thinking)), parts)
        elif bytes(block.text)[:1] == b'"':
            self._text(TextDelta(event.index, bytes(block.text)), parts)

    def _call_start(self, event: BlockStart, block: _StartedBlock, parts: list[bytes]) -> None:
        parsed = self._parsed
        if parsed.json_mode is JsonMode.TOOL and event.name == JSON_TOOL:
            self._json_blocks.add(event.index)
            return
        if parsed.legacy and self._count:
            return
        name = parsed.names.get(event.name, event.name)
        custom = event.name in parsed.customs
        call = _Call(self._count, event.id, name, custom, block.input)
        self._calls[event.index] = call
        self._count += 1
        quoted = jsonio.encode(name)
        if parsed.legacy:
            parts += (self._before, b'{"function_call":{"name":%b,"arguments":""}' % quoted)
        elif custom:
            return
        else:
            parts += (
                self._before,
                b'{"tool_calls":[{"index":%d,"id":%b,"type":"function","function":{"name":%b,"arguments":""}}]'
                % (call.number, jsonio.encode(call.id), quoted),
            )
        parts.append(self._tail)

    def _text(self, event: TextDelta, parts: list[bytes]) -> None:
        self._begin(parts)
        if self._extractor is None:
            self._content(event.text, parts)
            return
        found = self._extractor.feed(jsonio.text_of(event.text))
        if found:
            self._content(bytes(jsonio.quote(found)), parts)

    def _input(self, event: InputDelta, parts: list[bytes]) -> None:
        if event.partial_json == _EMPTY:
            return
        if event.index in self._json_blocks:
            self._content(event.partial_json, parts)
            return
        call = self._calls.get(event.index)
        if call is None:
            return
        if call.custom:
            call.pieces.append(event.partial_json)
        else:
            self._arguments(call, event.partial_json, parts)

    def _arguments(self, call: _Call, literal: bytes, parts: list[bytes]) -> None:
        call.written = True
        if self._parsed.legacy:
            form = b'{"function_call":{"arguments":%b}' % literal
        else:
            form = b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (
                call.number,
                literal,
            )
        parts += (self._before, form, self._tail)

    def _complete(self, call: _Call, parts: list[bytes]) -> None:
        """Arguments that did not come as deltas: those of the block's start, ``{}`` as a rule."""
        if call.written:
            return
        if not call.custom:
            literal = bytes(jsonio.quote(jsonio.compact(call.given).decode()))
            self._arguments(call, literal, parts)
            return
        call.written = True
        whole = jsonio.text_of(jsonio.join(call.pieces)).encode() if call.pieces else b"{}"
        parts += (
            self._before,
            b'{"tool_calls":[{"index":%d,"id":%b,"type":"custom","custom":{"name":%b,"input":%b}}]'
            % (
                call.number,
                jsonio.encode(call.id),
                jsonio.encode(call.name),
                bytes(_custom_text(whole)),
            ),
            self._tail,
        )

    def _thinking(self, event: ThinkingDelta, parts: list[bytes]) -> None:
        self._begin(parts)
        thought = self._thoughts.setdefault(event.index, _Thought())
        if event.thinking == _EMPTY:
            return
        thought.texts.append(event.thinking)
        if self._parsed.show_reasoning:
            parts += (self._before, b'{"reasoning_content":', event.thinking, self._tail)

    def _thought_out(
        self, index: int, block: Thinking | RedactedThinking, parts: list[bytes]
    ) -> None:
        """A whole signed block, so that a client that collects the items can send them back."""
        known = len(self._signed.blocks)
        self._signed.add(index, block)
        blocks = self._signed.blocks[known:]
        if blocks and self._parsed.show_reasoning:
            made = Message(UNSET, UNSET, UNSET)
            made.thinking_blocks = blocks
            made.reasoning_details = self._signed.details[known:]
            self._delta(made, parts)

    def _block_stop(self, event: BlockStop, parts: list[bytes]) -> None:
        call = self._calls.get(event.index)
        if call is not None:
            self._complete(call, parts)
        if event.index in self._thoughts:
            self._thought_end(event.index, parts)

    def _thought_end(self, index: int, parts: list[bytes]) -> None:
        thought = self._thoughts.pop(index)
        text = jsonio.join(thought.texts) if thought.texts else _EMPTY
        self._thought_out(index, Thinking(Raw(text), Raw(thought.signature)), parts)


def end_stream(parsed: Parsed, created: int, usage: Usage) -> bytes:
    """The end of a whole stream: the usage chunk, if it was asked for, and ``[DONE]``."""
    if not parsed.include_usage:
        return DONE
    return b'%b,"choices":[],"usage":%b}\n\n%b' % (
        _opening(parsed, created),
        jsonio.encode(wire_usage(usage)),
        DONE,
    )


def _opening(parsed: Parsed, created: int) -> bytes:
    """What every chunk of a stream begins with."""
    return b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b' % (
        jsonio.encode(parsed.reply_id or reply_id("")),
        created,
        jsonio.encode(parsed.client_model),
    )


def _usage_slot(parsed: Parsed) -> bytes:
    """With usage asked for, every chunk but the last says that it has none (§4d)."""
    return b',"usage":null}\n\n' if parsed.include_usage else b"}\n\n"


def _tail(parsed: Parsed) -> bytes:
    """What closes a delta and its chunk."""
    return b'},"logprobs":null,"finish_reason":null}]' + _usage_slot(parsed)


def _read_start(raw: Raw) -> _StartedBlock:
    try:
        return _started_blocks.decode(raw)
    except jsonio.Mismatch:
        return _StartedBlock()


def _custom_text(whole: bytes) -> Raw:
    """A custom tool's text; of an input that was cut off, what there is."""
    try:
        return custom_input(whole)
    except (jsonio.Malformed, jsonio.Mismatch):
        return jsonio.quote(whole.decode())

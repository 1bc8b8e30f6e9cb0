"""Streamed answers: :class:`StreamWriter` turns upstream events into chunks (protocol.md §4d, §5d).

A text delta costs one look at its class and three pieces of a ``b"".join``: what stands before the
text in a chunk, the text's JSON string as upstream wrote it, and what stands behind. Everything
else is rare and takes the longer way. All chunks of one read are one ``bytes``.

Several choices (``n``) are several writers over one stream: each ends with
:meth:`StreamWriter.finish`, and :func:`~dragoman.dialects.chat.chunks.end_stream` ends the stream.
A single choice ends with :meth:`StreamWriter.close`, which is both.
"""

from msgspec import UNSET, Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.annotations import Annotation, Annotations
from dragoman.dialects.chat.answer import Thoughts, finish_reason, reply_id
from dragoman.dialects.chat.chunks import KEEPALIVE, Frame, end_stream
from dragoman.dialects.chat.errors import error_event
from dragoman.dialects.chat.extract import Extractor, left
from dragoman.dialects.chat.parsed import IN_WORDS, Parsed
from dragoman.dialects.chat.reply import Message
from dragoman.dialects.chat.started import EMPTY_TEXT, started_blocks
from dragoman.dialects.chat.streamed_calls import StreamedCalls
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
from dragoman.hub.request import RedactedThinking, Thinking
from dragoman.hub.usage import Usage

_EMPTY = b'""'
_ROLE = b'{"role":"assistant","content":"","refusal":null}'


class _Thought(Struct):
    """A thinking block on its way: its pieces wait for the signature."""

    texts: list[bytes] = []
    signature: bytes = _EMPTY


class StreamWriter:
    """Events in, chunks out, for choice number ``index``. ``created`` is seconds since 1970."""

    def __init__(self, parsed: Parsed, created: int, index: int = 0) -> None:
        self._parsed = parsed
        self._created = created
        self._index = index
        self._frame: Frame | None = None
        """None until the role chunk went out."""
        self._text_head = b""
        """Of a text chunk; empty while text deltas have to take the longer way."""
        self._text_tail = b""
        self._said = False
        """Whether a text began."""
        self._calls = StreamedCalls(parsed)
        self._thoughts: dict[int, _Thought] = {}
        self._signed = Thoughts()
        self._extractor = Extractor() if parsed.json_mode in IN_WORDS else None
        self._annotations = Annotations() if parsed.searches else None
        """Only where something may be cited, because then all text is measured."""
        self._extracted = 0
        """Characters of content that the extractor let through."""
        self._stop_reason: str | None = None
        self._explanation: str | None = None

    def feed(self, events: list[Event]) -> bytes:
        """The chunks that the events of one read make."""
        parts: list[bytes] = []
        head = self._text_head
        for event in events:
            if head and type(event) is TextDelta:
                if event.text != _EMPTY:
                    parts += (head, event.text, self._text_tail)
            else:
                self._rare(event, parts)
                head = self._text_head
        return b"".join(parts)

    def plain(self, text: bytes) -> bytes:
        """The chunk of one piece of text, a JSON string; the same as :meth:`feed` makes of it."""
        if self._text_head and text != _EMPTY:
            return b"%b%b%b" % (self._text_head, text, self._text_tail)
        return self.feed([TextDelta(0, text)])

    def finish(self) -> bytes:
        """The end of this choice: what was held back, and the chunk with ``finish_reason``."""
        parts: list[bytes] = []
        frame = self._begin(parts)
        self._calls.finish(frame, parts)
        for index in list(self._thoughts):
            self._thought_end(index, parts)
        calls, legacy = self._calls.count > 0, self._parsed.legacy
        reason = finish_reason(self._stop_reason, calls=calls, legacy=legacy)
        if self._extractor is not None:
            held = left(self._extractor, self._parsed.json_mode, reason)
            self._extracted += len(held)
            frame.content(bytes(jsonio.quote(held)), parts)
        if self._annotations is not None:
            cut_out = None if self._extractor is None else self._extracted
            self._cited(self._annotations.finish(cut_out), frame, parts)
        if self._stop_reason == "refusal" and self._explanation:
            frame.delta(b'{"refusal":%b}' % bytes(jsonio.quote(self._explanation)), parts)
        frame.finish(reason, parts)
        return b"".join(parts)

    def close(self, usage: Usage) -> bytes:
        """The end of a stream of one choice. ``usage`` is what all its events said together."""
        return self.finish() + end_stream(self._parsed, self._created, usage)

    def fail(self, failure: Failure) -> bytes:
        """The end of a stream that breaks off."""
        return error_event(failure)

    def _cited(self, found: list[Annotation], frame: Frame, parts: list[bytes]) -> None:
        """All annotations in one chunk: OpenAI's accumulator refuses to add to a list whose items
        have no ``index``, and others keep one chunk's list only."""
        if found:
            frame.delta(b'{"annotations":%b}' % jsonio.encode(found), parts)

    def _begin(self, parts: list[bytes]) -> Frame:
        """The role chunk, once, and before anything else."""
        frame = self._frame
        if frame is None:
            frame = self._frame = Frame(self._parsed, self._created, self._index)
            frame.delta(_ROLE, parts)
            if self._extractor is None and self._annotations is None:
                self._text_head, self._text_tail = frame.text_head, frame.text_tail
        return frame

    def _rare(self, event: Event, parts: list[bytes]) -> None:
        """All but a plain text delta. What means nothing to a chat client is passed over."""
        if isinstance(event, MessageStart):
            if not self._parsed.reply_id:
                self._parsed.reply_id = reply_id(event.id)
            self._begin(parts)
        elif isinstance(event, MessageDelta):
            self._stop_reason = event.stop_reason or self._stop_reason
            self._explanation = event.explanation or self._explanation
        elif isinstance(event, Ping):
            parts.append(KEEPALIVE)
        else:
            self._block_event(event, parts)

    def _block_event(self, event: Event, parts: list[bytes]) -> None:
        if isinstance(event, InputDelta):
            self._calls.input(event, self._begin(parts), parts)
        elif isinstance(event, ThinkingDelta):
            self._thinking(event, parts)
        elif isinstance(event, BlockStart):
            self._block_start(event, parts)
        elif isinstance(event, BlockStop):
            self._calls.stop(event.index, self._begin(parts), parts)
            if self._annotations is not None:
                self._annotations.end_block()
            if event.index in self._thoughts:
                self._thought_end(event.index, parts)
        elif isinstance(event, SignatureDelta):
            self._thoughts.setdefault(event.index, _Thought()).signature = event.signature
        elif isinstance(event, TextDelta):
            self._text(event, parts)
        elif isinstance(event, CitationDelta) and self._annotations is not None:
            self._annotations.cite(event.citation)

    def _block_start(self, event: BlockStart, parts: list[bytes]) -> None:
        frame = self._begin(parts)
        if event.kind == "text":
            self._said = True
            if event.block == EMPTY_TEXT:
                return
            text = bytes(started_blocks.decode(event.block).text)
            if text[:1] == b'"':
                self._text(TextDelta(event.index, text), parts)
        elif event.kind == "tool_use":
            given = started_blocks.decode(event.block).input
            self._said = self._calls.start(event, given, frame, parts) or self._said
        elif event.kind == "thinking":
            self._thoughts[event.index] = _Thought()
            thinking = bytes(started_blocks.decode(event.block).thinking)
            if thinking[:1] == b'"':
                self._thinking(ThinkingDelta(event.index, thinking), parts)
        elif event.kind == "redacted_thinking":
            data = started_blocks.decode(event.block).data
            if bytes(data)[:1] == b'"':
                self._thought_out(RedactedThinking(data), parts)

    def _text(self, event: TextDelta, parts: list[bytes]) -> None:
        frame = self._begin(parts)
        if self._annotations is not None:
            self._annotations.text(event.text)
        if self._extractor is None:
            frame.content(event.text, parts)
        else:
            found = self._extractor.feed(jsonio.text_of(event.text))
            self._extracted += len(found)
            frame.content(bytes(jsonio.quote(found)), parts)

    def _thinking(self, event: ThinkingDelta, parts: list[bytes]) -> None:
        frame = self._begin(parts)
        if event.thinking == _EMPTY:
            return
        self._thoughts.setdefault(event.index, _Thought()).texts.append(event.thinking)
        if self._parsed.show_reasoning:
            frame.delta(b'{"reasoning_content":%b}' % event.thinking, parts)

    def _thought_end(self, index: int, parts: list[bytes]) -> None:
        thought = self._thoughts.pop(index)
        text = jsonio.join(thought.texts) if thought.texts else _EMPTY
        self._thought_out(Thinking(Raw(text), Raw(thought.signature)), parts)

    def _thought_out(self, block: Thinking | RedactedThinking, parts: list[bytes]) -> None:
        """A whole signed block, so that a client that collects the items can send them back."""
        known = len(self._signed.blocks)
        self._signed.add(block, texts=self._said, calls=self._calls.count)
        blocks = self._signed.blocks[known:]
        if blocks and self._parsed.show_reasoning:
            made = Message(UNSET, UNSET, UNSET)
            made.thinking_blocks = blocks
            made.reasoning_details = self._signed.details[known:]
            self._begin(parts).delta(jsonio.encode(made), parts)

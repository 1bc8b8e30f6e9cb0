"""An answer that pauses: what has to be sent so that upstream goes on with it.

Upstream searches the web by itself, and after so many steps it ends its message with the stop
reason ``pause_turn``: the same request, with all that it said so far as the last assistant message,
lets it go on (protocol.md §5c). A chat client knows no such thing, so the gateway does it and makes
one answer of the parts: one beginning, one end, usage that is the sum of the parts. After
:data:`MOST` continuations the answer ends where it is, as if it had become too long.

What goes back is what came: blocks of a whole message are sent as their own bytes, blocks of a
stream are put together from their pieces, in which every text stays the JSON string it was. Only a
text without a visible character is left out, because upstream refuses to take it (protocol.md §2b
rule 4). ``max_tokens`` shrinks by what is written, so that all parts together keep the client's
limit. Everything here is pure; ``pauses.py`` sends.
"""

from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from dragoman.codec import jsonio
from dragoman.hub.events import (
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    Reply,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.hub.request import Message, Request
from dragoman.hub.usage import Usage

PAUSE = "pause_turn"
MOST = 5
"""Continuations of one answer."""


class _Head(Struct):
    type: str = ""
    text: Raw = Raw(b'""')
    id: str | None = None
    tool_use_id: str | None = None
    """Of a result: the call it belongs to."""


_heads = jsonio.Decoder(_Head)
_fields = jsonio.Decoder(dict[str, Raw])
_lists = jsonio.Decoder(list[Raw])


class Continuation:
    """One request, and what was answered to it so far."""

    def __init__(self, request: Request) -> None:
        # The request's owner lets go of its prompt once the answer has begun; this keeps it.
        self._request = replace(request)
        self._content: list[Raw] = []
        """All blocks of the parts that are over."""
        self._count = 0
        self.usage = Usage()
        """Of the parts that are over."""

    def pause(self, blocks: list[Raw]) -> bool:
        """A part has paused after ``blocks``; ``usage`` has its figures. Whether to go on.

        There must be something to go on from, room in the client's limit, and no call that waits
        for the client.
        """
        heads = [_heads.decode(block) for block in blocks]
        kept = [block for block, head in zip(blocks, heads, strict=True) if not _invisible(head)]
        self._content += kept
        left = self._count < MOST and self._request.max_tokens > self.usage.output
        return left and bool(kept) and all(head.type != "tool_use" for head in heads)

    def next(self) -> Request:
        """The request that lets upstream go on; :meth:`pause` has said yes."""
        self._count += 1
        return self._next()

    def without_open_calls(self) -> Request | None:
        """The same request without searches that have no result, if it holds any.

        Upstream runs what it left open when it gets it back; but there are reports of it refusing
        its own open calls, and then it can only search anew.
        """
        heads = [_heads.decode(block) for block in self._content]
        done = {head.tool_use_id for head in heads}
        kept = [
            block
            for block, head in zip(self._content, heads, strict=True)
            if head.type != "server_tool_use" or head.id in done
        ]
        if not kept or len(kept) == len(self._content):
            return None
        self._content = kept
        return self._next()

    def _next(self) -> Request:
        request = replace(self._request)
        last = request.messages[-1] if request.messages else None
        if last is not None and last.role == "assistant":
            # The client itself began the answer.
            said = Message("assistant", [*last.content, *self._content])
            request.messages = [*request.messages[:-1], said]
        else:
            request.messages = [*request.messages, Message("assistant", [*self._content])]
        request.max_tokens -= self.usage.output
        thinking = request.thinking
        if thinking is not UNSET and thinking.budget_tokens is not UNSET:
            request.max_tokens = max(request.max_tokens, thinking.budget_tokens + 1)
        return request


def _invisible(head: _Head) -> bool:
    return head.type == "text" and not jsonio.text_of(head.text).strip()


class WholeParts(Continuation):
    """The parts of a whole answer."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._replies: list[Reply] = []

    def take(self, reply: Reply) -> bool:
        """The next part; whether the answer is to go on after it."""
        self._replies.append(reply)
        part = Usage()
        part.fold(reply.usage)
        self.usage.add(part)
        return reply.stop_reason == PAUSE and self.pause(reply.raws)

    def reply(self) -> Reply:
        """All parts as one answer."""
        first, last = self._replies[0], self._replies[-1]
        content = [block for one in self._replies for block in one.content]
        made = replace(last, id=first.id, model=first.model, content=content)
        made.usage = self.usage.wire()
        return made


class _Block(Struct):
    """A block on its way: how it began, and the pieces that came."""

    start: BlockStart
    texts: list[bytes] = []
    """Of its text or its thinking."""
    inputs: list[bytes] = []
    signature: bytes = b""
    citations: list[Raw] = []


_Indexed = (
    BlockStart | TextDelta | ThinkingDelta | SignatureDelta | InputDelta | CitationDelta | BlockStop
)


class StreamedParts(Continuation):
    """The parts of a streamed answer."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.paused = False
        """Whether the part that ends now is to be followed by another."""
        self._pausing = False
        """Whether the present part has said that it pauses; it may still say more."""
        self._part = Usage()
        self._blocks: dict[int, _Block] = {}
        """Of the present part."""
        self._before = 0
        """Blocks of the parts before it."""

    def take(self, events: list[Event]) -> list[Event]:
        """A part's events → the events of the one message that the client is to see."""
        passed: list[Event] = []
        for event in events:
            if isinstance(event, _Indexed):
                self._collect(event)
                event.index += self._before
                passed.append(event)
            elif isinstance(event, MessageStart | MessageDelta):
                self._part.fold(event.usage)
                passed.append(self._said(event))
            elif isinstance(event, MessageStop) and self._pausing:
                self._end_part(event, passed)
            else:
                passed.append(event)
        return passed

    def next(self) -> Request:
        self.paused = False
        return super().next()

    def _said(self, event: MessageStart | MessageDelta) -> MessageStart | MessageDelta:
        """The beginning of the first part, or what any says about its end.

        With the usage of all parts.
        """
        total = Usage()
        total.add(self.usage)
        total.add(self._part)
        if isinstance(event, MessageStart) and not self._count:
            return event
        if isinstance(event, MessageStart):
            return MessageDelta(None, None, None, total.wire())
        self._pausing = self._pausing or event.stop_reason == PAUSE
        stop = None if self._pausing else event.stop_reason
        return MessageDelta(stop, event.stop_sequence, event.explanation, total.wire())

    def _end_part(self, stop: MessageStop, passed: list[Event]) -> None:
        """A part has paused. If it is the last, the message ends so, too."""
        blocks = [made for block in self._blocks.values() if (made := _whole(block)) is not None]
        self._before += len(self._blocks)
        self._blocks = {}
        self.usage.add(self._part)
        self._part = Usage()
        self._pausing = False
        self.paused = self.pause(blocks)
        if not self.paused:
            passed += (MessageDelta(PAUSE, None, None, self.usage.wire()), stop)

    def _collect(self, event: _Indexed) -> None:
        if isinstance(event, BlockStart):
            self._blocks[event.index] = _Block(event)
            return
        block = self._blocks.get(event.index)
        if block is None:
            return
        if isinstance(event, TextDelta):
            block.texts.append(event.text)
        elif isinstance(event, ThinkingDelta):
            block.texts.append(event.thinking)
        elif isinstance(event, InputDelta):
            block.inputs.append(event.partial_json)
        elif isinstance(event, CitationDelta):
            block.citations.append(event.citation)
        elif isinstance(event, SignatureDelta):
            block.signature = event.signature


def _whole(block: _Block) -> Raw | None:
    """The block as a message would hold it; ``None`` for one that cannot go back.

    Thinking without its signature is refused, and a call whose input broke off is no call.
    """
    start = block.start
    if start.kind == "thinking" and block.signature in (b"", b'""'):
        return None
    if not (block.texts or block.inputs or block.signature or block.citations):
        return start.block
    fields = _fields.decode(start.block)
    if block.texts:
        name = "thinking" if start.kind == "thinking" else "text"
        begun = bytes(fields.get(name, b'""'))
        fields[name] = Raw(jsonio.join([begun, *block.texts]))
    if block.signature:
        fields["signature"] = Raw(block.signature)
    if block.citations:
        begun = _lists.attempt(fields.get("citations", b"[]")) or []
        fields["citations"] = Raw(jsonio.encode([*begun, *block.citations]))
    given = jsonio.text_of(jsonio.join(block.inputs)).strip().encode() if block.inputs else b""
    if given:
        try:
            fields["input"] = jsonio.raw(given)
        except jsonio.Malformed:
            return None
    return Raw(jsonio.encode(fields))

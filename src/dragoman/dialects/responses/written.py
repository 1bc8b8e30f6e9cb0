"""The items of an answer while they are written: message, reasoning, call, search.

Each item says its own events in their order (added, its parts, its deltas, done) and ends as the
JSON that stands in the response's ``output``. Texts are JSON string literals throughout, spliced
and never decoded.
"""

from msgspec import Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.annotations import Annotations
from dragoman.dialects.chat.reply import custom_input
from dragoman.dialects.responses import sealed
from dragoman.dialects.responses.frames import Frames
from dragoman.hub.request import RedactedThinking, Thinking

_EMPTY = b'""'
COMPLETED = b"completed"
INCOMPLETE = b"incomplete"
_DELTA = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
    b'"sequence_number":'
)
"""How the one event begins that is nearly all of a stream."""


class _UrlCitation(Struct, tag_field="type", tag="url_citation"):
    start_index: int
    end_index: int
    url: Raw
    title: Raw


class Item:
    """What all items have: an id, a place in the output, and where their events go."""

    __slots__ = ("_frames", "_place", "id", "index")

    def __init__(self, item_id: str, index: int, frames: Frames) -> None:
        self.id = jsonio.encode(item_id)
        self.index = index
        self._frames = frames
        self._place = b'"item_id":%b,"output_index":%d' % (self.id, index)

    def _added(self, item: bytes) -> None:
        self._frames.say(
            b"response.output_item.added", b'"output_index":%d,"item":%b' % (self.index, item)
        )

    def _done(self, item: bytes) -> bytes:
        self._frames.say(
            b"response.output_item.done", b'"output_index":%d,"item":%b' % (self.index, item)
        )
        return item

    def _say(self, kind: bytes, members: bytes) -> None:
        """An event of this item; ``members`` begin with their comma, or are empty."""
        self._frames.say(kind, self._place + members)

    def close(self, status: bytes) -> bytes:
        """The item is over. Returns its JSON."""
        raise NotImplementedError


class MessageItem(Item):
    """A message with at most two parts: a text, and what is said of a refusal."""

    __slots__ = ("_annotations", "_parts", "_refusal", "_tail", "_texts")

    def __init__(self, item_id: str, index: int, frames: Frames, *, cites: bool) -> None:
        super().__init__(item_id, index, frames)
        self._texts: list[bytes] = []
        self._parts: list[bytes] = []
        self._refusal = b""
        self._annotations = Annotations() if cites else None
        self._added(self._json(b"in_progress"))
        self._tail = b',%b,"content_index":0,"logprobs":[],"delta":' % self._place

    def _json(self, status: bytes) -> bytes:
        return b'{"id":%b,"type":"message","status":"%b","role":"assistant","content":[%b]}' % (
            self.id,
            status,
            b",".join(self._parts),
        )

    def text(self, literal: bytes) -> None:
        """A piece of the text, a JSON string literal."""
        if not self._texts:
            self._say(b"response.content_part.added", b',"content_index":0,"part":' + _part(_EMPTY))
        self._texts.append(literal)
        if self._annotations is not None:
            self._annotations.text(literal)
        if literal != _EMPTY and self._frames.heard:
            frames = self._frames
            frames.parts += (_DELTA, b"%d" % frames.number, self._tail, literal, b"}\n\n")
            frames.number += 1

    def cite(self, citation: Raw) -> None:
        """What the present text block is founded on."""
        if self._annotations is not None:
            self._annotations.cite(citation)

    def end_block(self) -> None:
        """Upstream's text block is over; the message may go on with another."""
        if self._annotations is not None:
            self._annotations.end_block()

    def refuse(self, literal: bytes) -> None:
        """Why the model refuses."""
        self._refusal = literal

    def _cited(self) -> bytes:
        if self._annotations is None:
            return b"[]"
        found = [
            jsonio.encode(_UrlCitation(one.start_index, one.end_index, one.url, one.title))
            for one in (annotation.url_citation for annotation in self._annotations.finish())
        ]
        for at, one in enumerate(found):
            self._say(
                b"response.output_text.annotation.added",
                b',"content_index":0,"annotation_index":%d,"annotation":%b' % (at, one),
            )
        return b"[%b]" % b",".join(found)

    def close(self, status: bytes) -> bytes:
        if self._texts:
            text = jsonio.join(self._texts)
            cited = self._cited()
            self._say(
                b"response.output_text.done", b',"content_index":0,"text":%b,"logprobs":[]' % text
            )
            self._part_done(_part(text, cited))
        if self._refusal:
            at = b',"content_index":%d' % len(self._parts)
            self._say(
                b"response.content_part.added", at + b',"part":{"type":"refusal","refusal":""}'
            )
            self._say(b"response.refusal.delta", at + b',"delta":' + self._refusal)
            self._say(b"response.refusal.done", at + b',"refusal":' + self._refusal)
            self._part_done(b'{"type":"refusal","refusal":%b}' % self._refusal)
        return self._done(self._json(status))

    def _part_done(self, part: bytes) -> None:
        at = b',"content_index":%d,"part":%b' % (len(self._parts), part)
        self._say(b"response.content_part.done", at)
        self._parts.append(part)


def _part(text: bytes, annotations: bytes = b"[]") -> bytes:
    return b'{"type":"output_text","annotations":%b,"logprobs":[],"text":%b}' % (annotations, text)


class ReasoningItem(Item):
    """One block of thinking: its text is the summary, what it takes to send it back stands sealed
    beside it."""

    __slots__ = ("_shown", "_signature", "_texts")

    def __init__(self, item_id: str, index: int, frames: Frames, *, shown: bool) -> None:
        super().__init__(item_id, index, frames)
        self._shown = shown
        self._texts: list[bytes] = []
        self._signature = _EMPTY
        self._added(self._json(b"", b"null"))

    def _json(self, summary: bytes, encrypted: bytes) -> bytes:
        return b'{"id":%b,"type":"reasoning","summary":[%b],"encrypted_content":%b}' % (
            self.id,
            summary,
            encrypted,
        )

    def text(self, literal: bytes) -> None:
        """A piece of what is thought."""
        if self._shown and not self._texts:
            self._say(
                b"response.reasoning_summary_part.added",
                b',"summary_index":0,"part":{"type":"summary_text","text":""}',
            )
        self._texts.append(literal)
        if self._shown:
            self._say(
                b"response.reasoning_summary_text.delta",
                b',"summary_index":0,"delta":' + literal,
            )

    def sign(self, literal: bytes) -> None:
        """The signature of what was thought."""
        self._signature = literal

    def close(self, status: bytes) -> bytes:
        text = jsonio.join(self._texts) if self._texts else _EMPTY
        encrypted = b"null"
        if self._signature != _EMPTY or text != _EMPTY:
            encrypted = sealed.seal(Thinking(Raw(text), Raw(self._signature)))
        summary = b""
        if self._texts and self._shown:
            summary = b'{"type":"summary_text","text":%b}' % text
            at = b',"summary_index":0'
            self._say(b"response.reasoning_summary_text.done", at + b',"text":' + text)
            self._say(b"response.reasoning_summary_part.done", at + b',"part":' + summary)
        return self._done(self._json(summary, encrypted))


class RedactedItem(Item):
    """Thinking that nobody may read, as a reasoning item without a summary."""

    __slots__ = ("_json",)

    def __init__(self, item_id: str, index: int, frames: Frames, data: Raw) -> None:
        super().__init__(item_id, index, frames)
        self._json = b'{"id":%b,"type":"reasoning","summary":[],"encrypted_content":%b}' % (
            self.id,
            sealed.seal(RedactedThinking(data)),
        )
        self._added(self._json)

    def close(self, status: bytes) -> bytes:
        return self._done(self._json)


class Called(Struct):
    """What a call is, as the client knows it."""

    id: str
    name: str
    namespace: str
    custom: bool
    given: Raw
    """The input that stood in the block's start: an object, empty as a rule."""


class CallItem(Item):
    """A function call, or a custom tool's."""

    __slots__ = ("_called", "_head", "_pieces")

    def __init__(self, item_id: str, index: int, frames: Frames, called: Called) -> None:
        super().__init__(item_id, index, frames)
        self._called = called
        self._pieces: list[bytes] = []
        kind = b"custom_tool_call" if called.custom else b"function_call"
        space = b',"namespace":%b' % jsonio.encode(called.namespace) if called.namespace else b""
        self._head = b'{"id":%b,"type":"%b","call_id":%b,"name":%b%b' % (
            self.id,
            kind,
            jsonio.encode(called.id),
            jsonio.encode(called.name),
            space,
        )
        self._added(self._json(_EMPTY, b"in_progress"))

    def _json(self, data: bytes, status: bytes) -> bytes:
        field = b"input" if self._called.custom else b"arguments"
        return b'%b,"%b":%b,"status":"%b"}' % (self._head, field, data, status)

    def input(self, literal: bytes) -> None:
        """A piece of the arguments' JSON text. A custom tool's waits until all of it is there."""
        self._pieces.append(literal)
        if not self._called.custom:
            self._say(b"response.function_call_arguments.delta", b',"delta":' + literal)

    def close(self, status: bytes) -> bytes:
        called = self._called
        if called.custom:
            data = self._text()
            kind, field = b"response.custom_tool_call_input", b"input"
        else:
            data = jsonio.join(self._pieces) if self._pieces else jsonio.nested(called.given)
            kind, field = b"response.function_call_arguments", b"arguments"
        if called.custom or not self._pieces:
            self._say(kind + b".delta", b',"delta":' + data)
        members = b',"%b":%b' % (field, data)
        if not called.custom:
            members += b',"name":%b' % jsonio.encode(called.name)
        self._say(kind + b".done", members)
        return self._done(self._json(data, status))

    def _text(self) -> bytes:
        """A custom tool's text; of an input that was cut off, what there is."""
        whole = bytes(self._called.given)
        if self._pieces:
            whole = jsonio.text_of(jsonio.join(self._pieces)).encode()
        try:
            return bytes(custom_input(whole))
        except (jsonio.Malformed, jsonio.Mismatch):
            return bytes(jsonio.quote(whole.decode()))


class _Query(Struct):
    query: Raw = Raw(_EMPTY)


class _Source(Struct):
    url: Raw = Raw(_EMPTY)


_queries = jsonio.Decoder(_Query)
_sources = jsonio.Decoder(list[_Source])


class SearchItem(Item):
    """A search of the web that upstream makes by itself."""

    __slots__ = ("_given", "_pieces", "_results", "_with_sources")

    def __init__(
        self, item_id: str, index: int, frames: Frames, given: Raw, *, with_sources: bool
    ) -> None:
        super().__init__(item_id, index, frames)
        self._given = given
        self._pieces: list[bytes] = []
        self._results: list[_Source] | None = None
        self._with_sources = with_sources
        self._added(self._json(b"in_progress"))
        self._say(b"response.web_search_call.in_progress", b"")
        self._say(b"response.web_search_call.searching", b"")

    def input(self, literal: bytes) -> None:
        """A piece of the query's JSON text."""
        self._pieces.append(literal)

    def found(self, content: Raw) -> None:
        """What the search came to: a list of pages, or an error."""
        self._results = _sources.attempt(content)

    def _json(self, status: bytes) -> bytes:
        data = bytes(self._given)
        if self._pieces:
            data = jsonio.text_of(jsonio.join(self._pieces)).encode()
        asked = _queries.attempt(data)
        query = bytes(asked.query) if asked is not None else _EMPTY
        if query[:1] != b'"':
            query = _EMPTY
        sources = b""
        if self._with_sources:
            urls = [b'{"type":"url","url":%b}' % bytes(one.url) for one in self._results or ()]
            sources = b',"sources":[%b]' % b",".join(urls)
        queries = query if query != _EMPTY else b""
        return (
            b'{"id":%b,"type":"web_search_call","status":"%b",'
            b'"action":{"type":"search","query":%b,"queries":[%b]%b}}'
            % (self.id, status, query, queries, sources)
        )

    def close(self, status: bytes) -> bytes:
        if self._results is None:
            return self._done(self._json(b"failed"))
        self._say(b"response.web_search_call.completed", b"")
        return self._done(self._json(COMPLETED))

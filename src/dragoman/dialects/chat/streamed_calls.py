"""Tool calls of a stream (protocol.md §5d).

Calls are counted, not blocks: the first call is number 0 whatever stood before it. Input of a block
that is none of the client's calls, a server tool's, goes nowhere. Arguments pass as upstream's own
JSON strings; only a custom tool's text has to wait until the object it is wrapped in is complete.
"""

from msgspec import Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.chunks import Frame
from dragoman.dialects.chat.parsed import JSON_TOOL, JsonMode, Parsed
from dragoman.dialects.chat.reply import custom_input
from dragoman.hub.events import BlockStart, InputDelta

_WRITTEN = Raw(b"")


class _Call(Struct):
    number: int
    """Its place among the calls of this choice, from 0."""
    id: bytes
    name: bytes
    given: Raw
    """The input that stood in the block's start: an object, empty as a rule."""
    custom: bool
    pieces: list[bytes] = []
    """Literals of a custom tool's input, kept back."""
    written: bool = False
    """Whether its arguments went out, or began to."""


class StreamedCalls:
    """The calls of one choice."""

    __slots__ = ("_calls", "_json", "_parsed", "count")

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._calls: dict[int, _Call] = {}
        """By upstream's block index."""
        self._json: dict[int, Raw] = {}
        """Blocks of the tool that stands for a JSON answer, and the input in their start; empty
        once input went out."""
        self.count = 0

    def start(self, event: BlockStart, given: Raw, frame: Frame, parts: list[bytes]) -> bool:
        """A ``tool_use`` block begins; ``given`` is its input so far.

        Returns whether it stands for a text, which is what a JSON answer is to the client.
        """
        parsed = self._parsed
        if parsed.json_mode is JsonMode.TOOL and event.name == JSON_TOOL:
            self._json[event.index] = given
            return True
        if parsed.legacy and self.count:
            return False
        call = _Call(
            self.count,
            jsonio.encode(event.id),
            jsonio.encode(parsed.names.get(event.name, event.name)),
            given,
            event.name in parsed.customs,
        )
        self._calls[event.index] = call
        self.count += 1
        if parsed.legacy:
            frame.delta(b'{"function_call":{"name":%b,"arguments":""}}' % call.name, parts)
        elif not call.custom:
            frame.delta(
                b'{"tool_calls":[{"index":%d,"id":%b,"type":"function",'
                b'"function":{"name":%b,"arguments":""}}]}' % (call.number, call.id, call.name),
                parts,
            )
        return False

    def input(self, event: InputDelta, frame: Frame, parts: list[bytes]) -> None:
        """A piece of a block's input."""
        literal = event.partial_json
        if literal == b'""':
            return
        call = self._calls.get(event.index)
        if call is None:
            if event.index in self._json:
                self._json[event.index] = _WRITTEN
                frame.content(literal, parts)
        elif call.custom:
            call.pieces.append(literal)
        else:
            self._arguments(call, literal, frame, parts)

    def stop(self, index: int, frame: Frame, parts: list[bytes]) -> None:
        """A block ends: what was kept back goes out."""
        call = self._calls.get(index)
        if call is None:
            given = self._json.pop(index, _WRITTEN)
            if given != _WRITTEN:
                frame.content(jsonio.nested(given), parts)
            return
        if call.written:
            return
        if call.custom:
            call.written = True
            frame.delta(
                b'{"tool_calls":[{"index":%d,"id":%b,"type":"custom","custom":{"name":%b,"input":%b}}]}'
                % (call.number, call.id, call.name, bytes(_custom_text(call))),
                parts,
            )
        else:
            self._arguments(call, jsonio.nested(call.given), frame, parts)

    def finish(self, frame: Frame, parts: list[bytes]) -> None:
        """The stream ends: so does every block that did not."""
        for index in [*self._calls, *self._json]:
            self.stop(index, frame, parts)

    def _arguments(self, call: _Call, literal: bytes, frame: Frame, parts: list[bytes]) -> None:
        call.written = True
        if self._parsed.legacy:
            frame.delta(b'{"function_call":{"arguments":%b}}' % literal, parts)
        else:
            frame.delta(
                b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}'
                % (call.number, literal),
                parts,
            )


def _custom_text(call: _Call) -> Raw:
    """A custom tool's text; of an input that was cut off, what there is."""
    whole = bytes(call.given)
    if call.pieces:
        whole = jsonio.text_of(jsonio.join(call.pieces)).encode()
    try:
        return custom_input(whole)
    except (jsonio.Malformed, jsonio.Mismatch):
        return jsonio.quote(whole.decode())

"""The hub's messages as chat messages (protocol.md §6b).

One user message becomes its tool results, in the order they stand in, as ``tool`` messages, and
what else it holds as a ``user`` message after them: a tool message must follow the calls. Texts are
spliced, never decoded.
"""

from collections.abc import Sequence

from msgspec import UNSET, Raw, Struct, UnsetType

from dragoman.carriers.openai.details import opened
from dragoman.carriers.openai.names import Names, call_id
from dragoman.carriers.openai.shapes import (
    NULL,
    Call,
    Called,
    File,
    FilePart,
    ImagePart,
    ImageUrl,
    Message,
    Part,
    TextPart,
)
from dragoman.carriers.openai.style import Style
from dragoman.codec import jsonio
from dragoman.errors import Failure
from dragoman.hub import request as hub

_BILLING = b'"x-anthropic-billing-header:'
"""How a block begins that Claude Code means for Anthropic alone."""
_PARAGRAPH = b'"\\n\\n"'
_LINE = b'"\\n"'
_ERROR = b'"Error: "'
_SEE = b'"(image, see the next message)"'
_EMPTY = Raw(b'""')
_REMINDER = (b'"<system-reminder>\\n"', b'"\\n</system-reminder>"')
"""Around a system text that stands in a user's message."""


class _Other(Struct, gc=False):
    """A block that the hub keeps as it came."""

    type: str = ""
    title: Raw = NULL
    source: Raw = NULL
    content: Raw = NULL


class _TextOf(Struct, gc=False):
    text: Raw = NULL


_others = jsonio.Decoder(_Other)
_texts = jsonio.Decoder(list[_TextOf])


def unsupported(what: str) -> Failure:
    """This carrier cannot say it; another account may."""
    return Failure("unsupported_here", f"The upstream of this model takes no {what}.")


class Conversation:
    """Chat messages in the making."""

    def __init__(self, style: Style, names: Names) -> None:
        self.messages: list[Message] = []
        self._style = style
        self._names = names
        self._held: list[Part] = []
        """Reminders that wait for a user's message."""

    def system(self, texts: Sequence[hub.Text]) -> None:
        """The system prompt as one message."""
        kept = [bytes(one.text) for one in texts if not bytes(one.text).startswith(_BILLING)]
        if kept:
            self.messages.append(Message("system", _joined(kept, _PARAGRAPH)))

    def add(self, message: hub.Message) -> None:
        """One message. Raises ``unsupported_here``."""
        if message.role == "assistant":
            self._assistant(message.content)
        elif message.role == "system":
            self._in_the_middle([one for one in message.content if isinstance(one, hub.Text)])
        else:
            self._user(message.content)

    def close(self) -> None:
        """All messages are in."""
        if self._held:
            held, self._held = self._held, []
            self.messages.append(Message("user", _content(held)))

    def _in_the_middle(self, texts: Sequence[hub.Text]) -> None:
        """A system message behind others: as it is, or as reminders at the head of the user's
        message before it, else of the one behind it."""
        if self._style.mid_system or not self.messages:
            self.system(texts)
            return
        before, behind = _REMINDER
        made: list[Part] = [
            TextPart(Raw(jsonio.join([before, bytes(one.text), behind]))) for one in texts
        ]
        last = self.messages[-1]
        if last.role == "user" and not self._held:
            last.content = _content([*made, *_parts_of(last.content)])
        else:
            self._held += made

    def _user(self, blocks: Sequence[hub.Block]) -> None:
        parts: list[Part] = []
        for block in blocks:
            if isinstance(block, hub.ToolResult):
                self._result(block, parts)
            else:
                parts += self._parts(block)
        if self._held:
            parts, self._held = [*self._held, *parts], []
        if parts:
            self.messages.append(Message("user", _content(parts)))

    def _result(self, result: hub.ToolResult, later: list[Part]) -> None:
        """A tool message; pictures come with what the user says after it."""
        texts = [_ERROR] if result.is_error else []
        blocks = () if result.content is UNSET else result.content
        for block in blocks:
            for part in self._parts(block):
                if isinstance(part, TextPart):
                    texts.append(bytes(part.text))
                else:
                    texts.append(_SEE)
                    later.append(part)
        if len(texts) > 1 and result.is_error:
            texts[:2] = [jsonio.join(texts[:2])]
        content = _joined(texts, _LINE) if texts else _EMPTY
        made = Message("tool", content, tool_call_id=call_id(result.tool_use_id))
        self.messages.append(made)

    def _assistant(self, blocks: Sequence[hub.Block]) -> None:
        self.close()
        texts: list[bytes] = []
        thoughts: list[bytes] = []
        calls: list[Call] = []
        details: Raw | None = None
        for block in blocks:
            if isinstance(block, hub.Text):
                texts.append(bytes(block.text))
            elif isinstance(block, hub.Thinking):
                details = opened(block.signature) or details
                if len(block.thinking) > 2 or details is None:
                    thoughts.append(bytes(block.thinking))
            elif isinstance(block, hub.ToolUse):
                called = Called(self._names.fit(block.name), Raw(jsonio.nested(block.input)))
                calls.append(Call(call_id(block.id), called))
            elif not isinstance(block, hub.RedactedThinking):
                parts = self._parts(block)
                texts += [bytes(one.text) for one in parts if isinstance(one, TextPart)]
        message = Message("assistant", Raw(jsonio.join(texts)) if texts else NULL)
        if not texts and not calls:
            message.content = _EMPTY
        if calls:
            message.tool_calls = calls
        self._give_back(message, thoughts, details)
        self.messages.append(message)

    def _give_back(self, message: Message, thoughts: list[bytes], details: Raw | None) -> None:
        """What was thought, where the server takes it: the details, which hold the texts, too."""
        field = self._style.thoughts
        if field == "reasoning" and details is not None:
            message.reasoning_details = details
        elif thoughts and field:
            setattr(message, field, Raw(jsonio.join(thoughts)))

    def _parts(self, block: hub.Block) -> list[Part]:
        """A block that is no call, no result and no thinking."""
        if isinstance(block, hub.Text):
            return [TextPart(block.text)]
        if isinstance(block, hub.Image):
            return [ImagePart(ImageUrl(_url(block.source)))]
        if isinstance(block, hub.Document):
            return self._document(block)
        if isinstance(block, Raw):
            return _other(block)
        return []

    def _document(self, document: hub.Document) -> list[Part]:
        source = document.source
        if isinstance(source, hub.TextSource):
            titled = [] if document.title is UNSET else [bytes(document.title)]
            return [TextPart(_joined([*titled, bytes(source.data)], _LINE))]
        if isinstance(source, hub.UrlSource) or not self._style.pdf:
            raise unsupported("documents but texts")
        title = Raw(b'"document.pdf"') if document.title is UNSET else document.title
        return [FilePart(File(title, _url(source)))]


def _content(parts: list[Part]) -> Raw | list[Part]:
    """Parts as content: one text is a string, as every server takes it."""
    only = parts[0]
    return only.text if len(parts) == 1 and isinstance(only, TextPart) else parts


def _parts_of(content: Raw | list[Part] | UnsetType) -> list[Part]:
    if isinstance(content, list):
        return content
    return [] if isinstance(content, UnsetType) else [TextPart(content)]


def _other(block: Raw) -> list[Part]:
    """A block of a kind that the hub does not model: what upstream's own tools did is left out, as
    the answer founded on it stands beside it; a search result is its text."""
    found = _others.attempt(block) or _Other()
    if found.type == "server_tool_use" or found.type.endswith("_tool_result"):
        return []
    if found.type == "search_result":
        texts = _texts.attempt(found.content) or []
        pieces = [found.title, found.source, *[one.text for one in texts]]
        kept = [bytes(one) for one in pieces if bytes(one)[:1] == b'"']
        return [TextPart(_joined(kept, _LINE))] if kept else []
    raise unsupported(f"blocks of the type {found.type[:40]!r}")


def _url(source: hub.Base64Source | hub.UrlSource) -> Raw:
    if isinstance(source, hub.UrlSource):
        return source.url
    kind = bytes(jsonio.quote(f"data:{source.media_type};base64,"))
    return Raw(kind[:-1] + bytes(source.data)[1:])


def _joined(literals: Sequence[bytes], between: bytes) -> Raw:
    """JSON strings as one, with something between them."""
    pieces: list[bytes] = []
    for literal in literals:
        if pieces:
            pieces.append(between)
        pieces.append(literal)
    return Raw(jsonio.join(pieces))

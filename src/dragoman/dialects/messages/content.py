"""Content as the hub models it: blocks with types, a block of another kind as its own bytes.

A block with a field that the hub has no place for stays as it is, too: whoever cannot send such
bytes has to say so, nobody drops the field by accident. Fields that are ``null`` are absent.
"""

from collections.abc import Sequence

from msgspec import UNSET, Raw

from dragoman.codec import jsonio
from dragoman.dialects.messages.shapes import Known, Said, WireTool, WireToolResult
from dragoman.hub.request import Block, Document, Image, Message, Role, Text, Tool, ToolResult

_blocks: jsonio.Decoder[list[Known]] = jsonio.Decoder(list[Known])
_one: jsonio.Decoder[Known] = jsonio.Decoder(Known)
_raws = jsonio.Decoder(list[Raw])
_members = jsonio.Decoder(dict[str, Raw])
_texts = jsonio.Decoder(list[Text])
_tools = jsonio.Decoder(WireTool)
_NULL = b"null"
_SPARE = {
    b'"tool_use"': frozenset({"caller"}),
    b'"document"': frozenset({"citations", "context"}),
}
"""Fields that say nothing to an upstream of another kind, by a block's type: who made a call, and
how a document may be cited."""
_NOTHING: frozenset[str] = frozenset()
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def message(said: Said, path: str) -> Message:
    """A message. Raises ``jsonio.Mismatch``, its path under ``path``, for what is none."""
    role = _ROLES.get(said.role)
    if role is None:
        words = f'Unexpected role "{said.role[:40]}". Allowed roles are "user" or "assistant"'
        raise jsonio.Mismatch(words, path)
    return Message(role, content(said.content, f"{path}.content"))


def content(raw: Raw, path: str) -> list[Block]:
    """A message's content: a text, or blocks. Raises ``jsonio.Mismatch``."""
    first = bytes(memoryview(raw)[:1])
    if first == b'"':
        return [Text(raw)]
    if first != b"[":
        raise jsonio.Mismatch("Input should be a valid string or list", path)
    known = _blocks.attempt(raw)
    if known is not None:
        return [_made(block, path) for block in known]
    return [_block(one, f"{path}[{at}]") for at, one in enumerate(_raws.decode(raw))]


def system(raw: Raw) -> list[Text]:
    """The system prompt. Raises ``jsonio.Mismatch``."""
    first = bytes(memoryview(raw)[:1])
    if first == b'"':
        return [Text(raw)]
    if first != b"[":
        raise jsonio.Mismatch("Input should be a valid string or list", "system")
    try:
        return _texts.decode(_without_nulls(raw))
    except jsonio.Mismatch as error:
        raise jsonio.Mismatch(error.reason, f"system{error.path}") from None


def tool(raw: Raw) -> Tool | Raw:
    """A tool of the client's own; one that runs upstream, or is none at all, as it came."""
    read = _tools.attempt(raw)
    if read is None:
        return raw
    made = Tool(read.name, read.input_schema)
    if bytes(read.description)[:1] == b'"':
        made.description = read.description
    if read.strict is not None:
        made.strict = read.strict
    if read.cache_control is not None:
        made.cache_control = read.cache_control
    return made


def _block(raw: Raw, path: str) -> Block:
    read = _one.attempt(raw)
    if read is None:
        members = _members.attempt(raw)
        if members is None or "type" not in members:
            raise jsonio.Mismatch("Input should be an object with a type", path)
        spare = _SPARE.get(bytes(members["type"]), _NOTHING)
        kept = {
            name: value
            for name, value in members.items()
            if bytes(value) != _NULL and name not in spare
        }
        if len(kept) < len(members):
            read = _one.attempt(jsonio.encode(kept))
    return raw if read is None else _made(read, path)


def _made(read: Known, path: str) -> Block:
    if not isinstance(read, WireToolResult):
        return read
    made = ToolResult(read.tool_use_id)
    made.is_error, made.cache_control = read.is_error, read.cache_control
    if bytes(read.content) == _NULL:
        return made
    parts = content(read.content, f"{path}.content")
    taken: list[Text | Image | Document] = []
    for part in parts:
        if isinstance(part, Text | Image | Document):
            taken.append(part)
        else:
            # What the hub has no place for inside a result (a reference to a tool, a search
            # result) is told as the text that it is.
            words = bytes(part) if isinstance(part, Raw) else jsonio.encode(part)
            taken.append(Text(Raw(jsonio.nested(words))))
    made.content = taken if taken else UNSET
    return made


def _without_nulls(raw: Raw) -> bytes | Raw:
    """A list of objects without members that are ``null``."""
    if b"null" not in bytes(raw):
        return raw
    found: Sequence[dict[str, Raw]] | None = _lists.attempt(raw)
    if found is None:
        return raw
    return jsonio.encode(
        [{name: value for name, value in one.items() if bytes(value) != _NULL} for one in found]
    )


_lists: jsonio.Decoder[list[dict[str, Raw]]] = jsonio.Decoder(list[dict[str, Raw]])

"""What is changed, or looked for, inside of a Messages client's own prompt (``passing.py``).

Values go in and out as JSON bytes; blocks that are not concerned keep theirs.
"""

from msgspec import UNSET, Raw, Struct, UnsetType

from dragoman.codec import jsonio, splice
from dragoman.errors import Failure

_BILLING = b'"x-anthropic-billing-header:'
"""How the first block of Claude Code's system prompt begins: Anthropic takes it out, others would
read it, and it is another in every conversation (protocol.md §6a)."""
_MARKABLE = frozenset({"text", "image", "document", "tool_use", "tool_result"})
_THINKING = frozenset({"thinking", "redacted_thinking"})
_NOTHING = Raw(b"null")
_EMPTY = b'""'


class _Said(Struct):
    content: Raw = _NOTHING


class _Block(Struct):
    type: str = ""
    text: Raw = _NOTHING
    source: Raw = _NOTHING
    content: Raw = _NOTHING
    cache_control: Raw | UnsetType = UNSET


class _Source(Struct):
    type: str = ""


_lists: jsonio.Decoder[list[Raw]] = jsonio.Decoder(list[Raw])
_messages: jsonio.Decoder[list[_Said]] = jsonio.Decoder(list[_Said])
_blocks: jsonio.Decoder[list[_Block]] = jsonio.Decoder(list[_Block])
_block = jsonio.Decoder(_Block)
_sources = jsonio.Decoder(_Source)
_objects: jsonio.Decoder[dict[str, Raw]] = jsonio.Decoder(dict[str, Raw])


def without_billing(system: Raw) -> bytes | Raw | None:
    """A system prompt without Claude Code's billing line; ``None`` where nothing is left.

    The very same value where there is no such line.
    """
    said = bytes(system)
    if _BILLING not in said or not said.startswith(b"["):
        return system
    blocks = _lists.attempt(system) or []
    first = _block.attempt(blocks[0]) if blocks else None
    if first is None or not bytes(first.text).startswith(_BILLING):
        return system
    return jsonio.encode(blocks[1:]) if len(blocks) > 1 else None


def without_output_config(messages: Raw) -> bytes | Raw:
    """Messages without an ``output_config`` of their own; the very same where none has one."""
    kept: list[Raw] = []
    changed = False
    for one in _lists.decode(messages):
        members = _objects.attempt(one) or {}
        if "output_config" in members:
            changed = True
            kept.append(Raw(splice.edited(bytes(one), members, b"", {"output_config": None})))
        else:
            kept.append(one)
    return jsonio.encode(kept) if changed else messages


def with_mark(messages: Raw, mark: Raw) -> bytes:
    """Messages with a cache mark on the last block that may have one, if it has none yet."""
    all_of_them = _lists.decode(messages)
    for at in range(len(all_of_them) - 1, -1, -1):
        members = _objects.decode(all_of_them[at])
        marked = _marked(members.get("content", _NOTHING), mark)
        if marked is not None:
            message = bytes(all_of_them[at])
            said = splice.edited(message, members, b"", {"content": marked})
            all_of_them[at] = Raw(said)
            break
    return jsonio.encode(all_of_them)


def _marked(content: Raw, mark: Raw) -> bytes | None:
    """A message's content with the mark; ``None`` where it has no place for one."""
    said = bytes(content)
    if said.startswith(b'"'):
        if said == _EMPTY:
            return None
        return b'[{"type":"text","text":%b,"cache_control":%b}]' % (said, bytes(mark))
    blocks = _lists.attempt(content) or []
    for at in range(len(blocks) - 1, -1, -1):
        block = _block.attempt(blocks[at])
        kind = "" if block is None else block.type
        if block is not None and kind in _MARKABLE:
            if block.cache_control is UNSET:
                more = b'"cache_control":' + bytes(mark)
                blocks[at] = Raw(splice.with_more(bytes(blocks[at]), more))
            return jsonio.encode(blocks)
        if kind not in _THINKING:
            break
    return None


def refuse_sources(messages: Raw) -> None:
    """Raise ``unsupported_here`` for images and documents that upstream would have to fetch
    (protocol.md §2b rule 36), or that were uploaded to Anthropic."""
    for at, said in enumerate(_messages.attempt(messages) or []):
        for place, block in enumerate(_blocks.attempt(said.content) or []):
            inner = _blocks.attempt(block.content) or []
            if any(_is_elsewhere(one) for one in (block, *inner)):
                raise Failure(
                    "unsupported_here",
                    "No account that is available takes images or documents by URL or file id. "
                    "Send them as base64.",
                    param=f"messages.{at}.content.{place}",
                )


def _is_elsewhere(block: _Block) -> bool:
    if block.type == "container_upload":
        return True
    if block.type not in ("image", "document"):
        return False
    source = _sources.attempt(block.source)
    return source is not None and source.type in ("url", "file")


def refuse_tools(tools: Raw, runs_not: tuple[str, ...]) -> None:
    """Raise ``unsupported_here`` for a tool whose type begins like one of these."""
    said = bytes(tools)
    if not any(b'"%b' % beginning.encode() in said for beginning in runs_not):
        return
    for at, tool in enumerate(_blocks.attempt(tools) or []):
        if tool.type.startswith(runs_not):
            words = f"No account that is available runs the tool {tool.type[:64]}."
            raise Failure("unsupported_here", words, param=f"tools.{at}")

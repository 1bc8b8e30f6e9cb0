"""Thinking inside ``encrypted_content``, both ways (protocol.md §4e, §6e).

A reasoning item is the one thing a Responses client sends back as it came, so what Claude signed
travels in it: base64 of ``{"v":1,"blocks":[…]}`` where a block is ``{"thinking","signature"}`` or
``{"data"}``. Upstream needs these byte for byte. What an upstream thought that signs nothing
travels the same way, with an empty signature: DeepSeek and others want it back in a tool loop. What
is sealed by somebody else is of no use here.
"""

import binascii
from base64 import b64decode, b64encode

from msgspec import Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.shapes import ThinkingBlock
from dragoman.hub.request import RedactedThinking, Thinking

_EMPTY = Raw(b'""')
_HEAD = "eyJ2IjoxLC"
"""What the base64 of every envelope begins with."""


class _Block(Struct):
    thinking: Raw = _EMPTY
    signature: Raw = _EMPTY
    data: Raw = _EMPTY


class _Envelope(Struct):
    v: int
    blocks: list[_Block]


_envelopes = jsonio.Decoder(_Envelope)


def seal(block: Thinking | RedactedThinking) -> bytes:
    """A block as ``encrypted_content``, a JSON string literal."""
    if isinstance(block, RedactedThinking):
        inside = b'{"data":%b}' % bytes(block.data)
    else:
        inside = b'{"thinking":%b,"signature":%b}' % (
            bytes(block.thinking),
            bytes(block.signature),
        )
    return b'"%b"' % b64encode(b'{"v":1,"blocks":[%b]}' % inside)


def opened(sealed: str) -> list[ThinkingBlock]:
    """The blocks in an ``encrypted_content``; none where it is not ours."""
    if not sealed.startswith(_HEAD):
        return []
    try:
        data = b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        return []
    found = _envelopes.attempt(data) if jsonio.is_utf8(data) else None
    if found is None:
        return []
    blocks: list[ThinkingBlock] = []
    for block in found.blocks:
        if _is_text(block.data):
            blocks.append(ThinkingBlock("redacted_thinking", data=block.data))
        elif _is_thought(block):
            blocks.append(
                ThinkingBlock("thinking", thinking=block.thinking, signature=block.signature)
            )
    return blocks


def _is_thought(block: _Block) -> bool:
    """A text that was signed, or any text that is there."""
    if bytes(block.thinking)[:1] != b'"' or bytes(block.signature)[:1] != b'"':
        return False
    return _is_text(block.signature) or _is_text(block.thinking)


def _is_text(raw: Raw) -> bool:
    literal = bytes(raw)
    return literal[:1] == b'"' and literal != b'""'

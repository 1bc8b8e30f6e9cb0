"""Thinking that Claude did not sign: for upstreams of other kinds, and never for Claude.

Clients send back what a model thought that signs nothing, with an empty signature. Such a model may
need it to go on (DeepSeek in a tool loop); Anthropic refuses it (protocol.md §6a). Here it is taken
out of whatever goes to Claude, wherever it is served.
"""

import re

from msgspec import Raw, Struct, structs

from dragoman.codec import jsonio, splice
from dragoman.hub.request import FOREIGN, Block, Message, Request, Thinking

_EMPTY = b'""'
_FIELD = b'"signature"'
_NAME = FOREIGN[1:].decode()
_WRITTEN = re.compile(rb'"signature"\s*:\s*(?:""|%b)' % FOREIGN)


def encoded(request: Request) -> bytes:
    """The request's bytes, without thinking that nobody signed."""
    return jsonio.encode(signed_only(request) if _holds_unsigned(request.messages) else request)


def _holds_unsigned(messages: list[Message]) -> bool:
    """Whether there is anything to leave out. Looking at blocks is cheaper than searching bytes."""
    for message in messages:
        if message.role == "assistant":
            for block in message.content:
                if isinstance(block, Thinking) and _is_unsigned(block):
                    return True
    return False


def signed_only(request: Request) -> Request:
    """The request without thinking that nobody signed; the same one where there is none."""
    kept: list[Message] = []
    changed = False
    for message in request.messages:
        left: list[Block] = [block for block in message.content if not _is_unsigned(block)]
        if len(left) == len(message.content):
            kept.append(message)
            continue
        changed = True
        if left:
            kept.append(Message(message.role, left))
    return structs.replace(request, messages=kept) if changed else request


def _is_unsigned(block: Block) -> bool:
    if not isinstance(block, Thinking):
        return False
    signature = bytes(block.signature)
    return signature == _EMPTY or signature.startswith(FOREIGN)


class _Said(Struct, gc=False):
    role: str = ""
    content: Raw = Raw(b"null")


class _Head(Struct, gc=False):
    type: str = ""
    signature: str | None = None


_members = jsonio.Decoder(dict[str, Raw])
_raws = jsonio.Decoder(list[Raw])
_said = jsonio.Decoder(_Said)
_heads = jsonio.Decoder(_Head)


def signed_bytes(body: bytes) -> bytes:
    """A client's own body without thinking that nobody signed; the very same bytes where there is
    none."""
    if body.find(_FIELD) < 0 or not _WRITTEN.search(body):
        return body
    kept: list[Raw] = []
    changed = False
    for raw in _raws.attempt(_members.decode(body)["messages"]) or ():
        said = _said.attempt(raw) or _Said()
        blocks = _raws.attempt(said.content) if said.role == "assistant" else None
        left = [] if blocks is None else [one for one in blocks if not _has_no_signature(one)]
        if blocks is None or len(left) == len(blocks):
            kept.append(raw)
            continue
        changed = True
        if left:
            kept.append(Raw(splice.with_member(bytes(raw), "content", jsonio.encode(left))))
    return splice.with_member(body, "messages", jsonio.encode(kept)) if changed else body


def _has_no_signature(block: Raw) -> bool:
    head = _heads.attempt(block)
    if head is None or head.type != "thinking" or head.signature is None:
        return False
    return not head.signature or head.signature.startswith(_NAME)

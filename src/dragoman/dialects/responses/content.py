"""``content`` of an item, and ``output`` of a call → ``content`` of a chat message."""

from collections.abc import Sequence

from msgspec import Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat.decode import Reader
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import ABSENT, ThinkingBlock, given
from dragoman.dialects.chat.texts import checked, missing, wrong_type
from dragoman.dialects.responses.places import Origin, Places
from dragoman.dialects.responses.shapes import Part
from dragoman.errors import Failure

_parts = Reader(list[Part])


class _Thought(Struct):
    type: str = ""
    text: Raw = ABSENT


_reasoning = jsonio.Decoder(list[_Thought])
_UNSIGNED = Raw(b'""')
_TEXTS = frozenset({"input_text", "output_text", "text"})
_KNOWN = "'input_text', 'output_text', 'refusal', 'input_image', 'input_file'"


def chat_content(raw: Raw, origin: Origin, places: Places, notes: Notes) -> Raw:
    """A text as it is, parts as chat parts; ``origin`` learns where they stood.

    Raises :class:`Failure`.
    """
    if not given(raw) or bytes(raw)[:1] == b'"':
        return raw
    return _array(_made(raw, origin.content, origin, places, notes))


def joined(texts: Sequence[tuple[Raw, str]], origin: Origin, places: Places, notes: Notes) -> Raw:
    """The contents of several messages of one turn, with the paths they stood at, as one."""
    if not texts:
        return ABSENT
    if len(texts) == 1:
        origin.content = texts[0][1]
        return chat_content(texts[0][0], origin, places, notes)
    made: list[bytes] = []
    for raw, path in texts:
        if given(raw) and bytes(raw)[:1] == b'"':
            origin.parts.append(path)
            made.append(_text(raw))
        elif given(raw):
            made += _made(raw, path, origin, places, notes)
    return _array(made)


def thoughts(raw: Raw) -> list[ThinkingBlock]:
    """What a model thought, as servers say it that show it as it is (``reasoning_text``). A summary
    is not what was thought, and stays out."""
    parts = _reasoning.attempt(raw) if bytes(raw)[:1] == b"[" else None
    found = [part.text for part in parts or () if part.type == "reasoning_text"]
    return [
        ThinkingBlock("thinking", thinking=text, signature=_UNSIGNED)
        for text in found
        if bytes(text)[:1] == b'"' and len(bytes(text)) > 2
    ]


def _made(raw: Raw, path: str, origin: Origin, places: Places, notes: Notes) -> list[bytes]:
    if bytes(raw)[:1] != b"[":
        raise wrong_type(raw, path, "a string or an array of parts")
    parts: list[Part] = _parts.read(raw, path, notes)
    made: list[bytes] = []
    for at, part in enumerate(parts):
        where = f"{path}[{at}]"
        origin.parts.append(where)
        made.append(_with_mark(_part(part, where, places), part))
    return made


def _part(part: Part, path: str, places: Places) -> bytes:
    if part.type in _TEXTS:
        return _text(checked(part.text, f"{path}.text"))
    if part.type == "refusal":
        return _text(checked(part.refusal, f"{path}.refusal"))
    if part.type == "input_image":
        return _image(part, path)
    if part.type == "input_file":
        return _file(part, path, places)
    if part.type == "input_audio":
        raise Failure("unsupported_value", "Claude does not take audio.", param=path)
    raise Failure(
        "invalid_value",
        f"Invalid value: '{part.type}'. Supported values are: {_KNOWN}.",
        param=f"{path}.type",
    )


def _text(literal: Raw) -> bytes:
    return b'{"type":"text","text":%b}' % bytes(literal)


def _image(part: Part, path: str) -> bytes:
    if not given(part.image_url):
        if part.file_id is not None:
            where = f"{path}.file_id"
            raise Failure(
                "unsupported_value",
                "Files are not stored here. Send the image itself in 'image_url'.",
                param=where,
            )
        raise missing(f"{path}.image_url")
    url = bytes(checked(part.image_url, f"{path}.image_url"))
    detail = b"" if part.detail is None else b',"detail":%b' % jsonio.encode(part.detail)
    return b'{"type":"image_url","image_url":{"url":%b%b}}' % (url, detail)


def _file(part: Part, path: str, places: Places) -> bytes:
    members: list[bytes] = []
    if part.file_id is not None:
        members.append(b'"file_id":%b' % jsonio.encode(part.file_id))
    if given(part.file_data):
        members.append(b'"file_data":%b' % bytes(part.file_data))
    elif given(part.file_url):
        places.urls.add(path)
        members.append(b'"file_data":%b' % bytes(part.file_url))
    if not members:
        raise missing(f"{path}.file_data")
    if given(part.filename):
        members.append(b'"filename":%b' % bytes(part.filename))
    return b'{"type":"file","file":{%b}}' % b",".join(members)


def _with_mark(made: bytes, part: Part) -> bytes:
    """The part with its cache mark."""
    for name in ("prompt_cache_breakpoint", "cache_control"):
        mark = getattr(part, name)
        if mark is not None:
            made = b'%b,"%b":%b}' % (made[:-1], name.encode(), jsonio.encode(mark))
    return made


def _array(made: Sequence[bytes]) -> Raw:
    return Raw(b"[%b]" % b",".join(made))

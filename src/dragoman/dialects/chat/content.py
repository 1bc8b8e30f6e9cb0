"""``content`` of a message → blocks. Blank texts leave no block (protocol.md §2b rule 4)."""

from msgspec import Raw

from dragoman.dialects.chat import files, images, marks, texts
from dragoman.dialects.chat.decode import Reader
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import Part, given
from dragoman.dialects.chat.texts import checked, is_blank, kind, missing, wrong_type
from dragoman.errors import Failure
from dragoman.hub.request import Document, Image, Text

Content = Text | Image | Document
"""A block of what somebody says; not a call, a result or a thought."""

_parts = Reader(list[Part])

_USER = frozenset({"text", "image_url", "file"})
_TEXT = frozenset({"text"})
_ASSISTANT = frozenset({"text", "refusal"})
_RESULT = frozenset({"text", "image_url", "file"})

ALLOWED = {
    "user": _USER,
    "system": _TEXT,
    "developer": _TEXT,
    "assistant": _ASSISTANT,
    "tool": _RESULT,
    "function": _RESULT,
}
"""Part types a role may hold. A tool's result may hold images, which OpenAI does not know."""


def blocks(raw: Raw, path: str, role: str, notes: Notes) -> list[Content]:
    """The blocks of a message's content; none for content that is absent or blank.

    Raises :class:`Failure` with the path of the part.
    """
    found = kind(raw)
    if found == texts.TEXT:
        return [Text(raw)]
    if found == texts.PARTS:
        parts: list[Part] = _parts.read(raw, path, notes)
        made = [_block(part, f"{path}[{at}]", role, notes) for at, part in enumerate(parts)]
        kept = [block for block in made if block is not None]
        notes.parts[path] = [at for at, block in enumerate(made) if block is not None]
        if len(kept) < len(parts):
            marks.move_from_blank(parts, made, path, notes)
        return kept
    if found == texts.BLANK:
        return []
    if given(raw):
        raise wrong_type(raw, path, "a string or an array of parts")
    return []


def _block(part: Part, path: str, role: str, notes: Notes) -> Content | None:
    part_type = part.type
    if part_type not in ALLOWED[role]:
        raise _not_allowed(part, path, role)
    block: Content
    if part_type == "image_url":
        if part.image_url is None:
            raise missing(f"{path}.image_url")
        block = images.from_image_url(part.image_url, f"{path}.image_url", notes)
    elif part_type == "file":
        if part.file is None:
            raise missing(f"{path}.file")
        block = files.from_file(part.file, f"{path}.file", notes)
    else:
        text = checked(part.text if part_type == "text" else part.refusal, f"{path}.{part_type}")
        if is_blank(text):
            return None
        block = Text(text)
    if part.cache_control is not None or part.prompt_cache_breakpoint is not None:
        block.cache_control = marks.of_part(part, path, notes)
    return block


def _not_allowed(part: Part, path: str, role: str) -> Failure:
    if part.type == "input_audio":
        return Failure("unsupported_value", "Claude does not take audio.", param=path)
    allowed = ", ".join(f"'{name}'" for name in sorted(ALLOWED[role]))
    return Failure(
        "invalid_value",
        f"Invalid value: '{part.type}'. Supported values for a message of role '{role}' are:"
        f" {allowed}.",
        param=f"{path}.type",
    )

"""A checked request, read into what the answer depends on.

Validation has already run: here nothing is refused. What the answer needs is read once (the
question, its language, the media, the tool results), so that what is said does not depend on how
the request was built.
"""

import hashlib
import re
from functools import cached_property
from typing import Any

from dragoman.catalogue.model import Model
from dragoman.simulator.languages import detect
from dragoman.simulator.shape import Json, as_list, blocks_of, child, objects, text_of

_NOTES = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)
"""Notes that clients put into user messages and that are nobody's question."""
_HALF = 1500
"""Characters read for wishes about the answer's form, at each end of a text."""
_REDACT = (
    "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_"
    "46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB"
)
"""The vendor's documented test string: thinking comes redacted."""
_REFUSE = (
    "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_"
    "1FAEFB6177B4672DEE07F9D3AFC62588CCD2631EDCF22E8CCC1FB35B501C9C86"
)
"""The same for a refusal."""


class Turn:
    """Consecutive messages of one role, merged, as the API merges them."""

    __slots__ = ("blocks", "role")

    def __init__(self, role: str, blocks: list[Json]) -> None:
        self.role = role
        self.blocks = blocks


class Prompt:
    """One request to ``/v1/messages``. ``model`` is its row, ``body`` the decoded body."""

    def __init__(self, model: Model, body: Json) -> None:
        self.model = model
        self.body = body
        self.messages = objects(body.get("messages"))
        self.tools = objects(body.get("tools"))
        self.tool_choice = child(body, "tool_choice")
        self.max_tokens: int = body.get("max_tokens", model.max_output_tokens)
        self.stream = body.get("stream") is True
        self.stop_sequences: list[str] = as_list(body.get("stop_sequences")) or []

    @cached_property
    def turns(self) -> list[Turn]:
        """The conversation, consecutive messages of one role merged."""
        turns: list[Turn] = []
        for message in self.messages:
            role, blocks = text_of(message, "role"), blocks_of(message.get("content"))
            if role == "system":
                continue
            if turns and turns[-1].role == role:
                turns[-1].blocks.extend(blocks)
            else:
                turns.append(Turn(role, list(blocks)))
        return turns

    @cached_property
    def last(self) -> list[Json]:
        """Blocks of the last user turn."""
        for turn in reversed(self.turns):
            if turn.role == "user":
                return turn.blocks
        return []

    @cached_property
    def question(self) -> str:
        """The text of the last user turn that holds any."""
        for turn in reversed(self.turns):
            if turn.role == "user":
                text = _text(turn.blocks)
                if text:
                    return text
        return ""

    @cached_property
    def asked_now(self) -> str:
        """The text of the last user turn only; empty when it brings nothing but tool results."""
        return _text(self.last)

    @cached_property
    def wish(self) -> str:
        """Start and end of the question: where people say how they want their answer."""
        return _ends(self.question)

    @cached_property
    def manner(self) -> str:
        """Start and end of the system text: where the form of the answer is laid down."""
        return _ends(self.system)

    @cached_property
    def prefill(self) -> str:
        """Text of a final assistant turn, which the answer continues."""
        if self.turns and self.turns[-1].role == "assistant":
            return _text(self.turns[-1].blocks)
        return ""

    @cached_property
    def system(self) -> str:
        """All system text: the parameter and messages of that role."""
        parts = [text_of(block, "text") for block in blocks_of(self.body.get("system"))]
        for message in self.messages:
            if message.get("role") == "system":
                parts.append(_text(blocks_of(message.get("content"))))
        return "\n".join(parts)

    @cached_property
    def language(self) -> str:
        """The language of the question, else of earlier questions, else of the system text."""
        found = detect(self.question)
        if found is None:
            earlier = [_text(turn.blocks) for turn in self.turns if turn.role == "user"]
            found = detect("\n".join(earlier)) or detect(self.system)
        return found or "en"

    @cached_property
    def media(self) -> list[Json]:
        """Images and documents of the last user turn, those inside tool results included."""
        found: list[Json] = []
        for block in self.last:
            if block.get("type") in ("image", "document"):
                found.append(block)
            elif block.get("type") == "tool_result":
                inner = blocks_of(block.get("content"))
                found.extend(item for item in inner if item.get("type") in ("image", "document"))
        return found

    @cached_property
    def results(self) -> list[Json]:
        """Tool results of the last user turn."""
        if self.turns and self.turns[-1].role == "user":
            return [block for block in self.last if block.get("type") == "tool_result"]
        return []

    @cached_property
    def tool_names(self) -> dict[str, str]:
        """Tool name by ``tool_use`` id, over the whole conversation."""
        return {
            text_of(block, "id"): text_of(block, "name")
            for turn in self.turns
            for block in turn.blocks
            if block.get("type") == "tool_use"
        }

    @cached_property
    def redacted(self) -> bool:
        """Whether the user asked for redacted thinking."""
        return _REDACT in self.question

    @cached_property
    def refused(self) -> bool:
        """Whether the user asked for a refusal."""
        return _REFUSE in self.question

    @cached_property
    def digest(self) -> bytes:
        """32 bytes that depend on what was asked and not on how: the seed of every choice."""
        sketch = "\0".join((self.model.id, self.system, self.question, str(len(self.messages))))
        return hashlib.blake2b(
            sketch.encode("utf-8", "surrogatepass"), digest_size=32, person=b"dragoman-ask"
        ).digest()

    def pick(self, options: tuple[str, ...], slot: int) -> str:
        """One of several, by content: the same request always gets the same."""
        return options[self.digest[slot] % len(options)]


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _HALF else f"{text[:_HALF]}\n{text[-_HALF:]}"


def _text(blocks: list[Json]) -> str:
    parts = [text_of(block, "text") for block in blocks if block.get("type") == "text"]
    text = "\n".join(parts)
    if "<system-reminder>" in text:
        text = _NOTES.sub("", text)
    return text.strip()


def quoted(text: str, most: int = 60) -> str:
    """The start of a text on one line, for quoting it."""
    line = " ".join(text[: most + 1000].replace(_REDACT, "").split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def member(value: Json, *path: str) -> Any:
    """A nested member, ``None`` where the path ends early."""
    found: Any = value
    for key in path:
        if not isinstance(found, dict):
            return None
        found = found.get(key)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found  # pyright: ignore[reportUnknownVariableType]

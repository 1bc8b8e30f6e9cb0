"""``instructions`` and ``input`` → the messages of a chat (protocol.md §6e).

Items that follow each other on the assistant's side are one turn of the model: reasoning, texts and
calls become one chat message as long as their order is thinking, text, calls, and another message
where a thought or a text stands behind a call; the conversation joins them again, in their order.
Every result is a message of role ``tool``.
"""

from collections.abc import Callable

from msgspec import Raw

from dragoman.dialects.chat.decode import Reader
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import (
    Begun,
    Call,
    CalledCustom,
    CalledFunction,
    Message,
    ThinkingBlock,
    given,
)
from dragoman.dialects.chat.texts import missing, wrong_type
from dragoman.dialects.responses import content, sealed
from dragoman.dialects.responses.places import Origin, Places
from dragoman.dialects.responses.shapes import Item, Items, ResponsesRequest
from dragoman.errors import Failure

_items = Reader(Items)

_LEFT_OUT = {
    "web_search_call": "what was searched stays out, what was said of it goes up",
    "file_search_call": "there is no search in files",
    "code_interpreter_call": "there is no code interpreter",
    "image_generation_call": "there are no generated images",
    "mcp_list_tools": "there are no MCP servers",
}
"""Items of an earlier answer that the model can do without, and why they stay out."""


class Turn:
    """One chat message of the assistant on its way."""

    __slots__ = ("call_paths", "calls", "texts", "thoughts", "whole")

    def __init__(self, whole: str) -> None:
        self.whole = whole
        self.thoughts: list[ThinkingBlock] = []
        self.texts: list[tuple[Raw, str]] = []
        """Contents as they stood in their items, and where."""
        self.calls: list[Call] = []
        self.call_paths: list[str] = []


class Talk:
    """Takes item after item; :attr:`messages` is the chat."""

    __slots__ = ("_notes", "_places", "_run", "messages")

    def __init__(self, places: Places, notes: Notes) -> None:
        self.messages: list[Message] = []
        self._places = places
        self._notes = notes
        self._run: list[Turn] = []
        """What the assistant said since somebody else did."""

    def instructions(self, text: Raw) -> None:
        """The request's ``instructions``: a system text before everything else."""
        if bytes(text)[:1] != b'"':
            raise wrong_type(text, "instructions", "a string")
        self._add(Message("system", text), Origin("instructions", "instructions"))

    def read(self, raw: Raw) -> None:
        """The request's ``input``. Raises :class:`Failure`."""
        if not given(raw):
            raise missing("input")
        if bytes(raw)[:1] == b'"':
            self._add(Message("user", raw), Origin("input", "input"))
            return
        if bytes(raw)[:1] != b"[":
            raise wrong_type(raw, "input", "a string or an array of items")
        items: list[Item] = _items.read(raw, "input", self._notes)
        for at, item in enumerate(items):
            self._take(item, f"input[{at}]")
        self._end_run()

    def _take(self, item: Item, path: str) -> None:
        kind = item.type or ("message" if item.role is not None else "")
        take = _KINDS.get(kind)
        if take is not None:
            take(self, item, path)
        elif kind in _LEFT_OUT:
            # An answer that is sent back as it came is no mistake, not in strict mode either.
            note = ("input[].type", f"{kind}: {_LEFT_OUT[kind]}")
            if note not in self._notes.warnings:
                self._notes.warnings.append(note)
        else:
            raise _unknown(item, path)

    def _message(self, item: Item, path: str) -> None:
        where = f"{path}.content"
        if item.role is None:
            raise missing(f"{path}.role")
        if item.role == "assistant":
            self._text(item, path)
            return
        self._end_run()
        origin = Origin(path, where)
        text = content.chat_content(item.content, origin, self._places, self._notes)
        self._add(Message(item.role, text), origin)

    def _text(self, item: Item, path: str) -> None:
        turn = self._turn(path, after_calls=False)
        turn.texts.append((item.content, f"{path}.content"))

    def _reasoning(self, item: Item, path: str) -> None:
        if item.encrypted_content is None:
            found = content.thoughts(item.content)
            if not found:
                return
        else:
            found = sealed.opened(item.encrypted_content)
        if not found:
            note = ("input[].encrypted_content", "not sealed here, left out")
            if note not in self._notes.warnings:
                self._notes.warnings.append(note)
            return
        turn = self._turn(path, after_calls=False)
        if turn.texts:
            self._run.append(Turn(path))
        self._run[-1].thoughts += found

    def _function_call(self, item: Item, path: str) -> None:
        called = CalledFunction(_called(item, path), item.arguments)
        self._call(Call(item.call_id, "function", called), path)

    def _custom_call(self, item: Item, path: str) -> None:
        called = CalledCustom(_called(item, path), item.input)
        self._call(Call(item.call_id, "custom", custom=called), path)

    def _call(self, call: Call, path: str) -> None:
        turn = self._turn(path, after_calls=True)
        turn.calls.append(call)
        turn.call_paths.append(path)

    def _result(self, item: Item, path: str) -> None:
        self._end_run()
        origin = Origin(path, f"{path}.output")
        if item.call_id is None:
            raise missing(f"{path}.call_id")
        text = content.chat_content(item.output, origin, self._places, self._notes)
        self._add(Message("tool", text, item.call_id), origin)

    def _turn(self, path: str, *, after_calls: bool) -> Turn:
        """The message that goes on: a new one behind calls, unless what comes is one more."""
        if not self._run or (self._run[-1].calls and not after_calls):
            self._run.append(Turn(path))
        return self._run[-1]

    def _end_run(self) -> None:
        """The assistant's turn is over."""
        run = self._run
        if not run:
            return
        self._run = []
        if len(run) > 1 and not run[-1].calls:
            # A text behind the last call would part the calls from their results.
            last = run.pop()
            run[-1].texts += last.texts
            run[-1].thoughts += last.thoughts
        for turn in run[:-1]:
            self._assistant(turn, Begun)
        self._assistant(run[-1], Message)

    def _assistant(self, turn: Turn, kind: type[Message]) -> None:
        origin = Origin(turn.whole, f"{turn.whole}.content", calls=turn.call_paths)
        text = content.joined(turn.texts, origin, self._places, self._notes)
        message = kind("assistant", text)
        if turn.calls:
            message.tool_calls = turn.calls
        if turn.thoughts:
            message.thinking_blocks = turn.thoughts
        self._add(message, origin)

    def _add(self, message: Message, origin: Origin) -> None:
        self.messages.append(message)
        self._places.messages.append(origin)


_KINDS: dict[str, Callable[[Talk, Item, str], None]] = {
    "message": Talk._message,  # pyright: ignore[reportPrivateUsage]
    "reasoning": Talk._reasoning,  # pyright: ignore[reportPrivateUsage]
    "function_call": Talk._function_call,  # pyright: ignore[reportPrivateUsage]
    "function_call_output": Talk._result,  # pyright: ignore[reportPrivateUsage]
    "custom_tool_call": Talk._custom_call,  # pyright: ignore[reportPrivateUsage]
    "custom_tool_call_output": Talk._result,  # pyright: ignore[reportPrivateUsage]
}


def flat_name(namespace: str | None, name: str) -> str:
    """A tool's name where there are no namespaces."""
    return f"{namespace}__{name}" if namespace else name


def _called(item: Item, path: str) -> str:
    if item.name is None:
        raise missing(f"{path}.name")
    return flat_name(item.namespace, item.name)


def _unknown(item: Item, path: str) -> Failure:
    where = f"{path}.type"
    if item.type == "item_reference":
        return Failure(
            "unsupported_value",
            f"Unsupported value: '{where}': nothing is stored here, so there are no items to refer"
            " to. Send the item itself.",
            param=where,
        )
    if not item.type:
        return missing(where)
    known = ", ".join(f"'{kind}'" for kind in _KINDS)
    return Failure(
        "unsupported_value",
        f"Unsupported value: '{where}': '{item.type}'. Supported values are: {known}.",
        param=where,
    )


def messages(asked: ResponsesRequest, places: Places, notes: Notes) -> list[Message]:
    """All messages of the chat a request stands for. Raises :class:`Failure`."""
    talk = Talk(places, notes)
    if given(asked.instructions):
        talk.instructions(asked.instructions)
    talk.read(asked.input)
    return talk.messages

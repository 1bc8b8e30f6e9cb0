"""The messages of a chat → ``system`` and ``messages`` of a Messages request (protocol.md §5a).

What Anthropic asks of a conversation (§2b rules 1-10, 39) is brought about without inventing text
where that can be helped: turns of one role become one message; all results of an assistant's calls
stand in the very next user message before any text; system messages in the middle stay where they
are, natively where the model takes them and as a reminder in the user's turn elsewhere.

Each decision looks only at what stands before a message (and, for a system message in the middle,
at the one behind it): a conversation that grows keeps its bytes.
"""

from collections.abc import Sequence

from msgspec import Raw

from dragoman.catalogue.model import Model
from dragoman.dialects.chat import content, marks, reasoning
from dragoman.dialects.chat.calls import Calls
from dragoman.dialects.chat.names import Names
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import Begun, Message, given
from dragoman.dialects.chat.texts import (
    TEXT,
    checked,
    is_blank,
    kind,
    missing,
    reminder,
    without_trailing_space,
)
from dragoman.errors import Failure
from dragoman.hub import request as hub
from dragoman.hub.request import Block, Document, Text, TextSource, Thinking, ToolUse

OPENING = Raw(b'"(conversation start)"')
"""Stands for the user where a conversation begins with the assistant: a user must come first."""
CONTINUE = Raw(b'"Continue."')
"""Stands for the user where a conversation ends with the assistant and the model takes no
prefill."""


class Conversation:
    """Takes one client message after another; :meth:`finish` closes the conversation."""

    __slots__ = (
        "_at",
        "_calls",
        "_held",
        "_model",
        "_notes",
        "joins",
        "messages",
        "origins",
        "system",
    )

    def __init__(self, model: Model, names: Names, notes: Notes) -> None:
        self.system: list[Text] = []
        self.messages: list[hub.Message] = []
        self.origins: list[int] = []
        self.joins: list[tuple[int, int, int]] = []
        self._model = model
        self._notes = notes
        self._calls = Calls(names, notes)
        self._at = 0
        self._held: list[Text] = []
        """System texts between calls and their results: they wait until the results are in."""

    def take(self, at: int, message: Message) -> None:
        """The client's message number ``at``.

        Raises :class:`Failure` with the path of what is wrong.
        """
        self._at = at
        if message.name and message.role not in ("tool", "function"):
            self._notes.warn(f"messages[{at}].name", "Claude does not tell participants apart")
        role = message.role
        if role == "user":
            self._user(message)
        elif role == "assistant":
            self._assistant(message)
        elif role == "tool":
            self._calls.result(message, at)
        elif role == "function":
            self._calls.function_result(message, at)
        else:
            self._system(message)

    def finish(self) -> bool:
        """Close the conversation; returns whether it ends with a prefill.

        Raises :class:`Failure` if there is nothing to answer.
        """
        if self._calls.pending:
            self._settle()
        if not self.messages:
            raise Failure(
                "invalid_value",
                "The conversation has no message with content from the user.",
                param="messages",
            )
        if self.messages[-1].role != "assistant":
            return False
        if isinstance(self.messages[-1].content[-1], Thinking):
            # What nobody signed is no beginning of an answer.
            self.messages[-1].content.pop()
        if self._model.prefill:
            self._trim_prefill()
            return True
        self._notes.warn(
            f"messages[{self._at}]",
            "the model does not continue a message of the assistant",
        )
        self._append("user", [Text(CONTINUE)])
        return False

    def last_said(self) -> Block:
        """The last block that is the client's, of a conversation that is closed."""
        last = self.messages[-1].content[-1]
        if isinstance(last, Text) and last.text is CONTINUE:
            return self.messages[-2].content[-1]
        return last

    def _append(self, role: hub.Role, found: list[Block]) -> None:
        """Add blocks to the turn of a role: to the last message if it is of that role."""
        messages = self.messages
        if messages and messages[-1].role == role:
            content = messages[-1].content
            if isinstance(content[-1], Thinking):
                found.append(content.pop())  # what nobody signed stays last
            self.joins.append((len(messages) - 1, len(content), self._at))
            content.extend(found)
            return
        if not messages and role == "assistant":
            self._append("user", [Text(OPENING)])
        messages.append(hub.Message(role, found))
        self.origins.append(self._at)

    def _blocks(self, message: Message) -> "list[content.Content]":
        """The blocks of a message's content."""
        if kind(message.content) == TEXT:
            return [Text(message.content)]
        found = content.blocks(
            message.content, f"messages[{self._at}].content", message.role, self._notes
        )
        if not self._model.documents and any(map(_is_pdf, found)):
            raise Failure(
                "unsupported_value",
                "The model does not read PDF.",
                param=f"messages[{self._at}].content",
            )
        return found

    def _mark(self, message: Message, found: Sequence[marks.Markable]) -> None:
        """Put a message's own cache mark on its last block."""
        marks.of_message(message, found, f"messages[{self._at}]", self._notes)

    def _texts(self, message: Message) -> list[Text]:
        return [block for block in self._blocks(message) if isinstance(block, Text)]

    def _system(self, message: Message) -> None:
        texts = self._texts(message)
        if message.cache_control is not None:
            self._mark(message, texts)
        if not texts:
            return
        if self._calls.pending:
            self._held.extend(texts)
        elif not self.messages:
            self.system.extend(texts)
        else:
            self._in_the_middle(texts)

    def _in_the_middle(self, texts: list[Text]) -> None:
        """After a user's turn it is a message of its own if the model takes that; else a
        reminder."""
        if self._model.mid_system and self.messages[-1].role in ("user", "system"):
            self._append("system", list(texts))
        else:
            self._append("user", _reminders(texts))

    def _user(self, message: Message) -> None:
        found = self._blocks(message)
        if message.cache_control is not None:
            self._mark(message, found)
        if not found:
            if not given(message.content):
                raise missing(f"messages[{self._at}].content")
            return
        if self._calls.pending:
            self._settle()
        if self.messages and self.messages[-1].role == "system":
            # A system message of its own stands at the end or before the assistant, not here.
            earlier = self.messages.pop()
            self.origins.pop()
            self.joins = [join for join in self.joins if join[0] < len(self.messages)]
            self._append("user", _reminders(earlier.content))
        self._append("user", list(found))

    def _assistant(self, message: Message) -> None:
        if self._calls.pending:
            more = bool(message.tool_calls) or isinstance(message, Begun)
            if not more or not self._calls.unanswered:
                self._settle()
        said: list[Text | ToolUse] = [*self._texts(message)]
        if not said and given(message.refusal):
            refusal = checked(message.refusal, f"messages[{self._at}].refusal")
            if not is_blank(refusal):
                said.append(Text(refusal))
        if message.tool_calls or message.function_call:
            said.extend(self._calls.uses(message, self._at))
        if message.cache_control is not None:
            self._mark(message, said)
        if message.thinking_blocks:
            marks.of_thinking(message, f"messages[{self._at}]", self._notes)
        if said:
            found = reasoning.interleave(reasoning.signed(message), said)
            thought = reasoning.unsigned(message)
            if thought is not None:
                # Last, so that places hold for those who leave it out.
                found.append(thought)
            self._append("assistant", found)

    def _settle(self) -> None:
        """Close the turn of results, and let in what had to wait for them."""
        results = self._calls.settle()
        self._append("user", list(results))
        at, first = len(self.messages) - 1, len(self.messages[-1].content) - len(results)
        for number, origin in enumerate(self._calls.origins, first):
            if origin is not None:
                self.joins.append((at, number, origin))
        held, self._held = self._held, []
        if held:
            self._in_the_middle(held)

    def _trim_prefill(self) -> None:
        last = self.messages[-1].content[-1]
        if isinstance(last, Text):
            last.text = without_trailing_space(last.text)


def _is_pdf(block: Block) -> bool:
    return isinstance(block, Document) and not isinstance(block.source, TextSource)


def _reminders(texts: Sequence[Block]) -> list[Block]:
    return [
        Text(reminder(text.text), text.cache_control) for text in texts if isinstance(text, Text)
    ]

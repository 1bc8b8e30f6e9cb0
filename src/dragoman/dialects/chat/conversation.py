"""The messages of a chat → ``system`` and ``messages`` of a Messages request (protocol.md §5a).

What Anthropic asks of a conversation (§2b rules 1-10, 39) is brought about without inventing text
where that can be helped: turns of one role become one message; all results of an assistant's calls
stand in the very next user message, in the order of the calls, before any text; system messages in
the middle stay where they are, natively where the model takes them and as a reminder in the user's
turn elsewhere.

Each decision looks only at what stands before a message (and, for a system message in the middle,
at the one behind it): a conversation that grows keeps its bytes.
"""

import hashlib
import re
from collections.abc import Sequence

from msgspec import UNSET, Raw

from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.dialects.chat import content, reasoning
from dragoman.dialects.chat.names import Names
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import Call, CalledFunction, Message, given
from dragoman.dialects.chat.texts import checked, is_blank, reminder, without_trailing_space
from dragoman.errors import Failure
from dragoman.hub import request as hub
from dragoman.hub.request import Block, Text, ToolResult, ToolUse

OPENING = Raw(b'"(conversation start)"')
"""Stands for the user where a conversation begins with the assistant: the first message must be
the user's."""
CONTINUE = Raw(b'"Continue."')
"""Stands for the user where a conversation ends with the assistant and the model takes no
prefill."""
NO_RESULT = Raw(b'"No result was returned for this call."')

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NOT_ID = re.compile(r"[^A-Za-z0-9_-]")


class Conversation:
    """Takes one client message after another; :meth:`finish` closes the conversation."""

    def __init__(self, model: Model, names: Names, notes: Notes) -> None:
        self.system: list[Text] = []
        self.messages: list[hub.Message] = []
        self.origins: list[int] = []
        self._model = model
        self._names = names
        self._notes = notes
        self._at = 0
        self._seen: dict[str, int] = {}
        """How often each of the client's call ids was used."""
        self._pending: dict[str, str] = {}
        """Calls of the last assistant turn: the client's ids → upstream's, in order."""
        self._results: dict[str, ToolResult] = {}
        self._functions: list[tuple[str, str]] = []
        """Legacy calls without a result: (function name, id)."""
        self._held: list[Text] = []
        """System texts that stand between calls and their results: they wait until the results
        are in."""

    def take(self, at: int, message: Message) -> None:
        """The client's message number ``at``. Raises :class:`Failure` with the path of what is
        wrong."""
        self._at = at
        path = f"messages[{at}]"
        role = message.role
        if role == "user":
            self._user(message, path)
        elif role == "assistant":
            self._assistant(message, path)
        elif role == "tool":
            self._tool(message, path)
        elif role == "function":
            self._function(message, path)
        else:
            self._system(message, path)

    def finish(self) -> bool:
        """Close the conversation; returns whether it ends with a prefill.

        Raises :class:`Failure` if there is nothing to answer.
        """
        self._settle()
        if not self.messages:
            raise Failure(
                "invalid_value",
                "The conversation has no message with content from the user.",
                param="messages",
            )
        if self.messages[-1].role != "assistant":
            return False
        path = f"messages[{self._at}]"
        if self._model.prefill:
            self._trim_prefill()
            return True
        self._notes.warn(
            path, "the model does not continue an assistant message; the user says Continue"
        )
        self._append("user", [Text(CONTINUE)])
        return False

    def _append(self, role: str, found: list[Block]) -> None:
        """Add blocks to the turn of a role: to the last message if it is of that role."""
        messages = self.messages
        if messages and messages[-1].role == role:
            messages[-1].content.extend(found)
            return
        if not messages and role == "assistant":
            self._append("user", [Text(OPENING)])
        messages.append(hub.Message(role, found))  # pyright: ignore[reportArgumentType]  # one of three
        self.origins.append(self._at)

    def _system(self, message: Message, path: str) -> None:
        self._name(message, path)
        texts = [
            block
            for block in content.blocks(
                message.content, f"{path}.content", message.role, self._notes
            )
            if isinstance(block, Text)
        ]
        self._marked(message, texts)
        if not texts:
            return
        if self._pending:
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
            self._append("user", [_reminded(text) for text in texts])

    def _user(self, message: Message, path: str) -> None:
        self._name(message, path)
        found = content.blocks(message.content, f"{path}.content", "user", self._notes)
        if not found and not given(message.content):
            raise Failure(
                "missing_parameter",
                f"Missing required parameter: '{path}.content'.",
                param=f"{path}.content",
            )
        self._marked(message, found)
        if not found:
            return
        self._settle()
        self._user_turn(list(found))

    def _user_turn(self, found: list[Block]) -> None:
        """A user's turn after a system message of its own: that message was not at the end after
        all."""
        if self.messages and self.messages[-1].role == "system":
            earlier = self.messages.pop()
            self.origins.pop()
            self._append(
                "user", [_reminded(block) for block in earlier.content if isinstance(block, Text)]
            )
        self._append("user", found)

    def _assistant(self, message: Message, path: str) -> None:
        self._name(message, path)
        self._settle()
        found = content.blocks(message.content, f"{path}.content", "assistant", self._notes)
        said: list[Text | ToolUse] = [block for block in found if isinstance(block, Text)]
        if not said and given(message.refusal):
            refusal = checked(message.refusal, f"{path}.refusal")
            said = [] if is_blank(refusal) else [Text(refusal)]
        self._marked(message, said)
        said.extend(self._calls(message, path))
        if said:
            self._append("assistant", reasoning.interleave(reasoning.signed(message), said))

    def _calls(self, message: Message, path: str) -> list[ToolUse]:
        found = [
            self._call(call, f"{path}.tool_calls[{at}]")
            for at, call in enumerate(message.tool_calls or ())
        ]
        if message.function_call is not None:
            function = message.function_call
            call_id = f"call_{_digest(f'{self._at} {function.name}')}"
            self._functions.append((function.name, call_id))
            found.append(self._use(call_id, function, f"{path}.function_call"))
        return found

    def _call(self, call: Call, path: str) -> ToolUse:
        if call.id is None:
            raise Failure(
                "missing_parameter", f"Missing required parameter: '{path}.id'.", param=f"{path}.id"
            )
        if call.custom is not None:
            name = self._names.upstream(call.custom.name)
            text = call.custom.input if given(call.custom.input) else Raw(b'""')
            data = Raw(b'{"input":%b}' % bytes(checked(text, f"{path}.custom.input")))
            use = ToolUse(self._new_id(call.id, path), name, data)
        elif call.function is not None:
            use = self._use(call.id, call.function, path)
        else:
            raise Failure(
                "missing_parameter",
                f"Missing required parameter: '{path}.function'.",
                param=f"{path}.function",
            )
        if call.cache_control is not None:
            use.cache_control = content.cache_control(call.cache_control)
        return use

    def _use(self, call_id: str, function: CalledFunction, path: str) -> ToolUse:
        name = self._names.upstream(function.name)
        return ToolUse(self._new_id(call_id, path), name, self._arguments(function, path))

    def _arguments(self, function: CalledFunction, path: str) -> Raw:
        """A call's arguments as an object: what is none is wrapped, never dropped (§5a)."""
        where = f"{path}.function.arguments"
        if not given(function.arguments):
            return Raw(b"{}")
        text = jsonio.text_of(checked(function.arguments, where)).strip()
        if not text:
            return Raw(b"{}")
        raw = text.encode()
        try:
            value = jsonio.raw(raw)
            deep = jsonio.too_deep(value)
        except jsonio.Malformed:
            self._notes.warn(where, "not valid JSON, passed on as text")
            return Raw(b'{"INVALID_JSON":%b}' % bytes(jsonio.quote(text)))
        if deep:
            raise Failure("invalid_value", f"'{where}' is nested too deeply.", param=where)
        if raw[:1] == b"{":
            return value
        self._notes.warn(where, "not an object, passed on as its field value")
        return Raw(b'{"value":%b}' % raw)

    def _new_id(self, call_id: str, path: str) -> str:
        """An id upstream accepts: unique in the conversation and of plain characters (rule 14).

        It depends on the id and on how often it was used before, so that it stays the same as the
        conversation grows.
        """
        if call_id in self._pending:
            raise Failure(
                "invalid_value", f"The tool call id '{call_id}' is used twice.", param=f"{path}.id"
            )
        used = self._seen.get(call_id, 0)
        self._seen[call_id] = used + 1
        plain = call_id
        if not _ID.fullmatch(call_id):
            plain = f"{_NOT_ID.sub('_', call_id)[:100]}_{_digest(call_id)}"
        self._pending[call_id] = (
            plain if not used else f"{plain[:110]}_{_digest(f'{plain} {used}')}"
        )
        return self._pending[call_id]

    def _tool(self, message: Message, path: str) -> None:
        where = f"{path}.tool_call_id"
        call_id = message.tool_call_id
        if call_id is None:
            raise Failure(
                "missing_parameter", f"Missing required parameter: '{where}'.", param=where
            )
        if call_id not in self._pending:
            raise Failure(
                "invalid_value",
                f"Invalid '{where}': '{call_id}' is not the id of a tool call in the preceding"
                " assistant message.",
                param=where,
            )
        if call_id in self._results:
            raise Failure(
                "invalid_value", f"The tool call '{call_id}' has two results.", param=where
            )
        self._result(call_id, message, path)

    def _function(self, message: Message, path: str) -> None:
        """A legacy result answers the latest call of that function that has none."""
        where = f"{path}.name"
        for at in range(len(self._functions) - 1, -1, -1):
            name, call_id = self._functions[at]
            if name == message.name and call_id in self._pending:
                del self._functions[at]
                self._result(call_id, message, path)
                return
        raise Failure(
            "invalid_value",
            f"Invalid '{where}': no function of that name was called by the preceding assistant"
            " message.",
            param=where,
        )

    def _result(self, call_id: str, message: Message, path: str) -> None:
        found = content.blocks(message.content, f"{path}.content", "tool", self._notes)
        result = ToolResult(self._pending[call_id], found or UNSET)
        if message.cache_control is not None:
            result.cache_control = content.cache_control(message.cache_control)
        self._results[call_id] = result

    def _settle(self) -> None:
        """Close the turn of results: all of them in the order of the calls, then what had to
        wait."""
        if not self._pending:
            return
        results: list[Block] = []
        for call_id, upstream_id in self._pending.items():
            result = self._results.get(call_id)
            if result is None:
                self._notes.warn(
                    "messages", f"tool call {call_id} has no result", "unsupported_value"
                )
                result = ToolResult(upstream_id, [Text(NO_RESULT)], is_error=True)
            results.append(result)
        self._pending = {}
        self._results = {}
        self._functions = []
        self._append("user", results)
        held, self._held = self._held, []
        if held:
            self._in_the_middle(held)

    def _marked(self, message: Message, found: Sequence[Block]) -> None:
        if message.cache_control is not None:
            content.mark(found, content.cache_control(message.cache_control))

    def _name(self, message: Message, path: str) -> None:
        if message.name:
            self._notes.warn(f"{path}.name", "Claude does not tell participants apart")

    def _trim_prefill(self) -> None:
        last = self.messages[-1].content[-1]
        if isinstance(last, Text):
            last.text = without_trailing_space(last.text)


def _reminded(text: Text) -> Text:
    return Text(reminder(text.text), text.cache_control)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

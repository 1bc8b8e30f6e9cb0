"""Tool calls and their results, paired (protocol.md §2b rules 8-10, 14, §5a).

Anthropic wants all results of an assistant's calls in the very next user message, in the order of
the calls. :class:`Calls` holds the calls of the last assistant turn until the turn of results is
over.
"""

import hashlib
import re

from msgspec import UNSET, Raw

from dragoman.codec import jsonio
from dragoman.dialects.chat import content, marks
from dragoman.dialects.chat.names import Names
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import Call, CalledFunction, Message, given
from dragoman.dialects.chat.texts import checked, missing
from dragoman.errors import Failure
from dragoman.hub.request import Text, ToolResult, ToolUse

NO_RESULT = Raw(b'"No result was returned for this call."')
"""Stands for a result that the client did not send."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NOT_ID = re.compile(r"[^A-Za-z0-9_-]")


class Calls:
    """The calls of one conversation."""

    __slots__ = (
        "_came",
        "_functions",
        "_names",
        "_notes",
        "_results",
        "_seen",
        "origins",
        "pending",
    )

    def __init__(self, names: Names, notes: Notes) -> None:
        self._names = names
        self._notes = notes
        self._seen: dict[str, int] = {}
        """How often each of the client's ids was used."""
        self.pending: dict[str, str] = {}
        """Calls that wait for the turn of results to end: the client's ids → upstream's, in
        order."""
        self._results: dict[str, ToolResult] = {}
        self._came: dict[str, int] = {}
        """The client messages that brought the results."""
        self.origins: list[int | None] = []
        """Those of the results settled last, in their order."""
        self._functions: list[tuple[str, str]] = []
        """Legacy calls without a result: (function name, id)."""

    def uses(self, message: Message, at: int) -> list[ToolUse]:
        """The calls an assistant message makes. Raises :class:`Failure`."""
        path = f"messages[{at}]"
        found = [
            self._use(call, f"{path}.tool_calls[{number}]")
            for number, call in enumerate(message.tool_calls or ())
        ]
        function = message.function_call
        if function is not None:
            call_id = f"call_{_digest(f'{at} {function.name}')}"
            where = f"{path}.function_call"
            self._functions.append((function.name, call_id))
            found.append(self._function_use(call_id, function, where, where))
        return found

    def _use(self, call: Call, path: str) -> ToolUse:
        if call.id is None:
            raise missing(f"{path}.id")
        if call.custom is not None:
            where = f"{path}.custom.input"
            text = call.custom.input if given(call.custom.input) else Raw(b'""')
            data = Raw(b'{"input":%b}' % bytes(checked(text, where)))
            use = ToolUse(self._new_id(call.id, path), self._names.upstream(call.custom.name), data)
        elif call.function is not None:
            use = self._function_use(call.id, call.function, path, f"{path}.function")
        else:
            raise missing(f"{path}.function")
        if call.cache_control is not None:
            where = f"{path}.cache_control"
            use.cache_control = marks.cache_control(call.cache_control, where, self._notes)
        return use

    def _function_use(
        self, call_id: str, function: CalledFunction, path: str, where: str
    ) -> ToolUse:
        upstream_id = self._new_id(call_id, path)
        arguments = self._arguments(function.arguments, f"{where}.arguments")
        return ToolUse(upstream_id, self._names.upstream(function.name), arguments)

    def _arguments(self, literal: Raw, path: str) -> Raw:
        """Arguments as an object: what is none is wrapped, never dropped."""
        if not given(literal):
            return Raw(b"{}")
        text = jsonio.text_of(checked(literal, path)).strip()
        if not text:
            return Raw(b"{}")
        data = text.encode()
        try:
            value = jsonio.raw(data)
            if jsonio.too_deep(value):
                raise jsonio.TooDeep
        except jsonio.TooDeep:
            text = f"'{path}' is nested too deeply."
            raise Failure("invalid_value", text, param=path) from None
        except jsonio.Malformed:
            self._notes.warn(path, "not valid JSON")
            return Raw(b'{"INVALID_JSON":%b}' % bytes(jsonio.quote(text)))
        if data[:1] == b"{":
            return value
        self._notes.warn(path, "not a JSON object")
        return Raw(b'{"value":%b}' % data)

    def _new_id(self, call_id: str, path: str) -> str:
        """An id upstream accepts: of plain characters and unique in the conversation.

        It depends on the client's id and on how often that was used before, so that it stays the
        same as the conversation grows.
        """
        if call_id in self.pending:
            raise Failure(
                "invalid_value", f"The tool call id '{call_id}' is used twice.", param=f"{path}.id"
            )
        used = self._seen.get(call_id, 0)
        self._seen[call_id] = used + 1
        plain = call_id
        if not _ID.fullmatch(call_id):
            plain = f"{_NOT_ID.sub('_', call_id)[:100]}_{_digest(call_id)}"
        if used:
            plain = f"{plain[:100]}_{_digest(f'{plain} {used}')}"
        self.pending[call_id] = plain
        return plain

    def result(self, message: Message, at: int) -> None:
        """A ``tool`` message. Raises :class:`Failure` for one that answers no call."""
        where = f"messages[{at}].tool_call_id"
        call_id = message.tool_call_id
        if call_id is None:
            raise missing(where)
        if call_id not in self.pending:
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
        self._take(call_id, message, at)

    def function_result(self, message: Message, at: int) -> None:
        """A legacy ``function`` message: it answers the latest call of that name that waits."""
        for place in range(len(self._functions) - 1, -1, -1):
            name, call_id = self._functions[place]
            if name == message.name:
                del self._functions[place]
                self._take(call_id, message, at)
                return
        where = f"messages[{at}].name"
        raise Failure(
            "invalid_value",
            f"Invalid '{where}': no function of that name was called by the preceding assistant"
            " message.",
            param=where,
        )

    def _take(self, call_id: str, message: Message, at: int) -> None:
        path, marked = f"messages[{at}]", self._notes.cache_marks
        found = content.blocks(message.content, f"{path}.content", "tool", self._notes)
        result = ToolResult(self.pending[call_id], found or UNSET)
        if self._notes.cache_marks > marked:
            result.cache_control = marks.lift(found)
        if message.cache_control is not None:
            marks.of_message(message, [result], path, self._notes)
        self._results[call_id] = result
        self._came[call_id] = at

    @property
    def unanswered(self) -> bool:
        """Whether no result has come yet: more calls then belong to the same turn, as some clients
        write one message for each of several calls."""
        return not self._results

    def settle(self) -> list[ToolResult]:
        """The turn of results: one for each call, in the order of the calls."""
        results: list[ToolResult] = []
        for call_id, upstream_id in self.pending.items():
            result = self._results.get(call_id)
            if result is None:
                self._notes.warn("messages", "a tool call has no result")
                result = ToolResult(upstream_id, [Text(NO_RESULT)], is_error=True)
            results.append(result)
        self.origins = [self._came.get(call_id) for call_id in self.pending]
        self.pending = {}
        self._results = {}
        self._functions = []
        self._came = {}
        return results


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

"""``tools``, ``functions``, ``tool_choice`` and their kin → Anthropic's tools (protocol.md §5a,
§2b rules 11-15)."""

from typing import Literal, NamedTuple

from msgspec import UNSET, Raw, UnsetType

from dragoman.catalogue.model import Model
from dragoman.codec import jsonio
from dragoman.dialects.chat import marks, schema, search, shapes, subset
from dragoman.dialects.chat.decode import Reader, mismatch
from dragoman.dialects.chat.names import Names
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import ChatRequest, CustomTool, FunctionTool, given
from dragoman.dialects.chat.texts import checked, missing, wrong_type
from dragoman.errors import Failure
from dragoman.hub.request import Tool, ToolChoice

_choices = Reader(shapes.Choice)
_names = Reader(shapes.Named)

CUSTOM_SCHEMA = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'
)
"""What a custom tool takes: one text."""


class Chosen(NamedTuple):
    """What the client wants called: ``mode`` is auto, none, required or named."""

    mode: str
    name: str = ""
    allowed: frozenset[str] | None = None


class Toolbox:
    """The tools of one request: read with :meth:`declare`, brought into order with
    :meth:`finish`."""

    def __init__(self, request: ChatRequest, model: Model, notes: Notes) -> None:
        self.legacy = request.functions is not None and not request.tools
        self.tools: list[Tool] = []
        self.places: list[int] | None = None
        """For each tool its index among the client's; ``None``: all of them, in order."""
        self.customs: set[str] = set()
        self._taken: set[str] = set()
        self.allowance = subset.Allowance()
        self._request = request
        self._model = model
        self._notes = notes
        options = request.web_search_options
        self.search = None if options is None else search.tool(options)
        """The server tool, as it goes upstream."""
        reserved = () if options is None else (search.NAME,)
        self.names = Names((), reserved)
        if request.tools and request.functions:
            notes.warn("functions", "there are tools")
        if request.tools or self.legacy:
            self.names = Names(self._declared_names(), reserved)
            self._declare()

    def _declared_names(self) -> list[str]:
        declared = [tool.function or tool.custom for tool in self._request.tools or ()]
        found = [tool.name for tool in declared if tool is not None]
        if self.legacy:
            found += [function.name for function in self._request.functions or ()]
        return found

    def _declare(self) -> None:
        for at, tool in enumerate(self._request.tools or ()):
            path = f"tools[{at}]"
            if tool.type == "function" and tool.function is not None:
                made = self._function(tool.function, f"{path}.function")
            elif tool.type == "custom" and tool.custom is not None:
                made = self._custom(tool.custom, f"{path}.custom")
            else:
                raise _wrong_tool(tool, path)
            if tool.cache_control is not None:
                where = f"{path}.cache_control"
                made.cache_control = marks.cache_control(tool.cache_control, where, self._notes)
        if self.legacy:
            for at, function in enumerate(self._request.functions or ()):
                self._function(function, f"functions[{at}]")

    def _function(self, function: FunctionTool, path: str) -> Tool:
        made = self._add(function.name, function.description, path)
        if given(function.parameters):
            where = f"{path}.parameters"
            if jsonio.too_deep(function.parameters, schema.DEEPEST):
                raise Failure("invalid_value", f"'{where}' is nested too deeply.", param=where)
            try:
                made.input_schema = schema.for_tool(function.parameters)
            except jsonio.Mismatch as error:
                raise mismatch(jsonio.Mismatch(error.reason, ""), where) from None
        if function.strict:
            self._strict(made, f"{path}.strict")
        if function.cache_control is not None:
            where = f"{path}.cache_control"
            made.cache_control = marks.cache_control(function.cache_control, where, self._notes)
        return made

    def _custom(self, custom: CustomTool, path: str) -> Tool:
        made = self._add(custom.name, custom.description, path)
        made.input_schema = CUSTOM_SCHEMA
        self.customs.add(made.name)
        if given(custom.format):
            made.description = _with_format(made.description, custom.format)
        return made

    def _add(self, name: str, description: Raw, path: str) -> Tool:
        upstream = self.names.upstream(name)
        if not name or upstream in self._taken:
            problem = "it is empty" if not name else f"'{name}' is used twice"
            raise Failure(
                "invalid_value", f"Invalid '{path}.name': {problem}.", param=f"{path}.name"
            )
        made = Tool(upstream, schema.NO_ARGUMENTS)
        if given(description):
            made.description = checked(description, f"{path}.description")
        self.tools.append(made)
        self._taken.add(upstream)
        return made

    def _strict(self, made: Tool, path: str) -> None:
        """Arguments held to the schema: where the model can, and the schema fits what it can."""
        reason = "the model does not hold arguments to their schema"
        if self._model.structured_outputs:
            reason = f"at most {subset.MOST_STRICT_TOOLS} tools"
            if self.allowance.strict_tools:
                try:
                    fitted = subset.fit(jsonio.decode(made.input_schema), self.allowance)
                except subset.Unfit as error:
                    reason = str(error)
                else:
                    self.allowance.strict_tools -= 1
                    made.input_schema = Raw(jsonio.encode(fitted))
                    made.strict = True
                    return
        self._notes.warn(path, reason)

    def choice(self) -> ToolChoice | UnsetType:
        """``tool_choice`` for the tools there are. Raises :class:`Failure` for a tool that is
        not there."""
        if not self.tools and not self._asked():
            return UNSET
        chosen = self._chosen()
        if not self.tools:
            if chosen.mode in ("required", "named"):
                path = "function_call" if self.legacy else "tool_choice"
                raise Failure(
                    "invalid_value", f"'{path}' asks for a tool, but there are none.", param=path
                )
            return UNSET
        if chosen.allowed is not None:
            names = [tool.name for tool in self.tools]
            self.places = [at for at, name in enumerate(names) if name in chosen.allowed]
            self.tools = marks.only(self.tools, chosen.allowed)
        if chosen.mode == "none" and self.search is not None:
            reason = "tool_choice 'none' rules searching out as well"
            self._notes.warn("web_search_options", reason)
        made = _CHOICES[chosen.mode]
        choice = ToolChoice(made)
        if chosen.mode == "named":
            choice.name = chosen.name
        single = self._request.parallel_tool_calls is False or self.legacy
        if single and chosen.mode != "none":
            choice.disable_parallel_tool_use = True
        elif chosen.mode == "auto" and not self._asked():
            return UNSET
        return choice

    def _asked(self) -> bool:
        return given(self._request.tool_choice) or given(self._request.function_call)

    def _chosen(self) -> Chosen:
        request = self._request
        if given(request.function_call):
            chosen = self._legacy_choice(request.function_call)
            if self.legacy:
                return chosen
            if self.tools:
                self._notes.warn("function_call", "there are no functions")
        raw = request.tool_choice
        if not given(raw):
            return Chosen("auto")
        if bytes(raw)[:1] == b'"':
            word = jsonio.text_of(raw)
            if word not in ("auto", "none", "required"):
                raise _wrong_choice(word, "tool_choice", "'none', 'auto', 'required'")
            return Chosen(word)
        if bytes(raw)[:1] != b"{":
            raise wrong_type(raw, "tool_choice", "a string or an object")
        return self._object_choice(_choices.read(raw, "tool_choice", self._notes))

    def _object_choice(self, choice: shapes.Choice) -> Chosen:
        if choice.type == "allowed_tools":
            allowed = choice.allowed_tools
            if allowed is None:
                raise missing("tool_choice.allowed_tools")
            names = frozenset(
                self._known(
                    (tool.function or tool.custom), f"tool_choice.allowed_tools.tools[{at}]"
                )
                for at, tool in enumerate(allowed.tools)
            )
            if not names:
                raise Failure(
                    "empty_array",
                    "'tool_choice.allowed_tools.tools' must not be empty.",
                    param="tool_choice.allowed_tools.tools",
                )
            return Chosen(allowed.mode, allowed=names)
        named = choice.function if choice.type == "function" else choice.custom
        return Chosen("named", self._known(named, f"tool_choice.{choice.type}"))

    def _known(self, named: shapes.Named | None, path: str) -> str:
        """Upstream's name of a tool the client names. Raises :class:`Failure` if it is not
        declared."""
        if named is None:
            raise missing(path)
        upstream = self.names.upstream(named.name)
        if upstream not in self._taken:
            raise Failure(
                "invalid_value",
                f"Invalid '{path}.name': there is no tool '{named.name}'.",
                param=f"{path}.name",
            )
        return upstream

    def _legacy_choice(self, raw: Raw) -> Chosen:
        if bytes(raw)[:1] == b'"':
            word = jsonio.text_of(raw)
            if word not in ("auto", "none"):
                raise _wrong_choice(word, "function_call", "'none', 'auto'")
            return Chosen(word)
        if bytes(raw)[:1] != b"{":
            raise wrong_type(raw, "function_call", "a string or an object")
        named: shapes.Named = _names.read(raw, "function_call", self._notes)
        return Chosen("named", self._known(named, "function_call"))

    def stubs(self) -> None:
        """Declare the tools that only the history knows: blocks of calls need tools (rule 11)."""
        self.places = []
        for name in self.names.used():
            self.tools.append(Tool(self.names.upstream(name), schema.NO_ARGUMENTS))


_CHOICES: dict[str, Literal["auto", "none", "any", "tool"]] = {
    "auto": "auto",
    "none": "none",
    "required": "any",
    "named": "tool",
}


def _with_format(description: Raw | UnsetType, raw: Raw) -> Raw:
    """A grammar cannot be enforced; the model is told of it."""
    told = jsonio.text_of(description) + "\n\n" if description is not UNSET else ""
    return jsonio.quote(f"{told}The input must follow this format: {jsonio.compact(raw).decode()}")


def _wrong_tool(tool: shapes.Tool, path: str) -> Failure:
    if tool.type in ("function", "custom"):
        return missing(f"{path}.{tool.type}")
    return Failure(
        "invalid_value",
        f"Invalid value: '{tool.type}'. Supported values are: 'function', 'custom'.",
        param=f"{path}.type",
    )


def _wrong_choice(word: str, path: str, allowed: str) -> Failure:
    return Failure(
        "invalid_value",
        f"Invalid value: '{word}'. Supported values are: {allowed}.",
        param=path,
    )

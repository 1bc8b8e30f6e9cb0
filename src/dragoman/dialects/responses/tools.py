"""``tools`` and ``tool_choice`` → those of a chat request (protocol.md §6e).

Functions and custom tools stand flat here and nested there. A namespace's tools become tools of
their own named ``namespace__tool``; the answer takes the names apart again. ``web_search`` becomes
the server's search. Tools that OpenAI itself runs do not exist here: an answer without what they do
would be another answer, so they are refused. Tools of its own that the client runs are named in a
warning: the model does without.
"""

from typing import Any, NamedTuple

from msgspec import Raw, Struct

from dragoman.codec import jsonio
from dragoman.dialects.chat import shapes as chat
from dragoman.dialects.chat.decode import Reader
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import ABSENT, given
from dragoman.dialects.chat.texts import checked, missing
from dragoman.dialects.responses.items import flat_name
from dragoman.dialects.responses.places import Places
from dragoman.dialects.responses.shapes import (
    AllowedTool,
    Choice,
    CustomTool,
    FunctionTool,
    Namespace,
    Place,
    ResponsesRequest,
    WebSearchTool,
)
from dragoman.errors import Failure

_functions = Reader(FunctionTool)
_customs = Reader(CustomTool)
_namespaces = Reader(Namespace)
_searches = Reader(WebSearchTool)
_choices = Reader(Choice)
_SEARCH = frozenset(
    {
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
    }
)
HOSTED = {
    "file_search": "no files are searched here",
    "computer": "there is no computer use here",
    "computer_use_preview": "there is no computer use here",
    "mcp": "no MCP servers are called from here",
    "code_interpreter": "no code is run here",
    "image_generation": "no images are made here",
}
"""Tools that OpenAI runs, and why they are refused."""
LEFT_OUT = frozenset(
    {"programmatic_tool_calling", "local_shell", "shell", "apply_patch", "tool_search"}
)
"""Tools of OpenAI's models that the client runs, or that only find others."""


class _Typed(Struct):
    type: str


_typed = jsonio.Decoder(_Typed)


class Tools(NamedTuple):
    """What became of a request's tools."""

    tools: list[chat.Tool]
    namespaces: dict[str, tuple[str, str]]
    """Flat names → (namespace, name)."""
    search: chat.WebSearchOptions | None
    echo: list[Raw]
    """The tools as an answer repeats them."""


def read(asked: ResponsesRequest, places: Places, notes: Notes) -> Tools:
    """The tools of a request. Raises :class:`Failure`."""
    found = _Found(places, notes)
    for at, raw in enumerate(asked.tools or ()):
        found.take(raw, f"tools[{at}]")
    return Tools(found.tools, found.namespaces, found.search, found.echo)


class _Found:
    def __init__(self, places: Places, notes: Notes) -> None:
        self.tools: list[chat.Tool] = []
        self.namespaces: dict[str, tuple[str, str]] = {}
        self.search: chat.WebSearchOptions | None = None
        self.echo: list[Raw] = []
        self._places = places
        self._notes = notes

    def take(self, raw: Raw, path: str) -> None:
        kind = _kind(raw, path)
        if kind == "namespace":
            self._namespace(raw, path)
        elif kind in _SEARCH:
            self._search(raw, path)
        elif kind in ("function", "custom"):
            self._own(kind, raw, path, "")
        elif kind in LEFT_OUT:
            self._notes.warn(path, f"there is no {kind} here")
            return
        elif kind in HOSTED:
            raise Failure(
                "unsupported_value",
                f"Unsupported value: '{path}.type': '{kind}': {HOSTED[kind]}. Define a function and"
                " answer its calls.",
                param=f"{path}.type",
            )
        else:
            raise _unknown(kind, path)
        self.echo.append(_echoed(raw) if kind == "function" else raw)

    def _own(self, kind: str, raw: Raw, path: str, namespace: str) -> None:
        """A function or a custom tool, of a namespace or of none."""
        if kind == "custom":
            custom: CustomTool = _customs.read(raw, path, self._notes)
            name = flat_name(namespace, custom.name)
            made = chat.Tool(
                "custom", custom=chat.CustomTool(name, custom.description, custom.format)
            )
            made.cache_control, own = custom.cache_control, custom.name
        else:
            function: FunctionTool = _functions.read(raw, path, self._notes)
            name = flat_name(namespace, function.name)
            made = chat.Tool(
                "function",
                chat.FunctionTool(name, function.description, function.parameters, function.strict),
            )
            made.cache_control, own = function.cache_control, function.name
        if namespace:
            self.namespaces[name] = (namespace, own)
        self.tools.append(made)
        self._places.tools.append(path)

    def _namespace(self, raw: Raw, path: str) -> None:
        space: Namespace = _namespaces.read(raw, path, self._notes)
        if not space.name:
            where = f"{path}.name"
            raise Failure("invalid_value", f"Invalid '{where}': it is empty.", param=where)
        for at, inner in enumerate(space.tools or ()):
            where = f"{path}.tools[{at}]"
            kind = _kind(inner, where)
            if kind not in ("function", "custom"):
                raise _unknown(kind, where)
            self._own(kind, inner, where, space.name)
            if at == 0:
                self._tell(space, f"{path}.description")

    def _tell(self, space: Namespace, path: str) -> None:
        """What a namespace is for: its first tool says it for all of them."""
        first = self.tools[-1].function or self.tools[-1].custom
        if first is None or not given(space.description):
            return
        told = f"Tools named {space.name}__*: {jsonio.text_of(checked(space.description, path))}"
        if given(first.description) and bytes(first.description)[:1] == b'"':
            told += "\n\n" + jsonio.text_of(first.description)
        first.description = jsonio.quote(told)

    def _search(self, raw: Raw, path: str) -> None:
        asked: WebSearchTool = _searches.read(raw, path, self._notes)
        if asked.external_web_access is False:
            self._notes.warn(f"{path}.external_web_access", "there is no search without the web")
            return
        if self.search is not None:
            raise Failure("invalid_value", f"Invalid '{path}': one search is enough.", param=path)
        if asked.search_content_types is not None:
            self._notes.warn(f"{path}.search_content_types", "only texts are searched")
        self._places.search = path
        self.search = chat.WebSearchOptions(asked.search_context_size)
        if asked.user_location is not None:
            self.search.user_location = _location(asked.user_location)
        if asked.filters is not None:
            self.search.filters = chat.SearchFilters(asked.filters.allowed_domains)


def _location(place: Place) -> chat.UserLocation:
    where = chat.Approximate(place.city, place.country, place.region, place.timezone)
    return chat.UserLocation("approximate", where)


def _kind(raw: Raw, path: str) -> str:
    found = _typed.attempt(raw)
    if found is None:
        if bytes(raw)[:1] == b"{":
            raise missing(f"{path}.type")
        raise Failure("invalid_type", f"Invalid type for '{path}': expected an object.", param=path)
    return found.type


def _unknown(kind: str, path: str) -> Failure:
    return Failure(
        "invalid_value",
        f"Invalid value: '{kind}'. Supported values are: 'function', 'custom', 'namespace',"
        " 'web_search'.",
        param=f"{path}.type",
    )


_fields = jsonio.Decoder(dict[str, Raw])


def _echoed(raw: Raw) -> Raw:
    """A function as answers show it: with all the members that clients expect."""
    fields = _fields.decode(raw)
    if "parameters" in fields and "strict" in fields:
        return raw
    return Raw(jsonio.encode({"parameters": None, "strict": False, **fields}))


def choice(asked: ResponsesRequest, tools: Tools, notes: Notes) -> Raw:
    """``tool_choice`` as a chat request says it. Raises :class:`Failure`."""
    raw = asked.tool_choice
    if not given(raw) or bytes(raw)[:1] != b"{":
        return raw
    chosen: Choice = _choices.read(raw, "tool_choice", notes)
    if chosen.type in ("function", "custom"):
        return Raw(jsonio.encode(_named(chosen.type, chosen.name, chosen.namespace, "tool_choice")))
    if chosen.type == "allowed_tools":
        return _allowed(chosen, tools, notes)
    if chosen.type in _SEARCH or chosen.type in LEFT_OUT or chosen.type in HOSTED:
        notes.warn("tool_choice", "the model cannot be forced to use it")
        return ABSENT
    raise Failure(
        "invalid_value",
        f"Invalid value: '{chosen.type}'. Supported values are: 'function', 'custom',"
        " 'allowed_tools'.",
        param="tool_choice.type",
    )


def _named(kind: str, name: str | None, namespace: str | None, path: str) -> dict[str, Any]:
    if name is None:
        raise missing(f"{path}.name")
    return {"type": kind, kind: {"name": flat_name(namespace, name)}}


def _allowed(chosen: Choice, tools: Tools, notes: Notes) -> Raw:
    allowed: list[dict[str, Any]] = []
    for at, tool in enumerate(chosen.tools or ()):
        path = f"tool_choice.tools[{at}]"
        if tool.type in ("function", "custom"):
            allowed.append(_named(tool.type, tool.name, tool.namespace, path))
        elif tool.type == "namespace":
            allowed += _whole_namespace(tool, tools)
        elif tool.type not in _SEARCH:
            notes.warn(path, f"there is no {tool.type} here")
    inner = {"mode": chosen.mode or "auto", "tools": allowed}
    return Raw(jsonio.encode({"type": "allowed_tools", "allowed_tools": inner}))


def _whole_namespace(tool: AllowedTool, tools: Tools) -> list[dict[str, Any]]:
    return [
        {"type": "function", "function": {"name": flat}}
        for flat, (namespace, _) in tools.namespaces.items()
        if namespace == tool.name
    ]

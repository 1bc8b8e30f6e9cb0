"""A path in the shapes of a chat request → the path in the client's own request.

A Responses request goes upstream by way of the shapes of a chat request, so whatever is wrong with
it is found at a path in those. :class:`Places` knows which item, part and tool each came from.
"""

import re

from msgspec import Struct


class Origin(Struct):
    """Where one chat message came from."""

    whole: str
    """``input[3]``, ``instructions``, or ``input`` where that is a text."""
    content: str
    """Where its content stands."""
    parts: list[str] = []
    """Where each of its content parts stands."""
    calls: list[str] = []
    """The items that are its calls."""


_MESSAGE = re.compile(r"messages\[(\d+)\](.*)", re.DOTALL)
_PART = re.compile(r"\.content\[(\d+)\](.*)", re.DOTALL)
_CALL = re.compile(r"\.tool_calls\[(\d+)\](.*)", re.DOTALL)
_TOOL = re.compile(r"tools\[(\d+)\](?:\.(?:function|custom))?(.*)", re.DOTALL)
_CALL_FIELDS = {
    ".id": ".call_id",
    ".function.name": ".name",
    ".function.arguments": ".arguments",
    ".custom.name": ".name",
    ".custom.input": ".input",
}
_PART_FIELDS = {
    ".image_url.url": ".image_url",
    ".image_url.detail": ".detail",
    ".file.file_data": ".file_data",
    ".file.file_id": ".file_id",
    ".file.filename": ".filename",
    ".file": "",
}
_RENAMED = (
    ("response_format.json_schema", "text.format"),
    ("response_format", "text.format"),
    ("max_completion_tokens", "max_output_tokens"),
    ("max_tokens", "max_output_tokens"),
    ("reasoning_effort", "reasoning.effort"),
    ("thinking.type", "reasoning.effort"),
    ("verbosity", "text.verbosity"),
    ("tool_choice.function", "tool_choice"),
    ("tool_choice.custom", "tool_choice"),
    ("tool_choice.allowed_tools", "tool_choice"),
    ("messages", "input"),
)


class Places:
    """The way back for one request."""

    __slots__ = ("messages", "search", "tools", "urls")

    def __init__(self) -> None:
        self.messages: list[Origin] = []
        self.tools: list[str] = []
        """For each chat tool the client's."""
        self.search = "tools"
        """The tool that searches the web."""
        self.urls: set[str] = set()
        """Parts that brought a file's address."""

    def __call__(self, path: str) -> str:
        """The client's path. One that is the client's already stays as it is."""
        found = _MESSAGE.fullmatch(path)
        if found is not None:
            return self._message(int(found[1]), found[2])
        found = _TOOL.fullmatch(path)
        if found is not None:
            at = int(found[1])
            return self.tools[at] + found[2] if at < len(self.tools) else "tools"
        if path.startswith("web_search_options"):
            rest = path.removeprefix("web_search_options")
            return self.search + rest.replace("user_location.approximate", "user_location")
        for theirs, ours in _RENAMED:
            if path == theirs or path.startswith((f"{theirs}.", f"{theirs}[")):
                return ours + path[len(theirs) :]
        return path

    def _message(self, at: int, rest: str) -> str:
        if at >= len(self.messages):
            return "input"
        origin = self.messages[at]
        found = _PART.fullmatch(rest)
        if found is not None:
            return self._part(origin, int(found[1]), found[2])
        found = _CALL.fullmatch(rest)
        if found is not None and int(found[1]) < len(origin.calls):
            return origin.calls[int(found[1])] + _CALL_FIELDS.get(found[2], "")
        if rest == ".content":
            return origin.content
        return origin.whole + (".call_id" if rest == ".tool_call_id" else "")

    def _part(self, origin: Origin, at: int, rest: str) -> str:
        if at >= len(origin.parts):
            return origin.content
        whole = origin.parts[at]
        if rest == ".file.file_data" and whole in self.urls:
            return f"{whole}.file_url"
        return whole + _PART_FIELDS.get(rest, rest)

"""The order of a conversation: roles, emptiness, tool calls and their results, prefill,
mid-conversation system messages (protocol.md §2b, rules 1 to 11, 14, 39, 41).
"""

from typing import NamedTuple

from dragoman.catalogue.model import Model
from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.fields import refuse
from dragoman.simulator.shape import Json, as_list, blocks_of, child, objects, text_of

_RESULT_NEEDED = (
    " Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)
_USE_NEEDED = (
    " Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
)


class Placed(NamedTuple):
    """A block and where it stands."""

    message: int
    block: int
    value: Json

    @property
    def path(self) -> str:
        return f"messages.{self.message}.content.{self.block}"


class Turn(NamedTuple):
    """Consecutive messages of one role, which the API merges."""

    role: str
    last: int
    """Index of its last message."""
    blocks: list[Placed]


def turns_of(messages: list[Json]) -> list[Turn]:
    """The conversation as the model sees it."""
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        role = text_of(message, "role")
        placed = [
            Placed(index, position, block)
            for position, block in enumerate(blocks_of(message.get("content")))
        ]
        if turns and turns[-1].role == role:
            turns[-1] = Turn(role, index, turns[-1].blocks + placed)
        else:
            turns.append(Turn(role, index, placed))
    return turns


def check(body: Json, model: Model, version: str) -> None:
    """All rules of order. Raises ApiError."""
    messages = objects(body.get("messages"))
    if not messages:
        raise ApiError("messages: at least one message is required")
    _not_empty(messages)
    _texts(messages)
    _system_texts(body)
    if messages[0]["role"] == "system":
        raise _system_misplaced(model, 0, "must not be the first message")
    turns = turns_of(messages)
    if turns[0].role != "user":
        raise ApiError('messages: first message must use the "user" role')
    _system_places(turns, model)
    _roles(turns, version)
    spoken = [turn for turn in turns if turn.role != "system"]
    _tool_ids(spoken)
    _pairs(spoken)
    _tools_declared(body, spoken)
    _prefill(spoken[-1], model, body)


def _not_empty(messages: list[Json]) -> None:
    for index, message in enumerate(messages):
        content = message["content"]
        final = index == len(messages) - 1 and message["role"] == "assistant"
        if not content and not final:
            raise ApiError(
                f"messages.{index}: all messages must have non-empty content"
                " except for the optional final assistant message"
            )


def _texts(messages: list[Json]) -> None:
    for index, message in enumerate(messages):
        content = message["content"]
        if isinstance(content, str):
            if content and not content.strip():
                raise ApiError("messages: text content blocks must contain non-whitespace text")
            continue
        _block_texts("messages", f"messages.{index}.content", objects(content))


def _block_texts(where: str, path: str, blocks: list[Json]) -> None:
    for position, block in enumerate(blocks):
        if block["type"] != "text":
            continue
        text: str = block["text"]
        if not text and block.get("cache_control"):
            reason = "cache_control cannot be set for empty text blocks"
            raise refuse(f"{path}.{position}.text", reason)
        if not text:
            raise ApiError(f"{where}: text content blocks must be non-empty")
        if not text.strip():
            raise ApiError(f"{where}: text content blocks must contain non-whitespace text")


def _system_texts(body: Json) -> None:
    blocks = as_list(body.get("system"))
    if blocks is not None:
        _block_texts("system", "system", objects(blocks))


def _system_misplaced(model: Model, index: int, reason: str) -> ApiError:
    if not model.mid_system:
        return ApiError("role 'system' is not supported on this model")
    return refuse(f"messages.{index}", f"a message with role 'system' {reason}")


def _system_places(turns: list[Turn], model: Model) -> None:
    """Rule 39: after a user turn or a server tool's result, and last or before the assistant."""
    for position, turn in enumerate(turns):
        if turn.role != "system":
            continue
        index = turn.blocks[0].message if turn.blocks else turn.last
        if not model.mid_system:
            raise ApiError("role 'system' is not supported on this model")
        before = turns[position - 1]
        after = turns[position + 1] if position + 1 < len(turns) else None
        if before.role == "assistant" and not _ends_in_server_result(before):
            raise _system_misplaced(model, index, "must follow a user message")
        if after is not None and after.role != "assistant":
            raise _system_misplaced(
                model, index, "must be the last message or be followed by an assistant message"
            )
        for placed in turn.blocks:
            if placed.value["type"] not in ("text", "tool_addition", "tool_removal"):
                raise refuse(placed.path, "system messages may only contain text blocks")


def _ends_in_server_result(turn: Turn) -> bool:
    return bool(turn.blocks) and str(turn.blocks[-1].value["type"]).endswith("_tool_result")


_ASSISTANT_ONLY = frozenset(("tool_use", "thinking", "redacted_thinking", "server_tool_use"))


def _roles(turns: list[Turn], version: str) -> None:
    for turn in turns:
        for placed in turn.blocks:
            kind = placed.value["type"]
            if turn.role == "user" and kind in _ASSISTANT_ONLY:
                raise refuse(placed.path, f"`{kind}` blocks can only be in `assistant` messages")
            if turn.role == "assistant" and kind == "tool_result":
                raise refuse(placed.path, "`tool_result` blocks can only be in `user` messages")
            if turn.role == "assistant" and kind in ("image", "search_result"):
                raise refuse(placed.path, f"`{kind}` blocks can only be in `user` messages")
            if version >= "2026-10-21":
                _newest_version(turn.role, placed)


def _newest_version(role: str, placed: Placed) -> None:
    """What 2026-10-21 no longer takes (rule 41, protocol.md §0.1)."""
    kind = placed.value["type"]
    if role == "assistant" and kind == "document":
        raise refuse(placed.path, "`document` blocks can only be in `user` messages")
    if role == "user" and kind == "text" and placed.value.get("citations"):
        raise refuse(f"{placed.path}.text.citations", "Extra inputs are not permitted")


def _tool_ids(turns: list[Turn]) -> None:
    seen: set[str] = set()
    for turn in turns:
        for placed in turn.blocks:
            if placed.value["type"] in ("tool_use", "server_tool_use"):
                identity: str = placed.value["id"]
                if identity in seen:
                    raise refuse(placed.path, "`tool_use` ids must be unique")
                seen.add(identity)


def _pairs(turns: list[Turn]) -> None:
    """Rules 8 to 10: every call is answered at the start of the very next turn, and nothing else
    is."""
    for position, turn in enumerate(turns):
        if turn.role == "assistant":
            after = turns[position + 1] if position + 1 < len(turns) else None
            _calls_answered(turn, after)
        else:
            before = turns[position - 1] if position else None
            _results_wanted(turn, before)


def _calls_answered(turn: Turn, after: Turn | None) -> None:
    called = [
        (placed.message, str(placed.value["id"]))
        for placed in turn.blocks
        if placed.value["type"] == "tool_use"
    ]
    if not called:
        return
    answered: set[str] = set()
    for placed in after.blocks if after is not None else ():
        if placed.value["type"] != "tool_result":
            break
        answered.add(placed.value["tool_use_id"])
    missing = [identity for _, identity in called if identity not in answered]
    if missing:
        raise refuse(
            f"messages.{called[0][0]}",
            "`tool_use` ids were found without `tool_result` blocks immediately after:"
            f" {', '.join(missing)}.{_RESULT_NEEDED}",
        )


def _results_wanted(turn: Turn, before: Turn | None) -> None:
    called = {
        placed.value["id"]
        for placed in (before.blocks if before is not None else ())
        if placed.value["type"] == "tool_use"
    }
    seen: set[str] = set()
    for placed in turn.blocks:
        if placed.value["type"] != "tool_result":
            continue
        identity: str = placed.value["tool_use_id"]
        if identity not in called:
            raise refuse(
                placed.path,
                f"unexpected `tool_use_id` found in `tool_result` blocks: {identity}.{_USE_NEEDED}",
            )
        if identity in seen:
            raise refuse(
                placed.path,
                "each tool_use must have a single result. Found multiple `tool_result` blocks with"
                f" id: {identity}",
            )
        seen.add(identity)


def _tools_declared(body: Json, turns: list[Turn]) -> None:
    if body.get("tools"):
        return
    for turn in turns:
        if any(placed.value["type"] in ("tool_use", "tool_result") for placed in turn.blocks):
            raise ApiError(
                "Requests which include `tool_use` or `tool_result` blocks must define tools."
            )


def _prefill(last: Turn, model: Model, body: Json) -> None:
    """Rules 6 and 7: a final assistant message is continued, by models that do that."""
    if last.role != "assistant":
        return
    if last.blocks and _ends_in_server_result(last):
        return
    if not model.prefill:
        raise ApiError(
            "This model does not support assistant message prefill."
            " The conversation must end with a user message."
        )
    if child(body, "thinking").get("type") == "enabled":
        raise ApiError("messages: prefill is not supported when thinking is enabled")
    if last.blocks:
        final = last.blocks[-1].value
        if final["type"] == "text" and final["text"] != final["text"].rstrip():
            raise ApiError("messages: final assistant content cannot end with trailing whitespace")

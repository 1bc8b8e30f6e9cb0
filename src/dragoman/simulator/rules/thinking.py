"""Thinking blocks that come back (protocol.md §2b, rules 29 to 31)."""

from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.conversation import Placed, Turn, turns_of
from dragoman.simulator.rules.fields import refuse
from dragoman.simulator.shape import Json, child, objects
from dragoman.simulator.thinking import Signer, redacted_valid

_THINKING = ("thinking", "redacted_thinking")
_MUST_START = (
    " When `thinking` is enabled, a final `assistant` message must start with a thinking block"
    " (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you"
    " include thinking blocks from previous turns. To avoid this requirement, disable `thinking`."
    " Please consult our documentation at"
    " https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)


def check(body: Json, signer: Signer) -> None:
    """Signatures, and the block a tool loop must begin with. Raises ApiError."""
    turns = [turn for turn in turns_of(objects(body.get("messages"))) if turn.role != "system"]
    latest = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    for position, turn in enumerate(turns):
        if turn.role == "assistant":
            for placed in turn.blocks:
                _signed(placed, position == latest, signer)
    if child(body, "thinking").get("type") == "enabled" and latest == len(turns) - 2 >= 0:
        _starts_with_thinking(turns[latest])


def _signed(placed: Placed, latest: bool, signer: Signer) -> None:
    block = placed.value
    if block["type"] == "redacted_thinking":
        if not redacted_valid(block["data"], signer):
            raise refuse(placed.path, "Invalid `data` in `redacted_thinking` block")
    elif block["type"] == "thinking":
        verdict = signer.check(block["thinking"], block["signature"])
        if verdict.ours and not verdict.untouched and latest:
            raise refuse(
                placed.path,
                "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be"
                " modified. These blocks must remain as they were in the original response.",
            )
        if not verdict.untouched:
            raise refuse(placed.path, "Invalid `signature` in `thinking` block")


def _starts_with_thinking(turn: Turn) -> None:
    """Rule 29, manual mode only: the assistant turn whose tools have just been answered."""
    kinds = [placed.value["type"] for placed in turn.blocks]
    if "tool_use" not in kinds or kinds[0] in _THINKING:
        return
    first = turn.blocks[0]
    raise ApiError(
        f"{first.path}.type: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`."
        f"{_MUST_START}"
    )

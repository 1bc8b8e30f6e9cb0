"""Thinking blocks that come back (protocol.md §2b, rules 29 to 31)."""

from typing import NamedTuple

from dragoman.catalogue.model import Model
from dragoman.simulator import binding
from dragoman.simulator.binding import Bond
from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.conversation import Placed, Turn, turns_of
from dragoman.simulator.rules.fields import refuse
from dragoman.simulator.shape import Json, child, objects
from dragoman.simulator.thinking import REDACTED, Signer

_THINKING = ("thinking", "redacted_thinking")
_MUST_START = (
    " When `thinking` is enabled, a final `assistant` message must start with a thinking block"
    " (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you"
    " include thinking blocks from previous turns. To avoid this requirement, disable `thinking`."
    " Please consult our documentation at"
    " https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)


_BOUND = (
    "Invalid `signature` in `thinking` block. The block is bound to a different conversation."
    ' Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
    f" That setting requires the `{binding.BETA}` value in the `anthropic-beta` header."
)


class Guard(NamedTuple):
    """Whose request is checked, and how strictly."""

    signer: Signer
    organization: str
    enforce: bool
    """A block whose prefix has changed is an error."""


def check(body: Json, model: Model, guard: Guard) -> list[Json]:
    """Signatures, bonds, and the block a tool loop must begin with. Raises ApiError.

    Returns ``input_transformations``: the blocks that are dropped, or let pass though what
    stands before them has changed.
    """
    turns = [turn for turn in turns_of(objects(body.get("messages"))) if turn.role != "system"]
    latest = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    found: list[tuple[Placed, Bond]] = []
    for position, turn in enumerate(turns):
        if turn.role == "assistant":
            thoughts = [placed for placed in turn.blocks if placed.value["type"] in _THINKING]
            found += [(one, _signed(one, position == latest, guard.signer)) for one in thoughts]
    if child(body, "thinking").get("type") == "enabled" and latest == len(turns) - 2 >= 0:
        _starts_with_thinking(turns[latest])
    return _bonds(body, model, guard, found) if found else []


def _signed(placed: Placed, latest: bool, signer: Signer) -> Bond:
    block = placed.value
    if block["type"] == "redacted_thinking":
        verdict = signer.check(REDACTED, block["data"])
        if not verdict.untouched:
            raise refuse(placed.path, "Invalid `data` in `redacted_thinking` block")
        return verdict.bond
    verdict = signer.check(block["thinking"], block["signature"])
    if verdict.ours and not verdict.untouched and latest:
        raise refuse(
            placed.path,
            "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be"
            " modified. These blocks must remain as they were in the original response.",
        )
    if not verdict.untouched:
        raise refuse(placed.path, "Invalid `signature` in `thinking` block")
    return verdict.bond


def _bonds(body: Json, model: Model, guard: Guard, found: list[tuple[Placed, Bond]]) -> list[Json]:
    """What has come loose, in request order."""
    before = binding.prefixes(body)
    home = binding.organization_mark(guard.organization)
    behavior = child(child(body, "thinking"), "block_binding").get("prefix_mismatch_behavior")
    made: list[Json] = []
    for placed, bond in found:
        kind, reason = "thinking_dropped", "prefix_binding_mismatch"
        if model.org_locked_thinking and bond.organization != home:
            reason = "organization_binding_mismatch"
        elif bond.prefix == before[placed.message]:
            continue
        elif behavior != "drop_block":
            if guard.enforce:
                raise refuse(placed.path, _BOUND)
            kind = "thinking_mismatch_allowed"
        made.append({"type": kind, "path": placed.path, "reason": reason})
    return made


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

"""``reasoning_effort``, ``thinking`` and ``reasoning`` → ``thinking`` and ``output_config.effort``
(protocol.md §5b).

What the client wants is reduced to an effort, or to a budget of tokens; the model's row says how
either is expressed. ``thinking`` and ``reasoning`` are more exact and win over
``reasoning_effort``.
"""

from typing import NamedTuple

from msgspec import UNSET

from dragoman.catalogue.model import EFFORTS, Model
from dragoman.dialects.chat.parsed import Notes
from dragoman.dialects.chat.shapes import ChatRequest
from dragoman.dialects.chat.texts import missing
from dragoman.errors import Failure
from dragoman.hub.request import BlockBinding, OutputConfig, Request, ThinkingConfig

LEAST_BUDGET = 1024
"""Smallest manual budget (protocol.md §2b rule 18)."""
BUDGETS = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
    "max": 32000,
}
"""Manual budgets by effort."""


class Wanted(NamedTuple):
    """``effort`` empty: nothing was said. ``budget`` 0: no exact budget. ``path``: who said it."""

    effort: str = ""
    budget: int = 0
    path: str = "reasoning_effort"
    display: str = "summarized"


def wanted(request: ChatRequest, model: Model) -> Wanted:
    """What the client wants thought. Raises :class:`Failure` for a budget that cannot be."""
    if request.thinking is not None:
        return _from_thinking(request, model)
    reasoning = request.reasoning
    if reasoning is not None:
        if reasoning.enabled is False:
            return Wanted("none", path="reasoning.enabled")
        if reasoning.max_tokens is not None:
            budget = max(reasoning.max_tokens, LEAST_BUDGET)
            return Wanted(_effort_of(budget), budget, "reasoning.max_tokens")
        if reasoning.effort is not None or reasoning.enabled:
            return Wanted(reasoning.effort or "medium", path="reasoning.effort")
    effort = request.reasoning_effort
    return Wanted(effort) if effort is not None else NOTHING


NOTHING = Wanted()


def _from_thinking(request: ChatRequest, model: Model) -> Wanted:
    param = request.thinking
    if param is None or param.type in ("disabled", "between_tools"):
        return Wanted("none", path="thinking.type")
    display = param.display or "summarized"
    if param.type == "adaptive":
        return Wanted(request.reasoning_effort or "default", 0, "thinking.type", display)
    budget = param.budget_tokens
    if budget is None:
        if "enabled" in model.thinking and "adaptive" not in model.thinking:
            raise missing("thinking.budget_tokens")
        return Wanted(request.reasoning_effort or "default", 0, "thinking.type", display)
    _check_budget(budget, request.max_completion_tokens or request.max_tokens)
    return Wanted(
        request.reasoning_effort or _effort_of(budget), budget, "thinking.budget_tokens", display
    )


def _check_budget(budget: int, max_tokens: int | None) -> None:
    path = "thinking.budget_tokens"
    if budget < LEAST_BUDGET:
        raise Failure(
            "below_minimum", f"Invalid '{path}': it must be >= {LEAST_BUDGET}.", param=path
        )
    if max_tokens is not None and budget > max_tokens:
        raise Failure(
            "above_maximum",
            f"Invalid '{path}': it must be <= {max_tokens}, the limit of output tokens.",
            param=path,
        )


def _effort_of(budget: int) -> str:
    for effort in ("low", "medium", "high", "xhigh"):
        if budget <= BUDGETS[effort]:
            return effort
    return "max"


def thinks(want: Wanted, model: Model) -> bool:
    """Whether the model is asked to think, so that thinking of earlier turns is of use."""
    if not model.thinking:
        return False
    if want.effort == "none" and model.effort_none != "omit":
        return model.effort_none != "disabled"
    if want.effort in ("", "none"):
        return model.thinking_default != "off"
    return True


def may_think(request: Request, model: Model) -> bool:
    """Whether the answer to a finished request may hold thinking."""
    if request.thinking is not UNSET:
        return request.thinking.type != "disabled"
    return bool(model.thinking) and model.thinking_default != "off"


def bind(request: Request, model: Model, *, thoughts: bool) -> None:
    """Where ``thoughts`` go up and the model checks what stands before them, let it drop those that
    no longer fit instead of refusing the request (protocol.md §5b).

    Goes with adaptive thinking only, which is what such a model does by default: saying so changes
    nothing else.
    """
    if not thoughts or not model.bound_thinking:
        return
    if request.thinking is UNSET and model.thinking_default != "off":
        request.thinking = ThinkingConfig("adaptive")
    if request.thinking is not UNSET and request.thinking.type == "adaptive":
        request.thinking.block_binding = BlockBinding("drop_block")


def apply(request: Request, want: Wanted, model: Model, notes: Notes) -> None:
    """Put into the request what the model's row makes of it."""
    if not want.effort:
        return
    if not model.thinking:
        if want.effort != "none":
            notes.warn(want.path, "the model does not think")
    elif want.effort == "none":
        _off(request, want, model, notes)
    elif "adaptive" in model.thinking and not (want.budget and "enabled" in model.thinking):
        _adaptive(request, want, model, notes)
    else:
        _manual(request, want, model, notes)


def _off(request: Request, want: Wanted, model: Model, notes: Notes) -> None:
    if model.effort_none in ("disabled", "between_tools"):
        request.thinking = ThinkingConfig(model.effort_none)
    elif model.effort_none == "low":
        _set_effort(request, "low")
        notes.warn(want.path, "the model always thinks, at low effort here")


def _adaptive(request: Request, want: Wanted, model: Model, notes: Notes) -> None:
    request.thinking = ThinkingConfig("adaptive", display=want.display)
    if want.budget:
        notes.warn(want.path, "the model sets its own budget, the effort is derived from it")
    if want.effort != "default":
        level = "low" if want.effort == "minimal" else want.effort
        _set_effort(request, _level(level, model.effort, want.path, notes))


def _level(level: str, known: tuple[str, ...], path: str, notes: Notes) -> str:
    """The nearest level the model has, not above the one wanted."""
    if not known or level in known:
        return level
    below = [effort for effort in EFFORTS[: EFFORTS.index(level)] if effort in known]
    nearest = below[-1] if below else known[0]
    notes.warn(path, f"no effort {level} here, {nearest} was used")
    return nearest


def set_effort(request: Request, effort: str | None, model: Model, notes: Notes) -> None:
    """``output_config.effort``, as Anthropic's own clients say it: it wins over what was derived.

    With thinking turned off some models have no effort above ``high`` (protocol.md §2b rule 20).
    """
    path = "output_config.effort"
    if effort is None:
        return
    if not model.effort:
        notes.warn(path, "the model has no levels of effort")
        return
    known: tuple[str, ...] = model.effort
    thinking = request.thinking
    off = thinking is not UNSET and thinking.type in ("disabled", "between_tools")
    if off and model.thinking_off_effort:
        known = known[: known.index(model.thinking_off_effort) + 1]
    _set_effort(request, _level(effort, known, path, notes))


def _manual(request: Request, want: Wanted, model: Model, notes: Notes) -> None:
    effort = "medium" if want.effort == "default" else want.effort
    if request.max_tokens <= LEAST_BUDGET:
        notes.warn(want.path, "too few output tokens to think")
        return
    budget = want.budget or min(BUDGETS[effort], max(LEAST_BUDGET, request.max_tokens * 4 // 5))
    budget = min(budget, request.max_tokens - 1)
    request.thinking = ThinkingConfig("enabled", budget)
    if model.effort and not want.budget:
        level = {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)
        _set_effort(request, _level(level, model.effort, want.path, notes))


def _set_effort(request: Request, effort: str) -> None:
    if request.output_config is UNSET:
        request.output_config = OutputConfig(effort)
    else:
        request.output_config.effort = effort


def budget_room(want: Wanted, model: Model) -> int:
    """Tokens to leave for a manual budget where the client named a budget and no limit of its
    own."""
    return want.budget if "enabled" in model.thinking else 0

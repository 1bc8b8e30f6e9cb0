"""Single parameters against the model's row: tokens, thinking, effort, sampling, stop sequences,
user id (protocol.md §2b, rules 16 to 28, 32, 37).
"""

import re

from dragoman.catalogue.model import EFFORTS, Model
from dragoman.simulator.problem import ApiError
from dragoman.simulator.rules.fields import refuse
from dragoman.simulator.shape import Json, child, objects, text_of

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,64}(?:\.[A-Za-z0-9-]{1,64}){1,8}")
_PHONE = re.compile(r"\+?\(?\d{1,4}\)?[ .-]?\(?\d{2,4}\)?[ .-]?\d{3,4}[ .-]?\d{3,4}")
_BUDGET_HELP = (
    " Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/"
    "extended-thinking#max-tokens-and-context-window-size"
)


def check_creation(body: Json, model: Model, betas: frozenset[str]) -> None:
    """Parameters of ``POST /v1/messages``. Raises ApiError."""
    _max_tokens(body, model, betas)
    check_shared(body, model)
    _budget(body, betas)
    _sampling(body, model)
    _sampling_while_thinking(body)
    for sequence in body.get("stop_sequences") or ():
        if not sequence.strip():
            raise ApiError("stop_sequences: each stop sequence must contain non-whitespace")
    _user_id(body)


def check_shared(body: Json, model: Model) -> None:
    """Parameters that counting takes too. Raises ApiError."""
    _thinking(body, model)
    _effort(body, model)
    _tool_choice(body, model)


def _max_tokens(body: Json, model: Model, betas: frozenset[str]) -> None:
    asked: int = body["max_tokens"]
    most = model.max_output_tokens
    if model.extended_output_tokens and model.extended_output_beta in betas:
        most = model.extended_output_tokens
    if asked > most:
        raise ApiError(
            f"max_tokens: {asked} > {most}, which is the maximum allowed number of output tokens"
            f" for {model.id}"
        )


def _thinking(body: Json, model: Model) -> None:
    kind = child(body, "thinking").get("type")
    if kind is None or kind in model.thinking:
        return
    if not model.thinking:
        if kind != "disabled":
            raise ApiError(f"'{model.id}' does not support thinking.")
        return
    if kind == "adaptive":
        raise ApiError("adaptive thinking is not supported on this model")
    message = f'"thinking.type.{kind}" is not supported for this model.'
    if "between_tools" in model.thinking and kind == "disabled":
        message += (
            " To turn thinking off on this model,"
            ' send "thinking": {"type": "between_tools"} instead.'
        )
    elif "adaptive" in model.thinking and kind == "enabled":
        message += (
            ' Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    raise ApiError(message)


def _budget(body: Json, betas: frozenset[str]) -> None:
    thinking = child(body, "thinking")
    if thinking.get("type") != "enabled":
        return
    interleaved = any(beta.startswith("interleaved-thinking-") for beta in betas)
    if thinking["budget_tokens"] >= body["max_tokens"] and not (interleaved and body.get("tools")):
        raise ApiError(f"`max_tokens` must be greater than `thinking.budget_tokens`.{_BUDGET_HELP}")


def _effort(body: Json, model: Model) -> None:
    level = child(body, "output_config").get("effort")
    if level is None:
        return
    if not model.effort:
        raise ApiError("This model does not support the effort parameter.")
    if level not in model.effort:
        supported = ", ".join(sorted(model.effort))
        raise ApiError(
            f"This model does not support effort level '{level}'. Supported levels: {supported}."
        )
    kind = child(body, "thinking").get("type")
    most = model.thinking_off_effort
    if most and kind in ("disabled", "between_tools"):
        if EFFORTS.index(level) > EFFORTS.index(most):
            off = "disabled" if kind == "disabled" else "set to between_tools"
            raise ApiError(
                f"output_config.effort '{level}' is not supported when thinking is {off} on this"
                f" model. Use effort '{most}' or below, or enable thinking."
            )


def _sampling(body: Json, model: Model) -> None:
    temperature, top_p, top_k = (body.get(name) for name in ("temperature", "top_p", "top_k"))
    match model.sampling:
        case "none":
            if temperature not in (None, 1):
                raise ApiError("`temperature` is deprecated for this model.")
            if top_p is not None:
                raise ApiError("`top_p` is deprecated for this model.")
            if top_k is not None:
                raise ApiError("`top_k` is deprecated for this model.")
        case "fixed":
            _fixed(body, model)
        case "one_of":
            if temperature is not None and top_p is not None:
                raise _both()
        case "free":
            pass


def _both() -> ApiError:
    return ApiError(
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    )


def _fixed(body: Json, model: Model) -> None:
    temperature, top_p = body.get("temperature"), body.get("top_p")
    if temperature is not None and top_p is not None:
        raise _both()
    if temperature is not None and temperature != model.fixed_temperature:
        value = f"{model.fixed_temperature or 0:g}"
        raise ApiError(f"`temperature` may only be set to {value} for this model.")
    if top_p is not None and top_p != model.fixed_top_p:
        raise ApiError(f"`top_p` may only be set to {model.fixed_top_p or 0:g} for this model.")
    if body.get("top_k") is not None:
        raise ApiError("`top_k` is not supported for this model.")


def _sampling_while_thinking(body: Json) -> None:
    kind = child(body, "thinking").get("type")
    if kind not in ("enabled", "adaptive"):
        return
    mode = "when thinking is enabled" if kind == "enabled" else "in adaptive mode"
    if body.get("temperature") not in (None, 1):
        more = "enabled or in adaptive mode" if kind == "adaptive" else "enabled"
        raise ApiError(f"`temperature` may only be set to 1 when thinking is {more}.{_DOCS}")
    top_p = body.get("top_p")
    if top_p is not None and top_p < 0.95:
        raise ApiError(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
            f"{_DOCS}"
        )
    if body.get("top_k") is not None:
        raise ApiError(f"`top_k` must be unset {mode}.{_DOCS}")


_DOCS = (
    " Please consult our documentation at"
    " https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)


def _tool_choice(body: Json, model: Model) -> None:
    """Rules 12, 27, 28."""
    choice = child(body, "tool_choice")
    if not choice:
        return
    if not body.get("tools"):
        raise ApiError("tool_choice may only be specified while providing tools")
    kind = choice["type"]
    if kind == "tool":
        names = {text_of(tool, "name") for tool in objects(body.get("tools"))}
        if choice["name"] not in names:
            raise ApiError(f"Tool '{choice['name']}' not found in provided tools")
    if kind not in ("any", "tool"):
        return
    if not model.forced_tool_choice:
        raise ApiError('tool_choice: type "tool" and "any" are not supported for this model.')
    if child(body, "thinking").get("type") == "enabled":
        raise ApiError("Thinking may not be enabled when tool_choice forces tool use.")


def _user_id(body: Json) -> None:
    user_id = text_of(child(body, "metadata"), "user_id")
    if _EMAIL.search(user_id):
        raise refuse("metadata.user_id", "user_id appears to contain an email address")
    if _PHONE.fullmatch(user_id.strip()) and sum(map(str.isdigit, user_id)) >= 10:
        raise refuse("metadata.user_id", "user_id appears to contain a phone number")

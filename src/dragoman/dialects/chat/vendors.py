"""Switches for thinking that other vendors have on this route (Qwen's, DeepSeek's, vLLM's and those
of the services that resell them), told in ours.

``enable_thinking`` and ``thinking_budget`` stand in the body or in ``chat_template_kwargs``, where
``thinking`` says the same as ``enable_thinking``. ``thinking`` and ``reasoning`` win over all of
them: they are more exact.
"""

from dragoman.dialects.chat.shapes import ChatRequest, ReasoningParam, ThinkingParam

_SWITCHES = ("enable_thinking", "thinking")


def follow_switch(request: ChatRequest) -> str:
    """Write what a vendor's switch says into ``thinking`` or ``reasoning`` of the request.

    Returns the path of the switch, empty where there is none to follow.
    """
    if request.thinking is not None or request.reasoning is not None:
        return ""
    path, on = _switch(request)
    if on is False:
        request.thinking = ThinkingParam("disabled")
        return path
    budget_path, budget = _budget(request)
    if budget is not None:
        if budget <= 0:
            request.thinking = ThinkingParam("disabled")
        else:
            request.reasoning = ReasoningParam(max_tokens=budget)
        return budget_path
    if on and request.reasoning_effort is None:
        request.thinking = ThinkingParam("adaptive")
        return path
    return ""


def _switch(request: ChatRequest) -> tuple[str, bool | None]:
    if request.enable_thinking is not None:
        return "enable_thinking", request.enable_thinking
    for name in _SWITCHES:
        on: bool | None = getattr(request.chat_template_kwargs, name, None)
        if on is not None:
            return f"chat_template_kwargs.{name}", on
    return "", None


def _budget(request: ChatRequest) -> tuple[str, int | None]:
    if request.thinking_budget is not None:
        return "thinking_budget", request.thinking_budget
    template = request.chat_template_kwargs
    return "chat_template_kwargs.thinking_budget", template.thinking_budget if template else None

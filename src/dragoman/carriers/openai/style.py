"""How OpenAI-compatible servers differ where they do not agree (protocol.md §6b).

A style goes with an account, by its address or its configuration, never with a model's name.
"""

from typing import Literal, NamedTuple

Effort = Literal["reasoning_effort", "reasoning"]


class Style(NamedTuple):
    """What a server calls things, and what it takes."""

    name: str
    limit: Literal["max_tokens", "max_completion_tokens"]
    """The field of the limit of output tokens."""
    effort: Effort
    """How much is to be thought: as a field, or in OpenRouter's object."""
    highest: Literal["high", "xhigh"]
    """The highest effort it knows."""
    thoughts: Literal["", "reasoning_content", "reasoning"]
    """The field of an assistant message in which it takes back what it thought; empty: none."""
    pdf: bool
    """PDF documents are taken as file parts."""
    top_k: bool
    """The sampling parameter ``top_k`` is known."""
    stops: int
    """Most stop sequences."""
    mid_system: bool
    """Messages of role ``system`` may stand anywhere. Many templates of open models refuse one that
    is not the first."""


OPENAI = Style(
    "openai", "max_completion_tokens", "reasoning_effort", "xhigh", "", True, False, 4, True
)
OPENROUTER = Style(
    "openrouter", "max_tokens", "reasoning", "xhigh", "reasoning", True, True, 16, True
)
PLAIN = Style(
    "plain", "max_tokens", "reasoning_effort", "high", "reasoning_content", False, False, 16, False
)
"""DeepSeek, Moonshot, Qwen, vLLM, SGLang and most others: what they think comes and goes back as
``reasoning_content``; fields that one of them does not know are ignored."""

STYLES = {style.name: style for style in (OPENAI, OPENROUTER, PLAIN)}
_HOSTS = {
    "api.openai.com": OPENAI,
    "openai.azure.com": OPENAI,
    "cognitiveservices.azure.com": OPENAI,
    "openrouter.ai": OPENROUTER,
}


def of_host(host: str) -> Style:
    """The style of the server at a host."""
    for known, style in _HOSTS.items():
        if host == known or host.endswith(f".{known}"):
            return style
    return PLAIN

"""What a client of the Messages API says in headers: the version and its betas.

A beta changes what upstream does for the account's owner, who pays for it, so only those named here
go up, by family: a family is a beta without its date, because a client that is newer than this file
says the same with a later one. Source of the names: the official SDK's list and what Claude Code
sends (protocol.md §6a).
"""

import re
from collections.abc import Mapping

from dragoman.dialects.chat import Parsed
from dragoman.errors import Failure
from dragoman.hub.betas import family

VERSIONS = frozenset({"2023-06-01", "2026-10-21"})
DEFAULT_VERSION = "2023-06-01"
BETAS = frozenset(
    {
        "advanced-tool-use",
        "advisor-tool",
        "cache-diagnosis",
        "claude-code",
        "code-execution",
        "compact",
        "computer-use",
        "context-1m",
        "context-management",
        "dev-full-thinking",
        "effort",
        "extended-cache-ttl",
        "fallback-credit",
        "fast-mode",
        "files-api",
        "fine-grained-tool-streaming",
        "inline-tools",
        "interleaved-thinking",
        "mcp-client",
        "mid-conversation-output-config",
        "mid-conversation-system-clear-at",
        "mid-conversation-tool-changes",
        "model-context-window-exceeded",
        "output-128k",
        "output-300k",
        "pdfs",
        "per-turn-control",
        "prompt-caching",
        "prompt-caching-scope",
        "server-side-fallback",
        "skills",
        "structured-outputs",
        "task-budgets",
        "thinking-binding-controls",
        "thinking-display-updates",
        "thinking-token-count",
        "token-counting",
        "token-efficient-tools",
        "tool-provenance",
        "tool-search-tool",
        "web-fetch",
        "web-search",
    }
)
"""Families that go up. Not among them: what keeps a conversation upstream (``message-threads``),
what belongs to a login of the client's own (``oauth``), and what manages an organisation."""
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MOST_BETAS = 64


def hear(headers: Mapping[str, str], parsed: Parsed, *, strict: bool) -> None:
    """Take note of a request's headers, whose names are lower case.

    Raises :class:`Failure` for a version that does not exist and, in strict mode, for a beta that
    does not go up.
    """
    version = headers.get("anthropic-version", DEFAULT_VERSION)
    if version not in VERSIONS:
        words = f'anthropic-version: "{version[:32]}" is not a valid version.'
        raise Failure("invalid_value", words, param="anthropic-version")
    parsed.version = version
    if parsed.later is not None:
        parsed.later.version = version
    named = headers.get("anthropic-beta")
    if named:
        parsed.betas = _allowed(named, parsed, strict=strict)


def _allowed(named: str, parsed: Parsed, *, strict: bool) -> tuple[str, ...]:
    kept: dict[str, None] = {}
    dropped: list[str] = []
    for one in named.split(",")[:_MOST_BETAS]:
        beta = one.strip()
        if not beta:
            continue
        if _PLAIN.fullmatch(beta) and family(beta) in BETAS:
            kept[beta] = None
        elif strict:
            words = f"anthropic-beta: {beta[:64]} is not passed on by this gateway."
            raise Failure("unsupported_value", words, param="anthropic-beta")
        else:
            dropped.append(beta[:64])
    if dropped:
        reason = f"not passed on: {' '.join(dropped[:8])}"
        parsed.warnings.append(("anthropic-beta", reason))
    return tuple(kept)

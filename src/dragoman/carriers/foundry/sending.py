"""What Foundry takes of a Messages client's own bytes (protocol.md §7): nearly all, for it is
Anthropic's own service behind Azure's door."""

from dragoman.carriers.passing import Cloud

CLOUD = Cloud(
    frozenset(
        {
            "advanced-tool-use",
            "claude-code",
            "code-execution",
            "computer-use",
            "context-1m",
            "context-management",
            "effort",
            "files-api",
            "interleaved-thinking",
            "mcp-client",
            "per-turn-control",
            "prompt-caching-scope",
            "skills",
            "structured-outputs",
            "thinking-display-updates",
            "web-fetch",
            "web-search",
        }
    ),
    frozenset({"betas", "billing_policy", "inference_geo", "service_tier", "speed"}),
    frozenset({"compaction", "fallback_credit_token", "fallbacks", "thread"}),
)

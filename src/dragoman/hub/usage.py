"""Token usage in Anthropic's sense.

Input excludes what the prompt cache read or wrote (protocol.md §3, §5c).
"""

from typing import Annotated

from msgspec import Meta, Struct

MOST = 10**12
"""No request has more tokens of any kind; larger figures are nonsense and count as this."""

Count = Annotated[int, Meta(ge=0, le=MOST)]


class CacheCreation(Struct, gc=False):
    ephemeral_5m_input_tokens: Count = 0
    ephemeral_1h_input_tokens: Count = 0


class OutputDetails(Struct, gc=False):
    thinking_tokens: Count = 0


class ServerToolUse(Struct, gc=False):
    web_search_requests: Count = 0


class WireUsage(Struct, gc=False):
    """``usage`` as it arrives; ``None`` means "not said", which differs from 0.

    Whoever reads one sees to it that its figures are counts.
    """

    input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None
    server_tool_use: ServerToolUse | None = None


class Usage(Struct, gc=False):
    """Tokens of one request by price class. All counts are ≥ 0."""

    input: int = 0
    """Input tokens neither read from nor written to the cache."""
    cache_read: int = 0
    cache_write: int = 0
    """All cache writes, whatever their life."""
    cache_write_1h: int = 0
    """The part of ``cache_write`` kept for an hour."""
    output: int = 0
    """Output tokens, thinking included."""
    thinking: int = 0
    service_tier: str | None = None
    seen: bool = False
    """Whether upstream said anything at all."""
    searches: int = 0
    """Searches of the web, which are paid for one by one."""

    @property
    def prompt(self) -> int:
        """All input tokens, OpenAI's ``prompt_tokens``."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        return self.prompt + self.output

    def fold(self, wire: WireUsage) -> None:
        """Take over what ``wire`` says. Figures are cumulative: they replace, they never add."""
        self.seen = True
        said = wire.input_tokens
        if said is not None:
            self.input = said
        said = wire.cache_read_input_tokens
        if said is not None:
            self.cache_read = said
        said = wire.cache_creation_input_tokens
        if said is not None:
            self.cache_write = said
        said = wire.output_tokens
        if said is not None:
            self.output = said
        if wire.cache_creation is not None:
            lives = wire.cache_creation
            self.cache_write_1h = lives.ephemeral_1h_input_tokens
            if wire.cache_creation_input_tokens is None:
                written = lives.ephemeral_5m_input_tokens + self.cache_write_1h
                self.cache_write = max(self.cache_write, written)
        if wire.output_tokens_details is not None:
            self.thinking = wire.output_tokens_details.thinking_tokens
        if wire.server_tool_use is not None:
            self.searches = wire.server_tool_use.web_search_requests
        if wire.service_tier is not None:
            self.service_tier = wire.service_tier

    def wire(self) -> WireUsage:
        """All of it as one message would have said it: folded, it makes the same again."""
        return WireUsage(
            self.input,
            self.cache_write,
            self.cache_read,
            self.output,
            CacheCreation(self.cache_write - self.cache_write_1h, self.cache_write_1h),
            OutputDetails(self.thinking),
            self.service_tier,
            ServerToolUse(self.searches),
        )

    def add(self, other: "Usage") -> None:
        """Add the usage of another upstream request for the same answer.

        ``n`` choices are ``n`` requests side by side; an answer that pauses takes several in turn.
        """
        self.input += other.input
        self.cache_read += other.cache_read
        self.cache_write += other.cache_write
        self.cache_write_1h += other.cache_write_1h
        self.output += other.output
        self.thinking += other.thinking
        self.searches += other.searches
        self.service_tier = self.service_tier or other.service_tier
        self.seen = self.seen or other.seen

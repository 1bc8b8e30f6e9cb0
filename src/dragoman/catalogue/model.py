"""One row of the catalogue: what a model is, takes, costs and how long it lives.

Every difference between models is a field here. Code asks the row and never looks at a name.
"""

from typing import Literal

from msgspec import Struct

ThinkingType = Literal["enabled", "disabled", "adaptive", "between_tools"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]

EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
"""All levels of ``output_config.effort``, in rising order."""


class Prices(Struct, frozen=True):
    """Nano-dollars per token; 1,000 are one US dollar per million tokens."""

    input: int
    """Input tokens neither read from nor written to the prompt cache."""
    output: int
    """Output tokens, thinking included."""
    cache_write_5m: int
    """Tokens written to the prompt cache for five minutes."""
    cache_write_1h: int
    """Tokens written to the prompt cache for an hour."""
    cache_read: int
    """Tokens read from the prompt cache."""


class Tier(Struct, frozen=True):
    """Prices of a whole request whose prompt is longer than a bound."""

    above_prompt_tokens: int
    """All input tokens, cached ones included; the tier begins above this number."""
    prices: Prices


class Clouds(Struct, frozen=True, forbid_unknown_fields=True):
    """What the model is called elsewhere.

    An empty id: not offered there, as far as known.
    """

    bedrock: str = ""
    """Bedrock InvokeModel, without the prefix of an inference profile."""
    bedrock_profiles: tuple[str, ...] = ()
    """Prefixes of its inference profiles (``us``, ``eu``, …)."""
    bedrock_mantle: str = ""
    """Bedrock's endpoint for the plain Messages API."""
    vertex: str = ""
    """Vertex AI."""
    foundry: str = ""
    """Microsoft Foundry."""
    bedrock_structured_outputs: bool = True
    """Whether Bedrock honours structured outputs where the model has them."""
    bedrock_automatic_cache: bool = True
    """Whether InvokeModel accepts ``cache_control`` at the top of the request."""


class Model(Struct, frozen=True, forbid_unknown_fields=True):
    """A model. Defaults are those of a plain old model: no thinking, no effort, free sampling."""

    id: str
    """The id that clients name and ``GET /v1/models`` lists."""
    name: str
    """Name for people."""
    released: str
    """Day of release, ``2026-09-22``."""
    context_tokens: int
    """Most tokens of prompt and answer together."""
    max_output_tokens: int
    """Largest ``max_tokens``."""
    prices: Prices
    """Prices per token, in nano-dollars."""
    aliases: tuple[str, ...] = ()
    """Other names that clients may use."""
    target: str = ""
    """The id sent upstream, where it differs from ``id``."""
    known: bool = True
    """False for a ``claude-*`` name that is in no table and is taken to follow the newest rules."""
    line: str = ""
    """Model line: ``opus``, ``sonnet``, ``haiku``, ``fable``, ``mythos``."""
    restricted: bool = False
    """Offered to verified organisations only."""

    thinking: tuple[ThinkingType, ...] = ()
    """Values of ``thinking.type`` that are accepted; none: the model does not think."""
    thinking_default: Literal["on", "off", "always"] = "off"
    """What happens when ``thinking`` is left out; ``always``: it cannot be turned off."""
    thinking_display: Literal["summarized", "omitted", "full"] = "summarized"
    """What thinking blocks show when ``thinking.display`` is left out."""
    thinking_off_effort: Literal["", "high"] = ""
    """Highest effort that may go with ``disabled`` or ``between_tools``; empty: any."""
    interleaved: Literal["no", "beta", "adaptive"] = "no"
    """Thinking between tool calls: never, with the beta header, or by itself in adaptive mode."""
    keeps_thinking: bool = False
    """Thinking of earlier turns stays in the context; otherwise the server strips it."""
    bound_thinking: bool = False
    """Thinking blocks are checked against all that stood before them when they were made."""
    org_locked_thinking: bool = False
    """Thinking blocks can be read only by the organisation they were made for."""
    effort: tuple[Effort, ...] = ()
    """Levels of ``output_config.effort`` that are accepted; none: the field is refused."""
    effort_default: str = ""
    """The level in force when the field is left out."""
    effort_none: Literal["omit", "disabled", "between_tools", "low"] = "omit"
    """How ``reasoning_effort: none`` is said: leave ``thinking`` out, send that type, or ask for
    low effort."""

    sampling: Literal["free", "one_of", "fixed", "none"] = "free"
    """``free``: ``temperature`` and ``top_p`` together; ``one_of``: one of them; ``fixed``: one of
    them, with the model's own value; ``none``: both are refused."""
    fixed_temperature: float | None = None
    """The only ``temperature`` accepted where ``sampling`` is ``fixed``."""
    fixed_top_p: float | None = None
    """The only ``top_p`` accepted where ``sampling`` is ``fixed``."""
    forced_tool_choice: bool = True
    """``tool_choice`` ``any`` and ``tool`` are accepted (never together with manual thinking)."""
    prefill: bool = False
    """The last message may be the assistant's (only with thinking off)."""
    structured_outputs: bool = False
    """``output_config.format`` and strict tools are supported."""
    mid_system: bool = False
    """A message may have the role ``system``."""
    documents: bool = True
    """PDF documents are accepted."""
    foreign: bool = False
    """Made by another: chat clients' parameters that Claude does not know are left to its
    upstream."""
    url_sources: bool = True
    """Upstream fetches images and PDF documents from https URLs. Where an account of the pool does
    not, the gateway fetches them."""

    image_long_edge: int = 1568
    """Pixels to which the longer edge of an image is scaled down."""
    image_tokens: int = 1568
    """Most tokens of one image."""
    max_images: int = 100
    """Most images in one request."""
    max_pdf_pages: int = 100
    """Most PDF pages in one request."""
    min_cache_tokens: int = 0
    """Shortest prompt that the cache keeps, in tokens; 0: no prompt cache."""
    cache_reads_limited: bool = False
    """Tokens read from the cache count against the input-tokens-per-minute limit."""
    overflow: Literal["error", "stop"] = "error"
    """Prompt and ``max_tokens`` exceed the context: a 400, or an answer that stops at the limit."""
    token_percent: int = 100
    """Tokens for the same text, in percent of the tokenizer used before Claude 4.7."""
    extended_context_tokens: int = 0
    """Context with the beta of ``extended_context_beta``; 0: there is none."""
    extended_context_beta: str = ""
    """Value of ``anthropic-beta`` that extends the context."""
    extended_output_tokens: int = 0
    """Largest ``max_tokens`` with the beta of ``extended_output_beta``; 0: there is none."""
    extended_output_beta: str = ""
    """Value of ``anthropic-beta`` that extends the answer."""

    deprecated: str | None = None
    """Day on which its retirement was announced."""
    retires: str | None = None
    """Day of retirement that is announced, or before which it will not be retired."""
    retires_earliest: bool = False
    """``retires`` is the earliest possible day, not an announced one."""
    retired: str | None = None
    """Day since which the Claude API no longer serves it."""
    successor: str = ""
    """Id of the model that takes its place."""
    tiers: tuple[Tier, ...] = ()
    """Other prices for long prompts, in rising order."""
    us_geo_percent: int = 100
    """Price with ``inference_geo: us``, in percent."""
    regional_percent: int = 100
    """Price on regional cloud endpoints, in percent."""
    clouds: Clouds = Clouds()
    """Its ids on other clouds."""

    @property
    def wire_id(self) -> str:
        """The id sent upstream."""
        return self.target or self.id

    @property
    def lifecycle(self) -> Literal["active", "deprecated", "retired"]:
        """Its stage, in the Models API's words; ``deprecated``: its last day is known."""
        if self.retired is not None:
            return "retired"
        if self.retires is not None and not self.retires_earliest:
            return "deprecated"
        return "active"

    def prices_for(self, prompt_tokens: int) -> Prices:
        """The prices of a request with that many input tokens, cached ones included."""
        for tier in reversed(self.tiers):
            if prompt_tokens > tier.above_prompt_tokens:
                return tier.prices
        return self.prices

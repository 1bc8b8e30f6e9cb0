"""``web_search_options`` → Anthropic's server tool (protocol.md §5a).

Upstream searches by itself: its calls and results stay in its own blocks, which a chat client never
sees, and what it cites comes back as ``annotations``. How much is to be searched becomes how often
it may be.
"""

from msgspec import UNSET, Raw, Struct, UnsetType

from dragoman.codec import jsonio
from dragoman.dialects.chat.shapes import Approximate, WebSearchOptions
from dragoman.errors import Failure

NAME = "web_search"
"""The tool's name upstream: no other tool of the request may have it."""

_USES = {"low": 1, "medium": 5, "high": 10}
_LONGEST = 255
"""Characters of a place's name."""


class _Location(Struct, tag_field="type", tag="approximate", omit_defaults=True):
    city: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET


class _WebSearch(Struct, tag_field="type", tag="web_search_20250305", omit_defaults=True):
    name: str
    max_uses: int
    allowed_domains: list[str] | UnsetType = UNSET
    user_location: _Location | UnsetType = UNSET


def tool(options: WebSearchOptions) -> Raw:
    """The server tool. Raises :class:`Failure` for a place that cannot be one."""
    made = _WebSearch(NAME, _USES[options.search_context_size or "medium"])
    if options.filters is not None and options.filters.allowed_domains:
        made.allowed_domains = options.filters.allowed_domains
    if options.user_location is not None:
        made.user_location = _location(options.user_location.approximate)
    return Raw(jsonio.encode(made))


def _location(place: Approximate) -> _Location | UnsetType:
    """Where the user is; a field that is empty says nothing."""
    made = _Location()
    for field in ("city", "region", "country", "timezone"):
        said: str | None = getattr(place, field)
        if not said:
            continue
        path = f"web_search_options.user_location.approximate.{field}"
        if len(said) > _LONGEST:
            text = f"Invalid '{path}': it must have at most {_LONGEST} characters."
            raise Failure("string_too_long", text, param=path)
        if field == "country" and not (len(said) == 2 and said.isascii() and said.isalpha()):
            text = f"Invalid '{path}': it must be a two-letter ISO country code."
            raise Failure("invalid_value", text, param=path)
        setattr(made, field, said.upper() if field == "country" else said)
    return UNSET if made == _Location() else made

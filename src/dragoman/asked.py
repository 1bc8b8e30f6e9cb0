"""What a request asks of the house: whether it is JSON at all, whose conversation it is, which
accounts could serve it, how long it is, roughly.

The request path and the explanation of it (``POST /admin/v1/route/explain``) both ask here, so that
they cannot differ. Pure.
"""

from collections.abc import Iterator, Mapping

from msgspec import UNSET

from dragoman import affinity
from dragoman.affinity import Identity
from dragoman.dialects.chat import Parsed
from dragoman.errors import Failure
from dragoman.hub.request import CacheControl, Request, Text, ToolResult
from dragoman.routing import Wanted

_JSON = "application/json"


def json_only(headers: Mapping[str, str]) -> None:
    """Raises ``unsupported_media_type`` for a body that is said to be anything but JSON.

    Forms and plain text are what any page in a browser may send without asking, and curl sends a
    form where nothing is said. No type at all is taken for JSON.
    """
    said = headers.get("content-type", _JSON)
    if said != _JSON:
        kind = said.partition(";")[0].strip().lower()
        if kind not in ("", _JSON) and not kind.endswith("+json"):
            raise Failure(
                "unsupported_media_type", f"Content-Type must be {_JSON}, not {kind[:80]!r}."
            )


def identity(parsed: Parsed, headers: Mapping[str, str], scope: bytes) -> Identity:
    """The conversation a request belongs to. ``scope`` is the key's seed, ``headers`` have
    lower-case names."""
    named = affinity.by_header(headers, scope)
    if named is None:
        hints = affinity.Hints(parsed.metadata_user_id, parsed.cache_key, parsed.user)
        named = affinity.by_body(parsed.request, hints, scope)
    return named


def wanted(parsed: Parsed, conversation: int, max_attempts: int) -> Wanted:
    """What routing is asked. ``conversation`` is 64 bits: of the identity, or of chance."""
    thinking = parsed.request.thinking
    bound = parsed.bound or (
        parsed.model.org_locked_thinking
        and thinking is not UNSET
        # Set only where blocks go up (decision 15).
        and thinking.block_binding is not UNSET
    )
    found = Wanted(parsed.request.model, conversation, max_attempts, bound, parsed.marked)
    return found._replace(tied=True) if parsed.tied else found


def opened(wanted: Wanted, parsed: Parsed, scope: bytes) -> Wanted:
    """The same for a conversation that no account is known to hold (``Pool.remembers``)."""
    if not wanted.placed or wanted.bound:
        return wanted
    return wanted._replace(opening=affinity.by_instructions(parsed.request, scope))


def cache_life_s(parsed: Parsed) -> float:
    """For how long upstream keeps what it caches of a request after its last use: an hour where
    any of its marks asks for that, else five minutes.

    The first mark tells: none that asks for an hour stands behind one that does not (decision 13).
    """
    first = next(_marks(parsed.request), None) if parsed.marked else None
    return 3600.0 if first is not None and first.ttl == "1h" else 300.0


def _marks(request: Request) -> Iterator[CacheControl]:
    """Cache marks in the order in which upstream reads them."""
    for block in _blocks(request):
        mark = getattr(block, "cache_control", UNSET)
        if mark is not UNSET:
            yield mark
    if request.cache_control is not UNSET:
        yield request.cache_control


def _blocks(request: Request) -> Iterator[object]:
    if request.tools is not UNSET:
        yield from request.tools
    if request.system is not UNSET:
        yield from request.system
    for message in request.messages:
        yield from message.content


def estimate(parsed: Parsed) -> int:
    """A prompt's tokens, roughly: four bytes a token, 1,500 an image. Only for reservations and
    forecasts."""
    size, images = parsed.prompt_bytes, 0
    if size:
        return size // 4 * parsed.n + 1
    request = parsed.request
    for message in request.messages:
        for block in message.content:
            if isinstance(block, Text):
                size += len(block.text)
            elif isinstance(block, ToolResult):
                parts = () if block.content is UNSET else block.content
                size += sum([len(part.text) for part in parts if isinstance(part, Text)])
            else:
                images += 1
    if request.system is not UNSET:
        for text in request.system:
            size += len(text.text)
    return (size // 4 + images * 1500) * parsed.n + 1
